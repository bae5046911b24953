"""Policy hosts as they are, good and hostile: whether a policy is had from them shows in mail to a server without TLS, which waits
where the policy holds and goes where there is none (STS-01..STS-06, STS-19, STS-22..STS-26)."""
import gzip
import ssl

import pytest
from harness.partner import Partners
from harness.policy_host import PolicyHost, policy
from harness.sternpost import LISTENERS

HAD, NOT_HAD = "deferred", "delivered"
PLAIN = ("Content-Type", "text/plain")
TEXT = policy("enforce", ["*.example"])


def chunked(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part.encode()) for part in (*parts, "")) if parts else b""


# Name: (what the site does, the outcome).
SITES = {
    "charset": ({"headers": (("Content-Type", "text/plain; charset=utf-8"),)}, HAD),
    "type in capitals": ({"headers": (("content-TYPE", "Text/Plain"),)}, HAD),
    "no length, until it closes": ({"has_length": False}, HAD),
    "chunked": ({"text": chunked(TEXT[:30], TEXT[30:]), "has_length": False, "headers": (PLAIN, ("Transfer-Encoding", "chunked"))}, HAD),
    "caching headers": ({"headers": (PLAIN, ("Cache-Control", "no-store, max-age=0"), ("Expires", "0"))}, HAD),
    "a cookie": ({"headers": (PLAIN, ("Set-Cookie", "a=b"))}, HAD),
    "bare LF": ({"text": TEXT.replace("\r\n", "\n")}, HAD),
    "unknown keys": ({"text": TEXT + "colour: red\r\n"}, HAD),
    "key order": ({"text": "mx: *.example\r\nmax_age: 86400\r\nmode: enforce\r\nversion: STSv1\r\n"}, HAD),
    "max_age 0": ({"text": policy("enforce", ["nobody.example"], 0)}, HAD),
    "no type": ({"headers": ()}, NOT_HAD),
    "html": ({"headers": (("Content-Type", "text/html"),)}, NOT_HAD),
    "plainer": ({"headers": (("Content-Type", "text/plainer"),)}, NOT_HAD),
    "compressed unasked": ({"text": gzip.compress(TEXT.encode()), "headers": (PLAIN, ("Content-Encoding", "gzip"))}, NOT_HAD),
    "201": ({"status": "201 Created"}, NOT_HAD),
    "204": ({"status": "204 No Content"}, NOT_HAD),
    "304": ({"status": "304 Not Modified"}, NOT_HAD),
    "401": ({"status": "401 Unauthorized", "headers": (PLAIN, ("WWW-Authenticate", "Basic"))}, NOT_HAD),
    "500": ({"status": "500 Internal Server Error"}, NOT_HAD),
    "301 to itself": ({"status": "301 Moved", "headers": (PLAIN, ("Location", "/.well-known/mta-sts.txt"))}, NOT_HAD),
    "302 elsewhere": ({"status": "302 Found", "headers": (PLAIN, ("Location", "https://mta-sts.there.example/x"))}, NOT_HAD),
    "307 to http": ({"status": "307 Temporary", "headers": (PLAIN, ("Location", "http://mta-sts.there.example/"))}, NOT_HAD),
    "length says more": ({"headers": (PLAIN, ("Content-Length", "5000")), "has_length": False}, NOT_HAD),
    "64 KiB and more": ({"text": TEXT + "x: y\r\n" * 12000}, NOT_HAD),
    "endless headers": ({"headers": (PLAIN, *((f"X-{n}", "y" * 1000) for n in range(500)))}, NOT_HAD),
    "BOM": ({"text": "\ufeff" + TEXT}, NOT_HAD),
    "NUL": ({"text": TEXT.replace("enforce", "enfo\0rce")}, NOT_HAD),
    "expired": ({"certificate": "expired"}, NOT_HAD),
    "not yet valid": ({"certificate": "not yet valid"}, NOT_HAD),
    "self-signed": ({"certificate": "self-signed"}, NOT_HAD),
    "wrong name": ({"certificate": "wrong name"}, NOT_HAD),
    "common name only": ({"certificate": "common name only"}, NOT_HAD),
}
# Name: (the address of the policy host, the outcome). STS-22: only what anybody could ask is asked.
ADDRESSES = {
    "private 10": ("A 10.1.2.3", NOT_HAD), "private 192.168": ("A 192.168.1.1", NOT_HAD), "loopback": ("A 127.0.0.1", NOT_HAD),
    "link-local": ("A 169.254.169.254", NOT_HAD), "shared": ("A 100.64.0.1", NOT_HAD), "unspecified": ("A 0.0.0.0", NOT_HAD),
    "broadcast": ("A 255.255.255.255", NOT_HAD), "loopback 6": ("AAAA ::1", NOT_HAD), "unique local": ("AAAA fd00::1", NOT_HAD),
    "mapped": ("AAAA ::ffff:127.0.0.1", NOT_HAD), "mapped public": ("AAAA ::ffff:OWN4", HAD),
    "NAT64 of loopback": ("AAAA 64:ff9b::7f00:1", NOT_HAD), "IPv6 alone": ("AAAA OWN6", HAD), "IPv4 alone": ("A OWN4", HAD),
    "an alias": ("CNAME policies.example.", HAD),
}
# Name: (TXT records, the outcome). STS-14.
RECORDS = {
    "another beside it": (["v=spf1 -all", "v=STSv1; id=1;"], HAD), "no semicolon at the end": (["v=STSv1; id=1"], HAD),
    "an extension": (["v=STSv1; id=1; x=y;"], HAD), "blanks": (["v=STSv1 ; id=1 ;"], HAD),
    "two": (["v=STSv1; id=1;", "v=STSv1; id=2;"], NOT_HAD), "no id": (["v=STSv1;"], NOT_HAD), "empty id": (["v=STSv1; id=;"], NOT_HAD),
    "id with a hyphen": (["v=STSv1; id=a-b;"], NOT_HAD), "long id": ([f"v=STSv1; id={'a' * 33};"], NOT_HAD),
    "another version": (["v=STSv2; id=1;"], NOT_HAD), "a blank before": ([" v=STSv1; id=1;"], NOT_HAD), "none": ([], NOT_HAD),
}


