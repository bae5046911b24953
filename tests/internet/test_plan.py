"""A domain of ours led to MTA-STS in enforce and back, with a name server that takes updates and a second one that lags, under a
clock that is moved: what it waits for, what stops it, and restarts on the way (M1, M2, M3, M12, M13, M16)."""
import datetime
import json

import pytest
from harness.clock import DAY, HOUR, Clock
from harness.own_zone import KEY, SECRET, OwnZone
from harness.sternpost import LISTENERS
from harness.waiting import until

pytestmark = pytest.mark.xdist_group("plan")
DOMAIN, HOST = "own.example", "mx.own.example"
STS, REPORTS = f"_mta-sts.{DOMAIN}", f"_smtp._tls.{DOMAIN}"
EVIDENCE_DAYS, AGE_DAYS = 3, 1


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    return Clock(tmp_path_factory.mktemp("clock") / "shift")


@pytest.fixture(scope="module")
def zone(internet, tmp_path_factory, clock):
    made = OwnZone(internet, tmp_path_factory.mktemp("zone"), DOMAIN, 54, 55,
                   [f"{DOMAIN}. MX 10 {HOST}.", f"{HOST}. A {internet.address(82)}"], ttl=1, environment=clock.environment)
    internet.start()
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def certificates(authority):
    return {"good": authority.issue(HOST, f"mta-sts.{DOMAIN}"), "bad": authority.issue("other.example", f"mta-sts.{DOMAIN}")}


@pytest.fixture(scope="module")
def daemon(internet, zone, authority, standing_gateway, clock, certificates, tmp_path_factory):
    secret = tmp_path_factory.mktemp("secret") / "update.secret"
    secret.write_text(SECRET + "\n")
    started = standing_gateway(
        address=internet.address(82), certificate=certificates["good"], listeners={"mx": {**LISTENERS["mx"], "port": 25}},
        resolver=internet.resolver(), top={"hostname": HOST}, environment=clock.environment,
        outbound={"port": 25, "allow-private": False, "ca-file": authority.bundle},
        sections={"policy-host": {"address": [f"{internet.address(81)}:443"]},
                  "dns-update": {"server": f"{zone.addresses[0]}:53", "key": KEY, "secret-file": str(secret), "zones": [DOMAIN]}})
    started.cli("domain", "add", DOMAIN, "--mta-sts-max-age", f"{AGE_DAYS}d")
    return started


def plan(daemon, *words):
    """Looks, goes on where it may, and tells where it is."""
    done = daemon.run("domain", "plan", DOMAIN, *words, "--json")
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def until_it_is(daemon, zone, stage, state, seconds=60):
    """The second server follows, looks are taken, until the plan is there."""
    last = {}

    def look():
        zone.catch_up()
        last.update(plan(daemon))
        return (last["stage"], last["state"]) == (stage, state)
    try:
        until(look, seconds, f"the plan to be at {stage}, {state}")
    except AssertionError as late:
        raise AssertionError(f"{late}; it is at {last}; {zone.texts(STS)}, {zone.texts(STS, 1)} {zone.secondary.log()[-1500:]}") from late
    return last


def until_the_old_id_runs_out(daemon, zone, clock):
    """M16: every server shows the new one, and still an hour is waited for, as long as the old one may be kept."""
    last = {}

    def runs_out():
        zone.catch_up()
        last.update(plan(daemon))
        return "resolvers may still have what was before" in last["text"]
    try:
        until(runs_out, 30, "every server to show the new id")
    except AssertionError as late:
        raise AssertionError(f"{late}; it is at {last}") from late
    clock.forward(HOUR)


