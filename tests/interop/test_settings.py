"""Settings through the command line: validated, audited, exported and applied (semantics R6, R9, H1..H7)."""
import json
import os
import pty
import signal
import subprocess
import termios

import pytest
from harness.sternpost import BINARY, LISTENERS
from harness.waiting import until


@pytest.fixture
def daemon(gateway):
    return gateway(listeners={"mx": LISTENERS["mx"]})


def fill(daemon):
    daemon.set_up("domain", "example.test", description="ours")
    daemon.host("relay", "smtp1.example.net:587 weight=60", "smtp2.example.net:587 weight=40", tls="verify",
                username="gw", password="geheim")
    daemon.set_up("route", ".partner.test", host="relay")
    daemon.set_up("list", "banks", members="bank.example,.bank.example")
    daemon.set_up("rule", "bank", to="list:banks", level="verify", on_failure="bounce")
    daemon.user("joe", "correct horse")
    daemon.cli("gateway", "set", "--alternate-route", "required", "--alternate-host", "relay")


def test_export_and_apply_round_trip(daemon, tmp_path):
    fill(daemon)
    exported = daemon.cli("settings", "export")
    assert json.loads(exported)["rule"]["bank"]["level"] == "verify"
    assert "geheim" not in exported and "correct horse" not in exported and "argon2" not in exported
    file = tmp_path / "settings.json"
    file.write_text(exported)
    rows = len(daemon.ask_lines("audit"))
    daemon.cli("settings", "apply", file)
    assert daemon.cli("settings", "export") == exported
    assert len(daemon.ask_lines("audit")) == rows, "nothing changed, nothing audited"


def test_dry_run_shows_and_does_nothing(daemon, tmp_path):
    fill(daemon)
    document = json.loads(daemon.cli("settings", "export"))
    document["rule"]["bank"]["level"] = "encrypt"
    del document["route"][".partner.test"]
    document["domain"]["new.test"] = {}
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(document))
    before = daemon.cli("settings", "export")
    shown = daemon.cli("settings", "apply", "--dry-run", file)
    assert "new.test" in shown and "partner.test" in shown and "bank" in shown and "encrypt" in shown
    assert daemon.cli("settings", "export") == before
    daemon.cli("settings", "apply", file)
    after = json.loads(daemon.cli("settings", "export"))
    assert after["rule"]["bank"]["level"] == "encrypt" and "new.test" in after["domain"]
    assert ".partner.test" not in after.get("route", {})


def test_audit_tells_who_when_what(daemon):
    """R9"""
    fill(daemon)
    daemon.cli("rule", "set", "bank", "--level", "encrypt")
    daemon.cli("route", "remove", ".partner.test")
    rows = daemon.ask_lines("audit")
    changed = [row for row in rows if row["kind"] == "rule"][-1]
    assert "root" in json.dumps(changed) or "uid" in json.dumps(changed)
    assert "verify" in json.dumps(changed) and "encrypt" in json.dumps(changed)
    text = json.dumps(rows)
    assert "geheim" not in text and "correct horse" not in text and "argon2" not in text


@pytest.mark.parametrize("command, word", [
    (["domain", "add", "not a domain"], "domain"),
    (["domain", "add", "-x.test"], "domain"),
    (["host", "add", "h", "--servers", ""], "servers"),
    (["host", "add", "h", "--servers", "a.test:0"], "port"),
    (["host", "add", "h", "--servers", "a.test weight=60,b.test weight=50"], "100"),
    (["host", "add", "", "--servers", "a.test"], "the name is empty"),  # H1
    (["host", "add", "h", "--servers", "a.test", "--tls", "none", "--username", "u", "--password-stdin"], "password"),
    (["host", "add", "h", "--servers", "a.test", "--tls", "maybe"], "maybe"),
    (["route", "add", "partner.test", "--host", "missing"], "missing"),
    (["rule", "add", "r", "--to", "list:missing"], "missing"),
    (["rule", "add", "r", "--level", "none"], "none"),
    (["rule", "add", "r", "--defer-for", "ten"], "ten"),
    (["gateway", "set", "--alternate-route", "required"], "alternate-host"),
    (["gateway", "set", "--expire", "-1s"], "-1s"),
    (["user", "add", "joe", "--nonsense", "1"], "nonsense"),
    (["rul", "add", "r"], "rule"),
])
def test_refused_with_a_reason(daemon, command, word):
    """A refusal says what is wrong, in one place, and changes nothing."""
    before = daemon.cli("settings", "export")
    done = daemon.run(*command, stdin="a password" if "--password-stdin" in command else None)
    assert done.returncode not in (0, 139, -6, -11), done
    assert word in done.stderr and len(done.stderr.splitlines()) <= 3, done.stderr
    assert daemon.cli("settings", "export") == before


def test_twice_is_once(daemon):
    daemon.set_up("domain", "example.test")
    assert daemon.run("domain", "add", "EXAMPLE.test").returncode != 0
    daemon.cli("domain", "remove", "example.test")
    assert daemon.run("domain", "remove", "example.test").returncode != 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sternpost-settings": 2}', '{"sternpost-settings": 1, "rul": {}}',
                                  '{"sternpost-settings": 1, "rule": {"x": {"levle": "verify"}}}',
                                  '{"sternpost-settings": 1, "domain": {"a.test": {}, "a.test": {}}}'])
def test_bad_documents(daemon, tmp_path, text):
    fill(daemon)
    before = daemon.cli("settings", "export")
    file = tmp_path / "bad.json"
    file.write_text(text)
    done = daemon.run("settings", "apply", file)
    assert done.returncode != 0 and done.stderr, done
    assert daemon.cli("settings", "export") == before


def test_settings_survive_a_restart(daemon):
    fill(daemon)
    exported = daemon.cli("settings", "export")
    daemon.stop()
    daemon.start()
    assert daemon.cli("settings", "export") == exported
    assert daemon.run("audit").returncode == 0, "the chain of hashes holds"


def test_commands_without_a_daemon(daemon):
    """A daemon that is not there is said in one line."""
    daemon.stop()
    done = daemon.run("queue", "list")
    assert done.returncode not in (0, 2) and len(done.stderr.splitlines()) <= 2 and "control" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["queue", "--help"], ["rule", "add", "--help"], ["version"]])
def test_help_needs_no_daemon(arguments):
    done = subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0 and done.stdout and not done.stderr


def test_interrupted_at_the_password():
    """Ctrl-C leaves a terminal on which one sees what one types."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(BINARY, [str(BINARY), "user", "add", "jo"])
    said = b""
    while b"password for 'jo':" not in said:
        said += os.read(terminal, 1000)
    assert not termios.tcgetattr(terminal)[3] & termios.ECHO
    os.write(terminal, b"\x03")
    ended = until(lambda: next((end for end in [os.waitpid(child, os.WNOHANG)] if end[0]), None), 20, "it to end")
    status, echoes = ended[1], bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
    os.close(terminal)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT and echoes
