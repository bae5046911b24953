"""MTA-STS of our own domains, from the setting to what the world sees: the policy served, its records published by dynamic
update to a name server with a slow second, and fetched again as another mail server would (M1, M3, M8, M11, M13, M16)."""
import json
import subprocess

import pytest
from harness.own_zone import KEY, SECRET, OwnZone
from harness.sternpost import BINARY, LISTENERS
from harness.waiting import until

pytestmark = pytest.mark.xdist_group("own-domains")  # one after the other: each builds on the last
DOMAIN, HOST = "own.example", "mx.own.example"
STS, REPORTS = f"_mta-sts.{DOMAIN}", f"_smtp._tls.{DOMAIN}"


@pytest.fixture(scope="module")
def zone(internet, tmp_path_factory):
    made = OwnZone(internet, tmp_path_factory.mktemp("zone"), DOMAIN, 54, 55, [
        f"{DOMAIN}. MX 10 {HOST}.", f"{HOST}. A {internet.address(82)}",
        f'{STS}. 3 TXT "v=STSv1; id=20190425085700"', f'{STS}. 3 TXT "somebody else\'s"', f'{DOMAIN}. TXT "v=spf1 mx -all"'])
    internet.start()
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    file = tmp_path_factory.mktemp("secret") / "update.secret"
    file.write_text(SECRET + "\n")
    return file


def options(internet, authority, **sections):
    return {"listeners": {"mx": LISTENERS["mx"]}, "resolver": internet.resolver(), "top": {"hostname": HOST},
            "certificate": authority.issue(HOST, f"mta-sts.{DOMAIN}"), "sections": sections,
            "outbound": {"port": 25, "allow-private": False, "ca-file": authority.bundle}}


@pytest.fixture(scope="module")
def daemon(internet, zone, authority, standing_gateway, secret):
    update = {"server": f"{zone.addresses[0]}:53", "key": KEY, "secret-file": str(secret), "zones": [DOMAIN]}
    started = standing_gateway(**options(internet, authority, **{
        "policy-host": {"address": [f"{internet.address(81)}:443"]}, "dns-update": update}))
    started.cli("domain", "add", DOMAIN, "--mta-sts", "testing", "--report-to", f"mailto:tlsrpt@{DOMAIN}")
    until(lambda: records(started)["policy"]["id"], 20, "the policy to be made")
    return started


def records(daemon):
    done = daemon.run("domain", "records", DOMAIN, "--json")
    assert done.returncode in (0, 1), done.stderr
    return daemon.get(f"/v1/domains/{DOMAIN}/records")


def states(daemon):
    return {(r["name"], r["type"]): r["state"] for r in records(daemon)["records"] if r["sent"]}


def test_what_must_be_there_is_told_in_order(daemon, internet):
    told = records(daemon)
    assert [(r["name"], r["type"]) for r in told["records"]] == [
        (REPORTS, "TXT"), (f"mta-sts.{DOMAIN}", "A"), (STS, "TXT"), (f"_25._tcp.{HOST}", "TLSA")]
    assert [r["state"] for r in told["records"]] == ["missing", "missing", "differs", "missing"]
    assert told["zone"] == DOMAIN and [s["answers"] for s in told["servers"]] == [True, True]
    assert told["policy"]["text"].splitlines() == ["version: STSv1", "mode: testing", f"mx: {HOST}", "max_age: 604800"]
    assert not told["records"][3]["sent"] and "DNSSEC" in told["records"][3]["note"]
    lines = daemon.run("domain", "records", DOMAIN, "--zone").stdout.splitlines()
    assert lines[0] == f'{REPORTS}. 3600 IN TXT "v=TLSRPTv1; rua=mailto:tlsrpt@{DOMAIN}"'
    assert lines[1] == f"mta-sts.{DOMAIN}. 3600 IN A {internet.address(81)}"
    assert lines[2] == f'{STS}. 3600 IN TXT "v=STSv1; id={told["policy"]["id"]}"'
    text = daemon.run("domain", "records", DOMAIN).stdout
    assert f'at ns2.{DOMAIN} ({internet.address(55)}): differs, it has "somebody else\'s", "v=STSv1; id=20190425085700"' in text
    assert daemon.run("domain", "records", "strange.example").returncode == 1


def test_a_wrong_secret_changes_nothing(daemon, zone, secret):
    before = zone.whole()
    secret.write_text("MTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")
    try:
        done = daemon.run("domain", "publish", DOMAIN)
        assert done.returncode == 1 and "refused the update" in done.stderr, done
    finally:
        secret.write_text(SECRET + "\n")
    assert zone.whole() == before


