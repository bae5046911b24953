"""One message in is one message out, whatever its line ends: over the real socket in, and the bytes at the next hop."""
import pytest
from harness.sink import Sink
from harness.sternpost import LISTENERS, MX, OUT, RELAY
from harness.waiting import until
from harness.wire import Closed, Wire

HEAD = b"Subject: x\r\n\r\nfirst\r\n"
SMUGGLED = b"MAIL FROM:<evil@example.test>\r\nRCPT TO:<joe@example.test>\r\nDATA\r\nsmuggled\r\n.\r\n"
END_MARKS = {  # what some server somewhere took for the end of data
    "EOD-01 lf dot lf": b"\n.\n",
    "EOD-02 lf dot crlf": b"\n.\r\n",
    "EOD-03 crlf dot lf": b"\r\n.\n",
    "EOD-04 cr dot cr": b"\r.\r",
    "EOD-05 crlf dot cr": b"\r\n.\r",
    "EOD-06 cr dot crlf": b"\r.\r\n",
    "EOD-06 cr dot lf": b"\r.\n",
    "EOD-06 lf dot cr": b"\n.\r",
    "EOD-07 nul before dot": b"\r\n\0.\r\n",
    "EOD-07 nul after dot": b"\r\n.\0\r\n",
    "EOD-08 cr cr lf dot": b"\r\r\n.\r\n",
    "EOD-08 dot cr cr lf": b"\r\n.\r\r\n",
    "EOD-08 lf lf dot": b"\n\n.\r\n",
}
CONTENT_MARKS = {  # as sent, and as it goes out
    "EOD-09 blank": (b"\r\n. \r\n", b"\r\n \r\n"), "EOD-09 tab": (b"\r\n.\t\r\n", b"\r\n\t\r\n"),
    "EOD-09 text": (b"\r\n.x\r\n", b"\r\nx\r\n"), "EOD-09 two dots": (b"\r\n..\r\n", b"\r\n..\r\n"),
    "EOD-09 three dots": (b"\r\n...\r\n", b"\r\n...\r\n"),
}
BODIES = {"dot first": b".\r\n", "dots": b"..\r\n.\r\n.x\r\n", "empty lines": b"\r\n\r\n\r\n", "no text": b"",
          "8-bit": "gr\u00fc\u00dfe \u2603\r\n".encode(), "998 long": b"a" * 998 + b"\r\n"}


@pytest.fixture(scope="module")
def sink(standing_subnet):
    with Sink(standing_subnet(9), OUT) as sink:
        yield sink


@pytest.fixture(scope="module")
def daemon(standing_gateway, sink):
    listeners = {name: LISTENERS[name] for name in ("mx", "relay")}
    listeners["devices"] = {**LISTENERS["relay"], "port": 2527, "bare-newline": "normalize"}
    daemon = standing_gateway(listeners=listeners)
    daemon.set_up("domain", "example.test")
    daemon.host("inner", f"{sink.address}:{OUT}")
    daemon.set_up("route", "*", host="inner")
    return daemon


def replies(wire, limit=12):
    """All replies until the server hangs up or says goodbye."""
    found = []
    try:
        while len(found) < limit:
            found.append(wire.reply())
    except (Closed, TimeoutError):
        pass
    return found


@pytest.mark.parametrize("port", [MX, RELAY])
@pytest.mark.parametrize("mark", END_MARKS.values(), ids=END_MARKS.keys())
@pytest.mark.parametrize("splits", ["whole", "bytes"])
def test_false_end_ends_nothing(daemon, sink, port, mark, splits):
    """EOD-01..08, CVE-2023-51764: rejected as a whole, nothing of it runs as commands, nothing goes out."""
    known = len(sink.messages)
    text = HEAD + b"carrier" + mark + SMUGGLED
    with Wire(daemon.address, port) as wire:
        wire.hello()
        wire.envelope("joe@example.test", "joe@example.test")
        for part in ([text] if splits == "whole" else [text[i:i + 1] for i in range(len(text))]):
            try:
                wire.send(part)
            except OSError:
                break
        got = replies(wire)
    codes = [reply.code for reply in got]
    assert codes and codes[0] >= 500 and 250 not in codes and 354 not in codes, got
    assert daemon.queue() == [] and sink.messages[known:] == []


