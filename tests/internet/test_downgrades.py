"""Downgrades and losses that were found in good mail systems, one by one: none of them here."""
import ssl

import pytest
from harness.authority import Authority
from harness.clock import Clock
from harness.dns import DnsServer
from harness.partner import Partners
from harness.policy_host import policy
from harness.sternpost import LISTENERS, queue_id
from harness.wire import Wire

LOOK_AGAIN = 70  # an answer from DNS serves a minute at least
OUTBOUND = {"port": 25, "allow-private": False, "retry": ["6h"], "handshake-timeout": "2s", "connect-timeout": "3s", "reuse-timeout": "0s"}


@pytest.fixture(scope="module")
def partners(internet, authority):
    made = Partners(internet, authority)
    internet.start()
    return made


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    return Clock(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def daemon(partners, internet, authority, standing_gateway, clock):
    return standing_gateway(listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(), environment=clock.environment,
                            outbound={**OUTBOUND, "ca-file": authority.bundle})


@pytest.fixture(scope="module")
def other_authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("other"), "Other Root")


def send(daemon, partner, local="b", **options):
    message = daemon.submit("a@example.test", f"{local}@{partner.domain}", **options)
    return message, daemon.outcome(message, 30)


def retry(daemon, message):
    """The next outcome of a message that waits."""
    known = len(daemon.events(message, "outcome"))
    daemon.cli("queue", "retry", message)
    return daemon.outcomes(message, known + 1, 30)[known]


def test_changed_id_and_failing_fetch(daemon, partners, clock):
    """RFC 8461 section 5.1, STS-17: what is kept holds until it expires, whatever the record says meanwhile."""
    partner = partners.new("unsigned")
    sink = partner.server("mx")
    partner.policy("mx")
    partner.publish()
    assert send(daemon, partner)[1]["outcome"] == "delivered"
    partner.policy("mx", id="2", status="500 Internal Server Error")
    sink.tls, sink.offers_starttls = None, False
    partner.publish()
    clock.forward(LOOK_AGAIN)
    for _ in range(2):
        assert send(daemon, partner)[1]["outcome"] == "deferred"
    assert partner.fetches() == 2, "the new id is seen, and its policy is asked for once"
    assert [bool(message.tls) for message in sink.messages] == [True], "nothing went in clear"


def test_record_that_goes_or_breaks(daemon, partners, clock):
    """STS-16: no record any more, and then several: the kept policy holds all the same."""
    partner = partners.new("unsigned")
    sink = partner.server("mx")
    partner.policy("mx")
    partner.publish()
    assert send(daemon, partner)[1]["outcome"] == "delivered"
    sink.tls, sink.offers_starttls = None, False
    for texts in ((), ("v=STSv1; id=1;", "v=STSv1; id=2;"), ("v=STSv1",)):
        partner.record(*texts)
        partner.publish()
        clock.forward(LOOK_AGAIN)
        assert send(daemon, partner)[1]["outcome"] == "deferred", texts
    assert len(sink.messages) == 1


NO_POLICIES = {
    "no mode": {"text": "version: STSv1\r\nmx: nobody.example\r\nmax_age: 86400\r\n"},
    "no max_age": {"text": "version: STSv1\r\nmode: enforce\r\nmx: nobody.example\r\n"},
    "no version": {"text": "mode: enforce\r\nmx: nobody.example\r\nmax_age: 86400\r\n"},
    "another version": {"text": "version: STSv2\r\nmode: enforce\r\nmx: nobody.example\r\nmax_age: 86400\r\n"},
    "no servers": {"text": "version: STSv1\r\nmode: enforce\r\nmax_age: 86400\r\n"},
    "too old": {"text": policy("enforce", ["nobody.example"], 31557601)},
    "status 203": {"text": policy("enforce", ["nobody.example"]), "status": "203 Non-Authoritative Information"},
    "status 206": {"text": policy("enforce", ["nobody.example"]), "status": "206 Partial Content"},
    "65 KiB": {"text": policy("enforce", ["nobody.example"]) + "x: " + "y" * 66000 + "\r\n", "has_length": False},
    "U-labels": {"text": policy("enforce", ["m\u00fcller.example"])},
}


