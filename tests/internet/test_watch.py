"""Certificates that mail depends on, watched: each fault of a live server is told once, by alert and mail, and again when it is mended."""
import json

import pytest
from harness.authority import DAY
from harness.sink import Sink, server_context
from harness.sternpost import LISTENERS
from harness.waiting import until

pytestmark = pytest.mark.xdist_group("watch")
OURS, HOST = "own.sec.example", "mx.own.sec.example"
PARTNER, SERVER = "partner.mx.example", "server.partner.mx.example"
SIGNED, SIGNED_SERVER = "signed.sec.example", "server.signed.sec.example"
TWIN = "twin.own.sec.example"


class Scene:
    """Our gateway, the servers that it watches, and where its alerts are mailed to."""

    def __init__(self, daemon, authority, servers, good, mails):
        self.daemon, self.authority, self.servers, self.good, self.mails = daemon, authority, servers, good, mails

    def look(self, name, certificate=None):
        """At a server, which shows this certificate first."""
        if certificate is not None:
            self.servers[name].tls = server_context(certificate)
        done = self.daemon.run("watch", "now", name, "--json")
        assert done.returncode in (0, 1), done.stderr
        seen = [one for one in json.loads(done.stdout)["servers"] if one["server"].startswith(name)]
        assert done.returncode == (1 if any(one["notices"] for one in seen) else 0)
        return seen[0]

    def alerts(self, name=None):
        return {one["cause"]: one for one in self.daemon.ask("alerts")["open"] if name is None or one["subject"].startswith(name)}

    def told(self, cause):
        """How many mails had a section of it."""
        return sum(message.data.decode().count(cause) for message in self.mails.messages)


@pytest.fixture(scope="module")
def scene(internet, authority, standing_gateway):
    ours, behind = internet.address(91), internet.address(92)
    at = {SERVER: internet.address(93), SIGNED_SERVER: internet.address(94)}
    good = {name: authority.issue(name, last=300 * DAY) for name in (SERVER, SIGNED_SERVER, TWIN)}
    internet.add(f"{OURS}. MX 10 {HOST}.", f"{HOST}. A {ours}",
                 f"{PARTNER}. MX 10 {SERVER}.", f"{SERVER}. A {at[SERVER]}",
                 f"{SIGNED}. MX 10 {SIGNED_SERVER}.", f"{SIGNED_SERVER}. A {at[SIGNED_SERVER]}",
                 f"_25._tcp.{SIGNED_SERVER}. TLSA 3 1 1 {good[SIGNED_SERVER].digest}",
                 f"{TWIN}. A {internet.address(95)}", f"{TWIN}. A {internet.address(96)}")
    internet.start()
    servers = {name: internet.add_server(Sink(address, 25, tls=server_context(good[name]))) for name, address in at.items()}
    for number, name in (95, TWIN), (96, "second"):
        servers[name] = internet.add_server(Sink(internet.address(number), 25, tls=server_context(good[TWIN])))
    mails = internet.add_server(Sink(behind, 25, tls=server_context(authority.issue(f"mail.{OURS}", last=300 * DAY))))
    daemon = standing_gateway(
        address=ours, certificate=authority.issue(HOST, last=300 * DAY), listeners={"mx": {**LISTENERS["mx"], "port": 25}},
        resolver=internet.resolver(), outbound={"port": 25, "ca-file": authority.bundle}, top={"hostname": HOST})
    daemon.cli("gateway", "set", "--watch", "off", "--alert-to", f"postmaster@{OURS}")
    daemon.set_up("domain", OURS)
    daemon.host("behind", f"{behind}:25", tls="encrypt")
    daemon.host("twin", f"{TWIN}:25", tls="verify")
    daemon.set_up("route", OURS, host="behind")
    daemon.set_up("rule", "partners", to=f"{PARTNER},{SIGNED}", level="verify")
    return Scene(daemon, authority, servers, good, mails)


def test_what_is_watched(scene):
    """Our listeners and MX, hosts, and the partners that rules name; nothing is wrong with any of them."""
    assert "the setting watch is off" in scene.daemon.cli("watch", "list")
    done = scene.daemon.run("watch", "now", "--json")
    seen = {one["server"].split(":")[0]: one for one in json.loads(done.stdout)["servers"]}
    assert {seen[SERVER]["kind"], seen[SIGNED_SERVER]["kind"]} == {"partner"} and seen[TWIN]["kind"] == "host"
    assert {one["kind"] for one in seen.values()} >= {"listener", "mx", "host", "partner"}
    assert done.returncode == 0 and scene.alerts() == {}, scene.daemon.ask("alerts")
    shown = scene.daemon.cli("watch", "show", PARTNER)
    assert SERVER in shown and f"watched for  partner {PARTNER}" in shown and "fingerprint" in shown
    assert scene.daemon.run("watch", "show", "nobody.example").returncode == 1


