"""DNS that is gone, servers that are slow or dead, clients that dawdle: what else there is goes on."""
import socket
import time

import pytest
from harness.dns import DnsServer
from harness.records import mx
from harness.sink import Sink
from harness.sternpost import LISTENERS, MX, OUT, RELAY
from harness.waiting import until
from harness.wire import Closed, Wire


def test_dns_is_gone_and_comes_back(gateway, subnet):
    """Everything is taken and deferred; then it goes without a restart."""
    records = {"partner.example": {"MX": ["10 a.partner.example"]}, "a.partner.example": {"A": [subnet(9)]}}
    daemon = gateway(listeners={"relay": LISTENERS["relay"]}, forwarders=[f"{subnet(53)}@5353"], outbound={"retry": ["1s"]})
    messages = [daemon.submit("a@example.test", f"b{n}@partner.example") for n in range(3)]
    for message in messages:
        assert daemon.outcome(message, 40)["outcome"] == "deferred"
    with DnsServer(subnet(53), records), Sink(subnet(9), OUT) as sink:
        until(lambda: len(sink.messages) == 3, 90, "all three")


def test_silent_dns_for_one_domain_delays_no_other(gateway, subnet):
    records = {"good.example": {"MX": ["10 a.good.example"]}, "a.good.example": {"A": [subnet(9)]}, "silent.example": {"A": [subnet(9)]}}
    with DnsServer(subnet(53), records, silent=["silent.example"]) as dns, Sink(subnet(9), OUT) as sink:
        daemon = gateway(listeners={"relay": LISTENERS["relay"]}, forwarders=[dns.forwarder], outbound={"retry": ["1s"]})
        for count in range(20):
            daemon.submit("a@example.test", f"b{count}@silent.example")
        start = time.monotonic()
        assert daemon.outcome(daemon.submit("a@example.test", "b@good.example"))["outcome"] == "delivered"
        assert time.monotonic() - start < 5 and len(sink.messages) == 1


def test_slow_servers_delay_no_other_domain(gateway, subnet):
    """Every MX of one domain takes its time: RES-06, per-domain fairness."""
    slow = [Sink(subnet(last), OUT, delay=3) for last in (20, 21)]
    try:
        with Sink(subnet(9), OUT) as sink:
            daemon = gateway(listeners={"relay": LISTENERS["relay"]}, outbound={"retry": ["1s"], "connections-per-destination": 2},
                             records=mx("slow.test", (10, "a.slow.test", subnet(20)), (10, "b.slow.test", subnet(21)))
                             + mx("fast.test", (10, "a.fast.test", subnet(9))))
            for count in range(60):
                daemon.submit("a@example.test", f"b{count}@slow.test")
            start = time.monotonic()
            assert daemon.outcome(daemon.submit("a@example.test", "b@fast.test"))["outcome"] == "delivered"
            assert time.monotonic() - start < 5 and len(sink.messages) == 1
            assert sum(one.sessions for one in slow) <= 2
    finally:
        for one in slow:
            one.close()


@pytest.mark.parametrize("stage", ["greeting", "EHLO", "MAIL", "."])
def test_server_that_never_answers(gateway, subnet, stage):
    """Deferred after the time that the configuration gives it, and the next server is tried."""

    def never(session, _):
        session.sink.ending.wait(20)
        return "hang-up"

    with Sink(subnet(9), OUT, replies={stage: never}), Sink(subnet(10), OUT) as other:
        daemon = gateway(listeners={"relay": LISTENERS["relay"]},
                         records=mx("partner.test", (10, "a.partner.test", subnet(9)), (20, "b.partner.test", subnet(10))),
                         outbound={"retry": ["10m"], "command-timeout": "1s", "end-timeout": "1s", "connect-timeout": "1s"})
        outcome = daemon.outcome(daemon.submit("a@example.test", "b@partner.test"), 20)
        if stage == ".":
            assert outcome["outcome"] in ("deferred", "delivered")
        else:
            assert outcome["outcome"] == "delivered" and len(other.messages) == 1


def test_silent_client_is_let_go(gateway):
    """SRV-10"""
    daemon = gateway(listeners={"mx": LISTENERS["mx"]}, limits={"idle-timeout": "1s", "handshake-timeout": "1s"})
    with Wire(daemon.address, MX) as wire:
        wire.hello()
        assert wire.reply().code == 421 and wire.is_closed()
    with Wire(daemon.address, MX) as wire:
        wire.hello()
        wire.expect(220, "STARTTLS")
        with pytest.raises((Closed, AssertionError)):
            wire.reply()


def test_session_has_an_end(gateway):
    """SRV-10: a byte now and then keeps nobody for ever."""
    daemon = gateway(listeners={"mx": LISTENERS["mx"]}, limits={"session-timeout": "2s"})
    with Wire(daemon.address, MX) as wire:
        wire.hello()
        with pytest.raises((Closed, AssertionError, OSError)):
            for _ in range(200):
                wire.expect(250, "NOOP")
                time.sleep(0.05)  # the client's own pace


def test_too_many_connections_from_one_address(gateway):
    """SRV-11: 421 for the one over the limit, room again when one leaves."""
    daemon = gateway(listeners={"mx": LISTENERS["mx"]}, limits={"connections-per-address": 5})
    wires = [Wire(daemon.address, MX) for _ in range(5)]
    for wire in wires:
        wire.expect(220)
    with Wire(daemon.address, MX) as one_more:
        assert one_more.reply().code == 421
    wires[0].expect(221, "QUIT")
    wires[0].sock.close()

    def is_welcome():
        with Wire(daemon.address, MX) as wire:
            return wire.reply().code == 220

    until(is_welcome, 10, "room again")
    for wire in wires[1:]:
        wire.sock.close()


def test_resets_at_every_stage(gateway):
    """SRV-13: a client that vanishes leaves nothing behind."""
    import struct
    daemon = gateway(listeners={"relay": LISTENERS["relay"]})
    lines = [b"EHLO a.example\r\n", b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<c@d.example>\r\n", b"DATA\r\n", b"half a line"]
    for stage in range(len(lines) + 1):
        for _ in range(5):
            sock = socket.create_connection((daemon.address, RELAY), 10)
            sock.recv(100)
            for line in lines[:stage]:
                sock.sendall(line)
                if line != lines[-1]:
                    sock.recv(1000)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
    until(lambda: daemon.ask("status")["counters"]["sessions_open"] == 0, 10, "no session left open")
    assert daemon.queue() == []