@pytest.mark.parametrize("name", NO_POLICIES)
def test_what_is_no_policy(daemon, partners, name):
    """A file that only resembles a policy forbids nothing, and does not count as `none` for a day either (STS-02, -05, -07, -09, -10)."""
    partner = partners.new("unsigned")
    sink = partner.server("mx")
    partner.policy(**NO_POLICIES[name])
    partner.publish()
    assert send(daemon, partner)[1]["outcome"] == "delivered", name
    assert partner.fetches() == 1 and len(sink.messages) == 1


def test_no_server_in_the_policy_waits(daemon, partners, clock):
    """STS-21: temporary, and a newer policy is looked for before the next try (RFC 8461 section 5.1)."""
    partner = partners.new("unsigned")
    sink = partner.server("mx")
    partner.policy("elsewhere")
    partner.publish()
    message, outcome = send(daemon, partner)
    assert outcome["outcome"] == "deferred" and outcome["status"].startswith("4."), outcome
    assert sink.sessions == 0, "a server that the policy does not name is not even asked"
    partner.policy("mx", id="2")
    partner.publish()
    clock.forward(LOOK_AGAIN)
    assert retry(daemon, message)["outcome"] == "delivered"
    assert [bool(m.tls) for m in sink.messages] == [True]


def test_unusable_records_demand_tls(daemon, partners, other_authority):
    """DANE-03, DANE-05: usages 0 and 1 alone are not `no DANE`."""
    partner = partners.new()
    clear = partner.server("clear", tls=None, tlsa=["1 1 1 " + "ab" * 32])
    partner.publish()
    assert send(daemon, partner)[1]["outcome"] == "deferred" and clear.messages == []
    partner = partners.new()
    sink = partner.server("mx", tls=other_authority.issue("anything.example"), tlsa=["0 0 1 " + "ab" * 32, "3 1 2 abcd"])
    partner.publish()
    assert send(daemon, partner)[1]["outcome"] == "delivered" and sink.messages[0].tls


@pytest.mark.parametrize("mode", ["testing", "none"])
def test_testing_is_not_enforced_and_lowers_nothing(daemon, partners, mode):
    """STS-20: mail goes as if there were no policy; a rule of ours holds beside it as ever."""
    partner = partners.new("unsigned")
    sink = partner.server("mx", tls=None)
    partner.policy("elsewhere", mode=mode)
    partner.publish()
    assert send(daemon, partner)[1]["outcome"] == "delivered" and len(sink.messages) == 1
    daemon.set_up("rule", f"beside-{mode}", level="verify", to=partner.domain)
    assert send(daemon, partner)[1]["outcome"] == "deferred" and len(sink.messages) == 1


def test_a_policy_is_its_domains_alone(daemon, partners):
    """Two domains with one server: the policy of one says nothing of the other, at any order (STS-24)."""
    strict, free = partners.new("unsigned"), partners.new("unsigned")
    sink = strict.server("mx", tls=None)
    strict.policy("mx")
    strict.publish()
    free.zone.add(f"{free.domain}. MX 10 mx.{strict.domain}.", f"sub.{strict.domain}. MX 10 mx.{strict.domain}.")
    free.publish()
    strict.zone.add(f"sub.{strict.domain}. MX 10 mx.{strict.domain}.")
    strict.publish()
    for domain, outcome in ((free.domain, "delivered"), (strict.domain, "deferred"), (free.domain, "delivered"),
                            (strict.domain, "deferred"), (f"sub.{strict.domain}", "delivered")):
        message = daemon.submit("a@example.test", f"b@{domain}")
        assert daemon.outcome(message, 30)["outcome"] == outcome, domain
    assert {to for m in sink.messages for to, _ in m.recipients} == {f"b@{free.domain}", f"b@sub.{strict.domain}"}


