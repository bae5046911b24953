"""Signing in at submission, with smtplib, swaks and the gsasl tool (AUT-01..06, TLS-09)."""
import base64
import smtplib
import ssl
import subprocess
import threading

import pytest
from harness.sternpost import LISTENERS, MX, SUBMISSION, SUBMISSIONS
from harness.wire import Wire

PASSWORD = "correct horse battery"
UTF8_PASSWORD = "päss wörd 密"


@pytest.fixture(scope="module")
def daemon(standing_gateway):
    daemon = standing_gateway(listeners={name: LISTENERS[name] for name in ("mx", "submission", "submissions")})
    daemon.set_up("domain", "example.test")
    daemon.set_up("domain", "other.test")
    daemon.user("joe", PASSWORD, senders="joe@example.test")
    daemon.user("ann", PASSWORD)
    daemon.user("zoe", UTF8_PASSWORD)
    daemon.user("gone", PASSWORD, disabled="true")
    return daemon


def blind():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def plain(user, password, authorization=""):
    return base64.b64encode(f"{authorization}\0{user}\0{password}".encode()).decode()


@pytest.fixture
def session(daemon):
    with Wire(daemon.address, SUBMISSION) as wire:
        wire.hello(starttls=True)
        yield wire


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_smtplib(daemon, mechanism):
    with smtplib.SMTP_SSL(daemon.address, SUBMISSIONS, context=blind(), timeout=30) as client:
        client.ehlo()
        assert mechanism in client.esmtp_features["auth"].split()
        client.user, client.password = "joe", PASSWORD
        answer = client.auth_plain if mechanism == "PLAIN" else client.auth_login
        assert client.auth(mechanism, answer)[0] == 235


def test_password_in_utf8(session):
    session.expect(235, "AUTH PLAIN " + plain("zoe", UTF8_PASSWORD))


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "PLAIN", "LOGIN"])
def test_gsasl(session, mechanism):
    """RFC 7677 and the others, with the gsasl tool's words carried to the daemon and back."""
    tool = subprocess.Popen(["gsasl", "--client", "--quiet", "--mechanism", mechanism, "--authentication-id", "joe",
                             "--password", PASSWORD, "--no-cb"], bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True)
    guard = threading.Timer(20, tool.kill)
    guard.start()
    try:
        assert tool.stdout.readline().strip() == mechanism
        got = session.say(f"AUTH {mechanism}")
        while got.code == 334:
            if got.text:
                tool.stdin.write(got.text + "\n")
            got = session.say(tool.stdout.readline().strip())
        assert got.code == 235, got
    finally:
        guard.cancel()
        tool.kill()
        tool.communicate()


def test_mechanisms_are_offered_in_tls_only(daemon):
    """TLS-09: no AUTH in clear, neither offered nor taken."""
    with Wire(daemon.address, SUBMISSION) as wire:
        assert not any(line.startswith("AUTH") for line in wire.hello())
        got = wire.say("AUTH PLAIN " + plain("joe", PASSWORD))
        assert got.code in (530, 538), got
        wire.expect(530, "MAIL FROM:<joe@example.test>")
        offered = [line for line in wire.secure() if line.startswith("AUTH ")]
        assert len(offered) == 1 and {"PLAIN", "LOGIN", "SCRAM-SHA-256"} <= set(offered[0].split()[1:])


def test_not_offered_to_strangers(daemon):
    """REL-35: AUTH on the port for the internet is refused."""
    with Wire(daemon.address, MX) as wire:
        assert not any(line.startswith("AUTH") for line in wire.hello(starttls=True))
        assert wire.say("AUTH PLAIN " + plain("joe", PASSWORD)).code in (500, 502, 503)


@pytest.mark.parametrize("user, password", [("joe", "wrong"), ("nobody", "wrong"), ("gone", PASSWORD), ("joe", "")])
def test_refused(session, user, password):
    """AUT-02: one answer whatever was wrong."""
    got = session.expect(535, "AUTH PLAIN " + plain(user, password))
    assert got.text.startswith("5.7.8"), got


@pytest.mark.parametrize("line, codes", [
    ("AUTH PLAIN =", (334, 501, 535)), ("AUTH PLAIN !!!", (501,)), ("AUTH PLAIN", (334,)), ("AUTH GSSAPI", (504,)),
    ("AUTH", (501,)), ("AUTH PLAIN " + base64.b64encode(b"\0\0\0\0").decode(), (501, 535)),
    ("AUTH PLAIN " + base64.b64encode(b"nonsense").decode(), (501, 535)),
    ("AUTH PLAIN " + plain("joe", PASSWORD, "ann"), (535, 501)),
])
def test_oddities(session, line, codes):
    """AUT-04"""
    assert session.say(line).code in codes


def test_line_limit(session):
    """AUT-04: a response over 12288 bytes ends the exchange, not the daemon."""
    session.expect(334, "AUTH PLAIN")
    assert session.say("A" * 13000).code in (500, 501, 535)


def test_given_up(session):
    session.expect(334, "AUTH LOGIN")
    session.expect(501, "*")
    session.expect(235, "AUTH PLAIN " + plain("joe", PASSWORD))
    session.expect(503, "AUTH PLAIN " + plain("joe", PASSWORD))


@pytest.mark.parametrize("user, sender, code", [
    ("joe", "joe@example.test", 250), ("joe", "ann@example.test", 553), ("joe", "joe@example.org", 553),
    ("ann", "ann@other.test", 250), ("ann", "ann@example.org", 553), ("ann", "", 250),
])
def test_sender_must_be_the_users(session, user, sender, code):
    """AUT-06"""
    session.expect(235, "AUTH PLAIN " + plain(user, PASSWORD))
    session.expect(code, f"MAIL FROM:<{sender}>")


def test_guessing_is_slowed_and_cut(daemon):
    """AUT-01: a session cannot guess for ever."""
    with Wire(daemon.address, SUBMISSION, seconds=60) as wire:
        wire.hello(starttls=True)
        codes = []
        for count in range(30):
            codes.append(wire.say("AUTH PLAIN " + plain("joe", f"guess{count}")).code)
            if codes[-1] == 421:
                break
        assert codes[-1] == 421 and len(codes) <= 25, codes
        assert wire.is_closed()
