"""docs/guides/postfix-bridge.md, followed word for word: its configuration, its commands, and what they print."""
import os
import pathlib
import re
import shlex
import socket
import sqlite3
import subprocess

import pytest
from harness.peer import Hop, Postfix
from harness.policy_host import policy
from harness.sink import Sink, server_context
from harness.sternpost import LISTENERS
from harness.validator import Unbound
from harness.waiting import until
from harness.world import TOP

GUIDE = (TOP / "docs" / "guides" / "postfix-bridge.md").read_text()
ANCHORS = "/etc/ssl/certs/ca-certificates.crt"
pytestmark = pytest.mark.xdist_group("postfix")


def section(title):
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL).group(1)


def lines_of(text):
    """What is indented: commands, files, output."""
    return [line[4:] for line in text.splitlines() if line.startswith("    ")]


def settings_of(text):
    """What the postconf commands set."""
    found = {}
    for line in lines_of(text):
        if line.startswith("sudo postconf -e "):
            name, _, value = shlex.split(line)[3].partition(" = ")
            found[name] = value
    return found


def dialogues(text):
    """Pairs of a command behind "$ " and the lines that it prints."""
    found = []
    for line in lines_of(text):
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return found


def bridge_section():
    block = re.search(r"^bridge \{\n(.*?)^\}", "\n".join(lines_of(section("1. Let sternpost answer"))), re.MULTILINE | re.DOTALL)
    return dict(re.findall(r'^\s*(\S+)\s*= "([^"]*)"$', block.group(1), re.MULTILINE))


def add_partner(internet, authority, name, number, **records):
    """A domain with one server, and what it publishes."""
    certificate = authority.issue(f"mx.{name}")
    internet.add(f"{name}. MX 10 mx.{name}.", f"mx.{name}. A {internet.address(number)}")
    if records.get("dane"):
        internet.add(f"_25._tcp.mx.{name}. TLSA 3 1 1 {certificate.digest}")
    if records.get("sts"):
        internet.add(f'_mta-sts.{name}. TXT "v=STSv1; id=1;"', f"mta-sts.{name}. A {internet.address(80)}")
        internet.policies.publish(f"mta-sts.{name}", policy("enforce", [f"mx.{name}"]))
    return internet.add_server(Sink(internet.address(number), 25, tls=server_context(certificate)))


def make_folder():
    """The guide's own command, with root in the place of the user that the package makes."""
    command = next(line for line in lines_of(section("1. Let sternpost answer")) if line.startswith("sudo install -d"))
    subprocess.run(shlex.split(command.removeprefix("sudo ").replace("-o sternpost", "-o root")), check=True)


@pytest.mark.usefixtures("peers")
def test_the_guide(internet, authority, standing_subnet, gateway, tmp_path):
    sinks = {"partner.example": add_partner(internet, authority, "partner.example", 101, sts=True),
             "bank.example": add_partner(internet, authority, "bank.example", 102, dane=True),
             "plain.example": add_partner(internet, authority, "plain.example", 103)}
    internet.start()
    os.makedirs("/var/spool/postfix", exist_ok=True)
    make_folder()
    daemon = gateway(listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(), bridge=bridge_section(),
                              outbound={"port": 25, "ca-file": authority.bundle})
    assert daemon.run("config", "check", daemon.file).returncode == 0
    options = settings_of(section("3. Let Postfix ask"))
    assert options.pop("smtp_tls_CAfile") == ANCHORS
    options |= {"relayhost": "", "inet_interfaces": "127.0.0.1", "smtp_host_lookup": "dns"}
    with Unbound(tmp_path / "unbound", standing_subnet(53), internet, is_everyones=True), \
            Postfix(tmp_path / "peer", standing_subnet(3), 2525, Hop("", 25, "may", authority.bundle), options=options) as postfix:
        ask_by_hand(postfix)
        for domain in sinks:
            postfix.inject("you@example.org", f"someone@{domain}", "Subject: test\r\n\r\nhello\r\n")
        until(lambda: all(sink.messages for sink in sinks.values()), 30, "the letters")
        log = postfix.log()
    for promised in re.findall(r"(Verified TLS connection established to \S+\.example)\[", "\n".join(lines_of(GUIDE))):
        assert promised in log, log
    tell_of_a_connection(daemon)


def ask_by_hand(postfix):
    asked = dialogues(section("2. Ask it by hand"))
    assert len(asked) == 3
    for command, printed in asked:
        done = subprocess.run(shlex.split(command), text=True, capture_output=True, check=False, timeout=60,
                              env={**os.environ, "MAIL_CONFIG": str(postfix.folder / "etc")})
        assert done.stdout.splitlines() == printed, (command, done)


def tell_of_a_connection(daemon):
    """What a Postfix of 3.10 does; the socket is where the guide has it, and the name that Postfix is given leads there."""
    settings = settings_of(section("4. TLS reports (Postfix 3.10 and later)"))
    path = pathlib.Path("/var/spool/postfix") / settings["smtp_tlsrpt_socket_name"]
    assert str(path) == bridge_section()["tlsrpt-socket"] and settings["smtp_tls_policy_maps"].endswith(":policy-tlsrpt")
    assert (path.stat().st_mode & 0o777, path.group()) == (0o220, "postfix")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b'{"dpv": "1","d": "partner.example","pr": "v=TLSRPTv1;rua=mailto:r@partner.example","policies":'
                      b'[{"policy-type":9,"t":0,"f":0}]}', str(path))
    daemon.stop()
    with sqlite3.connect(f"file:{daemon.folder}/sternpost.db?mode=ro", uri=True) as store:
        assert store.execute("SELECT value FROM report_count WHERE domain = 'partner.example'").fetchall() == [(1,)]