@pytest.fixture(scope="module")
def scene(internet, authority, standing_gateway):
    partners = Partners(internet, authority, 70)
    internet.add(f"policies.example. A {internet.address(80)}")
    internet.start()
    daemon = standing_gateway(listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(),
                              outbound={"port": 25, "allow-private": False, "retry": ["6h"], "ca-file": authority.bundle})
    return daemon, partners


def make(partners):
    partner = partners.new("unsigned")
    return partner, partner.server("mx", tls=None)


def check(daemon, partner, sink, outcome):
    partner.publish()
    message = daemon.submit("a@example.test", f"b@{partner.domain}")
    assert daemon.outcome(message, 30)["outcome"] == outcome, daemon.trace(message)
    assert len(sink.messages) == (outcome == NOT_HAD)


@pytest.mark.parametrize("name", SITES)
def test_site(scene, name):
    daemon, partners = scene
    site, outcome = SITES[name]
    partner, sink = make(partners)
    partner.policy(**{"text": TEXT, **site})
    check(daemon, partner, sink, outcome)
    assert partner.fetches() <= 1


@pytest.mark.parametrize("name", ADDRESSES)
def test_address(scene, internet, name):
    daemon, partners = scene
    record, outcome = ADDRESSES[name]
    partner, sink = make(partners)
    partner.policy(text=TEXT)
    partner.zone.remove(f"mta-sts.{partner.domain}")
    partner.zone.add(f"mta-sts.{partner.domain}. {record.replace('OWN6', internet.address6(80)).replace('OWN4', internet.address(80))}")
    check(daemon, partner, sink, outcome)
    assert partner.fetches() == (outcome == HAD)


@pytest.mark.parametrize("name", RECORDS)
def test_record(scene, name):
    daemon, partners = scene
    texts, outcome = RECORDS[name]
    partner, sink = make(partners)
    partner.policy(text=TEXT)
    partner.record(*texts)
    check(daemon, partner, sink, outcome)


def test_old_tls_only(scene, internet, authority):
    """RFC 9325: below TLS 1.2 nothing is fetched."""
    daemon, partners = scene
    partner, sink = make(partners)
    partner.policy(text=TEXT)
    old = PolicyHost(authority)
    old.publish(f"mta-sts.{partner.domain}", TEXT)
    old.start([internet.address(81)], version=ssl.TLSVersion.TLSv1_1)
    partner.zone.remove(f"mta-sts.{partner.domain}")
    partner.zone.add(f"mta-sts.{partner.domain}. A {internet.address(81)}")
    check(daemon, partner, sink, NOT_HAD)
    old.stop()
    assert not old.requests


def test_a_private_address_beside_a_public_one(scene, internet):
    """STS-22: the public one is asked."""
    daemon, partners = scene
    partner, sink = make(partners)
    partner.policy(text=TEXT)
    partner.zone.add(f"mta-sts.{partner.domain}. A 10.1.2.3")
    check(daemon, partner, sink, HAD)


def test_one_fetch_for_much_mail(scene):
    """STS-25: a burst to one domain is one fetch, of what fails too."""
    daemon, partners = scene
    for status in ("200 OK", "500 Internal Server Error"):
        partner, _ = make(partners)
        partner.policy(text=TEXT, status=status)
        partner.publish()
        ids = [daemon.submit("a@example.test", f"b{n}@{partner.domain}") for n in range(20)]
        for message in ids:
            daemon.outcome(message, 30)
        assert partner.fetches() == 1, status


def test_silent_host_delays_no_other(scene, internet):
    """STS-06: mail to its domain may wait for it, mail to others does not."""
    daemon, partners = scene
    slow, _ = make(partners)
    slow.policy(text=TEXT, silent=True)
    slow.publish()
    waiting = daemon.submit("a@example.test", f"b@{slow.domain}")
    partner, sink = make(partners)
    partner.policy(text=TEXT)
    check(daemon, partner, sink, HAD)
    assert daemon.events(waiting, "outcome") == []
    internet.policies.hang_up()
    assert daemon.outcome(waiting, 30)["outcome"] == NOT_HAD
