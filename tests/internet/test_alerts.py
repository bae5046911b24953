"""Alerts from what happens: deliveries that fail for TLS, reports about our domains, records that go (semantics L1)."""
import datetime
import json

import pytest
from harness.sink import Sink, server_context
from harness.sternpost import LISTENERS
from harness.waiting import until

pytestmark = pytest.mark.xdist_group("alerts")
OURS, HOST, PARTNER, ADMIN = "own.sec.example", "mx.own.sec.example", "partner.mx.example", "admin.mx.example"


class Scene:
    def __init__(self, internet, daemon, partner, mails, certificate):
        self.internet, self.daemon, self.partner, self.mails, self.certificate = internet, daemon, partner, mails, certificate

    def open(self, cause):
        return {one["subject"]: one for one in self.daemon.ask("alerts")["open"] if one["cause"] == cause}

    def mails_with(self, text):
        return [message for message in self.mails.messages if text in message.data.decode().replace("\r\n ", " ")]


@pytest.fixture(scope="module")
def scene(internet, authority, standing_gateway):
    ours, at, admin = internet.address(91), internet.address(93), internet.address(94)
    internet.add(f"{OURS}. MX 10 {HOST}.", f"{HOST}. A {ours}", f"{PARTNER}. MX 10 server.{PARTNER}.", f"server.{PARTNER}. A {at}",
                 f"{ADMIN}. MX 10 server.{ADMIN}.", f"server.{ADMIN}. A {admin}",
                 f'_smtp._tls.{OURS}. TXT "v=TLSRPTv1; rua=mailto:tlsrpt@{OURS}"')
    internet.start()
    partner = internet.add_server(Sink(at, 25))  # it has no TLS
    mails = internet.add_server(Sink(admin, 25, tls=server_context(authority.issue(f"server.{ADMIN}"))))
    certificate = authority.issue(HOST)
    daemon = standing_gateway(
        address=ours, certificate=certificate, resolver=internet.resolver(), top={"hostname": HOST},
        listeners={"mx": {**LISTENERS["mx"], "port": 25}, "relay": {**LISTENERS["relay"], "networks": ["0.0.0.0/0"]}},
        outbound={"port": 25, "ca-file": authority.bundle})
    daemon.cli("gateway", "set", "--alert-to", f"admin@{ADMIN}", "--watch", "off", "--expire", "1d")
    daemon.set_up("domain", OURS, report_to=f"mailto:tlsrpt@{OURS}", report_mailbox=f"tlsrpt@{OURS}")
    daemon.set_up("rule", "bank", to=PARTNER, level="encrypt", on_failure="bounce")
    return Scene(internet, daemon, partner, mails, certificate)


def test_records_that_go(scene):
    """Drift: what DNS had as it must be, and no longer has."""
    assert scene.daemon.run("domain", "records", OURS).returncode in (0, 1)
    assert scene.open("record-drift") == {}
    line = f'_smtp._tls.{OURS}. TXT "v=TLSRPTv1; rua=mailto:tlsrpt@{OURS}"'
    zone = scene.internet.zone_of(OURS)
    zone.remove(f"_smtp._tls.{OURS}")
    scene.internet.knot.reload(zone)
    scene.daemon.run("domain", "records", OURS)
    told = scene.open("record-drift")[f"record _smtp._tls.{OURS} TXT"]
    assert "no longer has" in told["text"] and "domain publish" in told["remedy"]
    zone.add(line)
    scene.internet.knot.reload(zone)
    scene.daemon.run("domain", "records", OURS)
    assert scene.open("record-drift") == {}


def test_one_of_two_records_goes(scene, authority):
    """Records of one name and type are told of one by one: those that stay do not end what is told of the one that went."""
    served, later = scene.certificate, authority.issue(HOST)
    owner, zone = f"_25._tcp.{HOST}", scene.internet.zone_of(HOST)

    def publish(*digests):
        zone.remove(owner)
        zone.add(*(f"{owner}. TLSA 3 1 1 {digest}" for digest in digests))
        scene.internet.knot.reload(zone)
        scene.daemon.run("domain", "records", OURS)

    day = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=20)).strftime("%Y-%m-%d")
    scene.daemon.cli("certificate", "add", "next", "--chain", later.chain, "--key", later.key, "--valid-from", day)
    publish(served.digest, later.digest)
    states = [r["state"] for r in scene.daemon.get(f"/v1/domains/{OURS}/records")["records"] if r["type"] == "TLSA"]
    assert len(states) == 2 and set(states) <= {"ok", "wait"}, states
    publish(served.digest)
    [(subject, told)] = scene.open("record-drift").items()
    assert subject == f"record {owner} TLSA 3 1 1 {later.digest}"
    scene.daemon.run("domain", "records", OURS)
    assert scene.open("record-drift") == {subject: told}
    publish(served.digest, later.digest)
    assert scene.open("record-drift") == {}
    publish()
    scene.daemon.cli("certificate", "remove", "next")
    publish(served.digest)


