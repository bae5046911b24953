"""`sternpost policy`: what a program reads of it, field by field, and that what it foretells is what happens."""
import re

import pytest
from harness.policy_host import policy
from harness.sink import Sink, server_context
from harness.sternpost import LISTENERS

# Domain: how it is made. The server is mx.DOMAIN; "sts": mode and what the policy allows.
DOMAINS = {
    "enforced.example": {"sts": ("enforce", "mx.enforced.example")},
    "testing.example": {"sts": ("testing", "mx.testing.example"), "certificate": "old.example"},
    "elsewhere.example": {"sts": ("enforce", "mx.nobody.example")},
    "misnamed.example": {"sts": ("enforce", "mx.misnamed.example"), "certificate": "old.example"},
    "unhad.example": {"sts": None},
    "dane.example": {"tlsa": "OWN"},
    "stale.example": {"tlsa": "22" * 32},
    "clear.example": {"certificate": None},
    "forged.example": {"tlsa": "OWN", "is_forged": True},
    "unsigned.ins.example": {"tlsa": "OWN"},
}


def add_domain(internet, authority, name, number, tlsa=None, is_forged=False, **made):
    server = f"mx.{name}"
    certificate = made.get("certificate", server) and authority.issue(made.get("certificate", server))
    internet.add(f"{name}. MX 10 {server}.", f"{server}. A {internet.address(number)}")
    if tlsa:
        internet.add(f"_25._tcp.{server}. TLSA 3 1 1 {tlsa.replace('OWN', certificate.digest)}")
    if is_forged:
        internet.zone_of(name).bad_sets.add((f"_25._tcp.{server}", "TLSA"))
    if "sts" in made:
        internet.add(f'_mta-sts.{name}. TXT "v=STSv1; id=20261101;"', f"mta-sts.{name}. A {internet.address(80)}")
    if made.get("sts"):
        mode, allowed = made["sts"]
        internet.policies.publish(f"mta-sts.{name}", policy(mode, [allowed]))
    internet.add_server(Sink(internet.address(number), 25, tls=certificate and server_context(certificate)))


@pytest.fixture(scope="module")
def daemon(internet, authority, standing_gateway):
    for number, (name, made) in enumerate(DOMAINS.items(), 101):
        add_domain(internet, authority, name, number, **made)
    internet.start()
    return standing_gateway(listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(),
                            outbound={"port": 25, "ca-file": authority.bundle, "retry": ["10m"]})


def ask(daemon, domain, *options):
    answer = daemon.ask("policy", f"b@{domain}", *options)
    return answer, answer["servers"][0]


def test_fields_of_mta_sts(daemon):
    answer, server = ask(daemon, "enforced.example")
    assert answer["recipient"] == "b@enforced.example"
    sts = answer["mta-sts"]
    assert {name: sts[name] for name in ("mode", "id", "mx", "source")} == {
        "mode": "enforce", "id": "20261101", "mx": ["mx.enforced.example"],
        "source": "https://mta-sts.enforced.example/.well-known/mta-sts.txt"}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", sts[name]) for name in ("fetched", "expires", "checked"))
    decision = answer["decision"]
    assert (decision["level"], decision["min-version"], decision["on-failure"]) == ("verify", "TLSv1.2", "defer")
    assert [reason["source"] for reason in decision["reasons"] if reason.get("decided")] == ["mta-sts"]
    assert answer["if-it-fails"] == "when no server meets that, the mail waits in the queue and is tried again"
    assert (server["name"], server["verdict"], server["level"], server["preference"]) == ("mx.enforced.example", "try", "verify", 10)
    assert server["session"]["ok"] and server["session"]["tls"]["certificate"] == "trusted"


def test_fields_of_dane(daemon, internet):
    answer, server = ask(daemon, "dane.example")
    assert answer["dnssec"] and server["addresses-dnssec"] and server["addresses"] == [internet.address(106)]
    assert (server["verdict"], server["level"], server["dane"]) == ("try", "dane", "usable")
    assert re.fullmatch("3 1 1 [0-9a-f]{64}", server["tlsa"][0])
    assert server["session"]["tls"]["dane"] == "matched" and server["session"]["tls"]["dane-text"] == server["tlsa"][0]


# Domain: (verdict, level or result, code, result of the session or None where there is none or all is well, outcome).
SERVERS = {
    "enforced.example": ("try", "verify", None, None, "delivered"),
    "testing.example": ("try", "may", None, None, "delivered"),
    "elsewhere.example": ("skip", "validation-failure", "mx-not-in-policy", None, "deferred"),
    "misnamed.example": ("try", "verify", None, "certificate-host-mismatch", "deferred"),
    "unhad.example": ("try", "may", None, None, "delivered"),
    "dane.example": ("try", "dane", None, None, "delivered"),
    "stale.example": ("try", "dane", None, "tlsa-invalid", "deferred"),
    "clear.example": ("try", "may", None, None, "delivered"),
    "forged.example": ("wait", "dnssec-invalid", "tlsa-bogus", None, "deferred"),
    "unsigned.ins.example": ("try", "may", None, None, "delivered"),
}


@pytest.mark.parametrize("domain", SERVERS)
def test_foretells(daemon, domain):
    verdict, word, code, session, outcome = SERVERS[domain]
    _, server = ask(daemon, domain)
    assert (server["verdict"], server.get("level", server.get("result")), server.get("code")) == (verdict, word, code), server
    assert ("session" in server) == (verdict == "try")
    assert server.get("session", {}).get("result") == session, server
    assert daemon.outcome(daemon.submit("a@example.test", f"b@{domain}"))["outcome"] == outcome


def test_a_policy_that_cannot_be_had(daemon):
    answer, _ = ask(daemon, "unhad.example")
    assert answer["mta-sts"]["result"] == "sts-policy-fetch-error" and answer["mta-sts"]["why"]
    assert "mode" not in answer["mta-sts"] and answer["mta-sts"]["text"].startswith("the MTA-STS policy could not be had: ")


def test_a_name_within_the_domain(daemon):
    """DNS-01: out of unsigned DNS only a name within the domain stands for it, here as in a delivery."""
    daemon.set_up("rule", "within", to="unsigned.ins.example", level="verify")
    _, server = ask(daemon, "unsigned.ins.example")
    assert server["session"]["ok"], server
    assert daemon.outcome(daemon.submit("a@example.test", "b@unsigned.ins.example"))["outcome"] == "delivered"


def test_no_connect(daemon):
    _, server = ask(daemon, "dane.example", "--no-connect")
    assert server["dane"] == "usable" and "session" not in server


def test_requiretls(daemon):
    answer, server = ask(daemon, "dane.example", "--requiretls")
    assert answer["decision"]["on-failure"] == "bounce" and answer["if-it-fails"].endswith("is returned to its sender")
    assert not server["session"]["ok"] and "REQUIRETLS" in server["session"]["text"]
    _, server = ask(daemon, "unsigned.ins.example", "--requiretls")
    assert (server["verdict"], server["code"]) == ("skip", "requiretls-not-authenticated")


def test_for_people(daemon):
    """Each fact once, what is said of it on its line."""
    text = daemon.cli("policy", "b@stale.example")
    assert "\n    dane: usable; 1 of 1 TLSA record of '_25._tcp.mx.stale.example' can be used\n" in text
    assert "-text:" not in text and text.count("matches none of its TLSA records") == 1
    assert "\nservers: 1 MX host for 'stale.example', proven by DNSSEC\n" in text
