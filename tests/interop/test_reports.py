"""Delivery status notifications: who gets one, and what it says (RFC 3461, RFC 3464, SRV-15)."""
import email
import email.policy

import pytest
from harness.records import mx
from harness.sink import Sink
from harness.sternpost import HOSTNAME, LISTENERS, OUT
from harness.waiting import until


@pytest.fixture
def scene(gateway, subnet):
    """example.test's own server takes the reports; partner.test answers as scripted."""
    sinks = []

    def make(replies=None, extensions=("PIPELINING", "8BITMIME"), outbound=None):
        sinks.append(Sink(subnet(9), OUT))
        sinks.append(Sink(subnet(10), OUT, replies=replies, extensions=extensions))
        records = mx("example.test", (10, "in.example.test", subnet(9))) + mx("partner.test", (10, "mx.partner.test", subnet(10)))
        daemon = gateway(listeners={"relay": LISTENERS["relay"]}, records=records,
                         outbound={"retry": ["10m"], **(outbound or {})})
        return daemon, *sinks

    yield make
    for sink in sinks:
        sink.close()


def report(home):
    message = until(lambda: home.messages, 20, "the report")[0]
    assert message.sender == "", "a report has the null sender (RFC 3464 section 2)"
    parsed = email.message_from_bytes(message.data, policy=email.policy.default)
    assert parsed.get_content_type() == "multipart/report" and parsed.get_param("report-type") == "delivery-status"
    assert parsed["Auto-Submitted"].startswith("auto-")
    text, status, original = parsed.get_payload()
    assert text.get_content_type() == "text/plain"
    assert status.get_content_type() in ("message/delivery-status", "message/global-delivery-status")
    blocks = status.get_payload()
    return text.get_content(), blocks[0], blocks[1:], original


def test_refused_recipient(scene):
    daemon, home, _ = scene({"RCPT": "550 5.1.1 no such user"})
    daemon.submit("a@example.test", "b@partner.test", body="Subject: original\r\n\r\nbody text\r\n",
                  options=["RET=HDRS", "ENVID=QQ+2B314"], recipient_options=["ORCPT=rfc822;b+2Bx@partner.test"])
    text, message, recipients, original = report(home)
    assert "b@partner.test" in text and "no such user" in text
    assert message["Reporting-MTA"] == f"dns; {HOSTNAME}"
    assert message["Original-Envelope-Id"] == "QQ+314"
    assert message["Arrival-Date"]
    fields = recipients[0]
    assert fields["Final-Recipient"].replace(" ", "") == "rfc822;b@partner.test"
    assert fields["Original-Recipient"].replace(" ", "") == "rfc822;b+x@partner.test"
    assert (fields["Action"], fields["Status"]) == ("failed", "5.1.1")
    assert fields["Remote-MTA"] == "dns; mx.partner.test"
    assert "550 5.1.1 no such user" in fields["Diagnostic-Code"]
    assert original.get_content_type() == "text/rfc822-headers" and "original" in original.as_string()
    assert "body text" not in original.as_string()


def test_whole_message_comes_back(scene):
    daemon, home, _ = scene({".": "554 5.6.0 not like this"})
    daemon.submit("a@example.test", "b@partner.test", body="Subject: original\r\n\r\nbody text\r\n", options=["RET=FULL"])
    _, _, recipients, original = report(home)
    assert recipients[0]["Status"] == "5.6.0"
    assert original.get_content_type() == "message/rfc822" and "body text" in original.as_string()


def test_reason_is_a_rule_of_ours(scene):
    """The sender reads whose demand it was and what failed."""
    daemon, home, _ = scene()
    daemon.set_up("rule", "bank", to="partner.test", level="verify", on_failure="bounce")
    daemon.submit("a@example.test", "b@partner.test")
    text, _, recipients, _ = report(home)
    assert "bank" in text and "STARTTLS" in text.upper()
    assert recipients[0]["Status"].startswith("5.7.")


