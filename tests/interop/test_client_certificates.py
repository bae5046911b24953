"""Inbound rules of level verify: what a client's certificate must show, and what a client is told that shows another (T4, T7)."""
import ssl
import subprocess

import pytest
from harness.authority import DAY, Authority
from harness.sternpost import LISTENERS, MX
from harness.wire import Wire

NONE = "a client certificate is required"
UNTRUSTED = "not trusted"
SELF_SIGNED = "self-signed"
EXPIRED = "has expired"
NAME = "not for a name"


@pytest.fixture(scope="module")
def certificates(authority, tmp_path_factory):
    stranger = Authority(tmp_path_factory.mktemp("stranger"), "Stranger Root")
    return {
        "none": None,
        "domain": authority.issue("bank.example"),
        "host": authority.issue("out.bank.example"),
        "wildcard": authority.issue("*.bank.example"),
        "many": authority.issue("other.example", "third.example", "out.bank.example"),
        "other": authority.issue("bank.example.evil.test"),
        "expired": authority.issue("bank.example", first=-9 * DAY, last=-DAY),
        "self": authority.issue("bank.example", is_self_signed=True),
        "stranger": stranger.issue("bank.example"),
    }


@pytest.fixture(scope="module")
def daemon(standing_gateway):
    daemon = standing_gateway(listeners={"mx": LISTENERS["mx"]})
    daemon.set_up("domain", "example.test")
    daemon.cli("gateway", "set", "--pause-deliveries", "true")
    return daemon


@pytest.fixture
def rule(daemon):
    def add(**fields):
        daemon.set_up("rule", "bank", direction="inbound", level="verify", **{"from": "bank.example", **fields})

    yield add
    daemon.cli("rule", "remove", "bank")


def rcpt(daemon, certificate, sender="joe@bank.example", version=None, helo="client.example.org"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version:
        context.maximum_version = version
    if certificate:
        context.load_cert_chain(certificate.chain, certificate.key)
    with Wire(daemon.address, MX) as wire:
        wire.hello(helo)
        wire.expect(220, "STARTTLS")
        wire.sock = context.wrap_socket(wire.sock)
        wire.ehlo(helo)
        wire.expect(250, f"MAIL FROM:<{sender}>")
        got = wire.say("RCPT TO:<ann@example.test>")
        return got, got.code == 421 and wire.is_closed()


@pytest.mark.parametrize("shown, told", [
    ("domain", None), ("none", NONE), ("host", NAME), ("wildcard", NAME), ("other", NAME), ("expired", EXPIRED),
    ("self", SELF_SIGNED), ("stranger", UNTRUSTED)])
def test_senders_domain(daemon, rule, authority, certificates, shown, told):
    """A rule without names asks for the sender's domain."""
    rule(ca=authority.bundle)
    got, _ = rcpt(daemon, certificates[shown])
    assert got.code == (530 if told else 250), got
    assert told is None or (told in got.text and "version" not in got.text), got


@pytest.mark.parametrize("shown, told", [("host", None), ("wildcard", None), ("many", None), ("domain", NAME),
                                         ("none", NONE)])
def test_names_of_the_rule(daemon, rule, authority, certificates, shown, told):
    rule(ca=authority.bundle, names="mail.partner.example,out.bank.example")
    got, _ = rcpt(daemon, certificates[shown])
    assert got.code == (530 if told else 250) and (told or "") in got.text, got


@pytest.mark.parametrize("shown, told", [("other", None), ("domain", None), ("stranger", UNTRUSTED), ("none", NONE)])
def test_any_name(daemon, rule, authority, certificates, shown, told):
    rule(ca=authority.bundle, any_name="true")
    got, _ = rcpt(daemon, certificates[shown])
    assert got.code == (530 if told else 250) and (told or "") in got.text, got


def test_the_systems_issuers_unless_named(daemon, rule, certificates):
    rule()
    got, _ = rcpt(daemon, certificates["domain"])
    assert got.code == 530 and UNTRUSTED in got.text, got


def test_version_too_low(daemon, rule, authority, certificates):
    rule(ca=authority.bundle, min_version="1.3")
    got, _ = rcpt(daemon, certificates["domain"], version=ssl.TLSVersion.TLSv1_2)
    assert got.code == 530 and "TLS 1.3 or higher" in got.text, got
    assert rcpt(daemon, certificates["domain"])[0].code == 250


def test_refused_for_now_says_why(daemon, rule, authority, certificates):
    rule(ca=authority.bundle, refuse="421")
    got, is_closed = rcpt(daemon, certificates["host"])
    assert got.code == 421 and NAME in got.text and is_closed, got


def test_null_sender_stands_under_its_name_in_ehlo(daemon, rule, authority, certificates):
    rule(ca=authority.bundle, **{"from": "*"})
    assert rcpt(daemon, certificates["host"], sender="", helo="out.bank.example")[0].code == 250
    got, _ = rcpt(daemon, certificates["host"], sender="", helo="in.bank.example")
    assert got.code == 530 and NAME in got.text, got


def converse(child, line):
    """One command through s_client; the last line of its reply."""
    child.stdin.write(line + "\n")
    child.stdin.flush()
    got = child.stdout.readline()
    while got[3:4] == "-":
        got = child.stdout.readline()
    return got


def test_openssl_as_the_client(daemon, rule, authority, certificates):
    """Twice with the same session: a ticket does not stand in for the certificate."""
    rule(ca=authority.bundle)
    shown = certificates["domain"]
    for ticket in ("-sess_out", "-sess_in"):
        with subprocess.Popen(
                ["openssl", "s_client", "-starttls", "smtp", "-connect", f"{daemon.address}:{MX}", "-crlf", "-quiet",
                 "-cert", shown.chain, "-key", shown.key, ticket, str(daemon.folder / "session.pem")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
            assert converse(child, "EHLO client.example.org").startswith("250")
            assert converse(child, "MAIL FROM:<joe@bank.example>").startswith("250")
            assert converse(child, "rcpt TO:<ann@example.test>").startswith("250 2.1.5")
            assert converse(child, "QUIT").startswith("221")
            child.stdin.close()
            assert child.wait(20) in (0, 1)