def report(days_ago, good, bad, result="certificate-expired", reporter="sender.example"):
    day = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days_ago)).date()
    return json.dumps({
        "organization-name": reporter, "date-range": {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"},
        "contact-info": f"tls@{reporter}", "report-id": f"{day}-{result}-{good}-{bad}", "policies": [{
            "policy": {"policy-type": "sts", "policy-domain": OURS, "policy-string": ["version: STSv1", "mode: testing"]},
            "summary": {"total-successful-session-count": good, "total-failure-session-count": bad},
            "failure-details": [{"result-type": result, "receiving-mx-hostname": HOST, "failed-session-count": bad}] if bad else []}]})


def take(scene, tmp_path, *reports):
    files = []
    for number, text in enumerate(reports):
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(text)
    scene.daemon.cli("report", "import", "--trust", *files)
    scene.daemon.stop()  # a look is taken soon after the start
    scene.daemon.start()


def test_reports_that_tell_of_failures(scene, tmp_path):
    take(scene, tmp_path, *(report(days, 100, 0) for days in (9, 8, 7, 6)), report(1, 80, 20))
    until(lambda: scene.open("reports-failures"), 30, "the share to be told")
    told = scene.open("reports-failures")[f"domain {OURS}"]
    assert "20 of 100 sessions" in told["text"] and f"report summary {OURS}" in told["remedy"]
    new = scene.open("reports-new-failure")[f"domain {OURS}, certificate-expired at {HOST}"]
    assert "was not before" in new["text"] and new["remedy"]
    scene.daemon.cli("domain", "set", OURS, "--alert-failures", "30")  # less than that is no alert for this domain
    scene.daemon.stop()
    scene.daemon.start()
    until(lambda: not scene.open("reports-failures"), 30, "its end")
    assert scene.open("reports-new-failure")  # which is another matter


def test_a_reporter_that_falls_silent(scene, tmp_path):
    take(scene, tmp_path, *(report(days, 10 + days, 0, reporter="steady.example") for days in (10, 9, 8, 7, 6, 5)))
    until(lambda: scene.open("reports-silent"), 30, "the silence to be told")
    told, = scene.open("reports-silent").values()
    assert "sent 6 reports" in told["text"] or "sent" in told["text"]


def test_deliveries_that_fail_for_tls(scene):
    """L1: more than a tenth of an hour's deliveries by a rule and to a destination, told by one mail."""
    before = len(scene.mails.messages)
    for number in range(12):
        scene.daemon.outcome(scene.daemon.submit(f"a@{OURS}", f"b{number}@{PARTNER}"))
    until(lambda: len(scene.open("tls-failures")) == 2, 90, "the share to be told")
    told = scene.open("tls-failures")
    assert set(told) == {"rule bank", f"destination {PARTNER}"}
    assert "12 of the last hour's 12 deliveries of rule bank failed for TLS" in told["rule bank"]["text"]
    until(lambda: scene.mails_with("12 of the last hour's 12 deliveries of rule bank"), 30, "the mail")
    assert len(scene.mails_with("12 of the last hour's 12 deliveries of rule bank")) == 1 and len(scene.mails.messages) > before
    assert "sternpost_alerts_open{cause=\"tls-failures\"} 2" in metrics(scene)
    assert "rule bank" in scene.daemon.cli("status") or "more with: sternpost alerts" in scene.daemon.cli("status")


def metrics(scene):
    import http.client
    import socket

    class Unix(http.client.HTTPConnection):
        def connect(self):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(scene.daemon.top["control-socket"])
    client = Unix("localhost", timeout=20)
    client.request("GET", "/metrics")
    return client.getresponse().read().decode()


def test_never_when_it_is_set_so(scene):
    scene.daemon.cli("gateway", "set", "--alert-failures", "0")
    scene.daemon.cli("rule", "set", "bank", "--alert-failures", "0")
    until(lambda: scene.open("tls-failures") == {}, 90, "the end of it")
    assert scene.daemon.run("gateway", "set", "--alert-failures", "101").returncode == 2