def test_some_recipients_fail(scene):
    refuse = {"RCPT": lambda _, argument: "550 5.1.1 no" if "bad" in argument else None}
    daemon, home, partner = scene(refuse)
    daemon.submit("a@example.test", "good@partner.test", "bad1@partner.test", "bad2@partner.test")
    _, _, recipients, _ = report(home)
    assert sorted(r["Final-Recipient"].split(";")[1].strip() for r in recipients) == ["bad1@partner.test", "bad2@partner.test"]
    assert [to for to, _ in partner.messages[0].recipients] == ["good@partner.test"]


@pytest.mark.parametrize("sender, notify", [("", ()), ("a@example.test", ("NOTIFY=NEVER",)), ("a@example.test", ("NOTIFY=SUCCESS",))])
def test_nobody_is_told(scene, sender, notify):
    """SRV-15: never a report for the null sender, nor against the sender's wish."""
    daemon, home, _ = scene({"RCPT": "550 5.1.1 no such user"})
    message = daemon.submit(sender, "b@partner.test", recipient_options=notify)
    assert daemon.outcome(message)["outcome"] == "bounced"
    until(lambda: daemon.queue() == [], 10, "an empty queue")
    assert home.sessions == 0


def test_success_is_told_where_the_next_hop_does_not(scene):
    """RFC 3461 section 5.2.2: relayed to a server without DSN."""
    daemon, home, _ = scene()
    daemon.submit("a@example.test", "b@partner.test", recipient_options=["NOTIFY=SUCCESS"])
    _, _, recipients, _ = report(home)
    assert recipients[0]["Action"] == "relayed" and recipients[0]["Status"].startswith("2.")


def test_report_that_fails_ends(scene):
    """A report that is refused in turn leaves no further mail."""
    daemon, home, _ = scene({"RCPT": "550 5.1.1 no such user"})
    home.replies["RCPT"] = "550 5.1.1 gone"
    daemon.submit("a@example.test", "b@partner.test")
    until(lambda: home.sessions >= 1 and daemon.queue() == [], 20, "the end of it")
    assert home.messages == []


def test_late(scene):
    """Delayed is told once, and till when we go on: RFC 3464 sections 2.3.3 and 2.3.9."""
    daemon, home, partner = scene({"RCPT": "450 4.2.0 busy"}, outbound={"retry": ["1s"]})
    daemon.cli("gateway", "set", "--delay-warning", "1s")
    message = daemon.submit("a@example.test", "b@partner.test")
    _, _, recipients, _ = report(home)
    assert recipients[0]["Action"] == "delayed" and recipients[0]["Will-Retry-Until"]
    known = partner.sessions
    daemon.outcomes(message, len(daemon.events(message, "outcome")) + 2)
    assert len(home.messages) == 1 and known


def test_demand_that_expires(scene):
    """T6: a rule that waits so long, then the mail comes back with the rule's reason."""
    daemon, home, _ = scene(outbound={"retry": ["1s"]})
    daemon.set_up("rule", "bank", to="partner.test", level="encrypt", on_failure="defer", defer_for="2s")
    daemon.submit("a@example.test", "b@partner.test")
    text, _, recipients, _ = report(home)
    assert recipients[0]["Action"] == "failed" and "bank" in text


def test_reports_to_one_domain_are_capped(gateway, subnet):
    """SRV-15: a flood with a forged sender does not become a flood from us."""
    records = mx("example.test", (10, "in.example.test", subnet(9))) + mx("partner.test", (10, "mx.partner.test", subnet(10)))
    with Sink(subnet(9), OUT) as home, Sink(subnet(10), OUT, replies={"RCPT": "550 5.1.1 no"}) as partner:
        daemon = gateway(listeners={"relay": LISTENERS["relay"]}, records=records, queue={"dsn-per-minute": 3},
                         top={"workers": 3})
        for count in range(8):
            daemon.submit("a@example.test", f"b{count}@partner.test")
        until(lambda: sum(line.startswith(b"RCPT") for _, _, line in partner.commands) == 8 and daemon.queue() == [], 20)
        assert len(home.messages) == 3
