"""A full disk and a damaged store: refused for now, or not started at all; never a message half kept (DUR-04, DUR-10)."""
import os
import sqlite3
import subprocess

import pytest
from harness.process import sanitizer_environment
from harness.sink import Sink
from harness.sternpost import BINARY, LISTENERS, OUT, RELAY
from harness.waiting import until
from harness.wire import Wire

MIB = 1024 * 1024


@pytest.fixture
def small_disk(world, tmp_path):
    if world.mount_fault:
        pytest.skip(world.mount_fault)
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk, leave):
    """Takes all but `leave` bytes of the disk; the file that does."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
    file = disk / "ballast"
    with file.open("wb") as out:
        for _ in range(max(0, free - leave) // 4096):
            out.write(b"\0" * 4096)
    return file


@pytest.fixture
def daemon(gateway, subnet, small_disk):
    daemon = gateway(listeners={"relay": LISTENERS["relay"]}, limits={"min-free-space": "8MiB"},
                     top={"store": f"sqlite:{small_disk}/sternpost.db"}, outbound={"retry": ["1s"], "connect-timeout": "1s"})
    daemon.host("sink", f"{subnet(9)}:{OUT}")
    daemon.set_up("route", "*", host="sink")
    return daemon


def answer(daemon, body=b"Subject: x\r\n\r\nx\r\n"):
    """The first answer that is no success, else that to the end of the message."""
    with Wire(daemon.address, RELAY) as wire:
        wire.hello()
        for line in ("MAIL FROM:<a@example.test>", "RCPT TO:<b@partner.test>", "DATA"):
            got = wire.say(line)
            if got.code >= 400:
                return got
        wire.send(body + b".\r\n")
        return wire.reply()


def test_full_disk_and_recovery(daemon, small_disk, subnet):
    """452 4.3.1, delivery goes on, and mail is taken again without a restart."""
    assert answer(daemon).code == 250
    ballast = fill(small_disk, 4 * MIB)
    got = until(lambda: (lambda reply: reply if reply.code == 452 else None)(answer(daemon)), 20, "452")
    assert got.text.startswith("4.3.1"), got
    with Sink(subnet(9), OUT) as sink:
        until(lambda: sink.messages and daemon.queue() == [], 30, "delivery on a full disk")
        assert answer(daemon).code == 452
        ballast.unlink()
        until(lambda: answer(daemon).code == 250, 30, "mail taken again")


def mail(daemon, size):
    with Wire(daemon.address, RELAY) as wire:
        wire.hello()
        return wire.say(f"MAIL FROM:<a@example.test> SIZE={size}")


def test_announced_size_beyond_what_is_free(daemon, small_disk):
    """DUR-04, RFC 1870 section 6.1: no before the content is sent; what fits is taken meanwhile."""
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize - 8 * MIB
    assert free > MIB
    got = mail(daemon, free)
    assert got.code == 452 and got.text.startswith("4.3.1"), got
    assert mail(daemon, free // 2).code == 250
    assert answer(daemon).code == 250
    ballast = fill(small_disk, 8 * MIB + 64 * 1024)
    got = mail(daemon, MIB)
    assert got.code == 452 and got.text.startswith("4.3.1"), got
    ballast.unlink()
    assert mail(daemon, MIB).code == 250


def test_disk_that_fills_within_a_message(daemon, small_disk):
    """The announced reserve is passed by one large message: 4xx, and no part of it stays."""
    body = b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * (20 * MIB // 72)
    got = answer(daemon, body)
    assert got.code in (452, 451), got
    assert daemon.queue() == []
    until(lambda: answer(daemon).code in (250, 452), 20, "an answer")


def damage(file, how):
    size = os.path.getsize(file)
    with open(file, "r+b") as store:
        if how == "cut":
            store.truncate(size // 2)
        elif how == "no database":
            store.write(b"this is not a database, it only looks like a file " * 20)
        elif how == "pages overwritten":
            store.seek(4096)
            store.write(os.urandom(max(4096, size - 4096)))


@pytest.mark.parametrize("how", ["cut", "no database", "pages overwritten"])
def test_damaged_store_is_refused(gateway, how):
    """One line says so, and the file is not touched."""
    daemon = gateway(listeners={"relay": LISTENERS["relay"]})
    for count in range(10):
        daemon.submit("a@example.test", f"b{count}@partner.test", body="Subject: x\r\n\r\n" + "z" * 20000 + "\r\n")
    daemon.stop()
    file = str(daemon.folder / "sternpost.db")
    damage(file, how)
    with open(file, "rb") as store:
        before = store.read()
    done = subprocess.run([BINARY, "serve", "-c", daemon.file], capture_output=True, text=True, timeout=30, check=False,
                          env=sanitizer_environment(daemon.folder))
    assert done.returncode not in (0, -6, -11) and file in done.stderr + done.stdout, done
    with open(file, "rb") as store:
        assert store.read() == before


def test_store_of_a_newer_version_is_refused(gateway):
    """DUR-11"""
    daemon = gateway(listeners={"relay": LISTENERS["relay"]})
    daemon.stop()
    with sqlite3.connect(daemon.folder / "sternpost.db") as store:
        store.execute("PRAGMA user_version = 9999")
    done = subprocess.run([BINARY, "serve", "-c", daemon.file], capture_output=True, text=True, timeout=30, check=False,
                          env=sanitizer_environment(daemon.folder))
    assert done.returncode not in (0, -6, -11) and done.stderr + done.stdout


def test_no_room_to_start_in(gateway, small_disk):
    fill(small_disk, 0)
    with pytest.raises(AssertionError, match="the daemon ended"):
        gateway(listeners={"relay": LISTENERS["relay"]}, top={"store": f"sqlite:{small_disk}/sternpost.db"})