def test_one_message_to_two_domains(daemon, partners):
    """The same in one message."""
    strict, free = partners.new("unsigned"), partners.new("unsigned")
    sink = strict.server("mx", tls=None)
    strict.policy("mx")
    strict.publish()
    free.zone.add(f"{free.domain}. MX 10 mx.{strict.domain}.")
    free.publish()
    message = daemon.submit("a@example.test", f"b@{strict.domain}", f"b@{free.domain}")
    assert sorted(o["outcome"] for o in daemon.outcomes(message, 2, 30)) == ["deferred", "delivered"]
    assert [to for m in sink.messages for to, _ in m.recipients] == [f"b@{free.domain}"]


def test_dane_is_not_mended_by_mta_sts(daemon, partners):
    """DANE-10, RFC 8461 section 2: a good certificate and a good policy, and a record that does not match."""
    partner = partners.new()
    sink = partner.server("mx", tlsa=["3 1 1 " + "00" * 32])
    partner.policy("mx")
    partner.publish()
    assert send(daemon, partner)[1]["outcome"] == "deferred" and sink.messages == []


def test_first_of_a_repeated_key(daemon, partners):
    """STS-08: `mode: enforce` first, then `none`."""
    partner = partners.new("unsigned")
    sink = partner.server("mx", tls=None)
    partner.policy(text=policy("enforce", [f"mx.{partner.domain}"]) + "mode: none\r\nmax_age: 0\r\n")
    partner.publish()
    assert send(daemon, partner)[1]["outcome"] == "deferred" and sink.messages == []


def test_certificate_names_the_server_itself(daemon, partners):
    """RFC 8461 section 4.2: another pattern of the policy is no name for this server."""
    partner = partners.new("unsigned")
    sink = partner.server("a", names=[f"b.{partner.domain}"])
    partner.policy("a", "b", f"*.{partner.domain}")
    partner.publish()
    assert send(daemon, partner)[1]["outcome"] == "deferred" and sink.messages == []


@pytest.mark.parametrize("label, allowed", [("a", True), ("a.b", False), ("xa", True)])
def test_wildcard_is_one_label(daemon, partners, label, allowed):
    """STS-12: anchored at both ends, and a star stands for one label."""
    partner = partners.new("unsigned")
    sink = partner.server(label)
    partner.policy(f"*.{partner.domain}")
    partner.publish()
    assert send(daemon, partner)[1]["outcome"] == ("delivered" if allowed else "deferred")
    assert bool(sink.sessions) == allowed


def test_longer_name_than_the_pattern(daemon, partners):
    partner = partners.new("unsigned")
    sink = partner.server("evil")
    partner.policy(f"vil.{partner.domain}", f"evil.{partner.domain}.example", f"*.evil.{partner.domain}")
    partner.publish()
    assert send(daemon, partner)[1]["outcome"] == "deferred" and sink.sessions == 0


def test_bad_tls_of_a_server_without_demands(daemon, partners):
    """R2: opportunistic is opportunistic, in the same attempt."""
    partner = partners.new("unsigned")
    sink = partner.server("mx", tls=None, broken_handshake="garbage")
    partner.publish()
    assert send(daemon, partner)[1]["outcome"] == "delivered" and sink.messages[0].tls == ""


def requiretls(daemon, partner):
    with Wire(daemon.address, LISTENERS["relay"]["port"]) as wire:
        assert any(line.startswith("REQUIRETLS") for line in wire.hello(starttls=True))
        wire.expect(250, "MAIL FROM:<a@example.test> REQUIRETLS")
        wire.expect(250, f"RCPT TO:<b@{partner.domain}>")
        wire.expect(354, "DATA")
        wire.send(b"Subject: test\r\n\r\nhello\r\n.\r\n")
        message = queue_id(wire.expect(250).text)
    return daemon.outcome(message, 30)


@pytest.mark.parametrize("offers", [True, False])
def test_requiretls_is_passed_on_or_nothing_is(daemon, partners, offers):
    """RTL-02: never sent without it, and never left off on the way."""
    partner = partners.new()
    sink = partner.server("mx", tlsa=["3 1 1 OWN"], tls_extensions=["REQUIRETLS"] if offers else [])
    partner.publish()
    outcome = requiretls(daemon, partner)
    if offers:
        assert outcome["outcome"] == "delivered" and "REQUIRETLS" in sink.messages[0].sender_parameters
    else:
        assert (outcome["outcome"], outcome["status"]) == ("bounced", "5.7.30") and sink.messages == []


