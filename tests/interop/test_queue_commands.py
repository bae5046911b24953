"""The queue as administrators see and change it."""
import pytest
from harness.records import mx
from harness.sink import Sink
from harness.sternpost import LISTENERS, OUT
from harness.waiting import until


@pytest.fixture
def scene(gateway, subnet):
    """Two domains that answer 450 until told otherwise."""
    with Sink(subnet(9), OUT, replies={"RCPT": "450 4.2.1 busy"}) as sink:
        daemon = gateway(listeners={"relay": LISTENERS["relay"]}, outbound={"retry": ["10m"]},
                         records=mx("one.test", (10, "mx.one.test", subnet(9))) + mx("two.test", (10, "mx.two.test", subnet(9))))
        ids = [daemon.submit(f"{sender}@example.test", to) for sender, to in
               (("a", "x@one.test"), ("b", "y@one.test"), ("a", "z@two.test"))]
        for message in ids:
            daemon.outcome(message)
        yield daemon, sink, ids


def test_list_and_filters(scene):
    daemon, _, ids = scene
    listed = daemon.queue()
    assert [message["id"] for message in listed] == ids
    assert listed[0]["sender"] == "a@example.test" and listed[0]["recipients"][0]["address"] == "x@one.test"
    assert listed[0]["recipients"][0]["attempts"] == 1 and "busy" in listed[0]["recipients"][0]["last_error"]
    assert [m["id"] for m in daemon.ask_lines("queue", "list", "--domain", "two.test")] == ids[2:]
    assert [m["id"] for m in daemon.ask_lines("queue", "list", "--sender", "a@example.test")] == [ids[0], ids[2]]
    assert len(daemon.ask_lines("queue", "list", "--limit", "1")) == 1
    assert all(message in daemon.cli("queue", "list") for message in ids)


def test_show(scene):
    daemon, _, ids = scene
    shown = daemon.ask("queue", "show", ids[0])
    assert shown["message"]["id"] == ids[0]
    assert [event["event"] for event in shown["trace"]][:2] == ["received", "decision"]
    assert daemon.run("queue", "show", "0000000000000").returncode != 0
    assert daemon.run("queue", "show", "nonsense").returncode != 0


def test_retry(scene):
    daemon, sink, ids = scene
    sink.replies.clear()
    daemon.cli("queue", "retry", ids[0])
    until(lambda: len(sink.messages) == 1, 20, "the retried message")
    daemon.cli("queue", "retry", "--domain", "two.test")
    until(lambda: len(sink.messages) == 2, 20, "the domain's message")
    assert [message["id"] for message in until(lambda: len(daemon.queue()) == 1 and daemon.queue())] == [ids[1]]


def test_hold_and_release(scene):
    daemon, sink, ids = scene
    sink.replies.clear()
    daemon.cli("queue", "hold", ids[0])
    daemon.cli("queue", "retry", ids[1])
    until(lambda: len(sink.messages) == 1, 20, "the other message")
    daemon.cli("queue", "retry", "--sender", "a@example.test")
    until(lambda: len(sink.messages) == 2, 20, "the message not held")
    held = daemon.queue()
    assert [m["id"] for m in held] == [ids[0]] and held[0]["recipients"][0]["held"]
    daemon.cli("queue", "release", ids[0])
    daemon.cli("queue", "retry", ids[0])
    until(lambda: daemon.queue() == [], 20, "the end of the queue")


def test_remove(scene):
    """Nobody is told; the trace stays."""
    daemon, sink, ids = scene
    daemon.cli("queue", "remove", ids[0])
    assert [message["id"] for message in daemon.queue()] == ids[1:]
    assert daemon.events(ids[0], "outcome")
    assert daemon.run("queue", "remove", ids[0]).returncode != 0
    daemon.cli("queue", "remove", "--all")
    assert daemon.queue() == [] and sink.messages == []


@pytest.mark.parametrize("action", ["remove", "hold", "retry", "release"])
def test_the_whole_queue_only_when_said(scene, action):
    """WEB-09: an empty filter may be a slip."""
    daemon, _, ids = scene
    assert daemon.run("queue", action).returncode == 2
    assert len(daemon.queue()) == len(ids)


def test_paused_deliveries(scene):
    daemon, sink, _ = scene
    sink.replies.clear()
    daemon.cli("gateway", "set", "--pause-deliveries", "true")
    daemon.cli("queue", "retry", "--all")
    message = daemon.submit("a@example.test", "x@one.test")
    assert daemon.events(message, "outcome") == [] and sink.messages == []
    daemon.cli("gateway", "set", "--pause-deliveries", "false")
    until(lambda: daemon.queue() == [], 20, "the end of the queue")
    assert len(sink.messages) == 4


def test_queue_survives_a_restart(scene):
    daemon, sink, ids = scene
    daemon.stop()
    daemon.start()
    assert [message["id"] for message in daemon.queue()] == ids
    sink.replies.clear()
    daemon.cli("queue", "retry", "--all")
    until(lambda: daemon.queue() == [], 20, "the end of the queue")
    assert len(sink.messages) == 3
