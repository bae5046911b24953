"""Mail taken from every client, in every role, by STARTTLS and by implicit TLS."""
import base64
import smtplib
import ssl
import subprocess
import threading

import pytest
from harness.sink import Sink
from harness.sternpost import HOSTNAME, MX, OUT, RELAY, SUBMISSION, SUBMISSIONS
from harness.waiting import until

PASSWORD = "correct horse battery"
BODY = "From: <joe@example.test>\r\nSubject: hello\r\n\r\nfirst\r\n.dot\r\n..dots\r\n"
WAYS = [  # role, port, TLS, signs in
    pytest.param(MX, "none", False, id="mx"),
    pytest.param(MX, "starttls", False, id="mx-starttls"),
    pytest.param(RELAY, "none", False, id="relay"),
    pytest.param(RELAY, "starttls", False, id="relay-starttls"),
    pytest.param(SUBMISSION, "starttls", True, id="submission-starttls"),
    pytest.param(SUBMISSIONS, "implicit", True, id="submissions-implicit"),
]


@pytest.fixture(scope="module")
def sink(standing_subnet):
    with Sink(standing_subnet(9), OUT) as sink:
        yield sink


@pytest.fixture(scope="module")
def daemon(standing_gateway, sink):
    daemon = standing_gateway()
    daemon.set_up("domain", "example.test")
    daemon.host("inner", f"{sink.address}:{OUT}")
    daemon.set_up("route", "*", host="inner")
    daemon.user("joe", PASSWORD)
    return daemon


def trusting(authority):
    context = ssl.create_default_context(cafile=authority.bundle)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def arrived(sink, known):
    return until(lambda: sink.messages[known:], 20, "the message at the next hop")[0]


@pytest.mark.parametrize("port, tls, signs_in", WAYS)
def test_smtplib(daemon, sink, authority, port, tls, signs_in):
    known, context = len(sink.messages), trusting(authority)
    client = smtplib.SMTP_SSL if tls == "implicit" else smtplib.SMTP
    options = {"context": context} if tls == "implicit" else {}
    with _named(client, HOSTNAME, daemon.address, port, **options) as c:
        if tls == "starttls":
            c.starttls(context=context)
        if signs_in:
            c.login("joe", PASSWORD)
        c.sendmail("joe@example.test", ["ann@example.test"], BODY)
    message = arrived(sink, known)
    assert message.data.endswith(BODY.encode().partition(b"\r\n\r\n")[2]), "dots come through as they were"
    received = message.data.split(b"\r\nFrom:")[0].decode()
    assert ("TLS" in received) == (tls != "none"), received
    assert ("ESMTPSA" in received) == signs_in, received


def _named(client, name, address, port, **options):
    """smtplib's client, connected to an address under a name, which SNI and the check of the certificate use."""

    class Named(client):
        def _get_socket(self, host, port, timeout):
            return super()._get_socket(address, port, timeout)

    return Named(name, port, timeout=30, **options)


@pytest.mark.parametrize("port, tls, signs_in", WAYS)
def test_swaks(daemon, sink, port, tls, signs_in):
    known = len(sink.messages)
    command = ["swaks", "--server", daemon.address, "--port", str(port), "--from", "joe@example.test", "--to",
               "ann@example.test", "--body", "by swaks", "--timeout", "20s"]
    command += {"none": [], "starttls": ["--tls"], "implicit": ["--tlsc"]}[tls]
    command += ["--auth", "PLAIN", "--auth-user", "joe", "--auth-password", PASSWORD] if signs_in else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"by swaks" in arrived(sink, known).data


@pytest.mark.parametrize("port, tls, signs_in", [way for way in WAYS if way.values[1] != "none"])
def test_openssl(daemon, sink, authority, port, tls, signs_in):
    """A whole transaction typed into openssl s_client."""
    known = len(sink.messages)
    command = ["openssl", "s_client", "-quiet", "-crlf", "-connect", f"{daemon.address}:{port}", "-CAfile",
               authority.bundle, "-verify_return_error", "-verify_hostname", HOSTNAME, "-servername", HOSTNAME]
    command += ["-starttls", "smtp"] if tls == "starttls" else []
    session = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    guard = threading.Timer(30, session.kill)
    guard.start()
    lines = [b"EHLO client.example.org"]
    if signs_in:
        lines.append(b"AUTH PLAIN " + base64.b64encode(b"\0joe\0" + PASSWORD.encode()))
    lines += [b"MAIL FROM:<joe@example.test>", b"RCPT TO:<ann@example.test>", b"DATA"]
    try:
        codes = [_code(session.stdout)] if tls == "implicit" else []
        for line in [*lines, b"Subject: x\n\nby openssl\n.", b"quit"]:
            session.stdin.write(line + b"\n")
            session.stdin.flush()
            codes.append(_code(session.stdout))
    finally:
        guard.cancel()
        session.kill()
        session.communicate()
    assert codes[-3:] == [b"354", b"250", b"221"], codes
    assert b"by openssl" in arrived(sink, known).data


def _code(stream):
    """The code of one reply."""
    while True:
        line = stream.readline()
        assert line, "the session ended early"
        if line[3:4] == b" ":
            return line[:3]
