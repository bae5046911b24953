"""TLSA records of our own server, from key to key: published before a certificate serves, taken out of DNS when its time is over."""
import dns.resolver
import pytest
from harness.clock import DAY, Clock
from harness.own_zone import KEY, SECRET, OwnZone
from harness.sternpost import LISTENERS
from harness.waiting import until

pytestmark = pytest.mark.xdist_group("own-tlsa")  # one after the other: each builds on the last
DOMAIN, HOST = "tlsa.example", "mx.tlsa.example"
OWNER, STRANGER = f"_25._tcp.{HOST}", "3 1 1 " + "ab" * 32


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    return Clock(tmp_path_factory.mktemp("clock") / "shift")


@pytest.fixture(scope="module")
def zone(internet, clock, tmp_path_factory):
    made = OwnZone(internet, tmp_path_factory.mktemp("zone"), DOMAIN, 54, 55, [
        f"{DOMAIN}. MX 10 {HOST}.", f"{HOST}. A {internet.address(82)}", f"{OWNER}. 2 TLSA {STRANGER}"], environment=clock.environment,
        signs=True)
    made.start()
    internet.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def certificates(authority):
    return [authority.issue(HOST) for _ in range(2)]


@pytest.fixture(scope="module")
def daemon(internet, zone, authority, certificates, standing_gateway, clock, tmp_path_factory):
    secret = tmp_path_factory.mktemp("secret") / "update.secret"
    secret.write_text(SECRET + "\n")
    update = {"server": f"{zone.addresses[0]}:53", "key": KEY, "secret-file": str(secret), "zones": [DOMAIN]}
    started = standing_gateway(
        listeners={"mx": LISTENERS["mx"]}, resolver=internet.resolver(), top={"hostname": HOST}, certificate=certificates[0],
        sections={"dns-update": update}, environment=clock.environment,
        outbound={"port": 25, "allow-private": False, "ca-file": authority.bundle})
    started.cli("domain", "add", DOMAIN)
    return started


def published(zone):
    """What the server that takes updates has."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.lifetime = [zone.addresses[0]], 10
    return {rdata.to_text() for rdata in resolver.resolve(f"{OWNER}.", "TLSA")}


def told(daemon):
    return {r["value"]: (r["state"], r["line"].startswith("; remove")) for r in daemon.get(f"/v1/domains/{DOMAIN}/records")["records"]}


def state(daemon, name):
    return next(one["state"] for one in daemon.get("/v1/certificates")["certificates"] if one["name"] == name)


def publish(daemon, zone):
    daemon.cli("domain", "publish", DOMAIN, "--no-wait")
    zone.catch_up()


def test_the_first_key(daemon, zone, certificates):
    first = f"3 1 1 {certificates[0].digest}"
    assert told(daemon) == {first: ("differs", False)}  # a stranger's is there
    publish(daemon, zone)
    assert published(zone) == {STRANGER, first}
    until(lambda: told(daemon) == {first: ("ok", False)}, 30, "the record to be seen")


def test_the_next_key_waits_for_its_record(daemon, zone, certificates):
    first, second = (f"3 1 1 {made.digest}" for made in certificates)
    daemon.cli("certificate", "add", "next", "--chain", certificates[1].chain, "--key", certificates[1].key)
    until(lambda: told(daemon).get(second) == ("differs", False), 30, "the second record to be wanted")
    assert state(daemon, "next") == "held"
    publish(daemon, zone)
    assert published(zone) == {STRANGER, first, second}
    until(lambda: state(daemon, "next") == "serves", 90, "the second certificate to serve")
    assert told(daemon).keys() == {second}  # the first may still be met in caches, or be taken back


def test_the_first_record_goes_after_a_day(daemon, zone, certificates, clock):
    first, second = (f"3 1 1 {made.digest}" for made in certificates)
    publish(daemon, zone)
    assert published(zone) == {STRANGER, first, second}
    clock.forward(DAY + 3600)
    until(lambda: told(daemon).get(first) == ("stale", True), 90, "the first record to be told of")
    assert "no longer served" in daemon.run("domain", "records", DOMAIN).stdout
    publish(daemon, zone)
    assert published(zone) == {STRANGER, second}
    last = [row for row in daemon.ask_lines("audit") if row["action"] == "publish"][-1]
    assert [change.split()[0] for change in last["after"]["changes"]] == ["remove"] and certificates[0].digest in str(last["after"])
    until(lambda: told(daemon) == {first: ("ok", True), second: ("ok", False)}, 60, "the removal to be seen")
    clock.forward(600)  # the certificates' keeper looks every five minutes
    until(lambda: told(daemon) == {second: ("ok", False)}, 60, "nothing more to be done")
