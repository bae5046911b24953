"""`sternpost cert` on a signed internet: TLSA records are found and decide; all MX servers, both families, the usual ports."""
import json

import pytest
from harness.sink import Sink, server_context
from harness.sternpost import Sternpost

SELF, OTHER, PLAIN = (f"{name}.mx.example" for name in ("self", "other", "plain"))
UNSIGNED = "self.imx.example"
BY_NAME, ALIAS = "by-name.mx.example", "alias-of-it.mx.example"


def context_by_name(name, certificate, default):
    """Shows the certificate to who asks for the name, another one to everybody else."""
    right, context = server_context(certificate), server_context(default)

    def choose(session, asked, _):
        if asked == name:
            session.context = right
    context.sni_callback = choose
    return context


@pytest.fixture(scope="module")
def filled(internet, authority):
    certificates = {SELF: authority.issue(SELF, is_self_signed=True), OTHER: authority.issue(OTHER),
                    PLAIN: authority.issue(PLAIN), UNSIGNED: authority.issue(UNSIGNED, is_self_signed=True)}
    for i, (name, certificate) in enumerate(certificates.items()):
        internet.add(f"{name}. A {internet.address(20 + i)}", f"{name}. AAAA {internet.address6(20 + i)}")
        for address in (internet.address(20 + i), internet.address6(20 + i)):
            internet.add_server(Sink(address, port=25, tls=server_context(certificate)))
    internet.add(f"_25._tcp.{SELF}. TLSA 3 1 1 {certificates[SELF].digest}",
                 f"_25._tcp.{OTHER}. TLSA 3 1 1 {certificates[SELF].digest}",
                 f"_25._tcp.{UNSIGNED}. TLSA 3 1 1 {certificates[UNSIGNED].digest}",
                 f"two.sec.example. MX 10 {SELF}.", f"two.sec.example. MX 20 {PLAIN}.")
    by_name = authority.issue(BY_NAME)
    internet.add(f"{ALIAS}. CNAME {BY_NAME}.", f"{BY_NAME}. A {internet.address(29)}",
                 f"_25._tcp.{BY_NAME}. TLSA 3 1 1 {by_name.digest}")
    internet.add_server(Sink(internet.address(29), port=25,
                             tls=context_by_name(BY_NAME, by_name, certificates[PLAIN])))
    internet.certificates = certificates
    return internet.start()


@pytest.fixture
def command(filled, tmp_path, subnet, certificate):
    home = Sternpost(tmp_path / "home", subnet(1), certificate, resolver=filled.resolver(), outbound={"port": 25})
    home.write_config()
    return lambda *arguments: home.run("cert", *arguments)


def judged(done, server=0):
    addresses = json.loads(done.stdout)["servers"][server]["addresses"]
    assert len(addresses) == 2, "IPv6 and IPv4"
    assert addresses[0]["judgement"] == addresses[1]["judgement"]
    return addresses[0]["judgement"], {f["id"]: f for f in addresses[0]["judgement"]["findings"]}


def test_dane_makes_a_self_signed_certificate_fine(command):
    """The same server, by what its senders demand; without --for its TLSA records decide."""
    done = command(SELF, "--json")
    judgement, findings = judged(done)
    assert done.returncode == 0, done.stderr
    assert judgement["for"] == "dane" and findings["dane.match"]["severity"] == "ok"
    assert findings["cert.self-signed"]["severity"] == "ok" and "MTA-STS" in findings["cert.self-signed"]["why"]
    done = command(SELF, "--json", "--for", "mta-sts")
    assert done.returncode == 1 and judged(done)[1]["cert.self-signed"]["severity"] == "error"


def test_dane_that_does_not_match(command, filled, authority):
    """A trusted certificate does not mend it (DANE-10); the record to publish is told."""
    done = command(OTHER, "--json", "--ca", authority.bundle)
    judgement, findings = judged(done)
    assert done.returncode == 1 and judgement["worst"] == "error" and judgement["trusted"]
    assert f"_25._tcp.{OTHER}. IN TLSA 3 1 1 {filled.certificates[OTHER].digest}" in findings["dane.match"]["advice"]


def test_dane_asks_for_the_name_of_the_records(command):
    """As senders do (DANE-11, RFC 7672 section 8.1): of an alias that is signed, for what it leads to; else for itself."""
    done = command(ALIAS, "--json")
    answer = json.loads(done.stdout)["servers"][0]
    assert done.returncode == 0 and answer["addresses"][0]["judgement"]["for"] == "dane", done.stdout
    assert command(ALIAS, "--json", "--sni", ALIAS).returncode == 1
    assert command(ALIAS, "--json", "--for", "webpki").returncode == 1


def test_records_that_are_not_signed_do_not_count(command):
    """DNS-04."""
    answer = json.loads(command(UNSIGNED, "--json").stdout)["servers"][0]
    assert answer["dane"]["state"] == "none" and answer["addresses"][0]["judgement"]["for"] == "webpki"


def test_dane_demanded_where_there_is_none(command, authority):
    done = command(PLAIN, "--json", "--for", "dane", "--ca", authority.bundle)
    assert done.returncode == 1 and judged(done)[1]["dane.fields"]["severity"] == "error"
    assert command(PLAIN, "--json", "--ca", authority.bundle).returncode == 0


def test_all_servers_of_a_domain(command, authority):
    """Each MX by its own records; those of the domain count only where they are not forged (DNS-03)."""
    done = command("--role", "inbound", "two.sec.example", "--json", "--ca", authority.bundle)
    assert done.returncode == 0, done.stdout
    assert [judged(done, i)[0]["for"] for i in (0, 1)] == ["dane", "webpki"]
    for domain in ("two.bog.example", "two.lame.example"):
        done = command("--role", "inbound", domain)
        assert done.returncode == 1 and domain in done.stderr, done.stderr


def test_the_records_are_shown(command, filled):
    text = command(SELF, "--text").stdout
    assert "DANE: usable" in text and f"TLSA 3 1 1 {filled.certificates[SELF].digest}" in text
    assert "judged for dane: ok" in text
    assert "certificates: the same as of" in text, "a chain is shown once"
