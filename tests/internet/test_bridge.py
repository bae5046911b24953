"""A Postfix beside the gateway, which asks it for TLS policies: what becomes of its mail is what the oracle says of ours. And the
connections it tells of are counted."""
import json
import re
import smtplib
import socket
import sqlite3

import pytest
from harness import oracle
from harness.destinations import Destinations
from harness.oracle import Cell
from harness.peer import Hop, Postfix
from harness.socketmap import Overhearing, ask
from harness.sternpost import LISTENERS
from harness.validator import Unbound
from harness.waiting import until

SERVERS = ("good", "no starttls", "untrusted", "wrong name")
POLICIES = ("none", "enforce", "enforce wildcard", "enforce other", "testing", "testing other", "mode none", "not found", "invalid",
            "wrong name", "no answer", "two records")
CELLS = [Cell(mx, tlsa, server=server) for mx in ("secure", "insecure") for tlsa in oracle.TLSA for server in SERVERS]
CELLS += [Cell("insecure", policy=policy, server=server) for policy in POLICIES for server in SERVERS]
CELLS += [Cell("secure", tlsa, policy, server) for tlsa in ("ee", "mismatch", "servfail") for policy in ("enforce", "enforce other")
          for server in ("good", "untrusted")]
CELLS += [Cell("secure", tlsa, policy, server, rule) for rule in ("encrypt", "verify", "dane", "exempt") for tlsa in ("none", "ee")
          for policy in ("none", "enforce") for server in SERVERS]
CELLS += [Cell("secure", tlsa, backup="yes") for tlsa in ("mismatch", "servfail", "unusable", "none")]
CELLS += [Cell("servfail"), Cell("bogus", "ee")]
SENDER = "p@example.test"
POLICY_PORT, EAR_PORT = 8461, 8462
OPTIONS = {"relayhost": "", "inet_interfaces": "127.0.0.1", "smtp_dns_support_level": "dnssec", "smtp_host_lookup": "dns",
           "smtp_tls_security_level": "may", "smtp_tls_dane_insecure_mx_policy": "dane", "smtp_connection_cache_on_demand": "no",
           "default_destination_concurrency_limit": "50", "initial_destination_concurrency": "20"}
pytestmark = pytest.mark.xdist_group("postfix")


def submit_all(address, port, domains):
    with smtplib.SMTP(address, port, local_hostname="client.example.org", timeout=30) as client:
        client.ehlo()
        for domain in domains:
            for code, text in (client.mail(SENDER), client.rcpt(f"b@{domain}"), client.data("Subject: test\r\n\r\nhello\r\n")):
                assert code == 250, (code, text)


def tries_of(log):
    found = {}
    for domain, status in re.findall(r"to=<b@([^>]+)>,.* status=(\w+)", log):
        found.setdefault(domain, []).append(status)
    return found


def add_rules(daemon):
    zones = ("sec.example", "ins.example", "bog.example", "lame.example")
    for rule, level, more in (("encrypt", "encrypt", {}), ("verify", "verify", {}), ("dane", "dane", {}),
                              ("exempt", "may", {"exempt_until": "2099-12-31"})):
        daemon.set_up("rule", rule, to=",".join(f".{rule}.{zone}" for zone in zones), level=level, **more)


@pytest.fixture(scope="module")
def run(peers, internet, authority, standing_subnet, standing_gateway, tmp_path_factory):
    """The Postfix, what it asked for, and what became of its mail."""
    world = Destinations(internet, authority, tmp_path_factory.mktemp("other"), CELLS)
    internet.start()
    address, domains = standing_subnet(1), [world.domain(number) for number in range(len(CELLS))]
    daemon = standing_gateway(listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(), outbound={"port": 25, "ca-file": authority.bundle},
                              bridge={"socketmap": f"{address}:{POLICY_PORT}"})
    add_rules(daemon)
    folder, ear_address = tmp_path_factory.mktemp("postfix"), (standing_subnet(4), EAR_PORT)
    maps = f"socketmap:inet:{ear_address[0]}:{EAR_PORT}:policy"
    with Overhearing(ear_address, (address, POLICY_PORT)) as ear, Unbound(folder / "unbound", standing_subnet(53), internet, is_everyones=True), \
            Postfix(folder / "peer", standing_subnet(3), 2525, Hop("", 25, "may", authority.bundle),
                    options={**OPTIONS, "smtp_tls_policy_maps": maps}) as postfix:
        submit_all(postfix.address, postfix.port, domains)
        until(lambda: all(is_settled(tries_of(postfix.log()).get(domain, [])) for domain in domains), 90, "Postfix to settle")
        return world, daemon, ear, postfix.log()


def is_settled(tries):
    return tries[-1:] == ["sent"] or len(tries) >= 4