def test_many_records_come_by_tcp(daemon, partners):
    """DANE-08, DNS buffer: an answer far over 1232 bytes stalls nothing."""
    partner = partners.new()
    sink = partner.server("mx", tlsa=[f"3 1 1 {n:064x}" for n in range(60)] + ["3 1 1 OWN"])
    partner.publish()
    message, outcome = send(daemon, partner)
    assert outcome["outcome"] == "delivered" and sink.messages[0].tls, daemon.trace(message)


@pytest.mark.parametrize("tlsa, outcome", [("3 1 1 OWN", "delivered"), ("3 1 1 " + "00" * 32, "deferred")])
def test_over_ipv6_alone(daemon, partners, tlsa, outcome):
    """The address family makes no difference to what is asked and demanded."""
    partner = partners.new()
    sink = partner.server("mx", tlsa=[tlsa], is_v6=True)
    partner.publish()
    assert send(daemon, partner)[1]["outcome"] == outcome and len(sink.messages) == (outcome == "delivered")


def test_one_failing_server_name_blocks_no_domain(daemon, partners, internet):
    """The best MX has no address that can be had; the next one takes the mail."""
    partner = partners.new()
    partner.zone.add(f"{partner.domain}. MX 5 gone.lame.example.", f"{partner.domain}. MX 6 nowhere.{partner.domain}.")
    sink = partner.server("mx", tlsa=["3 1 1 OWN"])
    partner.publish()
    assert send(daemon, partner)[1]["outcome"] == "delivered" and sink.messages[0].tls


def test_resolver_that_claims_to_have_validated(gateway, subnet):
    """DNS-06: the AD bit of a forwarder is not believed; without signatures nothing is proven."""
    records = {"liar.example": {"MX": ["10 mx.liar.example"]}, "mx.liar.example": {"A": ["5.6.7.8"]}}
    with DnsServer(subnet(53), records, claims_validation=True) as dns:
        daemon = gateway(listeners={"relay": LISTENERS["relay"]}, forwarders=[dns.forwarder])
        answer = daemon.ask("policy", "b@liar.example")
    assert [server["name"] for server in answer["servers"]] == ["mx.liar.example"] and answer["dnssec"] is False


def test_kept_sessions_carry_no_stronger_demand(partners, internet, authority, gateway, other_authority):
    """One server, untrusted, in TLS, kept open: mail that demands verify, dane or a policy does not ride on it."""
    daemon = gateway(listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(), top={"workers": 1},
                     outbound={**OUTBOUND, "ca-file": authority.bundle, "reuse-timeout": "20s"})
    open_one, strict, ruled = partners.new(), partners.new("unsigned"), partners.new("unsigned")
    sink = open_one.server("mx", tls=other_authority.issue(f"mx.{open_one.domain}"))
    for partner in (strict, ruled):
        partner.zone.add(f"{partner.domain}. MX 10 mx.{open_one.domain}.")
    strict.policy(f"mx.{open_one.domain}")
    for partner in (open_one, strict, ruled):
        partner.publish()
    daemon.set_up("rule", "ruled", level="verify", to=ruled.domain)
    outcomes = [send(daemon, partner)[1]["outcome"] for partner in (open_one, strict, open_one, ruled, open_one)]
    assert outcomes == ["delivered", "deferred", "delivered", "deferred", "delivered"]
    assert {to for m in sink.messages for to, _ in m.recipients} == {f"b@{open_one.domain}"}


