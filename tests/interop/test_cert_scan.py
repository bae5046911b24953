"""`sternpost cert scan`: many servers, one line each, with restraint, and again from where it was interrupted."""
import json
import os
import pty
import signal
import subprocess
import time

import pytest
from harness.process import sanitizer_environment
from harness.sink import Sink, server_context
from harness.sternpost import BINARY, Sternpost
from harness.waiting import until

PORT = 2600
SERVERS = 30


@pytest.fixture
def scan(tmp_path, subnet, certificate):
    """A function that scans these lines; and what starts the process alone."""
    home = Sternpost(tmp_path / "home", subnet(1), certificate, records=[f"mx.example.test. 60 IN A {subnet(2)}",
                                                                       f"two.example.test. 60 IN A {subnet(99)}",
                                                                       f"two.example.test. 60 IN A {subnet(2)}"])
    home.write_config()

    def run(lines, *options, stdin=False):
        path = tmp_path / "servers.txt"
        text = "".join(f"{line}\n" for line in lines)
        path.write_text(text)
        done = home.run("cert", "scan", "-" if stdin else path, *options, stdin=text if stdin else None)
        return done, [json.loads(line) for line in done.stdout.splitlines()]

    run.home, run.folder = home, tmp_path
    return run


@pytest.fixture
def many(subnet, authority):
    context = server_context(authority.issue("mx.example.test"))
    sinks = [Sink(subnet(2 + i), tls=context) for i in range(SERVERS)]
    yield sinks
    for sink in sinks:
        sink.close()


def test_every_server_has_a_line(scan, many, authority):
    lines = [f"{sink.address}:{PORT}" for sink in many]
    done, found = scan(["# ours", "", *lines, f"mx.example.test:{PORT}  # by name"], "--ca", authority.bundle)
    assert done.returncode == 0, done.stderr
    assert sorted(f"{f['host']}:{f['port']}" for f in found) == sorted(lines + [f"mx.example.test:{PORT}"])
    for f in found:
        assert f["stage"] == "complete" and f["certificate"]["names"] == ["mx.example.test"] and f["chain_length"] == 2
        assert f["version"] == "TLSv1.3" and f["worst"] == "advice" and f["tls"] == "smtp"
    assert all(sink.sessions <= 2 for sink in many)


def test_standard_input(scan, many):
    done, found = scan([f"{many[0].address}:{PORT}"], stdin=True)
    assert done.returncode == 0 and len(found) == 1


def test_trouble_has_its_line(scan, subnet, many):
    with Sink(subnet(80), offers_starttls=False):
        done, found = scan(["no server at all!", "a b", f"mx.example.test:{PORT}", f"{subnet(80)}:{PORT}",
                            f"{subnet(81)}:{PORT}", f"nowhere.example.test:{PORT}", "x" * 2000])
    stages = {f.get("host", f.get("input", ""))[:20]: f["stage"] for f in found}
    assert stages == {"no server at all!": "input", "a b": "input", "mx.example.test": "complete", subnet(80): "starttls",
                      subnet(81): "connect", "nowhere.example.test": "dns", "x" * 20: "input"}
    assert done.returncode == 1
    assert [f["line"] for f in found if f["stage"] == "input"] == [1, 2, 7]


def test_addresses_in_turn(scan, many):
    """One that shows no certificate does not keep the next from being asked."""
    _, found = scan([f"two.example.test:{PORT}"])
    assert found[0]["stage"] == "complete" and found[0]["address"] == many[0].address


def test_restraint_with_one_address(scan, many):
    """One at a time, and a pause between two; others do not wait for it."""
    begin = time.monotonic()
    lines = [f"{many[0].address}:{PORT}"] * 4 + [f"{many[1].address}:{PORT}"]
    _, found = scan(lines, "--address-interval", "400ms", "--parallel", "1")
    assert time.monotonic() - begin >= 1.2
    assert found[1]["host"] == many[1].address, "who can be asked at once is"
    _, found = scan(lines, "--address-interval", "0")
    assert len(found) == 5


