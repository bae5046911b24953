"""Which server is asked: preference, fallbacks, and what counts as no server at all (RFC 5321 section 5, DNS-03..10)."""
import pytest
from harness.dns import DnsServer
from harness.records import host, mx
from harness.sink import Sink, server_context
from harness.sternpost import HOSTNAME, LISTENERS, OUT
from harness.waiting import until


@pytest.fixture
def start(gateway):
    def make(records=(), **options):
        return gateway(listeners={"relay": LISTENERS["relay"]}, records=records,
                       outbound={"retry": ["10m"], "connect-timeout": "2s"}, **options)

    return make


def send(daemon, domain="partner.test"):
    message = daemon.submit("a@example.test", f"b@{domain}")
    return daemon.outcome(message, 40)


def test_best_preference_first(start, subnet):
    with Sink(subnet(9), OUT) as best, Sink(subnet(10), OUT) as other:
        daemon = start(mx("partner.test", (20, "b.partner.test", subnet(10)), (10, "a.partner.test", subnet(9))))
        for _ in range(5):
            assert send(daemon)["outcome"] == "delivered"
        assert len(best.messages) == 5 and other.sessions == 0


def test_equal_preferences_share(start, subnet):
    """RFC 5321 section 5.1: equal ones at random."""
    with Sink(subnet(9), OUT) as one, Sink(subnet(10), OUT) as other:
        daemon = start(mx("partner.test", (10, "b.partner.test", subnet(10)), (10, "a.partner.test", subnet(9))))
        daemon.cli("gateway", "set", "--pause-deliveries", "true")
        messages = [daemon.submit("a@example.test", "b@partner.test") for _ in range(40)]
        daemon.cli("gateway", "set", "--pause-deliveries", "false")
        for message in messages:
            daemon.outcome(message)
        assert len(one.messages) + len(other.messages) == 40 and one.sessions and other.sessions


@pytest.mark.parametrize("first", ["dead", "greets 421", "greets 554", "hangs up", "no address"])
def test_next_server_when_the_first_is_no_use(start, subnet, first):
    records = mx("partner.test", (10, "a.partner.test"), (20, "b.partner.test", subnet(10)))
    records += host("a.partner.test", subnet(9)) if first != "no address" else []
    replies = {"greets 421": {"greeting": "421 4.3.2 later"}, "greets 554": {"greeting": "554 no"},
               "hangs up": {"MAIL": "hang-up"}}.get(first)
    bad = Sink(subnet(9), OUT, replies=replies) if replies else None
    with Sink(subnet(10), OUT) as good:
        daemon = start(records)
        assert send(daemon)["outcome"] == "delivered"
        assert len(good.messages) == 1
    if bad:
        bad.close()


def test_temporary_refusal_tries_the_next(start, subnet):
    with Sink(subnet(9), OUT, replies={"RCPT": "450 4.2.1 busy"}) as busy, Sink(subnet(10), OUT):
        daemon = start(mx("partner.test", (10, "a.partner.test", subnet(9)), (20, "b.partner.test", subnet(10))))
        assert send(daemon)["outcome"] in ("delivered", "deferred")
        assert busy.sessions == 1


def test_permanent_refusal_is_final(start, subnet):
    with Sink(subnet(9), OUT, replies={"RCPT": "550 5.1.1 nobody"}), Sink(subnet(10), OUT) as other:
        daemon = start(mx("partner.test", (10, "a.partner.test", subnet(9)), (20, "b.partner.test", subnet(10))))
        outcome = send(daemon)
        assert (outcome["outcome"], outcome["status"]) == ("bounced", "5.1.1")
        assert other.sessions == 0


def test_all_dead_defers(start, subnet):
    daemon = start(mx("partner.test", (10, "a.partner.test", subnet(9)), (20, "b.partner.test", subnet(10))))
    outcome = send(daemon)
    assert outcome["outcome"] == "deferred" and outcome["status"].startswith("4.4.")


def test_implicit_mx(start, subnet):
    """No MX, but an address: RFC 5321 section 5.1."""
    with Sink(subnet(9), OUT) as sink:
        daemon = start(host("partner.test", subnet(9)))
        assert send(daemon)["outcome"] == "delivered" and len(sink.messages) == 1


