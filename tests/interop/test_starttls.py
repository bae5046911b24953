"""STARTTLS and the line between what was said before TLS and what is said inside it, in both roles."""
import socket
import ssl

import pytest
from harness.records import mx
from harness.sink import Sink, server_context
from harness.sternpost import LISTENERS, MX, OUT, SUBMISSION, SUBMISSIONS
from harness.waiting import until
from harness.wire import Closed, Wire


@pytest.fixture(scope="module")
def daemon(standing_gateway):
    daemon = standing_gateway()
    daemon.set_up("domain", "example.test")
    daemon.user("joe", "correct horse")
    return daemon


@pytest.mark.parametrize("tail", [b"NOOP\r\n", b"EHLO evil.example\r\n", b"MAIL FROM:<evil@b.example>\r\n", b"x"])
def test_bytes_behind_starttls_never_run(daemon, tail):
    """TLS-01, CVE-2011-0411: refused and closed."""
    with Wire(daemon.address, MX, seconds=5) as wire:
        wire.hello()
        wire.send(b"STARTTLS\r\n" + tail)
        got = wire.reply()
        assert got.code >= 400, got
        assert wire.is_closed()


@pytest.mark.parametrize("port", [MX, SUBMISSION])
def test_all_is_forgotten(daemon, port):
    """TLS-05, TLS-11, RFC 3207 section 4.2: EHLO anew, no envelope, and no second STARTTLS."""
    with Wire(daemon.address, port) as wire:
        assert "STARTTLS" in wire.hello()
        if port == MX:
            wire.expect(250, "MAIL FROM:<a@b.example>")
            wire.expect(503, "STARTTLS")
            wire.expect(250, "RSET")
        wire.expect(220, "STARTTLS")
        wire.wrap()
        assert wire.say("MAIL FROM:<a@b.example>").code in (503, 530)
        assert wire.say("RCPT TO:<joe@example.test>").code == 503
        assert "STARTTLS" not in wire.ehlo()
        wire.expect(503, "STARTTLS")


def test_starttls_takes_no_parameter(daemon):
    with Wire(daemon.address, MX) as wire:
        wire.hello()
        wire.expect(501, "STARTTLS now")


def test_half_a_message_is_no_message(daemon):
    """TLS-21, TLS-22: TLS ends, by close_notify or by a cut connection, in the middle of the content."""
    for ends_politely in (True, False):
        with Wire(daemon.address, MX) as wire:
            wire.hello(starttls=True)
            wire.envelope("a@b.example", "joe@example.test")
            wire.send(b"Subject: half\r\n\r\nhalf a mess")
            if ends_politely:
                raw = wire.sock.unwrap()
                raw.sendall(b"\r\n.\r\nMAIL FROM:<evil@b.example>\r\n")
                raw.settimeout(5)
                try:
                    assert raw.recv(100) == b""
                except ConnectionResetError:
                    pass
                raw.close()
    assert daemon.queue() == []


def test_submission_in_clear_gets_nowhere(daemon):
    with Wire(daemon.address, SUBMISSION) as wire:
        wire.hello()
        got = wire.expect(530, "MAIL FROM:<joe@example.test>")
        assert "STARTTLS" in got.text


@pytest.mark.parametrize("verb", [b"GET / HTTP/1.1\r\nHost: mx.example.test\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n",
                                  b"CONNECT a:25 HTTP/1.1\r\n\r\n"])
def test_browsers_are_shown_the_door(daemon, verb):
    """TLS-15: closed at the first verb of HTTP, and nothing of it comes back."""
    with Wire(daemon.address, MX, seconds=5) as wire:
        wire.expect(220)
        wire.send(verb)
        got = wire.reply()
        assert got.code >= 500 and "HTTP" not in got.text and "mx.example.test" not in got.text
        assert wire.is_closed()


