"""Every meeting of DNSSEC, DANE, MTA-STS, servers, rules and messages: one gateway, a domain for each cell, all mail at once, and
what became of it against the oracle."""
import smtplib
import ssl
import time

import pytest
from harness import oracle
from harness.destinations import ALTERNATE, BACKUP, ZONES, Destinations
from harness.sternpost import LISTENERS, RELAY, queue_id
from harness.waiting import until

CELLS = oracle.cells()
RULES = {"encrypt": {"level": "encrypt"}, "verify": {"level": "verify"}, "dane": {"level": "dane"},
         "exempt": {"level": "may", "exempt_until": "2199-12-31"}, "bounce": {"level": "verify", "on_failure": "bounce"},
         "alternate": {"level": "verify", "on_failure": "alternate", "alternate": "alternate"}}
SECONDS = 150
pytestmark = pytest.mark.xdist_group("matrix")


def body(cell):
    header = "TLS-Required: No\r\n" if cell.message == "no" else ""
    return f"From: a@example.test\r\nSubject: test\r\n{header}\r\nhello\r\n"


def submit_all(daemon, world, sender, numbers):
    """By number of cell, the id of its message."""
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    ids = {}
    with smtplib.SMTP(daemon.address, RELAY, local_hostname="client.example.org", timeout=30) as client:
        client.starttls(context=unchecked)
        client.ehlo()
        for number in numbers:
            cell = world.cells[number]
            options = ["REQUIRETLS"] if cell.message == "requiretls" else []
            for code, text in (client.mail(sender, options), client.rcpt(f"b@{world.domain(number)}")):
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


SENDERS = {"without": "a@example.test", "with": "g@example.test"}  # the alternate secure route
NUMBERS = {"without": range(len(CELLS)), "with": range(oracle.PAIRS)}


@pytest.fixture(scope="module")
def run(internet, authority, standing_gateway, standing_subnet, tmp_path_factory):
    """The world; two gateways, without and with the alternate secure route; the traces of the messages of each."""
    world = Destinations(internet, authority, tmp_path_factory.mktemp("other"), CELLS)
    internet.start()
    daemons, ids = {}, {}
    for last, kind in enumerate(NUMBERS, 1):
        daemon = daemons[kind] = standing_gateway(
            address=standing_subnet(last), listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(),
            outbound={"port": 25, "allow-private": False, "ca-file": authority.bundle, "retry": ["6h"], "handshake-timeout": "2s",
                      "connect-timeout": "5s", "command-timeout": "30s"})
        daemon.host("alternate", f"{ALTERNATE}:25", tls="verify", allow_private="false")
        for name, fields in RULES.items():
            daemon.set_up("rule", name, to=",".join(f".{name}.{zone}" for zone in ZONES.values()), **fields)
        daemon.cli("gateway", "set", "--pause-deliveries", "true")
        ids[kind] = submit_all(daemon, world, SENDERS[kind], NUMBERS[kind])
    daemons["with"].cli("gateway", "set", "--alternate-route", "required", "--alternate-host", "alternate")
    for daemon in daemons.values():
        daemon.cli("gateway", "set", "--pause-deliveries", "false")
    return world, {kind: traces(daemons[kind], ids[kind]) for kind in NUMBERS}, daemons


@pytest.fixture(scope="module")
def received(run):
    return {kind: run[0].received(sender) for kind, sender in SENDERS.items()}


def servers_in(trace):
    """By name of a server: what was decided on it, and the result types of what was tried there."""
    decided = {event["server"]: event for event in trace if event["event"] == "server"}
    tried = {}
    for event in trace:
        if event["event"] in ("server", "attempt") and "result" in event:
            tried.setdefault(event["server"], set()).add(event["result"])
    return decided, tried


def check(run, received, kind, number):
    world, found, _ = run
    cell, expected = CELLS[number], oracle.expect(CELLS[number], kind == "with")
    assert number in found[kind], f"no outcome within {SECONDS} s; expected {expected}"
    trace = found[kind][number]
    outcome = next(event for event in trace if event["event"] == "outcome")
    assert outcome["outcome"] in expected.outcomes, (expected, trace)
    assert outcome["status"].startswith(expected.status), (expected, trace)
    got = received[kind].get(world.domain(number), [])
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


@pytest.mark.parametrize("number", NUMBERS["without"], ids=[str(cell) for cell in CELLS])
def test_cell(run, received, number):
    check(run, received, "without", number)


@pytest.mark.parametrize("number", NUMBERS["with"], ids=[str(cell) for cell in CELLS[:oracle.PAIRS]])
def test_with_alternate_route(run, received, number):
    """R3 to R5: for demands that the recipient's servers cannot meet, and for nothing else."""
    check(run, received, "with", number)


REPORTED = [number for number, cell in enumerate(CELLS) if oracle.is_reported_simply(cell)]


@pytest.fixture(scope="module")
def reports(run):
    """By number, the report's policies, once every session is counted."""
    world, daemon = run[0], run[2]["without"]

    def policies(number):
        return daemon.get(f"/v1/reports/preview?domain={world.domain(number)}").get("policies", [])

    until(lambda: policies(REPORTED[-1]), 20, "the reports")
    return {number: policies(number) for number in REPORTED}


@pytest.mark.parametrize("number", REPORTED, ids=[str(CELLS[number]) for number in REPORTED])
def test_report(reports, number):
    """RFC 8460 section 4.3: what failed is told by its name, under the policy that it failed of."""
    told = {one["policy"]["policy-type"]: one for one in reports[number]}
    expected = oracle.expect_report(CELLS[number])
    assert set(told) == set(expected) or not expected, (expected, told)
    for kind, types in expected.items():
        found = {detail["result-type"] for detail in told[kind].get("failure-details", [])}
        failed = told[kind]["summary"]["total-failure-session-count"]
        assert types is None or (found & types and failed == 1 if types else not found and failed == 0), (kind, types, told)