@pytest.mark.parametrize("number", range(len(CELLS)), ids=[str(cell) for cell in CELLS])
def test_postfix_keeps_to_it(run, number):
    world, _, ear, log = run
    domain, expected = world.domain(number), oracle.expect(CELLS[number])
    lines = [line for line in log.splitlines() if f"b@{domain}>" in line]
    replies = ear.replies(f"policy {domain}")
    where = "backup" if expected.server == "backup" else CELLS[number].server
    delivered = [(where, expected.is_tls)] if expected.outcomes == {"delivered"} else None
    assert world.received(SENDER).get(domain) == delivered, (expected, replies, lines)


def of_cell(run, cell):
    world, _, ear, log = run
    domain = world.domain(CELLS.index(cell))
    return domain, ear.replies(f"policy {domain}"), [line for line in log.splitlines() if f"b@{domain}>" in line]


def test_temp_defers(run):
    domain, replies, lines = of_cell(run, Cell("secure", "servfail"))
    assert replies and all(reply.startswith("TEMP ") for reply in replies)
    assert any("dsn=4.7.5, status=deferred (client TLS configuration problem)" in line for line in lines), lines


def test_mismatch_is_not_downgraded(run):
    _, replies, lines = of_cell(run, Cell("secure", "mismatch"))
    assert set(replies) == {"OK dane-only"} and all("status=deferred" in line for line in lines)
    _, replies, lines = of_cell(run, Cell("insecure", policy="enforce other"))
    assert set(replies) == {"OK secure match=backup.mx.example servername=hostname"}
    assert all("status=deferred" in line for line in lines), lines


def test_parents_are_asked_for_and_never_looked_up(run):
    """On NOTFOUND Postfix walks up to the top; where there is an answer it does not."""
    world, _, ear, _ = run
    domain = world.domain(CELLS.index(Cell("insecure")))
    labels = domain.split(".")
    walk = [f"policy {domain}"] + [f"policy .{'.'.join(labels[i:])}" for i in range(1, len(labels))]
    said = [[request for request, _ in conversation] for conversation in ear.conversations]
    assert any(requests[at:at + len(walk)] == walk for requests in said for at in range(len(requests))), said
    assert all(reply == "NOTFOUND " for request, reply in ear.exchanges if request.startswith("policy ."))


def test_other_maps(run):
    world, daemon, _, _ = run
    where, domain = (daemon.address, POLICY_PORT), world.domain(CELLS.index(Cell("insecure", policy="enforce")))
    plain = ask(where, domain)
    assert plain.endswith(" servername=hostname")
    assert ask(where, domain, "policy-nosni") == plain.removesuffix(" servername=hostname")
    assert ask(where, domain, "policy-tlsrpt").startswith(f"{plain} policy_type=sts policy_domain={domain} mx_host_pattern=")
    testing = world.domain(CELLS.index(Cell("insecure", policy="testing")))
    assert ask(where, testing, "policy-tlsrpt-testing").startswith(f"OK may policy_type=sts policy_domain={testing} ")
    unhad = world.domain(CELLS.index(Cell("insecure", policy="not found")))
    assert ask(where, unhad, "policy-tlsrpt-testing") == \
        f"OK may policy_type=sts policy_domain={unhad} policy_failure=sts-policy-fetch-error"
    assert ask(where, domain, "QUERY").startswith("PERM ")


EVENT = {"dpv": "1", "d": "partner.example", "pr": "v=TLSRPTv1;rua=mailto:tls@partner.example",
         "policies": [{"policy-type": 2, "policy-string": ["version: STSv1", "mode: enforce", "mx: mx.partner.example", "max_age: 86400"],
                       "policy-domain": "partner.example", "mx-host": ["mx.partner.example"], "t": 1, "f": 1,
                       "failure-details": [{"c": 202, "s": "192.0.2.1", "n": "mx.partner.example", "h": "250-mx.partner.example\r\n250 SIZE",
                                            "r": "198.51.100.7", "f": "tls-handshake-failure"}]}]}


def test_datagrams_are_counted(gateway, tmp_path):
    path = str(tmp_path / "tlsrpt.sock")
    daemon = gateway(listeners={"relay": LISTENERS["relay"]}, bridge={"tlsrpt-socket": path, "tlsrpt-mode": "0222"})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        for _ in range(200):
            sender.sendto(json.dumps(EVENT).encode(), path)
        sender.sendto(json.dumps({**EVENT, "d": "bad\udc80.example"}, ensure_ascii=False).encode("utf-8", "surrogateescape"), path)
        sender.sendto(b"no JSON", path)
    daemon.stop()
    with sqlite3.connect(f"file:{daemon.folder}/sternpost.db?mode=ro", uri=True) as store:
        rows = store.execute("SELECT detail, value FROM report_count WHERE domain = 'partner.example'").fetchall()
    counts = dict(rows)
    assert counts["!"] == 200, rows
    detail = next(json.loads(text) for text in counts if text.startswith("{"))
    assert detail["result-type"] == "certificate-host-mismatch" and detail["receiving-mx-helo"] == "250-mx.partner.example"