@pytest.mark.parametrize("has_tls", [True, False])
def test_alternate_route_keeps_the_demand_of_the_policy(partners, internet, authority, gateway, has_tls):
    """RTL-06, R5: mail whose policy cannot be met goes by the alternate route, and by that not in clear either."""
    daemon = gateway(listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(), outbound={**OUTBOUND, "ca-file": authority.bundle})
    partner, helper = partners.new("unsigned"), partners.new("unsigned")
    sink, way = partner.server("mx", tls=None), helper.server("mx", tls="good" if has_tls else None)
    partner.policy("mx")
    partner.publish(), helper.publish()
    daemon.host("alternate", f"mx.{helper.domain}:25", tls="verify" if has_tls else "may", allow_private="false")
    daemon.cli("gateway", "set", "--alternate-route", "required", "--alternate-host", "alternate")
    outcome = send(daemon, partner)[1]
    assert (outcome["outcome"], outcome["way"]) == (("delivered", "alternate") if has_tls else ("deferred", outcome["way"])), outcome
    assert sink.messages == [] and [bool(m.tls) for m in way.messages] == [True] * has_tls


def test_a_policy_returns_nothing_by_the_alternate_route_either(partners, internet, authority, gateway, other_authority):
    """What a destination publishes never returns mail: not where the rule that would is met, and the alternate host fails, too."""
    daemon = gateway(listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(), outbound={**OUTBOUND, "ca-file": authority.bundle})
    partner, helper = partners.new("unsigned"), partners.new("unsigned")
    sink, way = partner.server("mx", tls=other_authority.issue(f"mx.{partner.domain}")), helper.server("mx", tls=None)
    partner.policy("mx")
    partner.publish(), helper.publish()
    daemon.host("alternate", f"mx.{helper.domain}:25", tls="may", allow_private="false")
    daemon.cli("gateway", "set", "--alternate-route", "required", "--alternate-host", "alternate")
    daemon.set_up("rule", "met", to=partner.domain, level="encrypt", on_failure="bounce")
    outcome = send(daemon, partner)[1]
    assert (outcome["outcome"], outcome["way"]) == ("deferred", "alternate"), outcome
    assert sink.messages == way.messages == []


def test_a_rule_returns_nothing_that_one_server_would_have_met(partners, gateway, internet, authority, other_authority):
    """STS-21: of two servers one breaks a rule that returns mail, the other meets it and fails of the policy alone: the mail waits."""
    partner = partners.new("unsigned")
    partner.server("first", tls=None, offers_starttls=False, preference=10)
    partner.server("second", tls=other_authority.issue(f"second.{partner.domain}"), preference=20)
    partner.policy("first", "second")
    partner.publish()
    daemon = gateway(listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(), outbound={**OUTBOUND, "ca-file": authority.bundle})
    daemon.set_up("rule", "met", to=partner.domain, level="encrypt", on_failure="bounce")
    _, outcome = send(daemon, partner)
    assert outcome["outcome"] == "deferred", outcome


def test_alternate_route_is_not_for_what_is_down(partners, internet, authority, gateway):
    """Retries never lead there: the cause does. A bogus record is no cause either."""
    daemon = gateway(listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(), outbound={**OUTBOUND, "ca-file": authority.bundle})
    down, forged, helper = partners.new(), partners.new(), partners.new("unsigned")
    down.server("mx", tlsa=["3 1 1 OWN"]).close()
    sink, way = forged.server("mx", tlsa=["3 1 1 OWN"]), helper.server("mx")
    forged.zone.bad_sets.add((f"_25._tcp.mx.{forged.domain}", "TLSA"))
    for partner in (down, forged, helper):
        partner.publish()
    daemon.host("alternate", f"mx.{helper.domain}:25", tls="verify", allow_private="false")
    daemon.cli("gateway", "set", "--alternate-route", "required", "--alternate-host", "alternate")
    for partner in (down, forged):
        message, outcome = send(daemon, partner)
        for _ in range(3):
            assert outcome["outcome"] == "deferred", daemon.trace(message)
            outcome = retry(daemon, message)
    assert way.sessions == 0 and sink.messages == []


def test_old_tls_only(daemon, partners, authority):
    """A server that cannot do 1.2 is not good enough for any policy."""
    partner = partners.new()
    sink = partner.server("mx", tlsa=["3 1 1 OWN"])
    sink.tls.set_ciphers("DEFAULT:@SECLEVEL=0")
    sink.tls.minimum_version = sink.tls.maximum_version = ssl.TLSVersion.TLSv1_1
    partner.publish()
    assert send(daemon, partner)[1]["outcome"] == "deferred" and sink.messages == []