def test_null_mx(start, subnet):
    """DNS-09, RFC 7505: returned at once with 5.1.10, whatever addresses the domain has."""
    with Sink(subnet(9), OUT) as sink:
        daemon = start(["partner.test. 60 IN MX 0 .", *host("partner.test", subnet(9))])
        outcome = send(daemon)
        assert (outcome["outcome"], outcome["status"]) == ("bounced", "5.1.10")
        assert sink.sessions == 0


def test_null_mx_among_others(start, subnet):
    """DNS-09: must not be mixed; the root is left out."""
    with Sink(subnet(9), OUT) as sink:
        daemon = start(["partner.test. 60 IN MX 0 .", *mx("partner.test", (10, "a.partner.test", subnet(9)))])
        assert send(daemon)["outcome"] == "delivered" and len(sink.messages) == 1


def test_ourselves_as_best_mx_is_a_loop(start, subnet):
    """DNS-10: our preference and those above are left out; nothing left is a loop."""
    daemon = start(mx("partner.test", (10, HOSTNAME, subnet(1)), (20, "b.partner.test", subnet(10))))
    outcome = send(daemon)
    assert (outcome["outcome"], outcome["status"]) == ("bounced", "5.4.6")


def test_better_than_ourselves_is_used(start, subnet):
    with Sink(subnet(9), OUT) as sink:
        daemon = start(mx("partner.test", (10, "a.partner.test", subnet(9)), (20, HOSTNAME, subnet(1))))
        assert send(daemon)["outcome"] == "delivered" and len(sink.messages) == 1


def test_too_many_hops(start):
    """SRV-14"""
    daemon = start()
    body = "".join(f"Received: from a by b{n}; Mon, 1 Jan 2024 00:00:00 +0000\r\n" for n in range(60)) + "\r\nx\r\n"
    with pytest.raises(AssertionError, match="554.*5.4.6"):
        daemon.submit("a@example.test", "b@partner.test", body=body)


@pytest.mark.parametrize("alive", ["::1", "IPv4"])
def test_both_families(start, subnet, alive):
    """An MX with an IPv6 and an IPv4 address of which one answers."""
    with Sink("::1" if alive == "::1" else subnet(9), OUT) as sink:
        daemon = start(mx("partner.test", (10, "a.partner.test", "::1", subnet(9))))
        assert send(daemon)["outcome"] == "delivered" and len(sink.messages) == 1


def test_private_addresses_need_permission(gateway, subnet):
    """DNS-10: a partner's MX cannot make us talk to our own network."""
    with Sink(subnet(9), OUT) as sink:
        daemon = gateway(listeners={"relay": LISTENERS["relay"]}, outbound={"allow-private": False, "retry": ["10m"]},
                         records=mx("partner.test", (10, "a.partner.test", subnet(9))))
        assert send(daemon)["outcome"] == "deferred"
        assert sink.sessions == 0


def test_at_most_so_many_servers(start, subnet):
    """DNS-10"""
    sinks = [Sink(subnet(last), OUT, replies={"greeting": "421 busy"}) for last in range(30, 42)]
    daemon = start(mx("partner.test", *[(10, f"m{n}.partner.test", subnet(30 + n)) for n in range(12)]))
    assert send(daemon)["outcome"] == "deferred"
    assert sum(sink.sessions for sink in sinks) == 5
    for sink in sinks:
        sink.close()


# Through a DNS server that answers, denies or fails; in .example, as .test is never asked of anybody (RFC 6761)


def test_domain_that_is_not_there(start, subnet):
    with DnsServer(subnet(53), {"other.example": {"A": [subnet(9)]}}) as dns:
        outcome = send(start(forwarders=[dns.forwarder]), "partner.example")
        assert outcome["outcome"] == "bounced" and outcome["status"] in ("5.1.2", "5.4.4"), outcome


def test_records_of_a_server(start, subnet):
    records = {"partner.example": {"MX": ["10 a.partner.example"]}, "a.partner.example": {"A": [subnet(9)]}}
    with DnsServer(subnet(53), records) as dns, Sink(subnet(9), OUT) as sink:
        assert send(start(forwarders=[dns.forwarder]), "partner.example")["outcome"] == "delivered"
        assert len(sink.messages) == 1