def report(clock, days_ago, good, bad, result="certificate-host-mismatch"):
    """As a large sender writes it, of a day by the daemon's clock."""
    day = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=clock.shift, days=-days_ago)).date()
    failures = [{"result-type": result, "sending-mta-ip": "192.0.2.9", "receiving-mx-hostname": HOST, "failed-session-count": bad}]
    return json.dumps({
        "organization-name": "Sender Inc.", "date-range": {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"},
        "contact-info": "tls@sender.example", "report-id": f"{day}-{good}-{bad}", "policies": [{
            "policy": {"policy-type": "sts", "policy-domain": DOMAIN, "policy-string": ["version: STSv1", "mode: testing"]},
            "summary": {"total-successful-session-count": good, "total-failure-session-count": bad},
            "failure-details": failures if bad else []}]}).encode()


def take_report(daemon, clock, tmp_path, *numbers, **options):
    file = tmp_path / "report.json"
    file.write_bytes(report(clock, *numbers, **options))
    assert "1 report kept" in daemon.cli("report", "import", "--trust", file)


def test_without_a_plan(daemon):
    done = daemon.run("domain", "plan", DOMAIN)
    assert done.returncode == 1 and "--to enforce' begins one" in done.stderr
    assert daemon.run("domain", "plan", "strange.example", "--to", "enforce").returncode == 1
    assert daemon.run("domain", "plan", DOMAIN, "--to", "loudly").returncode != 0
    assert daemon.run("domain", "plan", DOMAIN, "--auto").returncode == 2
    assert daemon.run("domain", "plan", DOMAIN, "--to", "enforce", "--evidence", "1s").returncode != 0
    assert "no domain has a plan" in daemon.cli("domain", "plans")


def test_reports_come_first(daemon, zone):
    """M2, M3: nothing else begins before somebody is told of failures, at an address that takes reports."""
    before = zone.whole()
    seen = plan(daemon, "--to", "enforce", "--evidence", f"{EVIDENCE_DAYS}d")
    assert (seen["stage"], seen["state"]) == ("reports", "stopped") and "--report-to" in seen["text"]
    daemon.cli("domain", "set", DOMAIN, "--report-to", "mailto:tlsrpt@nowhere.example", "--report-mailbox", f"tlsrpt@{DOMAIN}")
    seen = plan(daemon)
    assert (seen["stage"], seen["state"]) == ("reports", "stopped") and "does not take them" in seen["text"], seen
    daemon.cli("domain", "set", DOMAIN, "--report-to", f"mailto:tlsrpt@{DOMAIN}")
    seen = until_it_is(daemon, zone, "reports", "confirm")
    assert "publish the record" in seen["text"] and zone.whole() == before


def test_the_second_server_is_waited_for(daemon, zone):
    seen = plan(daemon, "next")
    assert (seen["stage"], seen["state"]) == ("reports", "wait"), seen["text"]
    assert f"{REPORTS}. 3600 IN TXT" in seen["text"] or "every server" in seen["text"], seen
    assert zone.texts(REPORTS) == [f"v=TLSRPTv1; rua=mailto:tlsrpt@{DOMAIN}"] and zone.texts(REPORTS, 1) == []
    assert plan(daemon)["stage"] == "reports"
    until_it_is(daemon, zone, "testing", "confirm")


def test_a_bad_certificate_stops_it(daemon, zone, certificates, internet):
    """Senders that obey the policy would send no mail: it is said before there is a policy."""
    plan(daemon, "stop")
    daemon.stop()
    daemon.certificate = certificates["bad"]
    daemon.start()
    done = daemon.run("domain", "plan", DOMAIN, "--to", "enforce", "--evidence", f"{EVIDENCE_DAYS}d")
    assert done.returncode == 1 and "[x] reports" in done.stdout and "[>] servers" in done.stdout, done
    assert f"{HOST} ({internet.address(82)})" in done.stdout and "stopped: " in done.stdout
    daemon.stop()
    daemon.certificate = certificates["good"]
    daemon.start()
    until_it_is(daemon, zone, "testing", "confirm")


def test_the_policy_before_its_id(daemon, zone):
    """M13: what is sent first is the policy host's address alone."""
    seen = plan(daemon, "next")
    assert seen["stage"] == "testing" and seen["state"] == "wait", seen
    assert zone.texts(STS) == [] and daemon.ask("domain", "show", DOMAIN)["fields"]["mta-sts"] == "testing"
    seen = until_it_is(daemon, zone, "evidence", "wait")
    assert "gathering evidence" in seen["text"] and len(zone.texts(STS)) == 1
    audited = [one for one in daemon.ask_lines("audit") if one["name"] == DOMAIN]
    changed = [one for one in audited if one["kind"] == "domain"][-1]
    assert changed["from"] == "plan" and '"testing"' in json.dumps(changed["after"])
    assert [(one["action"], one["from"]) for one in audited if one["kind"] == "plan"][-2:] == [("begin", "control socket"), ("agree", "control socket")]
    sent = [one for one in audited if one["action"] == "publish"]
    assert len(sent) == 3 and all((one["from"], one["kind"]) == ("plan", "records") and "uid 0" in one["who"] for one in sent)
    assert any(STS in line for line in sent[-1]["after"]["changes"])


def test_a_restart_forgets_nothing(daemon):
    before = plan(daemon)
    daemon.kill()
    daemon.start()
    after = plan(daemon)
    assert (after["stage"], after["since"], after["until"]) == (before["stage"], before["since"], before["until"])
    assert [one["state"] for one in after["stages"]] == ["done", "done", "done", "now", "ahead", "ahead"]


def test_reports_of_failures_stop_it(daemon, clock, tmp_path):
    clock.forward(2 * DAY)
    take_report(daemon, clock, tmp_path, 1, 90, 10)
    seen = plan(daemon)
    assert (seen["stage"], seen["state"]) == ("evidence", "stopped"), seen
    assert "10 of 100 sessions failed" in seen["text"] and f"certificate-host-mismatch at {HOST}" in seen["text"]
    clock.forward(2 * DAY)  # time alone mends nothing
    assert plan(daemon)["state"] == "stopped"
    told, = [one for one in daemon.ask("alerts")["open"] if one["cause"] == "plan-stopped"]
    assert told["subject"] == f"plan {DOMAIN}" and "10 of 100 sessions failed" in told["text"]
    seen = plan(daemon, "next")
    assert (seen["stage"], seen["state"]) == ("evidence", "wait"), seen
    assert not [one for one in daemon.ask("alerts")["open"] if one["cause"] == "plan-stopped"]
    assert daemon.ask("domain", "show", DOMAIN)["fields"]["mta-sts"] == "testing"


def test_a_bad_server_begins_the_evidence_anew(daemon, certificates, clock):
    before = plan(daemon)["until"]
    clock.forward(HOUR)
    for which, state in ("bad", "stopped"), ("good", "wait"):
        daemon.stop()
        daemon.certificate = certificates[which]
        daemon.start()
        assert plan(daemon)["state"] == state
    assert plan(daemon)["until"] > before


def test_enforce_once_nothing_speaks_against_it(daemon, zone, clock, tmp_path):
    clock.forward((EVIDENCE_DAYS - 1) * DAY)
    take_report(daemon, clock, tmp_path, 0, 1000, 1)
    seen = plan(daemon)
    assert seen["state"] == "wait" and "1 reports tell of 1001 sessions, 1 of which failed" in seen["text"], seen
    clock.forward(DAY + HOUR)
    seen = plan(daemon)
    assert (seen["stage"], seen["state"]) == ("enforce", "confirm") and "mode enforce" in seen["text"], seen
    before = zone.texts(STS)
    plan(daemon, "next")
    until_the_old_id_runs_out(daemon, zone, clock)
    until_it_is(daemon, zone, "done", "done")
    assert zone.texts(STS) != before
    found = daemon.ask("sts", "cache", "refresh", DOMAIN)
    assert (found["finding"], found["mode"]) == ("found", "enforce")
    assert plan(daemon)["state"] == "done"  # and nothing is looked at any more
    again = daemon.run("domain", "plan", DOMAIN, "--to", "enforce")
    assert again.returncode == 1 and "is there already" in again.stderr


def test_back_to_none_by_itself(daemon, zone, clock):
    """M12: the policy in force before is waited for, then everything goes."""
    plan(daemon, "--to", "none", "--auto")
    until_the_old_id_runs_out(daemon, zone, clock)
    until_it_is(daemon, zone, "fade", "wait")
    assert daemon.ask("domain", "show", DOMAIN)["fields"]["mta-sts"] == "none"
    clock.forward(AGE_DAYS * DAY - HOUR)
    assert plan(daemon)["stage"] == "fade" and len(zone.texts(STS)) == 1
    daemon.stop()
    daemon.start()
    clock.forward(2 * HOUR)
    until_the_old_id_runs_out(daemon, zone, clock)
    seen = until_it_is(daemon, zone, "done", "done")
    assert zone.texts(STS) == [] and zone.texts(REPORTS) == [f"v=TLSRPTv1; rua=mailto:tlsrpt@{DOMAIN}"], seen
    assert "mta-sts" not in daemon.ask("domain", "show", DOMAIN)["fields"]
