"""`sternpost check`: a domain with each fault, and clean ones; and what --suggest prints, published, makes the next check clean."""
import json
import os
import pty
import re
import ssl
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from harness.authority import DAY
from harness.checked import GOOD_TLSA, ID, TWO_WEEKS, Maker, check, found
from harness.policy_host import policy
from harness.process import sanitizer_environment
from harness.sink import Sink, server_context
from harness.sternpost import BINARY, Sternpost

GOOD_TEXT = "version: STSv1\r\nmode: enforce\r\nmx: mx.{0}\r\nmax_age: 1209600\r\n"


def text(domain, old="", new=""):
    return GOOD_TEXT.format(domain).replace(old, new)


E, W, A, N = "error", "warning", "advice", "not testable"
BOTH = ['0 issue "testroot.example"', '0 issue "testmiddle.example"']
RSA_1024, RSA_3072 = (rsa.generate_private_key(65537, bits) for bits in (1024, 3072))


def ciphers(certificate, names):
    """TLS 1.2 with these alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(names)
    context.load_cert_chain(certificate.chain, certificate.key)
    return context


# Name of the domain below example: what it is made with, and all that is found, but for what is ok.
FAULTS = {
    "clean": ({}, {}),
    "unsigned.ins": ({"server": {}}, {"dns.signed": A}),
    # MX and DNS
    "alias": ({"mx": ["10 alias.alias.example."], "extra": ["alias.alias.example. CNAME mx.alias.example."],
               "text": text("alias.example", "mx.alias", "alias.alias"), "server": {"name": "alias.alias.example"}},
              {"mx.cname": W, "dane.each": A}),
    "literal": ({"mx": ["10 mx.literal.example.", "20 5.6.7.8."]}, {"mx.ip": E}),
    "mixed": ({"mx": ["10 mx.mixed.example.", "0 ."]}, {"mx.null": E}),
    "private": ({"mx": ["10 mx.private.example.", "20 in.private.example."],
                 "text": text("private.example", "mx: ", "mx: in.private.example\r\nmx: "),
                 "extra": ["in.private.example. A 10.1.2.3"]},
                {"mx.private": E, "dane.each": W}),
    "gone": ({"mx": ["10 mx.gone.example.", "20 mx2.gone.example."],
              "text": text("gone.example", "mx: ", "mx: mx2.gone.example\r\nmx: ")},
             {"mx.addr": E}),
    "twice": ({"mx": ["10 mx.twice.example.", "20 mx.twice.example."]}, {"mx.dup": W}),
    "unnamed": ({"server": {**GOOD_TLSA, "names": False}}, {"mx.ptr": W}),
    "misled": ({"server": {**GOOD_TLSA, "names": "mx.clean.example"}}, {"mx.ptr": W}),
    "parked": ({"extra": ['parked.example. TXT "v=spf1 -all"']}, {"mx.parked": A}),
    "ns-silent": ({"second": "silent", "server": {}}, {"dns.ns": W, "dns.signed": A}),
    "ns-fails": ({"second": "fails", "server": {}}, {"dns.ns": E, "dns.tcp": W, "dns.signed": A}),
    "ns-udp": ({"second": "udp", "server": {}}, {"dns.tcp": W, "dns.signed": A}),
    # TLS and certificates, in enforce and without a policy
    "plain": ({"server": {"offers": False}}, {"tls.offer": E, "sts.mx.ready": E, "dane.each": A,
                                              "rpt.rua.loop": W}),
    "named": ({"server": {"name": "other.example"}},
              {"cert.name": E, "sts.mx.ready": E, "dane.each": A, "rpt.rua.loop": W}),
    "named-testing": ({"server": {"name": "other.example"}, "mode": "testing"},
                      {"cert.name": W, "sts.mx.ready": W, "sts.pol.mode.state": A, "dane.each": A, "tls.requiretls": A}),
    "named-alone": ({"server": {"name": "other.example"}, "sts": "", "host": False},
                    {"cert.name": A, "sts.txt.exists": W, "dane.each": A, "tls.requiretls": A}),
    "old": ({"server": {"first": -9 * DAY, "last": -DAY}},
            {"cert.expiry": E, "sts.mx.ready": E, "dane.each": A, "rpt.rua.loop": W}),
    "soon": ({"server": {"last": 5 * DAY}}, {"cert.expiry": W, "dane.each": A}),
    "own": ({"server": {"is_self_signed": True}},
            {"cert.trust": E, "sts.mx.ready": E, "dane.each": A, "rpt.rua.loop": W}),
    "own-dane": ({"server": {"is_self_signed": True, "tlsa": ["3 1 1 OWN", "3 1 1 " + "ab" * 32]}, "sts": "", "host": False},
                 {"sts.txt.exists": W}),
    "mute": ({"server": {**GOOD_TLSA, "sink": lambda _: {"replies": {"EHLO": "502 no", "HELO": "502 no"}}}},
             {"tls.ehlo": E, "sts.mx.ready": E, "rpt.rua.mail": N, "rpt.rua.loop": W}),
    "unshaken": ({"server": {**GOOD_TLSA, "sink": lambda _: {"broken_handshake": True}}},
                 {"tls.handshake": E, "sts.mx.ready": E, "rpt.rua.mail": E, "rpt.rua.loop": W}),
    "dumb": ({"server": {**GOOD_TLSA, "sink": lambda _: {"replies": {"EHLO": lambda session, _: "hang-up" if session.tls else None}}}},
             {"tls.after": E, "rpt.rua.mail": E}),
    "static": ({"server": {**GOOD_TLSA, "key": RSA_3072, "sink": lambda c: {"tls": ciphers(c, "AES256-SHA256")}}}, {"tls.kex": W}),
    "short-key": ({"server": {**GOOD_TLSA, "key": RSA_1024, "sink": lambda c: {"tls": ciphers(c, "DEFAULT:@SECLEVEL=0")}}},
                  {"cert.key": E, "dane.weakkey": W, "sts.mx.ready": E, "rpt.rua.loop": W}),
    "sha1": ({"server": {**GOOD_TLSA, "digest": hashes.SHA1(), "sink": lambda c: {"tls": ciphers(c, "DEFAULT:@SECLEVEL=0")}}},
             {"cert.sig": E, "sts.mx.ready": E, "rpt.rua.loop": W}),
    "client": ({"server": {**GOOD_TLSA, "usages": [ExtendedKeyUsageOID.CLIENT_AUTH]}}, {"cert.usage": E, "sts.mx.ready": E, "rpt.rua.loop": W}),
    "cut-chain": ({"server": {**GOOD_TLSA, "by_middle": True}, "caa": BOTH}, {"cert.chain": E, "sts.mx.ready": E, "rpt.rua.loop": W}),
    "whole-chain": ({"server": {**GOOD_TLSA, "by_middle": True, "sends": 1}, "caa": BOTH}, {}),
    "anchor": ({"server": {"tlsa": ["2 1 1 ROOT"], "name": "other.example", "sends": 1}},
               {"dane.ta": E, "cert.name": E, "cert.chain": A, "sts.mx.ready": E, "rpt.rua.loop": W}),
    "held-long": ({"server": {"tlsa": GOOD_TLSA["tlsa"], "ttl": 86400, "last": 10 * DAY}}, {"dane.ttl": W, "cert.expiry": W}),
    "elsewhere": ({"mx": ["10 mx.unreported.example."], "server": "", "reports": "v=TLSRPTv1; rua=mailto:tlsrpt@clean.example",
                   "text": text("elsewhere.example", "mx.elsewhere", "mx.unreported")}, {"rpt.mx": A}),
    "unlisted": ({"caa": ""}, {"cert.caa": A}),
    "barred": ({"caa": '0 issue ";"'}, {"cert.caa": E}),
    "barred-else": ({"caa": '0 issue "letsencrypt.org"'}, {"cert.caa": A}),
    # DANE
    "stale": ({"server": {"tlsa": ["3 1 1 " + "cd" * 32]}}, {"dane.match": E}),
    "single": ({"server": {"tlsa": ["3 1 1 OWN"]}}, {"dane.rollover": A}),
    "short": ({"server": {"tlsa": ["3 1 1 OWN", "3 1 1 abcd", "3 1 1 " + "ab" * 32]}}, {"dane.fields": E}),
    "usage": ({"server": {"tlsa": ["3 1 1 OWN", "1 1 1 OWN", "3 1 1 " + "ab" * 32]}}, {"dane.usage": W}),
    "useless": ({"server": {"tlsa": ["1 1 1 OWN"]}}, {"dane.usage": E}),
    "vain.ins": ({"server": {"tlsa": ["3 1 1 OWN"]}}, {"dane.signed": W, "dns.signed": A}),
    # The record
    "two-ids": ({"sts": [ID, ID + "1"]}, {"sts.txt.one": E}),
    "badid": ({"sts": "v=STSv1; id=2026-11-01"}, {"sts.txt.id": E}),
    "lower": ({"sts": "v=stsv1; id=20261101"}, {"sts.txt.prefix": E}),
    "field": ({"sts": ID + "; id=2; x=y"}, {"sts.txt.syntax": W}),
    "wild": ({"sts": [ID, "v=spf1 -all"]}, {"sts.txt.other": W}),
    "apex": ({"sts": "", "extra": [f'apex.example. TXT "{ID}"']}, {"sts.txt.exists": W, "sts.txt.apex": E}),
    "label": ({"sts": "", "extra": [f'_mta-sts.label.example.label.example. TXT "{ID}"']},
              {"sts.txt.exists": W, "sts.txt.apex": E}),
    "record-alias": ({"sts": "", "extra": ["_mta-sts.record-alias.example. CNAME nothing.example."]},
                     {"sts.txt.exists": W, "sts.txt.cname": E}),
    "cut": ({"sts": 'v=STSv1; id=2026" "1101'}, {}),
    "cut-short": ({"sts": 'v=STSv1; id=2026" " 1101'}, {"sts.txt.join": E, "sts.txt.id": E}),
    # The host
    "hostless": ({"host": False}, {"sts.host.resolve": E}),
    "unanswered": ({"host": False, "extra": ["mta-sts.unanswered.example. A NOBODY"]},
                   {"sts.host.reach": E, "sts.http.answer": E}),
    "routeless": ({"extra": ["mta-sts.routeless.example. AAAA 2a01:db8::1", "mx.routeless.example. AAAA 2a01:db8::1"]},
                  {"sts.host.reach": N, "mx.addr": N, "mx.ptr": W}),
    "siteless": ({"text": ""}, {"sts.host.tls": E}),
    "web-old": ({"certificate": "expired"}, {"sts.host.cert.days": E}),
    "web-name": ({"certificate": "wrong name"}, {"sts.host.cert": E}),
    "web-own": ({"certificate": "self-signed"}, {"sts.host.cert": E}),
    "status": ({"status": "404 Not Found"}, {"sts.http.200": E}),
    "moved": ({"status": "301 Moved", "headers": (("Location", "https://elsewhere.example/"),)},
              {"sts.http.redirect": E}),
    "html": ({"headers": (("Content-Type", "text/html"),)}, {"sts.http.type": E}),
    "packed": ({"headers": (("Content-Type", "text/plain"), ("Content-Encoding", "gzip"))},
               {"sts.http.encoding": E}),
    "login": ({"status": "401 Unauthorized"}, {"sts.http.encoding": E}),
    "large": ({"text": "version: STSv1\r\n" + "x: y\r\n" * 20000}, {"sts.http.size": E}),
    # The policy
    "version": ({"text": text("version.example", "version: STSv1\r\n")}, {"sts.pol.version": E, "sts.pol.syntax": E}),
    "mode": ({"text": text("mode.example", "enforce", "Enforce")}, {"sts.pol.mode": E, "sts.pol.syntax": E}),
    "taken-back": ({"mode": "none"}, {"sts.pol.mode.state": A}),
    "ageless": ({"text": text("ageless.example", "max_age: 1209600\r\n")}, {"sts.pol.maxage": E, "sts.pol.syntax": E}),
    "young": ({"text": text("young.example", "1209600", "3600")}, {"sts.pol.maxage.low": W}),
    "nameless": ({"text": text("nameless.example", "mx: mx.nameless.example\r\n")},
                 {"sts.pol.mx": E, "sts.pol.syntax": E}),
    "doubled": ({"text": text("doubled.example", "mode", "mode: enforce\r\nmode")}, {"sts.pol.dup": W}),
    "unknown": ({"text": text("unknown.example", "mode", "contact: me\r\nmode")}, {"sts.pol.unknown": A}),
    "blank": ({"text": text("blank.example", "mode", "\r\nmode")}, {"sts.pol.lines": W, "sts.pol.syntax": E}),
    "mark": ({"text": "\ufeff" + text("mark.example")}, {"sts.pol.lines": E, "sts.pol.syntax": E}),
    "ends": ({"text": text("ends.example", "enforce\r\n", "enforce\n")}, {"sts.pol.lines": W}),
    "outside": ({"text": text("outside.example", "mx.outside", "mx9.outside")},
                {"sts.pol.cover": E, "sts.pol.stale": A}),
    "deeper": ({"mx": ["10 mx.a.deeper.example."], "server": "", "text": text("deeper.example", "mx.deeper", "*.deeper")},
               {"sts.pol.deep": E, "sts.pol.stale": A, "mx.addr": E, "rpt.rua.mail": E}),
    "below": ({"extra": ["*.below.example. MX 10 mx.below.example."]}, {"sts.pol.sub": A}),
    # TLS reporting
    "silent": ({"reports": ""}, {"rpt.txt.exists": A, "rpt.order": W}),
    "two-reports": ({"reports": ["v=TLSRPTv1; rua=mailto:a@two-reports.example", "v=TLSRPTv1; rua=mailto:b@two-reports.example"]},
                    {"rpt.txt.one": E, "rpt.order": W}),
    "ruined": ({"reports": "v=TLSRPTv1; ruf=mailto:a@ruined.example"}, {"rpt.txt.syntax": E, "rpt.order": W}),
    "bare": ({"reports": "v=TLSRPTv1; rua=tlsrpt@bare.example"}, {"rpt.rua.scheme": E}),
    "many": ({"reports": "v=TLSRPTv1; rua=mailto:a@many.example,mailto:b@many.example"}, {"rpt.rua.count": A}),
    "again": ({"reports": "v=TLSRPTv1; rua=mailto:a@again.example,mailto:a@again.example"},
              {"rpt.rua.dup": W}),
    "dead": ({"reports": "v=TLSRPTv1; rua=mailto:nobody@dead.example"}, {"rpt.rua.mail": E}),
    "astray": ({"reports": "v=TLSRPTv1; rua=mailto:tlsrpt@nowhere.astray.example"}, {"rpt.rua.mail": E}),
    "webless": ({"reports": "v=TLSRPTv1; rua=https://nothing.webless.example/r"}, {"rpt.rua.https": E}),
    "spf": ({"reports": ["v=TLSRPTv1; rua=mailto:a@spf.example", "v=spf1 -all"]}, {"rpt.txt.other": W}),
    "report-apex": ({"reports": "", "extra": ['report-apex.example. TXT "v=TLSRPTv1; rua=mailto:a@report-apex.example"']},
                    {"rpt.txt.exists": A, "rpt.txt.apex": E, "rpt.order": W}),
    "guide": ({"reports": "v=TLSRPTv1; rua=mailto:tlsrpt@solarmora.com"}, {"lint.sample": E, "rpt.rua.mail": E}),
}


# Domains that need what --suggest prints, one way or the other: twenty of them.
NOTHING = {"sts": "", "reports": "", "host": False}
SUGGESTED = {
    **{f"new{n}.example": NOTHING for n in range(1, 5)},
    **{f"new{n}.ins.example": {**NOTHING, "server": {}} for n in range(1, 4)},
    "several.example": {**NOTHING, "mx": ["10 mx.several.example.", "20 mx2.several.example.", "30 mx.clean.example."]},
    "hosted.example": {"sts": "", "reports": ""},
    "untold.example": {"reports": ""},
    "misread.example": {"sts": "v=STSv1; id=not-an-id"},
    "manifold.example": {"sts": [ID, ID + "2"], "reports": ["v=TLSRPTv1; rua=mailto:a@b.example", "v=TLSRPTv1; rua=mailto:c@b.example"]},
    "unfit.example": {"text": "version: STSv1\r\nmode: testing\r\nmx: mx.elsewhere.example\r\nmax_age: 60\r\n"},
    "missed.example": {"text": "version: STSv1\r\nmode: enforce\r\nmx: *.missed.invalid\r\nmax_age: 1209600\r\n"},
    "mangled.example": {"text": "mode: what\r\n"},
    "absent.example": {"text": "", "reports": ""},
    "sample.example": {"reports": "v=TLSRPTv1; rua=mailto:tlsrpt@solarmora.com"},
    "lost.example": {"sts": "", "reports": "", "extra": [f'lost.example. TXT "{ID}"']},
    "served.example": {"headers": (("Content-Type", "text/html"),)},
    "aged.example": {"text": "version: STSv1\r\nmode: enforce\r\nmx: mx.aged.example\r\nmax_age: 99\r\n"},
}


@pytest.fixture(scope="module")
def made(internet, authority):
    maker = Maker(internet, authority)
    for name, (options, _) in FAULTS.items():
        maker.domain(f"{name}.example", **options)
    for name in SUGGESTED:
        maker.domain(name, **SUGGESTED[name])
    maker.server("mx2.several.example", **GOOD_TLSA)
    maker.server("mx.unreported.example", **GOOD_TLSA)
    internet.add('unreported.example. CAA 0 issue "testroot.example"')
    maker.server("mx.uneven.example", **GOOD_TLSA)
    maker.domain("uneven.example", server="")
    uneven = maker.address()
    internet.add(f"mx.uneven.example. A {uneven}")
    maker.name(uneven, "mx.uneven.example")
    internet.add_server(Sink(uneven, 25, tls=server_context(authority.issue("mx.uneven.example", sends=0)), tls_extensions=("REQUIRETLS",)))
    keys = [authority.issue(f"{host}.twins.example", sends=0) for host in ("mx", "mx2")]
    twins = {"tlsa": [f"3 1 1 {key.digest}" for key in keys]}
    maker.domain("twins.example", mx=["10 mx.twins.example.", "20 mx2.twins.example."], server={**twins, "certificate": keys[0]},
                 text=policy("enforce", ["mx.twins.example", "mx2.twins.example"], TWO_WEEKS))
    maker.server("mx2.twins.example", **twins, certificate=keys[1])
    maker.domain("pair.example", mx=["10 mx.pair.example.", "20 mx2.pair.example."], server={"extensions": ()})
    maker.server("mx2.pair.example", extensions=())
    for name in ("shared-a.example", "shared-b.example"):
        maker.domain(name, mx=["10 mx.shared.example."], server="", reports="v=TLSRPTv1; rua=mailto:tlsrpt@clean.example",
                     text=policy("enforce", ["mx.shared.example"], TWO_WEEKS))
    maker.server("mx.shared.example", **GOOD_TLSA)
    maker.shared = internet.servers[-1]
    internet.add(f"mx.clean.example. AAAA {internet.address6(25)}")
    maker.name(internet.address6(25), "mx.clean.example")
    internet.add_server(Sink(internet.address6(25), 25, tls=server_context(maker.clean), tls_extensions=("REQUIRETLS",)))
    internet.start()
    yield maker
    for server in maker.names:
        server.__exit__()


@pytest.fixture(scope="module")
def tool(made, internet, authority, certificate, standing_subnet, tmp_path_factory):
    """No daemon: a configuration file alone."""
    tool = Sternpost(tmp_path_factory.mktemp("check"), standing_subnet(1), certificate, resolver=internet.resolver(),
                     outbound={"port": 25, "ca-file": authority.bundle, "allow-private": False})
    tool.write_config()
    return tool


@pytest.fixture(scope="module")
def answers(tool):
    domains, code = check(tool, *(f"{name}.example" for name in FAULTS))
    assert code == 1
    return {answer["domain"]: answer for answer in domains}


@pytest.mark.parametrize("name", FAULTS)
def test_fault(answers, name):
    answer = answers[f"{name}.example"]
    expected = {check: verdict for check, verdict in FAULTS[name][1].items() if verdict}
    assert found(answer) == expected, json.dumps([r for r in answer["results"] if r["verdict"] != "ok"], indent=1)


def test_twins(tool):
    """Two servers with the same TLSA records, each with a key of its own."""
    [answer], _ = check(tool, "twins.example")
    assert found(answer) == {"cert.same": A}


def test_uneven(tool):
    """Two addresses of one server, each with a certificate of its own."""
    [answer], _ = check(tool, "uneven.example")
    assert found(answer) == {"tls.sni": W, "dane.match": E}


def test_ipv6(answers):
    verdicts = {name: [r["verdict"] for r in answers[name]["results"] if r["id"] == "mx.ipv6"]
                for name in ("clean.example", "single.example")}
    assert verdicts == {"clean.example": ["ok"], "single.example": ["advice"]}


def test_clean(tool, answers):
    assert answers["clean.example"]["worst"] == "ok"
    assert len({result["id"] for result in answers["clean.example"]["results"]}) > 50
    done = tool.run("check", "clean.example")
    assert done.returncode == 0 and done.stdout.startswith("clean.example: ok (") and done.stdout.count("\n") == 1, done.stdout


@pytest.mark.parametrize("name, code", [("clean", 0), ("single", 0), ("spf", 4), ("stale", 1)])
def test_exit_code(tool, name, code):
    assert check(tool, f"{name}.example")[1] == code


def test_not_testable(tool):
    [answer], code = check(tool, "lame.example")
    assert code == 5 and found(answer)["mx.exists"] == N and E not in found(answer).values()


def test_forged(tool, internet):
    [answer], code = check(tool, "bog.example")
    assert code == 1 and found(answer)["mx.exists"] == E


def test_words(tool):
    done = tool.run("check", "stale.example", "spf.example.", "-v")
    assert "\x1b" not in done.stdout and not done.stderr
    assert done.stdout.index("stale.example: error") < done.stdout.index("spf.example: warning")
    assert "\nDANE\n" in done.stdout and "do:  publish _25._tcp.mx.stale.example. TLSA 3 1 1 " in done.stdout
    assert "  ok            mx.exists\n" in done.stdout


def test_progress(tool, made):
    """On a terminal, a bar while it takes more than a second; nothing of it is left, and nothing of it is on standard output."""
    made.shared.delay = 0.7
    master, slave = pty.openpty()
    try:
        done = subprocess.run([BINARY, "check", "shared-a.example", "-c", tool.file], stdout=subprocess.PIPE, stderr=slave, check=False,
                              timeout=60, env=sanitizer_environment(tool.folder))
        written = os.read(master, 65536).decode()
    finally:
        made.shared.delay = 0.0
        os.close(slave)
        os.close(master)
    assert done.returncode == 0 and b"\x1b" not in done.stdout and b"\r" not in done.stdout
    assert re.match(r"\r\[[#.]{30}\] 0 of 1 domain ", written) and written.endswith("\r\x1b[K"), written


def test_same_is_said_once(tool):
    """What is alike at two places is told of once, with both."""
    done = tool.run("check", "pair.example")
    assert "advice        tls.requiretls  mx.pair.example (" in done.stdout and done.stdout.count("tls.requiretls") == 1
    assert re.search(r"tls.requiretls  mx.pair.example \([\d.]+\), mx2.pair.example \([\d.]+\)\n", done.stdout), done.stdout


def test_budget(tool, made):
    """Two domains with one server: one connection."""
    before = made.shared.sessions
    answered, _ = check(tool, "shared-a.example", "shared-b.example")
    assert [answer["worst"] for answer in answered] == ["advice", "advice"]
    assert made.shared.sessions == before + 1
    assert not made.shared.messages and b"DATA" not in [line for _, _, line in made.shared.commands]


@pytest.mark.parametrize("arguments", [["no domain"], ["clean.example", "--report-to", "a@clean.example"],
                                       ["clean.example", "--suggest", "--report-to", "ftp://clean.example/"]])
def test_usage(tool, arguments):
    done = tool.run("check", *arguments)
    assert done.returncode == 2 and done.stderr.startswith("sternpost: ")


def publish(internet, domain, suggestion):
    """As an administrator would: every line into the zone, the file onto the web server."""
    reports, text, sts = suggestion["steps"]
    zone = internet.zone_of(domain)
    for name in (reports["name"], sts["name"]):
        zone.remove(name)
    if not suggestion["policy_host"]:
        zone.add(f"mta-sts.{domain}. A {internet.address(80)}")
    zone.lines = [line for line in zone.lines if not line.startswith(f'{domain}. TXT "v=STSv1')]
    zone.add(*(line for line in suggestion["zone"].splitlines() if not line.startswith(";")))
    internet.policies.publish(text["url"].split("/")[2], text["value"])
    return zone


def test_suggest(tool, internet):
    assert len(SUGGESTED) == 20
    before, code = check(tool, *SUGGESTED, "--suggest")
    assert code == 1 and all(answer["worst"] in (W, E) for answer in before)
    zones = {zone.name: zone for answer in before for zone in [publish(internet, answer["domain"], answer["suggestion"])]}
    internet.knot.reload(*zones.values())
    after, code = check(tool, *SUGGESTED, "--suggest")
    assert code == 0, [(answer["domain"], found(answer)) for answer in after if answer["worst"] not in ("ok", A)]
    for first, then in zip(before, after):
        assert all(step["published"] for step in then["suggestion"]["steps"]), then["suggestion"]
        assert [step["value"] for step in first["suggestion"]["steps"]] == [step["value"] for step in then["suggestion"]["steps"]]
    modes = {answer["domain"]: answer["suggestion"]["steps"][1]["value"].split("\r\n")[1] for answer in after}
    assert modes["missed.example"] == "mode: enforce" and modes["new1.example"] == "mode: testing"


def test_suggest_report_to(tool):
    [answer], _ = check(tool, "clean.example", "--suggest", "--report-to", "tls!rpt@clean.example,https://clean.example/r")
    assert answer["suggestion"]["steps"][0]["value"] == "v=TLSRPTv1; rua=mailto:tls%21rpt@clean.example,https://clean.example/r"
    assert not answer["suggestion"]["steps"][0]["published"] and answer["suggestion"]["steps"][2]["published"]
