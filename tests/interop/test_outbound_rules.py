"""What a rule demands of the recipient's server is had, or the mail does not go (semantics T4..T9, R1, R2)."""
import datetime
import ssl

import pytest
from harness.authority import Authority
from harness.records import mx
from harness.sink import Sink, server_context
from harness.sternpost import LISTENERS, OUT
from harness.waiting import until

DAY = datetime.timedelta(days=1)
NAME = "mx.partner.test"
# Kind of server: (what it is, the level it satisfies, TLSRPT result type when more is demanded).
SERVERS = {
    "good": (("none", "encrypt", "verify"), None),
    "no starttls": (("none",), "starttls-not-supported"),
    "refuses starttls": (("none",), "starttls-not-supported"),
    "expired": (("none", "encrypt"), "certificate-expired"),
    "not yet valid": (("none", "encrypt"), "validation-failure"),
    "self-signed": (("none", "encrypt"), "certificate-not-trusted"),
    "foreign issuer": (("none", "encrypt"), "certificate-not-trusted"),
    "wrong name": (("none", "encrypt"), "certificate-host-mismatch"),
    "old version": (("none",), "validation-failure"),
    "broken handshake": (("none",), "validation-failure"),
}


def sink_of(kind, address, authority, folder):
    issue = authority.issue
    if kind == "no starttls":
        return Sink(address, OUT)
    if kind == "refuses starttls":
        return Sink(address, OUT, offers_starttls=True, replies={"STARTTLS": "454 4.7.0 not now"})
    if kind == "broken handshake":
        return Sink(address, OUT, broken_handshake=True)
    if kind == "old version":
        return Sink(address, OUT, tls=server_context(issue(NAME), ssl.TLSVersion.TLSv1_1))
    (folder / "other").mkdir(exist_ok=True)
    certificate = {
        "good": lambda: issue(NAME),
        "expired": lambda: issue(NAME, first=-9 * DAY, last=-DAY),
        "not yet valid": lambda: issue(NAME, first=DAY),
        "self-signed": lambda: issue(NAME, is_self_signed=True),
        "foreign issuer": lambda: Authority(folder / "other", "Other Root").issue(NAME),
        "wrong name": lambda: issue("mx.elsewhere.test"),
    }[kind]()
    return Sink(address, OUT, tls=server_context(certificate))


@pytest.fixture
def partner(gateway, subnet, authority, tmp_path):
    """A gateway and one MX of the given kind."""

    def make(kind, **options):
        sink = sink_of(kind, subnet(9), authority, tmp_path)
        daemon = gateway(listeners={"relay": LISTENERS["relay"]}, records=mx("partner.test", (10, NAME, subnet(9))),
                         outbound={"retry": ["10m"]}, **options)
        return daemon, sink

    return make


@pytest.mark.parametrize("kind", SERVERS)
def test_opportunistic(partner, kind):
    """TLS-07, R2: without a demand the mail goes, in the best way there is."""
    daemon, sink = partner(kind)
    with sink:
        message = daemon.submit("a@example.test", "b@partner.test")
        outcome = daemon.outcome(message)
        assert outcome["outcome"] == "delivered", str(daemon.trace(message))
        satisfied, _ = SERVERS[kind]
        assert bool(sink.messages[0].tls) == ("encrypt" in satisfied)
        assert len(sink.messages) == 1


@pytest.mark.parametrize("level", ["encrypt", "verify"])
@pytest.mark.parametrize("kind", SERVERS)
def test_demanded(partner, authority, kind, level):
    """TLS-06, TLS-26: met, or nothing goes, not even the envelope; the reason is named."""
    satisfied, result = SERVERS[kind]
    daemon, sink = partner(kind)
    with sink:
        trust = {"ca": authority.bundle} if level == "verify" else {}
        daemon.set_up("rule", "bank", to="partner.test", level=level, on_failure="defer", **trust)
        message = daemon.submit("a@example.test", "b@partner.test")
        outcome = daemon.outcome(message)
        if level in satisfied:
            assert outcome["outcome"] == "delivered", str(daemon.trace(message))
            assert sink.messages[0].tls
            return
        assert outcome["outcome"] == "deferred", str(daemon.trace(message))
        assert outcome["status"].startswith("4.7."), outcome
        assert sink.messages == [] and not any(line[:4] in (b"MAIL", b"RCPT") for _, _, line in sink.commands)
        assert [e["result"] for e in daemon.events(message, "attempt") if "result" in e] == [result]
        assert "bank" in daemon.cli("trace", message)


@pytest.mark.parametrize("changes, delivered", [
    ({"names": "mx.elsewhere.test"}, True), ({"any_name": "true"}, True), ({"names": "mx.third.test"}, False),
    ({"names": "elsewhere.test"}, False),
])
def test_names_of_the_rule(partner, authority, changes, delivered):
    """T4: a rule may name what the certificate must say, or take any trusted one."""
    daemon, sink = partner("wrong name")
    with sink:
        daemon.set_up("rule", "bank", to="partner.test", level="verify", ca=authority.bundle, on_failure="defer", **changes)
        assert (daemon.outcome(daemon.submit("a@example.test", "b@partner.test"))["outcome"] == "delivered") == delivered


