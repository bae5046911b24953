"""Every meeting of DNSSEC, DANE, MTA-STS, servers, rules and messages: one gateway, a domain for each cell, all mail at once, and
what became of it against the oracle."""
import smtplib
import ssl
import time

import pytest
from harness import oracle
from harness.destinations import ALTERNATE, BACKUP, ZONES, Destinations
from harness.sternpost import LISTENERS, RELAY, queue_id

CELLS = oracle.cells()
RULES = {"encrypt": {"level": "encrypt"}, "verify": {"level": "verify"}, "dane": {"level": "dane"},
         "exempt": {"level": "may", "exempt_until": "2199-12-31"}, "bounce": {"level": "verify", "on_failure": "bounce"},
         "alternate": {"level": "verify", "on_failure": "alternate", "alternate": "alternate"}}
SECONDS = 150
pytestmark = pytest.mark.xdist_group("matrix")


def body(cell):
    header = "TLS-Required: No\r\n" if cell.message == "no" else ""
    return f"From: a@example.test\r\nSubject: test\r\n{header}\r\nhello\r\n"


def submit_all(daemon, world):
    """By number of cell, the id of its message."""
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    ids = {}
    with smtplib.SMTP(daemon.address, RELAY, local_hostname="client.example.org", timeout=30) as client:
        client.starttls(context=unchecked)
        client.ehlo()
        for number, cell in enumerate(world.cells):
            options = ["REQUIRETLS"] if cell.message == "requiretls" else []
            for code, text in (client.mail("a@example.test", options), client.rcpt(f"b@{world.domain(number)}")):
                assert code == 250, (cell, code, text)
            code, text = client.data(body(cell))
            assert code == 250, (cell, code, text)
            ids[number] = queue_id(text.decode())
    return ids


def traces(daemon, ids):
    """By number, the trace of each message once it has an outcome."""
    found, deadline = {}, time.monotonic() + SECONDS
    while len(found) < len(ids) and time.monotonic() < deadline:
        for number in [n for n in ids if n not in found]:
            trace = daemon.get(f"/v1/queue/{ids[number]}")["trace"]
            if any(event["event"] == "outcome" for event in trace):
                found[number] = trace
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def run(internet, authority, standing_gateway, tmp_path_factory):
    """The world, and every message's trace."""
    world = Destinations(internet, authority, tmp_path_factory.mktemp("other"), CELLS)
    internet.start()
    daemon = standing_gateway(
        listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(), limits={"errors": 10000},
        outbound={"port": 25, "allow-private": False, "ca-file": authority.bundle, "retry": ["6h"], "handshake-timeout": "2s",
                  "connect-timeout": "5s", "command-timeout": "30s"})
    daemon.host("alternate", f"{ALTERNATE}:25", tls="verify", allow_private="false")
    for name, fields in RULES.items():
        daemon.set_up("rule", name, to=",".join(f".{name}.{zone}" for zone in ZONES.values()), **fields)
    daemon.cli("gateway", "set", "--pause-deliveries", "true")
    ids = submit_all(daemon, world)
    daemon.cli("gateway", "set", "--pause-deliveries", "false")
    return world, traces(daemon, ids)


@pytest.fixture(scope="module")
def received(run):
    return run[0].received()


def servers_in(trace):
    """By name of a server: what was decided on it, and the result types of what was tried there."""
    decided = {event["server"]: event for event in trace if event["event"] == "server"}
    tried = {}
    for event in trace:
        if event["event"] in ("server", "attempt") and "result" in event:
            tried.setdefault(event["server"], set()).add(event["result"])
    return decided, tried


@pytest.mark.parametrize("number", range(len(CELLS)), ids=[str(cell) for cell in CELLS])
def test_cell(run, received, number):
    world, found = run
    cell, expected = CELLS[number], oracle.expect(CELLS[number])
    assert number in found, f"no outcome within {SECONDS} s; expected {expected}"
    trace = found[number]
    outcome = next(event for event in trace if event["event"] == "outcome")
    assert outcome["outcome"] in expected.outcomes, (expected, trace)
    assert outcome["status"].startswith(expected.status), (expected, trace)
    got = received.get(world.domain(number), [])
    decided, tried = servers_in(trace)
    if outcome["outcome"] != "delivered":
        assert got == [], (expected, got, trace)
    elif expected.way == "alternate":
        assert got == [("alternate", True)] and outcome["way"] == "alternate", (expected, got, trace)
    else:
        where = "backup" if expected.server == "backup" else cell.server
        assert got == [(where, expected.is_tls)] and outcome["way"] == "direct", (expected, got, trace)
        name = BACKUP if where == "backup" else world.host(cell)
        decision = [event for event in trace if event["event"] == "decision"][-1]
        assert decided.get(name, decision)["level"] == expected.level, (expected, trace)
    if expected.results:
        assert tried.get(world.host(cell), {""}) & expected.results, (expected, tried, trace)
