"""`sternpost check` beside a daemon: what it remembers of a domain counts, and without it the check is the same as ever."""
import datetime
import json

import pytest
from harness.checked import GOOD_TLSA, ID, TWO_WEEKS, Maker, check, found
from harness.policy_host import policy
from harness.sternpost import LISTENERS
from harness.waiting import until

pytestmark = pytest.mark.xdist_group("check-history")  # one after the other: each builds on the last
E, W, A = "error", "warning", "advice"
PARTNER, OURS = "partner.example", "ours.example"


@pytest.fixture(scope="module")
def maker(internet, authority):
    made = Maker(internet, authority)
    made.domain(PARTNER, server=GOOD_TLSA)
    made.domain(OURS, server=GOOD_TLSA)
    internet.start()
    return made


@pytest.fixture(scope="module")
def daemon(maker, internet, authority, standing_gateway):
    return standing_gateway(listeners={"mx": LISTENERS["mx"]}, resolver=internet.resolver(),
                            outbound={"port": 25, "allow-private": False, "ca-file": authority.bundle})


def report(result, sessions):
    day = datetime.datetime.now(datetime.timezone.utc).date()
    return json.dumps({
        "organization-name": "Some Sender", "contact-info": "tls@sender.example", "report-id": f"{day}-{result}",
        "date-range": {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"},
        "policies": [{"policy": {"policy-type": "sts", "policy-string": [], "policy-domain": OURS, "mx-host": [f"mx.{OURS}"]},
                      "summary": {"total-successful-session-count": 10, "total-failure-session-count": sessions},
                      "failure-details": [{"result-type": result, "receiving-mx-hostname": f"mx.{OURS}",
                                           "failed-session-count": sessions}] if sessions else []}]})


def take_in(daemon, text):
    done = daemon.run("report", "import", "--trust", "-", stdin=text)
    assert done.returncode == 0, done.stderr + done.stdout


def test_policy_changed_under_its_id(daemon, internet):
    [answer], code = check(daemon, PARTNER)
    assert not found(answer) and "sts.id.history" not in {result["id"] for result in answer["results"]}  # nothing is remembered
    daemon.cli("sts", "cache", "refresh", PARTNER)
    [answer], code = check(daemon, PARTNER)
    assert not found(answer) and "sts.id.history" in {result["id"] for result in answer["results"]}
    internet.policies.publish(f"mta-sts.{PARTNER}", policy("enforce", [f"mx.{PARTNER}", f"mx2.{PARTNER}"], TWO_WEEKS))
    [answer], code = check(daemon, PARTNER)
    assert code == 1 and found(answer) == {"sts.id.history": E, "sts.pol.stale": A}


def test_reports(daemon):
    [answer], code = check(daemon, OURS)
    assert code == 0 and not {"rpt.received", "cons.reports"} & {result["id"] for result in answer["results"]}
    daemon.cli("domain", "add", OURS, "--report-to", f"mailto:tlsrpt@{OURS}")
    [answer], code = check(daemon, OURS)
    assert code == 0 and found(answer) == {"rpt.received": A}
    take_in(daemon, report("none", 0))
    [answer], code = check(daemon, OURS)
    assert code == 0 and not found(answer)
    take_in(daemon, report("certificate-expired", 7))
    [answer], code = check(daemon, OURS)
    assert code == 4 and found(answer) == {"cons.reports": W}
    [told] = [result for result in answer["results"] if result["id"] == "cons.reports"]
    assert told["seen"] == "others tell of 7 sessions that failed: certificate-expired" and told["where"] == f"mx.{OURS}"
    assert told["change"] == f"sternpost report summary {OURS} --since 3d"


def policies(daemon):
    return daemon.get(f"/v1/domains/{OURS}/history")["policies"]


def test_id_used_again(daemon, internet):
    """The id of before last is published once more."""
    daemon.cli("domain", "set", OURS, "--mta-sts", "testing", "--mta-sts-mx", f"mx.{OURS}")
    until(lambda: len(policies(daemon)) == 1, 20, "the first policy")
    daemon.cli("domain", "set", OURS, "--mta-sts", "enforce")
    [newest, oldest] = until(lambda: (lambda all: all if len(all) == 2 else None)(policies(daemon)), 20, "the second policy")
    assert "mode: enforce" in newest["policy"] and "mode: testing" in oldest["policy"] and newest["at"] >= oldest["at"]
    zone = internet.zone_of(f"_mta-sts.{OURS}")
    zone.remove(f"_mta-sts.{OURS}")
    zone.add(f'_mta-sts.{OURS}. TXT "{ID.split("id=")[0]}id={oldest["id"]}"')
    internet.knot.reload(zone)
    answer = until(lambda: (lambda one: one if "sts.id.reused" in found(one) else None)(check(daemon, OURS)[0][0]), 60, "the record")
    assert found(answer)["sts.id.reused"] == W


def test_without_the_daemon(daemon):
    """Nothing is printed of its absence, and nothing of what it knew."""
    daemon.stop()
    done = daemon.run("check", OURS, "--json")
    assert not done.stderr and not {"sts.id.reused", "rpt.received"} & {r["id"] for r in json.loads(done.stdout)["domains"][0]["results"]}
