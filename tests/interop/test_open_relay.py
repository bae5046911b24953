"""Nobody relays through us who may not (REL-01..35), at each of the three kinds of listener."""
import base64

import pytest
from harness.sink import Sink
from harness.sternpost import LISTENERS, MX, OUT, RELAY, SUBMISSION
from harness.wire import Wire

STRANGER, OURS = "<mallory@stranger.example>", "<joe@example.test>"
FOREIGN = "<victim@foreign.example>"
# Recipients that name somebody else's mailbox, however they are dressed up; where a session may not relay, each is
# refused. Sender, recipient.
FORMS = [
    pytest.param(STRANGER, FOREIGN, id="01-foreign"),
    pytest.param("<>", FOREIGN, id="02-null-sender"),
    pytest.param(OURS, FOREIGN, id="03-forged-local-sender"),
    pytest.param("<joe>", FOREIGN, id="04-sender-without-domain"),
    pytest.param("<joe@localhost>", FOREIGN, id="05-sender-at-localhost"),
    pytest.param("<joe@[127.0.0.1]>", FOREIGN, id="06-sender-at-literal"),
    pytest.param("<joe@mx.example.test>", FOREIGN, id="07-sender-at-our-name"),
    pytest.param(STRANGER, "<victim%foreign.example@example.test>", id="08-percent-hack"),
    pytest.param(STRANGER, "<victim%foreign.example@mx.example.test>", id="09-percent-hack-at-our-name"),
    pytest.param(STRANGER, "<victim%foreign.example@[127.0.0.1]>", id="10-percent-hack-at-literal"),
    pytest.param(STRANGER, "<victim%foreign.example>", id="11-percent-hack-without-domain"),
    pytest.param(STRANGER, "<foreign.example!victim>", id="12-bang-path"),
    pytest.param(STRANGER, "<foreign.example!victim@example.test>", id="13-bang-path-at-ours"),
    pytest.param(STRANGER, "<foreign.example!victim@[127.0.0.1]>", id="14-bang-path-at-literal"),
    pytest.param(STRANGER, "<@example.test:victim@foreign.example>", id="15-source-route"),
    pytest.param(STRANGER, "<@example.test,@mx.example.test:victim@foreign.example>", id="16-two-source-routes"),
    pytest.param(STRANGER, "<@[127.0.0.1]:victim@foreign.example>", id="17-source-route-literal"),
    pytest.param(STRANGER, "<victim@foreign.example@example.test>", id="18-two-at-signs"),
    pytest.param(STRANGER, '<"victim@foreign.example"@example.test>', id="19-quoted-at-ours"),
    pytest.param(STRANGER, '<"victim@foreign.example">', id="20-quoted-without-domain"),
    pytest.param(STRANGER, '<"victim%foreign.example"@example.test>', id="21-quoted-percent"),
    pytest.param(STRANGER, "<victim@[127.0.0.1]>", id="22-own-literal"),
    pytest.param(STRANGER, "<victim@[192.0.2.1]>", id="23-foreign-literal"),
    pytest.param(STRANGER, "<victim@[IPv6:::1]>", id="24-ipv6-literal"),
    pytest.param(STRANGER, "<victim@foreign.example.>", id="25-trailing-dot"),
    pytest.param(STRANGER, "<victim@example.test.foreign.example>", id="26-ours-as-prefix"),
    pytest.param(STRANGER, "<victim@notexample.test>", id="27-suffix-confusion"),
    pytest.param(STRANGER, "<victim@sub.example.test>", id="28-subdomain"),
    pytest.param(STRANGER, "<victim(comment)@foreign.example>", id="29-comment"),
    pytest.param(STRANGER, "<victim @foreign.example>", id="30-blank"),
    pytest.param(STRANGER, "victim@foreign.example", id="31-no-brackets"),
    pytest.param(STRANGER, "<victim@foreign.example\0.example.test>", id="32-nul"),
    pytest.param(STRANGER, "<victim@examp\u0142e.test>", id="33-look-alike"),
    pytest.param(STRANGER, "<victim@xn--exampe-9db.test>", id="34-look-alike-in-ace"),
]
HELO = pytest.param("example.test", id="35-helo-as-ours")
TAKEN = ["<joe@example.test>", "<joe@EXAMPLE.Test>", '<"joe"@example.test>', "<postmaster>", "<Postmaster@example.test>",
         "<@relay.example:joe@example.test>"]


@pytest.fixture(scope="module")
def sink(standing_subnet):
    with Sink(standing_subnet(9), OUT) as sink:
        yield sink


@pytest.fixture(scope="module")
def daemon(standing_gateway, standing_subnet, sink):
    listeners = {name: LISTENERS[name] for name in ("mx", "submission")}
    listeners["relay"] = {**LISTENERS["relay"], "networks": [standing_subnet(77) + "/32"]}
    daemon = standing_gateway(listeners=listeners)
    daemon.set_up("domain", "example.test")
    daemon.host("inner", f"{sink.address}:{OUT}")
    daemon.set_up("route", "*", host="inner")
    daemon.cli("gateway", "set", "--postmaster", "joe@example.test")
    daemon.user("joe", "correct horse")
    return daemon


@pytest.mark.parametrize("port", [MX, SUBMISSION, RELAY])
@pytest.mark.parametrize("sender, recipient", FORMS)
@pytest.mark.parametrize("hello", ["client.example.org"])
def test_stranger_is_refused(daemon, sink, port, sender, recipient, hello):
    """REL-01..34: a 5xx no later than RCPT, and nothing at the next hop."""
    check_refused(daemon, sink, port, sender, recipient, hello)


@pytest.mark.parametrize("port", [MX, SUBMISSION, RELAY])
@pytest.mark.parametrize("hello", [HELO])
def test_our_name_in_helo_helps_nobody(daemon, sink, port, hello):
    """REL-35"""
    check_refused(daemon, sink, port, STRANGER, FOREIGN, hello)


def check_refused(daemon, sink, port, sender, recipient, hello):
    known = len(sink.commands)
    with Wire(daemon.address, port) as wire:
        wire.expect(220)
        wire.ehlo(hello)
        first = wire.say(f"MAIL FROM:{sender}")
        got = wire.say(f"RCPT TO:{recipient}") if first.code == 250 else first
        assert 500 <= got.code < 600, (first, got)
        if first.code == 250:
            assert wire.say("DATA").code in (503, 554)
    assert sink.commands[known:] == []


@pytest.mark.parametrize("recipient", TAKEN)
def test_ours_is_taken(daemon, recipient):
    """<postmaster> must be accepted (RFC 5321 section 4.5.1), and a source route is ignored (appendix C)."""
    with Wire(daemon.address, MX) as wire:
        wire.hello()
        wire.expect(250, f"MAIL FROM:{STRANGER}")
        wire.expect(250, f"RCPT TO:{recipient}")


def test_trusted_network_may_relay(daemon, standing_subnet):
    with Wire(daemon.address, RELAY, source=standing_subnet(77)) as wire:
        wire.hello()
        wire.expect(250, f"MAIL FROM:{STRANGER}")
        wire.expect(250, f"RCPT TO:{FOREIGN}")


def test_signed_in_may_relay(daemon):
    with Wire(daemon.address, SUBMISSION) as wire:
        wire.hello(starttls=True)
        wire.expect(235, "AUTH PLAIN " + base64.b64encode(b"\0joe\0correct horse").decode())
        wire.expect(250, f"MAIL FROM:{OURS}")
        wire.expect(250, f"RCPT TO:{FOREIGN}")
