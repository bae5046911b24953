"""Reports in the shapes that senders are known for, mailed in signed and posted in: read alike, whatever their quirks are (RFC 8460
sections 5.3 and 5.4, RPT-05)."""
import datetime
import http.client
import socket
import ssl

import pytest
from harness.report_senders import SENDERS, mail, signed, written
from harness.sternpost import LISTENERS

from test_received_reports import dkim  # pylint: disable=wrong-import-order

OURS, REPORTS = "shapes.sec.example", "reports.shapes.sec.example"
# Sessions that succeeded and failed over all policies, and a part of a note that must be there.
READ = {
    "google": (92, 3, None), "microsoft": (80, 2, None), "mox": (13, 1, None),
    "mail-ru": (0, 1, "its failures add up to 4, while the total says 1"), "tlsrpt-reporter": (16, 0, None), "stalwart": (8, 0, None),
    "rfc": (5326, 303, None),
}


def sender_of(name):
    return f"{name}.senders.sec.example"


@pytest.fixture(scope="module")
def receiver(internet, authority, standing_gateway, tmp_path_factory):
    key, record = dkim(tmp_path_factory.mktemp("dkim"))
    ours = internet.address(96)
    internet.add(f"{OURS}. MX 10 mx.{OURS}.", f"mx.{OURS}. A {ours}", f"{REPORTS}. A {ours}",
                 *[f"s1._domainkey.{sender_of(name)}. TXT {record}" for name in SENDERS])
    internet.start()
    daemon = standing_gateway(
        address=ours, certificate=authority.issue(f"mx.{OURS}", REPORTS), listeners={"mx": {**LISTENERS["mx"], "port": 25}},
        resolver=internet.resolver(), top={"hostname": f"mx.{OURS}"}, sections={"policy-host": {"address": [f"{ours}:443"]}})
    daemon.set_up("domain", OURS, report_mailbox=f"tlsrpt@{OURS}", report_to=f"mailto:tlsrpt@{OURS},https://{REPORTS}/tlsrpt")
    return daemon, key


def days():
    day = datetime.datetime.utcnow() - datetime.timedelta(days=2)
    return f"{day:%Y-%m-%d}", f"{day + datetime.timedelta(days=1):%Y-%m-%d}"


def judge(daemon, name, number, by, verified):
    shown = daemon.ask("report", "show", number)
    good, bad, note = READ[name]
    assert (shown["by"], shown["verified"], shown["counted"]) == (by, verified, True), shown
    assert (shown["success"], shown["failure"], shown["day"]) == (good, bad, days()[0]), shown
    assert note is None or [one for one in shown["notes"] if note in one], shown
    assert shown["report"] is not None
    make = SENDERS[name][0](OURS, *days())
    assert [one["type"] for one in shown["policies"]] == [one["policy"]["policy-type"] for one in make["policies"]]
    wanted = [(one["result-type"], one["failed-session-count"]) for policy in make["policies"] for one in policy.get("failure-details", [])]
    assert sorted((one["result"], one["count"]) for policy in shown["policies"] for one in policy["failures"]) == sorted(wanted)


def newest(daemon):
    return max(daemon.ask_lines("report", "list"), key=lambda one: one["id"])


@pytest.mark.parametrize("name", SENDERS)
def test_mailed_in_signed(receiver, name):
    daemon, key = receiver
    sender = sender_of(name)
    message = daemon.submit(f"tls-reports@{sender}", f"tlsrpt@{OURS}", port=25, body=signed(mail(name, OURS, sender, *days()), key, sender))
    assert daemon.outcome(message)["outcome"] == "read", daemon.trace(message)
    found = newest(daemon)
    assert found["reporter"] == sender, found
    judge(daemon, name, found["id"], "mail", True)


@pytest.mark.parametrize("name", SENDERS)
def test_posted_in(receiver, authority, name):
    daemon, _ = receiver
    client = http.client.HTTPSConnection(REPORTS, 443, timeout=20, context=ssl.create_default_context(cafile=authority.bundle))
    client._create_connection = lambda *_: socket.create_connection((daemon.address, 443), 20)
    client.request("POST", "/tlsrpt", written(name, OURS, *days())[1], {"Content-Type": SENDERS[name][1]})
    answer = client.getresponse()
    assert answer.status == 200, answer.read()
    judge(daemon, name, newest(daemon)["id"], "https", False)


def test_what_was_signed_is_kept_apart(receiver):
    """The numbers of strangers are not added to those of the senders themselves."""
    daemon, _ = receiver
    listed, summary = daemon.ask_lines("report", "list"), daemon.ask("report", "summary", OURS)
    for part, verified in (("verified", True), ("unverified", False)):
        for what in ("success", "failure"):
            assert sum(one[what] for one in summary[part]["types"]) == sum(one[what] for one in listed if one["verified"] == verified)
