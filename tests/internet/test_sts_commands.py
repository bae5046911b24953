"""The policies of MTA-STS that are kept, as administrators see and change them."""
import pytest
from harness.policy_host import policy
from harness.sternpost import LISTENERS

GOOD, TESTING, BROKEN, NONE = "good.sec.example", "testing.sec.example", "broken.sec.example", "none.sec.example"


@pytest.fixture(scope="module")
def daemon(internet, standing_gateway, authority):
    for domain in (GOOD, TESTING, BROKEN):
        internet.add(f"{domain}. MX 10 mx.{domain}.", f'_mta-sts.{domain}. TXT "v=STSv1; id=20261101a;"',
                     f"mta-sts.{domain}. A {internet.address(80)}")
    internet.add(f"{NONE}. MX 10 mx.{GOOD}.", f"mx.{GOOD}. A {internet.address(90)}")
    internet.policies.publish(f"mta-sts.{GOOD}", policy("enforce", [f"mx.{GOOD}", f"*.mx.{GOOD}"]))
    internet.policies.publish(f"mta-sts.{TESTING}", policy("testing", [f"mx.{TESTING}"], max_age=604800, end="\n"))
    internet.policies.publish(f"mta-sts.{BROKEN}", "mode: Enforce\n")
    internet.start()
    return standing_gateway(listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(),
                            outbound={"port": 25, "allow-private": False, "ca-file": authority.bundle})


@pytest.fixture(autouse=True)
def nothing_kept(daemon):
    daemon.run("sts", "cache", "forget", "--all")


def listed(daemon, *options):
    return [kept["domain"] for kept in daemon.ask_lines("sts", "cache", "list", *options)]


def test_refresh_list_and_show(daemon):
    assert listed(daemon) == []
    refreshed = daemon.ask("sts", "cache", "refresh", GOOD.upper())
    assert (refreshed["finding"], refreshed["mode"], refreshed["id"]) == ("found", "enforce", "20261101a")
    daemon.cli("sts", "cache", "refresh", TESTING)
    assert listed(daemon) == [GOOD, TESTING] and listed(daemon, "--limit", "1") == [GOOD]
    shown = daemon.ask("sts", "cache", "show", GOOD)
    assert shown["mx"] == [f"mx.{GOOD}", f"*.mx.{GOOD}"] and shown["max_age_s"] == 86400
    assert shown["source"] == f"https://mta-sts.{GOOD}/.well-known/mta-sts.txt"
    assert shown["policy"] == ["version: STSv1", "mode: enforce", f"mx: mx.{GOOD}", f"mx: *.mx.{GOOD}", "max_age: 86400"]
    assert shown["fetched"] < shown["expires"] and shown["failures"] == 0 and "failure" not in shown
    table = daemon.cli("sts", "cache", "list")
    assert [line.split()[:4] for line in table.splitlines()[1:]] == [[GOOD, "enforce", "20261101a", "2"],
                                                                     [TESTING, "testing", "20261101a", "1"]]
    assert f"  mx: *.mx.{GOOD}\n" in daemon.cli("sts", "cache", "show", GOOD)


def test_refresh_fetches_each_time(daemon, internet):
    host = f"mta-sts.{GOOD}"
    before = internet.policies.requests.get(host, 0)
    for _ in range(2):
        daemon.cli("sts", "cache", "refresh", GOOD)
    assert internet.policies.requests[host] == before + 2


def test_trouble_is_told(daemon):
    done = daemon.run("sts", "cache", "refresh", BROKEN)
    assert done.returncode == 1 and "mode" in done.stdout, done
    assert daemon.run("sts", "cache", "show", BROKEN).returncode == 1
    assert daemon.run("sts", "cache", "show", "nowhere..example").returncode == 2


def test_no_policy_is_no_trouble(daemon):
    assert daemon.ask("sts", "cache", "refresh", NONE)["finding"] == "none"
    assert listed(daemon) == []


def test_a_kept_policy_outlives_a_broken_one(daemon, internet):
    host = f"mta-sts.{GOOD}"
    daemon.cli("sts", "cache", "refresh", GOOD)
    good = internet.policies.sites[host]
    internet.policies.publish(host, "gone", status="404 Not Found")
    try:
        done = daemon.run("sts", "cache", "refresh", GOOD)
        assert done.returncode == 1 and "sts-policy-fetch-error" in done.stdout, done
        shown = daemon.ask("sts", "cache", "show", GOOD)
        assert shown["mode"] == "enforce" and shown["failure"] == "sts-policy-fetch-error" and shown["failures"] == 1
        assert shown["next_try"] is not None
    finally:
        internet.policies.sites[host] = good


def test_forget(daemon):
    for domain in (GOOD, TESTING):
        daemon.cli("sts", "cache", "refresh", domain)
    assert daemon.run("sts", "cache", "forget").returncode == 2
    assert daemon.run("sts", "cache", "forget", GOOD, "--all").returncode == 2
    assert daemon.ask("sts", "cache", "forget", GOOD) == {"forgotten": 1} and listed(daemon) == [TESTING]
    assert daemon.run("sts", "cache", "forget", GOOD).returncode == 1
    assert daemon.ask("sts", "cache", "forget", "--all") == {"forgotten": 1} and listed(daemon) == []
