"""Both ways with Postfix, Exim, OpenSMTPD and aiosmtpd, at every level of TLS."""
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as AiosmtpdServer
from harness.peer import Exim, Hop, OpenSmtpd, Postfix
from harness.sink import Sink, server_context
from harness.sternpost import HOSTNAME, LISTENERS, MX, OUT
from harness.waiting import until

PEERS = [Postfix, Exim, OpenSmtpd]
TEXT = "From: <a@example.org>\r\nTo: <joe@example.test>\r\nSubject: peer\r\n\r\nline\r\n..dots\r\n.\r\n" + "x" * 900 + "\r\n"
WITH_TLS = [pytest.param(Postfix, True, id="Postfix-tls"), pytest.param(Exim, True, id="Exim-tls"),
            pytest.param(Postfix, False, id="Postfix-clear"), pytest.param(Exim, False, id="Exim-clear"),
            pytest.param(OpenSmtpd, False, id="OpenSmtpd-clear")]


def trust(level, authority):
    return {"ca": authority.bundle, "names": "peer.test"} if level == "verify" else {}


@pytest.mark.usefixtures("peers")
@pytest.mark.parametrize("level", ["none", "may", "encrypt", "verify"])
@pytest.mark.parametrize("kind", PEERS)
def test_peer_sends_to_us(gateway, subnet, authority, tmp_path, kind, level):
    certificate = authority.issue(HOSTNAME, subnet(1))
    daemon = gateway(certificate=certificate, listeners={"mx": LISTENERS["mx"]})
    with Sink(subnet(9), OUT) as sink:
        daemon.set_up("domain", "example.test")
        daemon.host("inner", f"{sink.address}:{OUT}")
        daemon.set_up("route", "example.test", host="inner")
        hop = Hop(daemon.address, MX, level, authority.bundle, HOSTNAME)
        with kind(tmp_path / "peer", subnet(2), 2525, hop) as peer:
            peer.inject("a@example.org", "joe@example.test", TEXT)
            message = until(lambda: sink.messages, 30, "the message through the peer and us")[0]
            assert message.data.endswith(TEXT.encode().partition(b"\r\n\r\n")[2])
            received = message.data.decode().split("Received:")[1]
            assert ("TLS" in received) == (level != "none"), received


@pytest.mark.usefixtures("peers")
@pytest.mark.parametrize("kind, tls", WITH_TLS)
@pytest.mark.parametrize("level", ["may", "encrypt", "verify"])
def test_we_send_to_the_peer(gateway, subnet, authority, tmp_path, kind, tls, level):
    certificate = authority.issue("peer.test", subnet(2)) if tls else None
    daemon = gateway(listeners={"relay": LISTENERS["relay"]}, outbound={"retry": ["10m"]})
    with Sink(subnet(9), OUT) as sink, kind(tmp_path / "peer", subnet(2), 2525, Hop(subnet(9), OUT, "none"), certificate):
        daemon.host("peer", f"{subnet(2)}:2525", tls=level, **trust(level, authority))
        daemon.set_up("route", "*", host="peer")
        sent = daemon.submit("a@example.org", "joe@example.test", body=TEXT)
        outcome = daemon.outcome(sent, 30)
        if level != "may" and not tls:
            assert outcome["outcome"] == "deferred" and sink.messages == []
            return
        assert outcome["outcome"] == "delivered", daemon.trace(sent)
        message = until(lambda: sink.messages, 30, "the message through us and the peer")[0]
        assert message.data.endswith(TEXT.encode().partition(b"\r\n\r\n")[2])
        facts = [e for e in daemon.events(sent, "attempt") if e["outcome"] == "delivered" or "tls" in e][-1]
        assert bool(facts.get("tls")) == tls, facts


@pytest.mark.usefixtures("peers")
@pytest.mark.parametrize("kind", PEERS)
def test_burst_to_the_peer(gateway, subnet, tmp_path, kind):
    """Kept connections and several at a time, as a real server takes them."""
    daemon = gateway(listeners={"relay": LISTENERS["relay"]}, outbound={"retry": ["1s"]})
    with Sink(subnet(9), OUT) as sink, kind(tmp_path / "peer", subnet(2), 2525, Hop(subnet(9), OUT, "none")):
        daemon.host("peer", f"{subnet(2)}:2525")
        daemon.set_up("route", "*", host="peer")
        for count in range(40):
            daemon.submit("a@example.org", f"user{count}@example.test")
        until(lambda: len({m.recipients[0][0] for m in sink.messages}) == 40, 60, "all messages")
        assert len(sink.messages) == 40


class Keeper:
    def __init__(self):
        self.envelopes = []

    async def handle_DATA(self, _server, _session, envelope):
        self.envelopes.append(envelope)
        return "250 OK"


@pytest.mark.parametrize("tls", [True, False])
def test_we_send_to_aiosmtpd(gateway, subnet, authority, tls):
    keeper = Keeper()
    context = server_context(authority.issue("peer.test")) if tls else None

    class Server(Controller):
        def factory(self):
            return AiosmtpdServer(self.handler, tls_context=context, require_starttls=tls, enable_SMTPUTF8=True)

    server = Server(keeper, hostname=subnet(2), port=2525)
    server.start()
    try:
        daemon = gateway(listeners={"relay": LISTENERS["relay"]})
        daemon.host("peer", f"{subnet(2)}:2525", tls="verify" if tls else "may",
                    **trust("verify" if tls else "may", authority))
        daemon.set_up("route", "*", host="peer")
        assert daemon.outcome(daemon.submit("a@example.org", "joe@example.test", body=TEXT))["outcome"] == "delivered"
        assert keeper.envelopes[0].rcpt_tos == ["joe@example.test"]
        assert keeper.envelopes[0].content.endswith(TEXT.encode().partition(b"\r\n\r\n")[2])
    finally:
        server.stop()


def test_two_of_us(gateway, subnet, authority):
    """Gateway to gateway, verified, with every extension that we have ourselves."""
    certificate = authority.issue("mx.partner.test")
    inner = gateway(address=subnet(5), certificate=certificate, top={"hostname": "mx.partner.test"},
                    listeners={"mx": {**LISTENERS["mx"], "port": OUT}})
    with Sink(subnet(9), OUT) as sink:
        inner.set_up("domain", "partner.test")
        inner.host("inner", f"{sink.address}:{OUT}")
        inner.set_up("route", "partner.test", host="inner")
        outer = gateway(listeners={"relay": LISTENERS["relay"]},
                        records=["partner.test. 60 IN MX 10 mx.partner.test.", f"mx.partner.test. 60 IN A {subnet(5)}"])
        outer.set_up("rule", "partner", to="partner.test", level="verify", ca=authority.bundle, min_version="1.3")
        message = outer.submit("a@example.org", "joe@partner.test", body=TEXT, options=["RET=HDRS", "ENVID=x"],
                               recipient_options=["NOTIFY=FAILURE"])
        assert outer.outcome(message)["outcome"] == "delivered"
        got = until(lambda: sink.messages, 20, "the message")[0]
        assert got.data.count(b"\r\nReceived:") + got.data.startswith(b"Received:") == 2
        assert "ENVID=x" in got.sender_parameters
