"""Mail that must come in over TLS, and what becomes of mail that does not (semantics T1, T3, T7, T8)."""
import ssl
import time

import pytest
from harness.sternpost import LISTENERS, MX
from harness.waiting import until
from harness.wire import Wire


@pytest.fixture
def daemon(gateway):
    daemon = gateway(listeners={"mx": LISTENERS["mx"]})
    daemon.set_up("domain", "example.test")
    daemon.cli("gateway", "set", "--pause-deliveries", "true")
    return daemon


def rcpt(daemon, sender="joe@bank.example", starttls=False, version=None):
    with Wire(daemon.address, MX) as wire:
        wire.hello()
        if starttls:
            wire.expect(220, "STARTTLS")
            _wrap(wire, version)
            wire.ehlo()
        wire.expect(250, f"MAIL FROM:<{sender}>")
        got = wire.say("RCPT TO:<ann@example.test>")
        return got, got.code == 421 and wire.is_closed()


def _wrap(wire, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version:
        context.maximum_version = version
    wire.sock = context.wrap_socket(wire.sock)


@pytest.mark.parametrize("sender, demanded", [("joe@bank.example", True), ("joe@sub.bank.example", False),
                                              ("joe@other.example", False), ("", False), ("joe@BANK.example", True)])
def test_refused_in_clear(daemon, sender, demanded):
    """T7: 530 at RCPT, and counted."""
    daemon.set_up("rule", "bank", direction="inbound", **{"from": "bank.example"}, level="encrypt")
    got, _ = rcpt(daemon, sender)
    assert got.code == (530 if demanded else 250), got
    if demanded:
        assert got.text.startswith("5.7.0") and "STARTTLS" in got.text
        until(lambda: "bank" in daemon.cli("counters", "inbound-refused"), 20, "the counter")
    assert rcpt(daemon, sender, starttls=True)[0].code == 250


def test_refused_for_now(daemon):
    daemon.set_up("rule", "bank", direction="inbound", **{"from": "bank.example"}, level="encrypt", refuse="421")
    got, is_closed = rcpt(daemon)
    assert got.code == 421 and got.text.startswith("4.7.0") and is_closed


def test_testing_only_counts(daemon):
    """T8"""
    daemon.set_up("rule", "bank", direction="inbound", **{"from": "bank.example"}, level="encrypt", mode="testing")
    assert rcpt(daemon)[0].code == 250
    until(lambda: "bank" in daemon.cli("counters", "rule-testing"), 20, "the counter")
    assert "bank" in daemon.log()


def test_recipient_of_the_rule(daemon):
    daemon.set_up("rule", "ann", direction="inbound", to="ann@example.test", level="encrypt")
    assert rcpt(daemon, "who@ever.example")[0].code == 530


def test_lowest_version(daemon):
    daemon.set_up("rule", "bank", direction="inbound", **{"from": "bank.example"}, level="encrypt", min_version="1.3")
    got, _ = rcpt(daemon, starttls=True, version=ssl.TLSVersion.TLSv1_2)
    assert got.code == 530, got
    assert rcpt(daemon, starttls=True)[0].code == 250


def test_outbound_rule_is_not_for_mail_coming_in(daemon):
    daemon.set_up("rule", "bank", **{"from": "bank.example"}, level="encrypt")
    assert rcpt(daemon)[0].code == 250


def test_change_is_effective_at_once(daemon):
    """R8"""
    with Wire(daemon.address, MX) as wire:
        wire.hello()
        wire.expect(250, "MAIL FROM:<joe@bank.example>")
        wire.expect(250, "RCPT TO:<ann@example.test>")
        daemon.set_up("rule", "bank", direction="inbound", **{"from": "bank.example"}, level="encrypt")
        wire.expect(250, "RSET")
        wire.expect(250, "MAIL FROM:<joe@bank.example>")
        time.sleep(1)  # the bound itself: a setting reaches every worker within a second
        wire.expect(530, "RCPT TO:<ann@example.test>")