def test_alias_as_mx_owner(start, subnet):
    """DNS-02: an alias at the domain leads to the other's MX."""
    records = {"partner.example": {"CNAME": ["real.example"]}, "real.example": {"MX": ["10 a.real.example"]},
               "a.real.example": {"A": [subnet(9)]}}
    with DnsServer(subnet(53), records) as dns, Sink(subnet(9), OUT) as sink:
        assert send(start(forwarders=[dns.forwarder]), "partner.example")["outcome"] == "delivered"
        assert len(sink.messages) == 1


@pytest.mark.parametrize("what", ["partner.example", "a.partner.example"])
def test_failing_look_up_defers(start, subnet, what):
    """DNS-03: SERVFAIL is never "not there": neither the implicit MX nor a bounce follows from it."""
    records = {"partner.example": {"MX": ["10 a.partner.example"], "A": [subnet(9)]}, "a.partner.example": {"A": [subnet(9)]}}
    with DnsServer(subnet(53), records, failing=[what]) as dns, Sink(subnet(9), OUT) as sink:
        assert send(start(forwarders=[dns.forwarder]), "partner.example")["outcome"] == "deferred"
        assert sink.sessions == 0


@pytest.mark.parametrize("failing, outcome, status", [((), "bounced", "5.4.4"),
                                                      ([("partner.example", "A")], "deferred", None),
                                                      ([("partner.example", "AAAA")], "deferred", None)])
def test_neither_mx_nor_address(start, subnet, failing, outcome, status):
    """Bounced where all three are denied, which no time mends; an answer that failed may hide an address."""
    with DnsServer(subnet(53), {"partner.example": {"TXT": ["no mail"]}}, failing=failing) as dns:
        got = send(start(forwarders=[dns.forwarder]), "partner.example")
        assert got["outcome"] == outcome and status in (None, got["status"]), got


def test_text_address_as_exchange(start, subnet):
    """DNS-10: an MX that is an address written as a name is no server."""
    daemon = start(["partner.test. 60 IN MX 10 127.0.0.1."])
    assert send(daemon)["outcome"] in ("deferred", "bounced")


def test_host_with_weights_and_secondary(start, subnet):
    """H3: the secondary only when no primary answers."""
    with Sink(subnet(9), OUT) as primary, Sink(subnet(10), OUT) as secondary:
        daemon = start()
        daemon.host("smart", f"{subnet(9)}:{OUT}", secondary=f"{subnet(10)}:{OUT}")
        daemon.set_up("route", "*", host="smart")
        assert send(daemon)["outcome"] == "delivered" and secondary.sessions == 0
        primary.close()
        until(lambda: send(daemon)["outcome"] == "delivered", 20)
        assert len(secondary.messages) == 1


def test_host_with_sign_in(start, subnet, authority):
    """TLS-09: credentials for the host go out inside TLS only."""
    context = server_context(authority.issue("smart.test"))
    with Sink(subnet(9), OUT, tls=context, extensions=["AUTH PLAIN"]) as smart:
        daemon = start()
        daemon.host("smart", f"{subnet(9)}:{OUT}", tls="verify", ca=authority.bundle, names="smart.test",
                    username="gateway", password="secret word")
        daemon.set_up("route", "*", host="smart")
        assert send(daemon)["outcome"] == "delivered"
        assert len(smart.credentials) == 1
        assert not [line for _, in_tls, line in smart.commands if line.startswith(b"AUTH") and not in_tls]
        assert "secret word" not in daemon.cli("settings", "export") + daemon.log()


def test_longest_route_wins(start, subnet):
    with Sink(subnet(9), OUT) as one, Sink(subnet(10), OUT) as two, Sink(subnet(11), OUT) as three:
        daemon = start()
        for name, sink, domain in (("one", one, "partner.test"), ("two", two, ".test"), ("three", three, "*")):
            daemon.host(name, f"{sink.address}:{OUT}")
            daemon.set_up("route", domain, host=name)
        for domain in ("partner.test", "sub.partner.test", "elsewhere.example"):
            assert daemon.outcome(daemon.submit("a@example.test", f"b@{domain}"))["outcome"] == "delivered"
        assert [sink.messages[0].recipients[0][0] for sink in (one, two, three)] == \
            ["b@partner.test", "b@sub.partner.test", "b@elsewhere.example"]