FAULTS = {
    "ends in 20 days": (lambda a: a.issue(SERVER, last=20 * DAY), "expiry", "ends in "),
    "has ended": (lambda a: a.issue(SERVER, first=-9 * DAY, last=-DAY), "expiry", "has ended"),
    "no intermediate": (lambda a: a.below("Between").issue(SERVER, last=300 * DAY, sends=0), "chain", "not complete"),
    "self-signed": (lambda a: a.issue(SERVER, last=300 * DAY, is_self_signed=True), "trust", "not trusted"),
    "another name": (lambda a: a.issue("other.example", last=300 * DAY), "trust", "not trusted"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_and_its_end(scene, name):
    issue, cause, says = FAULTS[name]
    seen = scene.look(SERVER, issue(scene.authority))
    assert cause in {one["cause"] for one in seen["notices"]}, seen
    alert = scene.alerts(SERVER)[f"certificate-{cause}"]
    assert says in alert["text"] and alert["remedy"] and alert["subject"] == f"{SERVER}:25"
    scene.look(SERVER)  # nothing new
    assert scene.alerts(SERVER)[f"certificate-{cause}"]["since"] == alert["since"]
    assert scene.look(SERVER, scene.good[SERVER])["notices"] == []
    assert scene.alerts(SERVER) == {}
    over = [one for one in scene.daemon.ask("alerts")["closed"] if one["cause"] == f"certificate-{cause}"]
    assert over and over[0]["end_text"]


def test_a_new_key_is_told_once(scene):
    before = len([one for one in scene.daemon.ask("alerts")["closed"] if one["cause"] == "certificate-key"])
    scene.look(SERVER, scene.authority.issue(SERVER, last=300 * DAY))
    scene.look(SERVER)
    told = [one for one in scene.daemon.ask("alerts")["closed"] if one["cause"] == "certificate-key"]
    assert len(told) == before + 1 and "a key that was not seen there before" in told[0]["text"]
    scene.look(SERVER, scene.good[SERVER])  # a key that is known
    assert len([one for one in scene.daemon.ask("alerts")["closed"] if one["cause"] == "certificate-key"]) == before + 1
    assert scene.alerts() == {}


def test_tlsa_that_does_not_match(scene):
    """DANE-10: a trusted certificate does not mend it."""
    seen = scene.look(SIGNED_SERVER, scene.authority.issue(SIGNED_SERVER, last=300 * DAY))
    assert "tlsa" in {one["cause"] for one in seen["notices"]}
    assert "does not match its TLSA records" in scene.alerts(SIGNED_SERVER)["certificate-tlsa"]["text"]
    scene.look(SIGNED_SERVER, scene.good[SIGNED_SERVER])
    assert scene.alerts() == {}


def test_addresses_that_differ(scene):
    scene.servers["second"].tls = server_context(scene.authority.issue(TWIN, last=200 * DAY))
    scene.look(TWIN)
    assert "certificate-difference" in scene.alerts(TWIN)
    scene.servers["second"].tls = server_context(scene.good[TWIN])
    scene.look(TWIN)
    assert scene.alerts() == {}


def test_silence_is_told_when_it_lasts(scene):
    server = scene.servers[SERVER]
    server.replies["greeting"] = "421 4.3.2 closing"
    scene.look(SERVER)
    assert scene.alerts() == {}
    scene.look(SERVER)
    assert "no certificate is to be had" in scene.alerts(SERVER)["certificate-unreachable"]["text"]
    del server.replies["greeting"]
    scene.look(SERVER)
    assert scene.alerts() == {}


def test_thresholds_can_be_set(scene):
    certificate = scene.authority.issue(SERVER, last=25 * DAY)
    scene.daemon.cli("gateway", "set", "--watch-expiry-days", "20,5")
    assert scene.look(SERVER, certificate)["notices"] == []
    scene.daemon.cli("gateway", "set", "--watch-expiry-days", "90,28,26")
    assert scene.look(SERVER)["notices"][0]["cause"] == "expiry"
    assert scene.daemon.run("gateway", "set", "--watch-expiry-days", "soon").returncode == 2
    assert scene.daemon.run("gateway", "set", "--watch-interval", "1m").returncode == 2


def test_mail_and_restart(scene):
    """One mail tells of it; a restart tells nothing again, and does not forget it."""
    until(lambda: scene.told(f"{SERVER}:25: its certificate ends in 2") == 1, 30, "the mail that tells of it")
    text = scene.mails.messages[-1].data.decode()
    assert f"To: <postmaster@{OURS}>" in text and "Auto-Submitted: auto-generated" in text
    before = scene.alerts(SERVER)["certificate-expiry"]
    scene.daemon.stop()
    scene.daemon.start()
    assert scene.alerts(SERVER)["certificate-expiry"]["since"] == before["since"]
    scene.look(SERVER)
    scene.daemon.cli("gateway", "set", "--watch-expiry-days", "20")
    scene.look(SERVER)
    until(lambda: scene.alerts() == {}, 10, "its end")
    until(lambda: scene.told("its certificate was renewed") >= 1, 30, "the mail that it is over")
    assert scene.told(f"{SERVER}:25: its certificate ends in 2") <= 2  # once more in the mail that it is over, at most


def test_it_looks_by_itself(scene):
    scene.daemon.cli("gateway", "set", "--watch", "on")
    assert "the next look: 20" in scene.daemon.cli("watch", "list")
