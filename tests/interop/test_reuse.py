"""A kept connection serves the next message only when its TLS meets that message's decision."""
import pytest
from harness.records import mx
from harness.sink import Sink, server_context
from harness.sternpost import LISTENERS, OUT


@pytest.fixture
def scene(gateway, subnet, authority):
    sinks = []

    def make(tls=True, **outbound):
        context = server_context(authority.issue("mx.partner.test")) if tls else None
        sinks.append(Sink(subnet(9), OUT, tls=context))
        daemon = gateway(listeners={"relay": LISTENERS["relay"]}, top={"workers": 1},
                         records=mx("partner.test", (10, "mx.partner.test", subnet(9)))
                         + mx("other.test", (10, "mx.partner.test")), outbound={"retry": ["10m"], **outbound})
        return daemon, sinks[0]

    yield make
    for sink in sinks:
        sink.close()


def send(daemon, to="b@partner.test", sender="a@example.test"):
    return daemon.outcome(daemon.submit(sender, to))["outcome"]


def test_reused(scene):
    daemon, sink = scene()
    assert [send(daemon) for _ in range(5)] == ["delivered"] * 5
    assert sink.sessions == 1 and {message.session for message in sink.messages} == {1}


def test_not_kept_when_told_so(scene):
    daemon, sink = scene(**{"reuse-timeout": "0s"})
    assert [send(daemon) for _ in range(3)] == ["delivered"] * 3
    assert sink.sessions == 3


def test_so_many_messages(scene):
    daemon, sink = scene(**{"messages-per-connection": 2})
    assert [send(daemon) for _ in range(4)] == ["delivered"] * 4
    assert sink.sessions == 2


def test_clear_connection_never_serves_a_demand(scene):
    """The pool is no way around a rule."""
    daemon, sink = scene(tls=False)
    assert send(daemon) == "delivered"
    daemon.set_up("rule", "boss", **{"from": "boss@example.test"}, level="encrypt", on_failure="defer")
    assert send(daemon, sender="boss@example.test") == "deferred"
    assert send(daemon) == "delivered"
    assert [message.sender for message in sink.messages] == ["a@example.test"] * 2


def test_unverified_connection_never_serves_verify(scene, authority):
    daemon, sink = scene()
    assert send(daemon) == "delivered"
    daemon.set_up("rule", "boss", **{"from": "boss@example.test"}, level="verify", ca=authority.bundle, names="else.test",
                  on_failure="defer")
    assert send(daemon, sender="boss@example.test") == "deferred"
    daemon.cli("rule", "set", "boss", "--names", "mx.partner.test")
    assert send(daemon, sender="boss@example.test") == "delivered"


def test_one_domains_decision_is_not_the_others(scene, authority):
    """Policies are per recipient domain, though two domains share a server."""
    daemon, sink = scene()
    daemon.set_up("rule", "other", to="other.test", level="verify", ca=authority.bundle, on_failure="defer")
    assert send(daemon) == "delivered"
    assert send(daemon, "b@other.test") == "deferred"
    assert [m.recipients[0][0] for m in sink.messages] == ["b@partner.test"]


def test_server_that_hung_up_meanwhile(scene):
    """A dead kept connection costs no attempt."""
    daemon, sink = scene()
    sink.replies["RSET"] = "hang-up"
    sink.replies["MAIL"] = lambda session, _: "hang-up" if sum(
        n == session.number and line.startswith(b"MAIL") for n, _, line in sink.commands) > 1 else None
    assert [send(daemon) for _ in range(3)] == ["delivered"] * 3
    assert len(sink.messages) == 3
