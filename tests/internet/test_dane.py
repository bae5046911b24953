"""DANE for SMTP, record by record: what `sternpost policy` finds when it tries a domain's server, what becomes of mail to it, and
what Postfix's own probe says, behind a validating resolver over the same signed internet (DANE-01..DANE-12, DNS-02..DNS-07)."""
import hashlib
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from harness.authority import DAY, Authority
from harness.finger import MATCHED, UNKNOWN, UNMATCHED, Finger
from harness.sink import Sink, server_context
from harness.sternpost import LISTENERS
from harness.validator import Unbound

pytestmark = pytest.mark.xdist_group("postfix")
OK, ENCRYPTED, REFUSED, WAIT = "matched", "encrypted, nobody authenticated", "refused", "nothing to go by"
THEIRS = {OK: MATCHED, ENCRYPTED: UNMATCHED, REFUSED: UNMATCHED, WAIT: UNKNOWN}


@dataclass
class Case:
    """`records`: "FIELDS OF", where OF is leaf, root, below, other (an authority of nobody's), or hex. `server`: the certificate.
    `zone`: where the server's name lies. `alias`: the name in MX is this kind of alias of the server's. `result`: types of RFC 8460, one of which a refusal has."""
    records: tuple
    verdict: str
    server: str = "good"
    zone: str = "mx.example"
    alias: str = ""
    fault: str = ""
    result: tuple = ("validation-failure", "tlsa-invalid")


def case(verdict, *records, **fields):
    return Case(records, verdict, **fields)