def test_resumes(scan, many, tmp_path):
    lines = [f"{sink.address}:{PORT}" for sink in many]
    out = tmp_path / "out.jsonl"
    done, _ = scan(lines[:10], "--resume", out)
    assert done.returncode == 0 and done.stdout == ""
    first = out.read_text()
    out.write_text(first + '{"host": "cut sho')  # a sudden end
    done, _ = scan(lines, "--resume", out)
    assert done.returncode == 0, done.stderr
    assert out.read_text().startswith(first)
    hosts = [json.loads(line)["host"] for line in out.read_text().splitlines()]
    assert sorted(hosts) == sorted(sink.address for sink in many), "each once"
    assert [sink.sessions for sink in many] == [1] * SERVERS


def test_resume_spares_other_files(scan, tmp_path):
    out = tmp_path / "precious.txt"
    out.write_text("my diary\n")
    done, _ = scan(["mx.example.test"], "--resume", out)
    assert done.returncode == 2 and "line 1 is not the output of a scan" in done.stderr
    assert out.read_text() == "my diary\n"


def heeds_interrupts():
    """Whoever runs the tests in the background has them ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupt_loses_nothing_that_is_done(scan, many, tmp_path):
    lines = [f"{sink.address}:{PORT}" for sink in many]
    (tmp_path / "list").write_text("\n".join(lines) + "\n")
    out = tmp_path / "out.jsonl"
    command = [BINARY, "cert", "scan", str(tmp_path / "list"), "--resume", str(out), "--network-interval", "100ms", "-c",
               scan.home.file]
    with subprocess.Popen(command, env=sanitizer_environment(tmp_path), preexec_fn=heeds_interrupts) as process:
        until(lambda: out.exists() and out.read_text().count("\n") >= 3, 20, "the first results")
        process.send_signal(signal.SIGINT)
        process.wait(20)
    before = len(out.read_text().splitlines())
    assert before < SERVERS
    assert all(json.loads(line)["stage"] == "complete" for line in out.read_text().splitlines())
    assert subprocess.run(command, env=sanitizer_environment(tmp_path), timeout=60, check=False).returncode == 0
    assert len(out.read_text().splitlines()) == SERVERS


def test_a_bar_on_a_terminal(scan, many, tmp_path):
    """On standard error, and only where that is a terminal."""
    (tmp_path / "list").write_text("".join(f"{sink.address}:{PORT}\n" for sink in many))
    ours, theirs = pty.openpty()
    with open(tmp_path / "out", "w", encoding="utf-8") as out:
        process = subprocess.Popen([BINARY, "cert", "scan", str(tmp_path / "list"), "-c", scan.home.file,
                                    "--network-interval", "20ms"], stdout=out, stderr=theirs,
                                   env=sanitizer_environment(tmp_path))
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 4096)
            except OSError:
                break
        assert process.wait(30) == 0
    os.close(ours)
    assert f"{SERVERS} of {SERVERS}".encode() in shown and b"a second" in shown and b"[####" in shown
    assert len((tmp_path / "out").read_text().splitlines()) == SERVERS
    assert scan([f"mx.example.test:{PORT}"])[0].stderr == ""


@pytest.mark.parametrize("options, says", [
    (("--parallel", "0"), "--parallel is a number from 1 to 10000"),
    (("--address-interval", "soon"), "--address-interval: "),
    (("--tls", "quic"), "--tls is"),
    (("--ca", "/nonexistent"), "/nonexistent"),
])
def test_bad_options(scan, options, says):
    done, _ = scan(["mx.example.test"], *options)
    assert done.returncode == 2 and says in done.stderr


def test_no_such_list(scan):
    done = scan.home.run("cert", "scan", scan.folder / "none")
    assert done.returncode == 2 and "none" in done.stderr
