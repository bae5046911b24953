"""Whatever was acknowledged arrives, though the process is killed again and again (DUR-01, figure F4)."""
import os
import signal
import socket
import subprocess

import pytest
from harness.sink import Sink
from harness.sternpost import LISTENERS, OUT, RELAY
from harness.waiting import until
from harness.world import TOP

BENCH = TOP / os.environ.get("STERNPOST_BENCH", "build-asan/bench")
ROUNDS, PER_ROUND = 12, 150


@pytest.fixture
def bench_sink(tmp_path, subnet):
    """The benchmarks' sink: writes down each message before it answers."""
    record = tmp_path / "received"
    sink = subprocess.Popen([BENCH / "sink", "--listen", f"{subnet(9)}:{OUT}", "--record", record, "--seconds", "300"],
                            stdout=subprocess.PIPE, text=True)
    assert sink.stdout.readline().startswith("listening")
    yield record
    sink.terminate()
    sink.communicate(timeout=20)


def load(daemon, name, record, **options):
    words = [word for key, value in options.items() for word in ("--" + key.replace("_", "-"), str(value))]
    return subprocess.Popen([BENCH / "load", "--to", f"{daemon.address}:{RELAY}", "--run", name, "--record", record,
                             "--seconds", "60", *words], stdout=subprocess.PIPE, text=True)


def start(gateway, subnet):
    daemon = gateway(listeners={"relay": LISTENERS["relay"]}, outbound={"retry": ["1s"], "connect-timeout": "2s"})
    daemon.host("sink", f"{subnet(9)}:{OUT}")
    daemon.set_up("route", "*", host="sink")
    return daemon


def finish(client):
    client.terminate()
    client.communicate(timeout=30)


def ids(file):
    return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


def test_killed_under_load(gateway, subnet, tmp_path, bench_sink):
    """Nothing lost, at most one repetition of a message for each kill."""
    daemon = start(gateway, subnet)
    accepted = []
    for count in range(ROUNDS):
        record = tmp_path / f"accepted{count}"
        client = load(daemon, f"r{count}", record, sessions=10, messages=PER_ROUND * 20, size=2000, per_connection=5)
        until(lambda: len(ids(record)) >= PER_ROUND * (1 + count % 3) // 3, 30, "some load")
        daemon.kill()
        finish(client)
        accepted += ids(record)
        daemon.start()
    assert len(accepted) >= ROUNDS * PER_ROUND // 3
    until(lambda: daemon.queue() == [], 90, "the queue to run empty")
    received = ids(bench_sink)
    lost = set(accepted) - set(received)
    assert not lost, f"{len(lost)} of {len(accepted)} acknowledged messages lost: {sorted(lost)[:5]}"
    assert max(received.count(one) for one in set(received)) <= 1 + ROUNDS


def test_ended_politely_under_load(gateway, subnet, tmp_path, bench_sink):
    """SIGTERM: clients get an answer or 421, nothing acknowledged is lost, nothing arrives twice (RES-05)."""
    daemon = start(gateway, subnet)
    record = tmp_path / "accepted"
    client = load(daemon, "polite", record, sessions=10, messages=3000, size=2000, per_connection=5)
    until(lambda: len(ids(record)) >= 100, 30, "some load")
    daemon.stop()
    finish(client)
    daemon.start()
    until(lambda: daemon.queue() == [], 60, "the queue to run empty")
    received = ids(bench_sink)
    assert set(ids(record)) <= set(received)
    assert len(received) == len(set(received)), "a polite end repeats nothing"


def test_hangup_amid_a_polite_end(gateway, subnet):
    """SIGHUP, as log rotation sends it, cuts nobody off who is being waited for (RES-05)."""
    daemon = start(gateway, subnet)
    with socket.create_connection((daemon.address, RELAY), 20) as client, client.makefile("rwb", buffering=0) as session:
        for said, code in ((b"", b"220"), (b"HELO client.test\r\n", b"250"), (b"MAIL FROM:<a@example.test>\r\n", b"250"),
                           (b"RCPT TO:<b@partner.test>\r\n", b"250"), (b"DATA\r\n", b"354")):
            session.write(said)
            assert session.readline().startswith(code)
        daemon.process.send(signal.SIGTERM)
        until(lambda: "stopping" in daemon.process.log.read_text(), 20, "the end to begin")
        daemon.process.send(signal.SIGHUP)
        session.write(b"Subject: last words\r\n\r\n.\r\n")
        assert session.readline().startswith(b"250")
    assert daemon.process.child.wait(20) == 0


def test_killed_with_a_queue_on_disk(gateway, subnet, tmp_path):
    """Deferred mail, large and small, is whole after the kill."""
    daemon = start(gateway, subnet)
    bodies = {f"b{n}@partner.test": f"Subject: {n}\r\n\r\n" + f"{n:06d} \r\n" * (1 if n % 2 else 150000) for n in range(6)}
    for to, body in bodies.items():
        daemon.submit("a@example.test", to, body=body)
    daemon.kill()
    with Sink(subnet(9), OUT) as sink:
        daemon.start()
        daemon.cli("queue", "retry", "--all")
        until(lambda: len(sink.messages) == 6, 60, "all messages")
        for message in sink.messages:
            assert message.data.endswith(bodies[message.recipients[0][0]].encode())
