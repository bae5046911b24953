"""What the resolver proves of a domain's mail exchangers, over a signed internet from its root down (DNS-01..DNS-08)."""
import pytest
from harness.sternpost import LISTENERS
from harness.validator import Unbound
from harness.waiting import until
from harness.zones import anchor

OUTBOUND = {"port": 25, "allow-private": False}
SECURE, INSECURE, NONE = "secure", "insecure", "no servers"
# Domain: (records, what is known of its MX, the servers).
DOMAINS = {
    "plain.sec.example": (["MX 10 a.mx.example."], SECURE, ["a.mx.example"]),
    "plain.ins.example": (["MX 10 a.mx.example."], INSECURE, ["a.mx.example"]),
    "plain.bog.example": (["MX 10 a.mx.example."], NONE, []),
    "plain.exp.example": (["MX 10 a.mx.example."], NONE, []),
    "plain.lame.example": ([], NONE, []),
    "plain.n3.example": (["MX 10 a.mx.example."], SECURE, ["a.mx.example"]),
    "any.wild.sec.example": ([], SECURE, ["a.mx.example"]),
    "badset.sec.example": (["MX 10 a.mx.example."], NONE, []),
    "implicit.sec.example": (["A 5.6.200.1"], SECURE, ["implicit.sec.example"]),
    "implicit.n3.example": (["A 5.6.200.1"], SECURE, ["implicit.n3.example"]),
    "implicit.ins.example": (["A 5.6.200.1"], INSECURE, ["implicit.ins.example"]),
    "alias.sec.example": (["CNAME plain.sec.example."], SECURE, ["a.mx.example"]),
    "alias3.sec.example": (["CNAME alias.sec.example."], SECURE, ["a.mx.example"]),
    "half.sec.example": (["CNAME plain.ins.example."], INSECURE, ["a.mx.example"]),
    "back.ins.example": (["CNAME plain.sec.example."], INSECURE, ["a.mx.example"]),
    "broken.sec.example": (["CNAME plain.bog.example."], NONE, []),
    "null.sec.example": (["MX 0 ."], SECURE, []),
    "nowhere.sec.example": ([], SECURE, []),
    "below.optout.n3.example": ([], INSECURE, ["a.mx.example"]),
}


@pytest.fixture(scope="module")
def filled(internet):
    for name, (records, _, _) in DOMAINS.items():
        internet.add(*(f"{name}. {record}" for record in records))
    internet.add("*.wild.sec.example. MX 10 a.mx.example.", f"a.mx.example. A {internet.address(10)}")
    internet.zones["sec.example"].bad_sets.add(("badset.sec.example", "MX"))
    internet.add_zone("optout.n3.example", None, parent="n3.example")
    internet.add("below.optout.n3.example. MX 10 a.mx.example.")
    return internet.start()


@pytest.fixture(scope="module")
def daemon(filled, standing_gateway):
    return standing_gateway(listeners={"relay": LISTENERS["relay"]}, resolver=filled.resolver(), outbound=OUTBOUND)


@pytest.fixture(scope="module")
def forwarded(filled, standing_gateway, standing_subnet, tmp_path_factory):
    """A gateway that asks another resolver, and checks itself what that says."""
    with Unbound(tmp_path_factory.mktemp("unbound"), standing_subnet(53), filled) as resolver:
        yield standing_gateway(listeners={"relay": LISTENERS["relay"]}, outbound=OUTBOUND, address=standing_subnet(2),
                               resolver={"forwarders": [resolver.address], "trust-anchor-file": filled.root_key})


@pytest.fixture(scope="module")
def anchored(filled, standing_gateway, standing_subnet):
    """A gateway that knows one zone below the root alone, by an anchor of its own."""
    return standing_gateway(listeners={"relay": LISTENERS["relay"]}, outbound=OUTBOUND, address=standing_subnet(4),
                            resolver={"stubs": [f"example={filled.address(53)}"], "trust-anchor-file": filled.root_key,
                                      "trust-anchors": [anchor(filled.example)]})


def known(answer):
    if not answer["servers"] and not answer["dnssec"]:
        return NONE
    return SECURE if answer["dnssec"] else INSECURE


@pytest.mark.parametrize("way", ["daemon", "forwarded", "anchored"])
@pytest.mark.parametrize("domain", DOMAINS)
def test_what_is_known(request, domain, way):
    _, expected, servers = DOMAINS[domain]
    answer = request.getfixturevalue(way).ask("policy", f"b@{domain}")
    assert (known(answer), [server["name"] for server in answer["servers"]]) == (expected, servers), answer


@pytest.mark.parametrize("domain", ["plain.bog.example", "plain.exp.example", "badset.sec.example", "broken.sec.example"])
def test_forged_answers_defer(daemon, domain):
    """DNS-03: the records are there for who does not check; mail waits."""
    outcome = daemon.outcome(daemon.submit("a@example.test", f"b@{domain}"))
    assert (outcome["outcome"], outcome["status"]) == ("deferred", "4.7.324"), outcome


def test_failing_server_defers(daemon):
    outcome = daemon.outcome(daemon.submit("a@example.test", "b@plain.lame.example"))
    assert (outcome["outcome"], outcome["status"]) == ("deferred", "4.4.3"), outcome


def test_changes_are_seen(daemon, internet):
    """A record changes, and the gateway follows when its time is over."""
    zone = internet.add_zone("quick.example", ttl=1)
    zone.add("quick.example. MX 10 a.mx.example.")
    internet.knot.zones.append(zone)
    internet.knot.stop()
    internet.knot.start()
    first = daemon.ask("policy", "b@quick.example")
    assert [server["name"] for server in first["servers"]] == ["a.mx.example"], first
    zone.remove("quick.example")
    zone.add("quick.example. MX 10 b.mx.example.")
    internet.knot.reload(zone)
    until(lambda: daemon.ask("policy", "b@quick.example")["servers"][0]["name"] == "b.mx.example", 20, "the new record")
