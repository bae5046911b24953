"""TLS reports about our own domain, as they come in: our own sender to our own receiver by mail and HTTPS, and what strangers send
(RFC 8460 sections 5.3 and 5.4, RPT-04, RPT-05, RPT-08)."""
import base64
import datetime
import gzip
import http.client
import json
import ssl

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from harness.clock import DAY, HOUR, Clock
from harness.sink import Sink, server_context
from harness.sternpost import LISTENERS
from harness.waiting import until

OURS, SENDER, REPORTS = "own.sec.example", "rep.sec.example", "reports.own.sec.example"
MAILS = 3


def dkim(folder):
    """A key file, and the TXT record to publish."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file = folder / "dkim.key"
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = "v=DKIM1; k=rsa; s=tlsrpt; p=" + base64.b64encode(public).decode()
    return file, " ".join(f'"{record[at:at + 250]}"' for at in range(0, len(record), 250))


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    return Clock(tmp_path_factory.mktemp("clock") / "shift")


@pytest.fixture(scope="module")
def scene(internet, authority, standing_gateway, clock, tmp_path_factory):
    """A sender, and our own domain with its gateway and the server behind that."""
    key, record = dkim(tmp_path_factory.mktemp("dkim"))
    ours, behind = internet.address(91), internet.address(92)
    internet.add(f"{OURS}. MX 10 mx.{OURS}.", f"mx.{OURS}. A {ours}", f"{REPORTS}. A {ours}", f"s1._domainkey.{SENDER}. TXT {record}",
                 f'_smtp._tls.{OURS}. TXT "v=TLSRPTv1; rua=mailto:tlsrpt@{OURS},https://{REPORTS}/tlsrpt"')
    internet.start()
    sink = internet.add_server(Sink(behind, 25, tls=server_context(authority.issue(f"mail.{OURS}"))))
    receiver = standing_gateway(
        address=ours, certificate=authority.issue(f"mx.{OURS}", REPORTS), listeners={"mx": {**LISTENERS["mx"], "port": 25}},
        resolver=internet.resolver(), outbound={"port": 25, "ca-file": authority.bundle}, top={"hostname": f"mx.{OURS}"},
        sections={"policy-host": {"address": [f"{ours}:443"]}}, environment=clock.environment)
    receiver.set_up("domain", OURS, report_mailbox=f"tlsrpt@{OURS}", report_to=f"mailto:tlsrpt@{OURS},https://{REPORTS}/tlsrpt")
    receiver.host("behind", f"{behind}:25")
    receiver.set_up("route", OURS, host="behind")
    sender = standing_gateway(
        listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(), environment=clock.environment,
        outbound={"port": 25, "allow-private": False, "ca-file": authority.bundle})
    sender.set_up("domain", SENDER)
    sender.cli("gateway", "set", "--report-from", f"tls@{SENDER}", "--report-dkim-selector", "s1", "--report-dkim-key", key)
    return sender, receiver, sink


def sent(sender):
    """Sessions in the report that was sent."""
    made, = sender.ask_lines("report", "sent", "list")
    policies = sender.ask("report", "sent", "show", made["id"])["report"]["policies"]
    return sum(one["summary"]["total-successful-session-count"] for one in policies)


def test_own_sender_to_own_receiver(scene, clock):
    """What the sender counted on one day is what the receiver shows the next, once signed and once not."""
    sender, receiver, sink = scene
    for number in range(MAILS):
        sender.outcome(sender.submit("a@" + SENDER, f"b{number}@{OURS}"))
    sender.stop()  # what it counted is in its store now
    clock.forward(DAY + 5 * HOUR)
    sender.start()
    found = until(lambda: (lambda all: all if len(all) >= 2 else None)(receiver.ask_lines("report", "list")), 90,
                  "both reports to arrive; " + receiver.log()[-3000:])
    sessions = sent(sender)
    assert 1 <= sessions <= MAILS
    by = {one["by"]: one for one in found}
    assert set(by) == {"mail", "https"}
    for one in found:
        assert one["domain"] == OURS and one["reporter"] == SENDER and one["success"] == sessions and one["failure"] == 0
    assert by["mail"]["verified"] and not by["https"]["verified"], by
    summary = receiver.ask("report", "summary", OURS)
    assert [one["success"] for one in summary["verified"]["types"]] == [sessions]
    assert [one["success"] for one in summary["unverified"]["types"]] == [sessions]
    assert len(sink.messages) == MAILS  # the report itself was read, not delivered
    assert "There is no verified report" not in receiver.cli("report", "summary", OURS)


def report(domain=OURS, days_ago=1):
    day = datetime.datetime.utcnow() - datetime.timedelta(days=days_ago)
    return json.dumps({
        "organization-name": "Stranger", "contact-info": "x@stranger.example", "report-id": f"{domain}-{days_ago}",
        "date-range": {"start-datetime": f"{day:%Y-%m-%d}T00:00:00Z", "end-datetime": f"{day:%Y-%m-%d}T23:59:59Z"},
        "policies": [{"policy": {"policy-type": "sts", "policy-domain": domain},
                      "summary": {"total-successful-session-count": 1, "total-failure-session-count": 0}}]}).encode()


GZIP = {"Content-Type": "application/tlsrpt+gzip"}
# Name: (method, path, fields, body, code). RPT-08.
UPLOADS = {
    "good": ("POST", "/tlsrpt", GZIP, gzip.compress(report()), 200),
    "once more": ("POST", "/tlsrpt", GZIP, gzip.compress(report()), 200),
    "JSON under the wrong type": ("POST", "/tlsrpt", GZIP, report(days_ago=2), 200),
    "RPT-04: another domain": ("POST", "/tlsrpt", GZIP, report("else.example"), 400),
    "RPT-07: a year ago": ("POST", "/tlsrpt", GZIP, report(days_ago=365), 400),
    "RPT-01: damaged": ("POST", "/tlsrpt", GZIP, gzip.compress(report())[:-3], 400),
    "RPT-01: a bomb": ("POST", "/tlsrpt", GZIP, gzip.compress(bytes(20 << 20)), 400),
    "no report": ("POST", "/tlsrpt", GZIP, b"hello", 400),
    "too long": ("POST", "/tlsrpt", {**GZIP, "Content-Length": "1048577"}, b"", 413),
    "no length": ("POST", "/tlsrpt", {**GZIP, "Transfer-Encoding": "chunked"}, b"0\r\n\r\n", 411),
    "wrong type": ("POST", "/tlsrpt", {"Content-Type": "text/html"}, report(), 415),
    "GET": ("GET", "/tlsrpt", {}, b"", 405),
    "PUT": ("PUT", "/tlsrpt", GZIP, report(), 501),
    "elsewhere": ("POST", "/tlsrpt/", GZIP, report(), 404),
    "not the host of the certificate": ("POST", "/tlsrpt", {**GZIP, "Host": "mta-sts.own.sec.example"}, report(), 421),
}


@pytest.mark.parametrize("name", UPLOADS)
def test_upload(scene, authority, name):
    _, receiver, _ = scene
    method, path, fields, body, code = UPLOADS[name]
    context = ssl.create_default_context(cafile=authority.bundle)
    client = http.client.HTTPSConnection(REPORTS, 443, timeout=20, context=context)
    client._create_connection = lambda address, *rest: __import__("socket").create_connection((receiver.address, 443), 20)
    client.putrequest(method, path, skip_host="Host" in fields, skip_accept_encoding=True)
    for field, value in fields.items():
        client.putheader(field, value)
    if not {"Content-Length", "Transfer-Encoding"} & set(fields) and body:
        client.putheader("Content-Length", str(len(body)))
    client.endheaders(body)
    answer = client.getresponse()
    assert answer.status == code, answer.read()
    assert not [name for name, _ in answer.getheaders() if name.lower() in ("set-cookie", "access-control-allow-origin")]


def mail(subject, body, *fields):
    return "\r\n".join([f"From: x@stranger.example\r\nSubject: {subject}", *fields, "", body, ""])


def test_mail_of_a_stranger(scene):
    """RPT-05: without a signature it is kept apart. A mail that holds no report, or tells of one of ours that bounced, is read in vain;
    neither is ever answered."""
    _, receiver, sink = scene
    before = len(sink.messages)
    body = report(days_ago=3).decode()
    message = receiver.submit("x@stranger.example", f"tlsrpt@{OURS}", port=25, body=mail("report", body, "Content-Type: application/tlsrpt+json"))
    assert receiver.outcome(message)["outcome"] == "read", receiver.trace(message)
    found, = [one for one in receiver.ask_lines("report", "list") if one["report_id"] == f"{OURS}-3"]
    assert not found["verified"] and "unverified: the mail has no DKIM signature" in found["notes"]
    for sender, text in ("x@stranger.example", mail("hello", "how are you?")), ("", mail("bounce", "sorry")):
        message = receiver.submit(sender, f"tlsrpt@{OURS}", port=25, body=text)
        outcome = receiver.outcome(message)
        assert outcome["outcome"] == "read", receiver.trace(message)
    assert len(sink.messages) == before and receiver.queue() == []


def test_forwarded(scene):
    _, receiver, sink = scene
    receiver.cli("domain", "set", OURS, "--report-forward", "true")
    message = receiver.submit("x@stranger.example", f"tlsrpt@{OURS}", port=25, body=mail("seen twice", report(days_ago=4).decode()))
    assert receiver.outcome(message)["outcome"] == "delivered", receiver.trace(message)
    assert [one for one in receiver.ask_lines("report", "list") if one["report_id"] == f"{OURS}-4"]
    assert b"Subject: seen twice" in sink.messages[-1].data
    receiver.cli("domain", "set", OURS, "--report-forward", "false")


def test_import(scene, tmp_path):
    """A Maildir, an mbox, gzip and a formula in a name."""
    _, receiver, _ = scene
    folder = tmp_path / "Maildir" / "cur"
    folder.mkdir(parents=True)
    (folder / "1").write_text(mail("one", report(days_ago=10).decode()).replace("\r\n", "\n"))
    (tmp_path / "Maildir" / "two.json.gz").write_bytes(gzip.compress(report(days_ago=11)))
    mbox = tmp_path / "mbox"
    mbox.write_text("".join(f"From x Thu Jan  1 00:00:00 1970\n{mail('m', report(days_ago=days).decode())}\n".replace("\r\n", "\n")
                            for days in (12, 13, 13)))
    done = receiver.run("report", "import", tmp_path / "Maildir", mbox, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["items"], summary["kept"], summary["duplicate"], summary["unverified"]) == (5, 4, 1, 4)
    done = receiver.run("report", "import", "--trust", tmp_path / "Maildir" / "two.json.gz")
    assert done.returncode == 0 and "1 report kept (0 of them unverified)" in done.stdout
    assert receiver.run("report", "import", "/nowhere").returncode == 2
    odd = tmp_path / "odd"
    odd.mkdir()
    with open(bytes(odd) + b"/na\xffme\x1b[2J", "wb") as file:  # any bytes are a name; 6 MiB are too many
        file.write(b"x" * (6 << 20))
    done = receiver.run("report", "import", odd, "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["troubles"][0]["name"].endswith("/na?me?[2J"), done.stdout
    table = receiver.cli("report", "list", "--csv")
    assert table.splitlines()[0].startswith("id,day,domain,reporter")


def test_the_summary_tells_of_our_own_changes(scene):
    """What failed from then on may be their doing: certificates that came into service."""
    _, receiver, _ = scene
    history = receiver.ask("report", "summary", OURS)["history"]
    assert [one for one in history if one["what"] == "certificate came into service" and len(one["fingerprint"]) == 64], history
    assert "certificate came into service: " in receiver.cli("report", "summary", OURS)