def test_name_out_of_unsigned_dns_proves_nothing(gateway, subnet, authority):
    """DNS-01: whoever forges the MX also has a good certificate for the forged name."""
    with Sink(subnet(9), OUT, tls=server_context(authority.issue("mx.mallory.test"))) as sink:
        daemon = gateway(listeners={"relay": LISTENERS["relay"]},
                         records=mx("partner.test", (10, "mx.mallory.test", subnet(9))), outbound={"retry": ["10m"]})
        daemon.set_up("rule", "bank", to="partner.test", level="verify", ca=authority.bundle, on_failure="defer")
        assert daemon.outcome(daemon.submit("a@example.test", "b@partner.test"))["outcome"] == "deferred"
        assert sink.messages == []


def test_lowest_version(partner, authority):
    daemon, sink = partner("good")
    sink.tls.maximum_version = ssl.TLSVersion.TLSv1_2
    with sink:
        daemon.set_up("rule", "modern", to="partner.test", level="encrypt", min_version="1.3", on_failure="defer")
        assert daemon.outcome(daemon.submit("a@example.test", "b@partner.test"))["outcome"] == "deferred"
        daemon.cli("rule", "set", "modern", "--min-version", "1.2")
        assert daemon.outcome(daemon.submit("a@example.test", "b@partner.test"))["outcome"] == "delivered"
        assert sink.messages[0].tls == "TLSv1.2"


@pytest.mark.parametrize("where, matches", [
    ({"to": "partner.test"}, True), ({"to": ".test"}, True), ({"to": "*"}, True), ({"to": "b@partner.test"}, True),
    ({"to": "c@partner.test"}, False), ({"to": ".partner.test"}, False), ({"to": "list:partners"}, True),
    ({"from": "a@example.test"}, True), ({"from": "boss@example.test"}, False), ({"from": "example.test"}, True),
    ({"from": "example.test", "to": "other.test"}, False),
])
def test_whom_a_rule_is_for(partner, where, matches):
    """T1, T2"""
    daemon, sink = partner("no starttls")
    with sink:
        daemon.set_up("list", "partners", members="partner.test,third.test")
        daemon.set_up("rule", "some", level="encrypt", on_failure="defer", **where)
        outcome = daemon.outcome(daemon.submit("a@example.test", "b@partner.test"))["outcome"]
        assert outcome == ("deferred" if matches else "delivered")


def test_testing_rule_counts_a_message_once(gateway, subnet):
    """T8: however often it is tried, and whatever becomes of it."""
    with Sink(subnet(9), OUT, replies={"RCPT": "451 4.3.0 later"}) as sink:
        daemon = gateway(listeners={"relay": LISTENERS["relay"]}, records=mx("partner.test", (10, NAME, subnet(9))))
        daemon.set_up("rule", "soon", level="verify", mode="testing", to="partner.test")
        message = daemon.submit("a@example.test", "b@partner.test")
        daemon.outcomes(message, 3)
        until(lambda: "soon" in daemon.cli("counters", "rule-testing"), 20, "the counter")
        daemon.submit("a@example.test", "c@partner.test")
        until(lambda: [row["value"] for row in daemon.ask("counters", "rule-testing")] == [2], 20, "the counter")
        assert sink.sessions > 0


def test_testing_rule_only_records(partner):
    """T8"""
    daemon, sink = partner("no starttls")
    with sink:
        daemon.set_up("rule", "soon", level="verify", mode="testing")
        message = daemon.submit("a@example.test", "b@partner.test")
        assert daemon.outcome(message)["outcome"] == "delivered"
        reasons = daemon.events(message, "decision")[0]["reasons"]
        assert [r for r in reasons if r.get("name") == "soon" and r.get("testing")], reasons


def test_strictest_rule_wins(partner, authority):
    """T5: and the trace names every rule that matched."""
    daemon, sink = partner("self-signed")
    with sink:
        daemon.set_up("rule", "mild", level="encrypt", to="partner.test", on_failure="defer")
        daemon.set_up("rule", "strict", level="verify", to="partner.test", on_failure="defer", ca=authority.bundle)
        message = daemon.submit("a@example.test", "b@partner.test")
        assert daemon.outcome(message)["outcome"] == "deferred"
        reasons = {r.get("name"): r for r in daemon.events(message, "decision")[0]["reasons"]}
        assert reasons["strict"]["decided"] and not reasons["mild"].get("decided")


def test_bounce_at_once(partner):
    """T6: one attempt at all servers, then the sender hears."""
    daemon, sink = partner("no starttls")
    with sink:
        daemon.set_up("rule", "bank", level="encrypt", on_failure="bounce")
        outcome = daemon.outcome(daemon.submit("a@example.test", "b@partner.test"))
        assert outcome["outcome"] == "bounced" and outcome["status"].startswith("5.7."), outcome


def test_dry_run_tells_the_same(partner):
    """`sternpost policy` prints the reasons that a delivery would have."""
    daemon, sink = partner("good")
    with sink:
        daemon.set_up("rule", "bank", level="encrypt", to="partner.test")
        answer = daemon.ask("policy", "b@partner.test", "--from", "a@example.test")
        message = daemon.submit("a@example.test", "b@partner.test")
        daemon.outcome(message)
        text = [r["text"] for r in daemon.events(message, "decision")[0]["reasons"]]
        assert all(sentence in str(answer) for sentence in text), answer