@pytest.mark.parametrize("sent, out", CONTENT_MARKS.values(), ids=CONTENT_MARKS.keys())
def test_dot_with_company_is_content(daemon, sink, sent, out):
    """EOD-09: exactly one leading dot goes; a line that then begins with a dot gets one on the way out."""
    arrives(daemon, sink, HEAD + b"carrier" + sent + b"last\r\n", b"first\r\ncarrier" + out + b"last\r\n")


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("cut", [0, 1, 2, 3, 4, 5])
def test_end_is_seen_however_it_is_cut(daemon, sink, body, cut):
    """EOD-10, EOD-11: the last `cut` bytes come in a segment of their own; the length is exact."""
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in body.split(b"\r\n"))
    arrives(daemon, sink, b"Subject: x\r\n\r\n" + stuffed, b"\r\n\r\n" + stuffed, cut)


def arrives(daemon, sink, sent, expected, cut=0):
    known = len(sink.messages)
    text = sent + b".\r\n"
    with Wire(daemon.address, RELAY) as wire:
        wire.hello()
        wire.envelope("joe@example.test", "joe@example.test")
        wire.send(text[:len(text) - cut])
        if cut:
            wire.send(text[len(text) - cut:])
        wire.expect(250)
        wire.expect(250, "NOOP")
    message = until(lambda: sink.messages[known:], 20, "the message")[0]
    assert message.wire.endswith(expected), message.wire
    assert_clean(message.wire)


def assert_clean(wire):
    """What we write has CRLF only (EOD-12)."""
    rest = wire.replace(b"\r\n", b"")
    assert b"\r" not in rest and b"\n" not in rest and b"\0" not in rest


@pytest.mark.parametrize("mark", [mark for name, mark in END_MARKS.items()
                                  if "nul" not in name and b"\r\n.\r\n" not in mark])
def test_normalised_for_old_devices(daemon, sink, mark):
    """EOD-12: a listener told to normalise makes lines of them, never an end, never commands."""
    known = len(sink.messages)
    with Wire(daemon.address, 2527) as wire:
        wire.hello()
        wire.envelope("joe@example.test", "joe@example.test")
        wire.send(HEAD + b"carrier" + mark + SMUGGLED)
        first = wire.reply()
        second = wire.say("NOOP") if first.code == 250 else first
    assert second.code == 250 or second.code >= 500, (first, second)
    if first.code == 250:
        message = until(lambda: sink.messages[known:], 20, "the message")[0]
        assert_clean(message.wire)
        assert len(sink.messages) == known + 1 and b"smuggled" in message.wire


@pytest.mark.parametrize("line", [
    b"NOOP\nRSET\r\n", b"NOOP\rRSET\r\n", b"NOOP\0\r\n", b"MAIL FROM:<a@b.example>\nRCPT TO:<joe@example.test>\r\n",
    b"EHLO a\rb\r\n", b"NOOP\n",
])
def test_one_command_is_never_two(daemon, line):
    """EOD-14"""
    with Wire(daemon.address, MX, seconds=3) as wire:
        wire.hello()
        wire.send(line + b"QUIT\r\n")
        got = replies(wire)
    assert all(reply.code >= 400 or reply.code == 221 for reply in got), got
    assert len(got) <= 2


def test_nothing_may_be_said_before_the_greeting_is_due(daemon):
    """EOD-16: what comes in with the first packet is refused or answered in order, never lost half-way."""
    with Wire(daemon.address, MX, seconds=5) as wire:
        wire.send(b"EHLO early.example\r\nMAIL FROM:<a@b.example>\r\n")
        assert [reply.code for reply in replies(wire)] in ([554], [220, 554], [220, 250, 250], [220, 250, 554])


def test_large_message_comes_through_whole(daemon, sink):
    """Over one stored chunk, with a dot line at every odd place."""
    known = len(sink.messages)
    body = b"".join(b"%07d\r\n..\r\n" % count for count in range(200000))
    with Wire(daemon.address, RELAY, seconds=60) as wire:
        wire.hello()
        wire.envelope("joe@example.test", "joe@example.test")
        wire.send(b"Subject: large\r\n\r\n" + body + b".\r\n")
        wire.expect(250)
    message = until(lambda: sink.messages[known:], 60, "the large message")[0]
    assert message.wire.endswith(b"\r\n\r\n" + body)