CASES = {
    # Usage 3: the key or the certificate alone.
    "3 1 1": case(OK, "3 1 1 leaf"),
    "3 1 2": case(OK, "3 1 2 leaf"),
    "3 0 1": case(OK, "3 0 1 leaf"),
    "3 0 2": case(OK, "3 0 2 leaf"),
    "3 1 0": case(OK, "3 1 0 leaf"),
    "3 0 0": case(OK, "3 0 0 leaf"),
    "3 1 1, expired": case(OK, "3 1 1 leaf", server="expired"),
    "3 1 1, not valid yet": case(OK, "3 1 1 leaf", server="early"),
    "3 1 1, another name": case(OK, "3 1 1 leaf", server="another name"),
    "3 1 1, self-signed": case(OK, "3 1 1 leaf", server="self-signed"),
    "3 0 1, self-signed": case(OK, "3 0 1 leaf", server="self-signed"),
    "3 1 1, RSA-1024": case(OK, "3 1 1 leaf", server="weak key"),
    "3 1 1 of another": case(REFUSED, "3 1 1 other"),
    "3 1 1 of the issuer": case(REFUSED, "3 1 1 root"),
    "3 0 0 of another": case(REFUSED, "3 0 0 other"),
    # Usage 2: a chain with names and dates.
    "2 0 1": case(OK, "2 0 1 root"),
    "2 1 1": case(OK, "2 1 1 root"),
    "2 0 2": case(OK, "2 0 2 root"),
    "2 1 1 between": case(OK, "2 1 1 below", server="of below"),
    "2 0 1 between, root not sent": case(OK, "2 0 1 below", server="of below, root not sent"),
    "2 0 1, long chain": case(OK, "2 0 1 root", server="of below"),
    "2 0 1, root not sent": case(REFUSED, "2 0 1 root", server="root not sent"),
    "2 1 1, root not sent": case(REFUSED, "2 1 1 root", server="root not sent"),
    "2 0 0, root not sent": case(OK, "2 0 0 root", server="root not sent"),
    "bare key": case(OK, "2 1 0 root", server="root not sent"),
    "bare key of another": case(REFUSED, "2 1 0 other", server="root not sent"),
    "2 0 1 of another": case(REFUSED, "2 0 1 other"),
    "2 0 1, expired": case(REFUSED, "2 0 1 root", server="expired", result=("certificate-expired",)),
    "2 0 1, not valid yet": case(REFUSED, "2 0 1 root", server="early"),
    "2 0 1, another name": case(REFUSED, "2 0 1 root", server="another name", result=("certificate-host-mismatch",)),
    "2 0 1, wildcard": case(OK, "2 0 1 root", server="wildcard"),
    "2 0 1, partial wildcard": case(REFUSED, "2 0 1 root", server="partial wildcard", result=("certificate-host-mismatch",)),
    "2 0 1, name of the domain": case(OK, "2 0 1 root", server="name of the domain"),
    "2 0 1, common name alone": case(OK, "2 0 1 root", server="common name alone"),
    "2 0 1, self-signed leaf": case(REFUSED, "2 0 1 leaf", server="self-signed"),
    # Several.
    "rollover": case(OK, "3 1 1 other", "3 1 1 leaf"),
    "leaf or anchor": case(OK, "3 1 1 other", "2 0 1 root"),
    "neither": case(REFUSED, "3 1 1 other", "2 0 1 other"),
    "only the weaker digest": case(REFUSED, "3 1 1 leaf", "3 1 2 other"),
    "digests of two selectors": case(OK, "3 1 1 leaf", "3 0 2 other"),
    "whole key beside a digest": case(OK, "3 1 0 leaf", "3 1 2 other"),
    "usable beside unusable": case(OK, "0 0 1 root", "1 1 1 other", "3 1 1 leaf"),
    "unusable that would match": case(REFUSED, "1 1 1 leaf", "3 1 1 other"),
    "sixty, by TCP": case(OK, *(f"3 1 1 {number:064x}" for number in range(59)), "3 1 1 leaf"),
    # None that can be used.
    "PKIX only": case(ENCRYPTED, "0 0 1 root", "1 1 1 leaf"),
    "digest of a wrong length": case(ENCRYPTED, "3 1 1 0123"),
    "selector nobody knows": case(ENCRYPTED, "3 2 1 " + "11" * 32),
    "type nobody knows": case(ENCRYPTED, "3 1 3 " + "11" * 32),
    "usage nobody knows": case(ENCRYPTED, "4 1 1 " + "11" * 32),
    "no certificate": case(ENCRYPTED, "3 0 0 3003020101"),
    "a key in shape only": case(ENCRYPTED, "3 1 0 300630000302000f"),
    # Where records are not to be had, or not to be believed.
    "none": case(ENCRYPTED),
    "unsigned": case(ENCRYPTED, "3 1 1 other", zone="imx.example"),
    "forged": case(WAIT, "3 1 1 leaf", fault="forged"),
    "not answered": case(WAIT, fault="lame"),
    "not answered, unsigned": case(ENCRYPTED, zone="imx.example", fault="lame"),
    "by NSEC3, none": case(ENCRYPTED, zone="n3.example"),
    "by NSEC3": case(OK, "3 1 1 leaf", zone="n3.example"),
    # Records that are aliases, and servers.
    "records elsewhere": case(OK, "3 1 1 leaf", fault="elsewhere"),
    "records elsewhere, unsigned": case(ENCRYPTED, "3 1 1 other", fault="elsewhere unsigned"),
    "alias, records of the target": case(OK, "3 1 1 leaf", alias="signed"),
    "alias, records of both": case(OK, "3 1 1 leaf", alias="signed with others"),
    "alias, records of its own": case(OK, "3 1 1 leaf", alias="signed with its own"),
    "alias to the unsigned, records of its own": case(OK, "3 1 1 leaf", zone="imx.example", alias="signed with its own"),
    "unsigned alias to the signed": case(ENCRYPTED, "3 1 1 other", alias="unsigned"),
}


