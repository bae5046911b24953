"""Postfix with level dane, behind a validating resolver, sends to the same domains as we do: both must take the same for good."""
import re
import smtplib

import pytest
from harness import oracle
from harness.destinations import Destinations
from harness.oracle import Cell
from harness.peer import Hop, Postfix
from harness.sternpost import LISTENERS, RELAY, queue_id
from harness.validator import Unbound
from harness.waiting import until

SERVERS = ("good", "no starttls", "starttls 454", "alert", "old version", "expired", "self-signed", "untrusted", "wrong name", "weak key")
CELLS = [Cell(mx, tlsa, server=server) for mx in ("secure", "insecure") for tlsa in oracle.TLSA for server in SERVERS]
CELLS += [Cell(mx, "ee") for mx in ("bogus", "servfail")]
CELLS += [Cell("secure", tlsa, server=server, backup="yes") for tlsa in ("mismatch", "bogus", "servfail", "unusable")
          for server in ("good", "no starttls")]
FOREIGN = "p@example.test"
DANE = {"relayhost": "", "inet_interfaces": "127.0.0.1", "smtp_dns_support_level": "dnssec", "smtp_host_lookup": "dns", "smtp_tls_security_level": "dane",
        "smtp_tls_mandatory_protocols": ">=TLSv1.2", "smtp_tls_protocols": ">=TLSv1.2", "smtp_connection_cache_on_demand": "no",
        "default_destination_concurrency_limit": "50", "initial_destination_concurrency": "20"}
pytestmark = pytest.mark.xdist_group("postfix")


def submit_all(address, port, world, sender):
    replies = {}
    with smtplib.SMTP(address, port, local_hostname="client.example.org", timeout=30) as client:
        client.ehlo()
        for number in range(len(world.cells)):
            for code, text in (client.mail(sender), client.rcpt(f"b@{world.domain(number)}"), client.data("Subject: test\r\n\r\nhello\r\n")):
                assert code == 250, (code, text)
            replies[number] = text.decode()
    return replies


def tries_of(log):
    """By recipient, what became of each try of Postfix at it."""
    found = {}
    for domain, status in re.findall(r"to=<b@([^>]+)>,.* status=(\w+)", log):
        found.setdefault(domain, []).append(status)
    return found


def is_settled(tries):
    """A message that may go in clear goes so when it has waited a little, which is the second or the third time."""
    return tries[-1:] == ["sent"] or len(tries) >= 4


@pytest.fixture(scope="module")
def run(peers, internet, authority, standing_gateway, standing_subnet, tmp_path_factory):
    world = Destinations(internet, authority, tmp_path_factory.mktemp("other"), CELLS)
    internet.start()
    daemon = standing_gateway(
        listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(),
        outbound={"port": 25, "allow-private": False, "ca-file": authority.bundle, "retry": ["6h"], "handshake-timeout": "2s"})
    folder, address = tmp_path_factory.mktemp("postfix"), standing_subnet(3)
    with Unbound(folder / "unbound", standing_subnet(53), internet, is_everyones=True), \
            Postfix(folder / "peer", address, 2525, Hop("", 25, "dane", authority.bundle),
                    options=DANE) as postfix:
        submit_all(postfix.address, postfix.port, world, FOREIGN)
        ids = {number: queue_id(reply) for number, reply in submit_all(daemon.address, RELAY, world, "a@example.test").items()}
        ours = {number: daemon.outcome(message, 60)["outcome"] for number, message in ids.items()}
        domains = [world.domain(number) for number in ids]
        until(lambda: all(is_settled(tries_of(postfix.log()).get(domain, [])) for domain in domains), 60, "Postfix to settle")
        theirs = tries_of(postfix.log())
    return world, ours, theirs, postfix.log()


@pytest.mark.parametrize("number", range(len(CELLS)), ids=[str(cell) for cell in CELLS])
def test_both_do_the_same(run, number):
    world, ours, theirs, log = run
    domain = world.domain(number)
    lines = [line for line in log.splitlines() if f"b@{domain}>" in line]
    assert (theirs[domain][-1] == "sent") == (ours[number] == "delivered"), lines
    assert world.received(FOREIGN).get(domain) == world.received().get(domain), lines


@pytest.mark.parametrize("number", range(len(CELLS)), ids=[str(cell) for cell in CELLS])
def test_the_oracle_too(run, number):
    """So that it is not our own word alone that we are held to."""
    world, _, theirs, log = run
    domain, expected = world.domain(number), oracle.expect(CELLS[number])
    lines = [line for line in log.splitlines() if f"b@{domain}>" in line]
    where = "backup" if expected.server == "backup" else CELLS[number].server
    delivered = [(where, expected.is_tls)] if expected.outcomes == {"delivered"} else None
    assert (theirs[domain][-1] == "sent") == (delivered is not None), (expected, lines)
    assert world.received(FOREIGN).get(domain) == delivered, (expected, lines)