@pytest.mark.parametrize("offer, is_taken", [(["smtp"], True), (["http/1.1"], False), (["h2", "http/1.1"], False)])
def test_other_protocols_are_refused_in_tls(daemon, offer, is_taken):
    """TLS-14, ALPACA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(offer)
    with socket.create_connection((daemon.address, SUBMISSIONS), 10) as sock:
        if is_taken:
            assert context.wrap_socket(sock).recv(4) == b"220 "
        else:
            with pytest.raises(ssl.SSLError):
                context.wrap_socket(sock).recv(4)


def test_old_versions_are_refused(daemon):
    """TLS 1.2 is the lowest, RFC 8996."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with socket.create_connection((daemon.address, SUBMISSIONS), 10) as sock, pytest.raises(ssl.SSLError):
        context.wrap_socket(sock)


def test_garbage_for_a_handshake(daemon):
    with Wire(daemon.address, MX, seconds=10) as wire:
        wire.hello()
        wire.expect(220, "STARTTLS")
        wire.send(b"MAIL FROM:<a@b.example>\r\n" * 10)
        with pytest.raises((Closed, AssertionError)):
            wire.expect(250)
    with Wire(daemon.address, MX) as wire:
        wire.hello()


# The same line, seen from the client's side


def sending(gateway, subnet, **sink_options):
    """A gateway that sends to a scripted server in clear or TLS, whatever that takes."""
    sink = Sink(subnet(9), OUT, **sink_options)
    daemon = gateway(listeners={"relay": LISTENERS["relay"]}, records=mx("partner.test", (10, "mx.partner.test", subnet(9))),
                     outbound={"retry": ["10m"]})
    return daemon, sink


def test_bytes_behind_the_servers_220(gateway, subnet, authority):
    """TLS-02, CVE-2021-38371: a reply injected behind 220 is never taken for one inside TLS."""
    context = server_context(authority.issue("mx.partner.test"))
    script = {"STARTTLS": b"220 go on\r\n250 injected.example\r\n"}
    daemon, sink = sending(gateway, subnet, tls=context, replies=script)
    with sink:
        daemon.set_up("rule", "all", level="encrypt", on_failure="defer")
        outcome = daemon.outcome(daemon.submit("a@example.test", "b@partner.test"))
        assert outcome["outcome"] == "deferred", outcome
        assert sink.messages == [] and not any(command.startswith(b"MAIL") for _, _, command in sink.commands)


def test_ehlo_of_before_tls_counts_for_nothing(gateway, subnet, authority):
    """TLS-04: what was offered in clear is not offered in TLS."""

    def ehlo(session, _):
        return None if session.tls else "250-sink.example.test\r\n250-SMTPUTF8\r\n250-SIZE 10\r\n250-STARTTLS\r\n250 AUTH PLAIN"

    context = server_context(authority.issue("mx.partner.test"))
    daemon, sink = sending(gateway, subnet, tls=context, replies={"EHLO": ehlo}, extensions=["8BITMIME"])
    with sink:
        assert daemon.outcome(daemon.submit("a@example.test", "b@partner.test"))["outcome"] == "delivered"
        assert sink.messages[0].tls and sink.messages[0].sender_parameters == []
        assert sum(command.startswith(b"EHLO") for _, _, command in sink.commands) == 2


@pytest.mark.parametrize("verb, reply", [("greeting", "554 no"), ("greeting", "x" * 5000), ("EHLO", "250-" + "x" * 3000),
                                         ("MAIL", "250\r\n250 ok"), ("RCPT", "354 what"), ("DATA", "250 no"),
                                         (".", "999 x"), ("MAIL", b"250 ok\x00\x1b[31m\r\n"), ("MAIL", "hang-up"),
                                         ("greeting", ("220-hello\r\n" * 500) + "220 end")])
def test_odd_replies_lose_nothing(gateway, subnet, verb, reply):
    """SRV-19: deferred or returned with a reason, the daemon unharmed."""
    daemon, sink = sending(gateway, subnet, replies={verb: reply})
    with sink:
        message = daemon.submit("a@example.test", "b@partner.test")
        outcome = daemon.outcome(message)
        assert outcome["outcome"] in ("deferred", "bounced", "delivered")
        if outcome["outcome"] == "deferred":
            assert len(daemon.queue()) == 1
        until(lambda: "\x1b" not in daemon.cli("trace", message), 1)