class Destinations:
    def __init__(self, internet, authority, folder):
        folder.mkdir()
        self.internet, self.root, self.below = internet, authority, authority.below("Below")
        self.other = Authority(folder, "Nobody's Root")
        self.made = {}
        for number, name in enumerate(CASES):
            self._add(number, CASES[name])

    @staticmethod
    def domain(name):
        return f"c{[*CASES].index(name)}.sec.example"

    def _issue(self, kind, host, domain):
        issue, key = self.root.issue, None
        if kind == "weak key":
            key = rsa.generate_private_key(65537, 1024)
        options = {"expired": {"first": -9 * DAY, "last": -DAY}, "early": {"first": DAY}, "self-signed": {"is_self_signed": True},
                   "root not sent": {"sends": 0}, "of below, root not sent": {"sends": 1},
                   "common name alone": {"has_alternative": False}}.get(kind, {})
        names = {"another name": "elsewhere.example", "wildcard": "*." + host.partition(".")[2], "name of the domain": domain,
                 "partial wildcard": host[:1] + "*." + host.partition(".")[2]}
        if kind.startswith("of below"):
            issue = self.below.issue
        return issue(names.get(kind, host), key=key, **options)

    def _data(self, selector, kind, of, leaf):
        if of not in ("leaf", "root", "below", "other"):
            return of
        certificate = {"leaf": x509.load_pem_x509_certificate(leaf.pem.encode()), "root": self.root.root,
                       "below": self.below.root, "other": self.other.root}[of]
        der, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        data = certificate.public_bytes(der) if selector == "0" else certificate.public_key().public_bytes(der, form)
        return {"0": lambda: data.hex(), "1": lambda: hashlib.sha256(data).hexdigest(),
                "2": lambda: hashlib.sha512(data).hexdigest()}[kind]()

    def _records(self, owner, records, leaf):
        for record in records:
            usage, selector, kind, of = record.split()
            self.internet.add(f"{owner} TLSA {usage} {selector} {kind} {self._data(selector, kind, of, leaf)}")

    def _add(self, number, one):
        host, domain = f"h{number}.{one.zone}", f"c{number}.sec.example"
        leaf, address = self._issue(one.server, host, domain), self.internet.address(100 + number)
        self.internet.add_server(Sink(address, 25, tls=server_context(leaf, has_weak_key=one.server == "weak key")))
        self.internet.add(f"{host}. A {address}", f"{domain}. MX 10 {self._alias(number, one, host, leaf)}.")
        owner = f"_25._tcp.{host}."
        if one.fault == "lame":
            self.internet.add_lame_zone(f"_tcp.{host}", one.zone)
        elif one.fault.startswith("elsewhere"):
            target = f"tlsa{number}.{'imx' if one.fault.endswith('unsigned') else 'sec'}.example."
            self.internet.add(f"{owner} CNAME {target}")
            self._records(target, one.records, leaf)
        elif one.alias != "signed with its own":
            self._records(owner, one.records, leaf)
        if one.fault == "forged":
            self.internet.zone_of(host).bad_sets.add((owner.rstrip("."), "TLSA"))

    def _alias(self, number, one, host, leaf):
        """The name for MX."""
        if not one.alias:
            return host
        alias = f"a{number}.{'ins' if one.alias == 'unsigned' else 'sec'}.example"
        self.internet.add(f"{alias}. CNAME {host}.")
        if one.alias == "signed with its own":
            self._records(f"_25._tcp.{alias}.", one.records, leaf)
        if one.alias == "signed with others":
            self._records(f"_25._tcp.{alias}.", ["3 1 1 other"], leaf)
        return alias


@pytest.fixture(scope="module")
def destinations(internet, authority, tmp_path_factory):
    made = Destinations(internet, authority, tmp_path_factory.mktemp("nobody") / "s")
    internet.start()
    return made


@pytest.fixture(scope="module")
def daemon(destinations, internet, authority, standing_gateway):
    return standing_gateway(listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(),
                            outbound={"port": 25, "allow-private": False, "retry": ["1h"]})


@pytest.fixture(scope="module")
def finger(peers, destinations, internet, standing_subnet, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finger")
    with Unbound(folder / "unbound", standing_subnet(53), internet, is_everyones=True):
        yield Finger(folder / "postfix")


def verdict_of(answer):
    """What our own probe says of the first server, in the words of the table; the record that matched."""
    server = answer["servers"][0]
    state, session = server.get("dane"), server.get("session")
    if state in ("bogus", "failed"):
        assert server["verdict"] != "try" and session is None, server
        return WAIT, ""
    assert session, server
    tls = session["tls"]
    if state == "usable":
        assert (tls["dane"] == "matched") == session["ok"], server
        return (OK, tls["dane-text"]) if session["ok"] else (REFUSED, "")
    assert session["ok"] and "dane" not in tls, server
    return ENCRYPTED, ""


@pytest.mark.parametrize("name", CASES)
def test_both_say_the_same(daemon, finger, destinations, name):
    answer = daemon.ask("policy", f"b@{destinations.domain(name)}")
    ours, our_record = verdict_of(answer)
    theirs, their_record, said = finger.probe(destinations.domain(name))
    assert (ours, theirs) == (CASES[name].verdict, THEIRS[CASES[name].verdict]), (answer, said)
    assert their_record[:60] == our_record[:60], (answer, said)
    if ours == REFUSED:
        assert answer["servers"][0]["session"]["result"] in CASES[name].result, answer


@pytest.mark.parametrize("name", CASES)
def test_mail(daemon, destinations, name):
    one = CASES[name]
    outcome = daemon.outcome(daemon.submit("a@example.test", f"b@{destinations.domain(name)}"))
    assert outcome["outcome"] == ("delivered" if one.verdict in (OK, ENCRYPTED) else "deferred"), outcome
    assert (outcome["status"][:3] == "4.7") == (outcome["outcome"] == "deferred"), outcome
