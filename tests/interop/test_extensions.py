"""ESMTP extensions on the way through: passed on where the next hop has them, else carried or returned with a reason."""
import pytest
from harness.records import mx
from harness.sink import Sink
from harness.sternpost import LISTENERS, MX, OUT, RELAY
from harness.wire import Wire

ALL = ("PIPELINING", "SIZE 1000000", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "CHUNKING")
TEXT = "Subject: x\r\n\r\nplain\r\n"


@pytest.fixture
def scene(gateway, subnet):
    sinks = []

    def make(extensions, **options):
        sinks.append(Sink(subnet(9), OUT, extensions=extensions))
        daemon = gateway(listeners={name: LISTENERS[name] for name in ("mx", "relay")},
                         records=mx("partner.test", (10, "mx.partner.test", subnet(9))), **options)
        return daemon, sinks[0]

    yield make
    for sink in sinks:
        sink.close()


def without(*names):
    return [extension for extension in ALL if extension.split()[0] not in names]


def test_announced(scene):
    daemon, _ = scene(ALL)
    with Wire(daemon.address, MX) as wire:
        offered = {line.split()[0] for line in wire.hello()}
    assert {"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "CHUNKING", "STARTTLS"} <= offered
    assert not offered & {"BINARYMIME", "VRFY", "EXPN", "ETRN", "XCLIENT"}


def test_dsn_parameters_travel(scene):
    daemon, sink = scene(ALL)
    message = daemon.submit("a@example.test", "b@partner.test", options=["RET=HDRS", "ENVID=id+2B1"],
                            recipient_options=["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;c@partner.test"])
    assert daemon.outcome(message)["outcome"] == "delivered"
    got = sink.messages[0]
    assert {"RET=HDRS", "ENVID=id+2B1"} <= set(got.sender_parameters)
    notify, orcpt = sorted(got.recipients[0][1])
    assert sorted(notify.partition("=")[2].split(",")) == ["DELAY", "SUCCESS"] and orcpt == "ORCPT=rfc822;c@partner.test"


def test_no_parameter_that_was_not_offered(scene):
    daemon, sink = scene([])
    message = daemon.submit("a@example.test", "b@partner.test", options=["RET=HDRS", "SIZE=100"],
                            recipient_options=["NOTIFY=FAILURE"])
    assert daemon.outcome(message)["outcome"] == "delivered"
    assert sink.messages[0].sender_parameters == [] and sink.messages[0].recipients[0][1] == []


def test_8bit_passes(scene):
    daemon, sink = scene(ALL)
    body = "Subject: x\r\n\r\ngr\u00fc\u00dfe\r\n".encode()
    message = daemon.submit("a@example.test", "b@partner.test", body=body, options=["BODY=8BITMIME"])
    assert daemon.outcome(message)["outcome"] == "delivered"
    assert "BODY=8BITMIME" in sink.messages[0].sender_parameters and sink.messages[0].data.endswith(body)


def test_8bit_without_8bitmime(scene):
    """SRV-04: returned with 5.6.3, or carried unharmed; never stripped to 7 bits."""
    daemon, sink = scene(without("8BITMIME", "SMTPUTF8"))
    body = "Subject: x\r\n\r\ngr\u00fc\u00dfe\r\n".encode()
    outcome = daemon.outcome(daemon.submit("a@example.test", "b@partner.test", body=body, options=["BODY=8BITMIME"]))
    if outcome["outcome"] == "delivered":
        assert sink.messages[0].data.endswith(body)
    else:
        assert (outcome["outcome"], outcome["status"]) == ("bounced", "5.6.3")


def test_utf8_passes(scene):
    daemon, sink = scene(ALL)
    with Wire(daemon.address, RELAY) as wire:
        wire.hello()
        wire.expect(250, "MAIL FROM:<j\u00f6@example.test> SMTPUTF8 BODY=8BITMIME")
        wire.expect(250, "RCPT TO:<m\u00fcller@partner.test>")
        wire.expect(354, "DATA")
        wire.send("Subject: gr\u00fc\u00dfe\r\n\r\nx\r\n.\r\n".encode())
        message = wire.expect(250).text.split()[-1]
    assert daemon.outcome(message)["outcome"] == "delivered"
    assert sink.messages[0].sender == "j\u00f6@example.test" and "SMTPUTF8" in sink.messages[0].sender_parameters


def test_utf8_without_smtputf8(scene):
    """SRV-20: returned, as no other form of the address is known."""
    daemon, sink = scene(without("SMTPUTF8"))
    with Wire(daemon.address, RELAY) as wire:
        wire.hello()
        wire.expect(250, "MAIL FROM:<a@example.test> SMTPUTF8")
        wire.expect(250, "RCPT TO:<m\u00fcller@partner.test>")
        wire.expect(354, "DATA")
        wire.send(TEXT.encode() + b".\r\n")
        message = wire.expect(250).text.split()[-1]
    outcome = daemon.outcome(message)
    assert outcome["outcome"] == "bounced" and outcome["status"] in ("5.6.7", "5.6.9"), outcome
    assert sink.messages == []


@pytest.mark.parametrize("path", ["<\u00fc@example.test>", "<a@\u00fcber.test>"])
def test_utf8_must_be_asked_for(scene, path):
    daemon, _ = scene(ALL)
    with Wire(daemon.address, RELAY) as wire:
        wire.hello()
        assert wire.say(f"MAIL FROM:{path}").code in (501, 553)


@pytest.mark.parametrize("raw", [b"\xc0\xaf", b"\xed\xa0\x80", b"\xff", b"\xe2\x82"])
def test_ill_formed_utf8(scene, raw):
    """SRV-20"""
    daemon, _ = scene(ALL)
    with Wire(daemon.address, RELAY) as wire:
        wire.hello()
        assert 500 <= wire.say(b"MAIL FROM:<a" + raw + b"@example.test> SMTPUTF8").code < 600


def test_size_is_announced_and_held_to(scene):
    """SRV-09, RFC 1870: at MAIL when it is said, at the end when it was a lie."""
    daemon, _ = scene(ALL, limits={"message-size": "64KiB"})
    with Wire(daemon.address, RELAY) as wire:
        assert "SIZE 65536" in wire.hello()
        wire.expect(552, "MAIL FROM:<a@example.test> SIZE=65537")
        assert wire.say("MAIL FROM:<a@example.test> SIZE=99999999999999999999").code in (501, 552)
        for declared in (" SIZE=10", ""):
            wire.expect(250, "MAIL FROM:<a@example.test>" + declared)
            wire.expect(250, "RCPT TO:<b@partner.test>")
            wire.expect(354, "DATA")
            wire.send(b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 1000 + b".\r\n")
            wire.expect(552)
        wire.message("a@example.test", "b@partner.test")


def test_next_hops_size(scene):
    """A message over the next hop's announced limit comes back at once, with the reason."""
    daemon, sink = scene(["SIZE 1000"])
    outcome = daemon.outcome(daemon.submit("a@example.test", "b@partner.test", body=TEXT + "x" * 70 * 30 + "\r\n"))
    assert outcome["outcome"] == "bounced" and outcome["status"] == "5.3.4", outcome
    assert not any(line.startswith(b"DATA") for _, _, line in sink.commands)


def test_chunking(scene):
    """RFC 3030: in chunks of any size, an empty last one among them; SRV-08 for what is no size."""
    daemon, sink = scene(ALL)
    with Wire(daemon.address, RELAY) as wire:
        wire.hello()
        wire.expect(250, "MAIL FROM:<a@example.test>")
        wire.expect(250, "RCPT TO:<b@partner.test>")
        for chunk in (b"Subject: x\r\n\r\n", b".\r\n", b"..dots\r\n"):
            wire.send(b"BDAT %d\r\n%b" % (len(chunk), chunk))
            wire.expect(250)
        message = wire.expect(250, "BDAT 0 LAST").text.split()[-1]
    assert daemon.outcome(message)["outcome"] == "delivered"
    assert sink.messages[0].data.endswith(b"\r\n\r\n.\r\n..dots\r\n")


@pytest.mark.parametrize("size", ["-1", "0x10", "1 1", "18446744073709551616", "99999999999999999999 LAST", "", "1.5", "+5"])
def test_bad_chunk_size(scene, size):
    """SRV-08: no byte after it can be trusted to be a command or content."""
    daemon, _ = scene(ALL)
    with Wire(daemon.address, RELAY) as wire:
        wire.hello()
        wire.expect(250, "MAIL FROM:<a@example.test>")
        wire.expect(250, "RCPT TO:<b@partner.test>")
        assert 500 <= wire.say(f"BDAT {size}".rstrip()).code < 600


def test_bare_line_ends_in_chunks(scene):
    """EOD-13: BDAT does not launder what DATA refuses."""
    daemon, sink = scene(ALL)
    with Wire(daemon.address, RELAY) as wire:
        wire.hello()
        wire.expect(250, "MAIL FROM:<a@example.test>")
        wire.expect(250, "RCPT TO:<b@partner.test>")
        chunk = b"Subject: x\r\n\r\nbad\n.\r\nMAIL FROM:<evil@b.example>\r\n"
        wire.send(b"BDAT %d LAST\r\n%b" % (len(chunk), chunk))
        assert 500 <= wire.reply().code < 600
    assert sink.messages == [] and daemon.queue() == []