def test_published_once_every_server_shows_it(daemon, zone, internet):
    before = zone.whole()
    with subprocess.Popen([BINARY, "domain", "publish", DOMAIN, "-c", daemon.file, "--timeout", "60s"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as publishing:
        identity = records(daemon)["policy"]["id"]
        until(lambda: zone.texts(STS) == ["somebody else's", f"v=STSv1; id={identity}"], 20, "the primary to take it")
        lagging = records(daemon)
        sts = next(r for r in lagging["records"] if r["name"] == STS)
        assert sts["state"] == "differs" and {s["name"]: s["state"] for s in sts["servers"]} == {
            f"ns1.{DOMAIN}": "ok", f"ns2.{DOMAIN}": "differs"}
        assert publishing.poll() is None  # the second server has not got it yet
        zone.catch_up()
        out, err = publishing.communicate(timeout=60)
    assert publishing.returncode == 0, (out, err)
    assert f'remove {STS}. 3 IN TXT "v=STSv1; id=20190425085700"' in out and "every server shows the records" in out
    assert f'add {STS}. 3 IN TXT "v=STSv1; id={identity}"' in out
    assert set(states(daemon).values()) == {"ok"} and daemon.run("domain", "records", DOMAIN).returncode == 0
    changed = {name for name, *_ in (line.split() for line in set(before) ^ set(zone.whole()))}
    assert changed == {f"{STS}.", f"{REPORTS}.", f"mta-sts.{DOMAIN}."}  # and nothing else was touched
    again = daemon.cli("domain", "publish", DOMAIN, "--no-wait")
    assert "nothing was to be changed" in again
    [audited] = [row for row in daemon.ask_lines("audit") if row["action"] == "publish"]
    assert (audited["kind"], audited["name"], audited["from"]) == ("records", DOMAIN, "control socket") and "uid 0" in audited["who"]
    assert f'add {STS}. 3 IN TXT "v=STSv1; id={identity}"' in audited["after"]["changes"] and audited["before"] is None
    assert daemon.run("audit").returncode == 0


def test_others_find_the_policy(daemon):
    found = daemon.ask("sts", "cache", "refresh", DOMAIN)
    assert (found["finding"], found["mode"], found["mx"]) == ("found", "testing", [HOST])
    assert found["id"] == records(daemon)["policy"]["id"]


def test_a_change_has_an_id_of_its_own(daemon, zone):
    before = records(daemon)["policy"]["id"]
    daemon.cli("domain", "set", DOMAIN, "--description", "no change of the policy")
    daemon.cli("domain", "set", DOMAIN, "--mta-sts", "enforce")
    until(lambda: records(daemon)["policy"]["id"] > before, 20, "a new id")
    assert states(daemon)[(STS, "TXT")] == "differs"
    daemon.cli("domain", "publish", DOMAIN, "--no-wait")
    zone.catch_up()
    identity = records(daemon)["policy"]["id"]
    until(lambda: states(daemon)[(STS, "TXT")] == "ok", 30, "the old record to run out")  # "wait" until then
    found = daemon.ask("sts", "cache", "refresh", DOMAIN)
    assert (found["mode"], found["id"]) == ("enforce", identity) and identity != before


def test_tlsa_records_are_those_of_what_is_served(daemon, authority):
    """Of a certificate that is kept as a setting, too: its key is what senders meet."""
    def tlsa():
        return [r["value"] for r in records(daemon)["records"] if r["type"] == "TLSA"]

    before, issued = tlsa(), authority.issue(HOST)
    daemon.cli("certificate", "add", "next", "--chain", issued.chain, "--key", issued.key)
    until(lambda: f"3 1 1 {issued.digest}" in tlsa(), 20, "the record of the new certificate")
    daemon.cli("certificate", "remove", "next")
    until(lambda: tlsa() == before, 20, "it to go again")


def test_unsigned_dns_changes_no_enforced_policy_at_once(daemon, zone):
    """Whoever can forge our MX once must not be let in by our own policy: it follows a day later, or at an administrator's word."""
    before = records(daemon)["policy"]["id"]
    zone.zone.lines = zone.whole_with_start() + [f"{DOMAIN}. 3 MX 5 forged.{DOMAIN}."]
    zone.primary.reload(zone.zone)
    zone.catch_up()
    until(lambda: told(daemon), 90, "the new server to be told of")
    policy = records(daemon)["policy"]
    assert policy["id"] == before and "forged" not in policy["text"] and "the policy follows at" in policy["trouble"]
    daemon.cli("domain", "set", DOMAIN, "--mta-sts-mx", f"{HOST},second.{DOMAIN}")
    until(lambda: records(daemon)["policy"]["id"] > before, 20, "the policy of the administrator's own servers")


def told(daemon):
    daemon.cli("domain", "set", DOMAIN, "--description", "a look")  # each change of settings is one
    daemon.cli("domain", "set", DOMAIN, "--clear", "description")
    return "not signed" in records(daemon)["policy"].get("trouble", "")


def test_without_updates_it_is_printed(internet, zone, authority, gateway):
    daemon = gateway(**options(internet, authority))
    daemon.cli("domain", "add", DOMAIN, "--mta-sts", "testing", "--mta-sts-mx", HOST)
    until(lambda: records(daemon)["policy"]["id"], 20, "the policy to be made")
    out = daemon.cli("domain", "publish", DOMAIN, "--no-wait")
    assert "publish these by hand" in out and f'{STS}. 3600 IN TXT "v=STSv1; id=' in out
    done = daemon.run("domain", "publish", DOMAIN, "--timeout", "1s")  # nobody does
    assert done.returncode == 1 and "not all there yet" in done.stderr
    done = daemon.run("domain", "publish", DOMAIN, "--timeout", "1s", "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["domain"] == DOMAIN  # one document, and nothing beside it
    daemon.cli("domain", "add", "bare.example")
    told = "nothing: the domain hosts no policy (set mta-sts) and wants no reports (set report-to)"
    assert daemon.cli("domain", "records", "bare.example").strip() == told
    assert daemon.cli("domain", "publish", "bare.example").strip() == told
