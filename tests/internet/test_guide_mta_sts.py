"""docs/guides/mta-sts-without-fear.md, followed word for word: from nothing to enforce, and back to nothing."""
import datetime
import json
import shlex
import time

import pytest
from harness.clock import DAY, HOUR, Clock
from harness.guide import steps
from harness.own_zone import KEY, SECRET, OwnZone
from harness.sternpost import LISTENERS

pytestmark = pytest.mark.xdist_group("plan")
DOMAIN, HOST = "ours.example", "mx.ours.example"
LOOK = f"sternpost domain plan {DOMAIN}"
SECONDS = 60


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
def daemon(internet, zone, authority, standing_gateway, clock, tmp_path_factory):
    secret = tmp_path_factory.mktemp("secret") / "update.secret"
    secret.write_text(SECRET + "\n")
    return standing_gateway(
        address=internet.address(82), certificate=authority.issue(HOST, f"mta-sts.{DOMAIN}"), environment=clock.environment,
        listeners={"mx": {**LISTENERS["mx"], "port": 25}}, resolver=internet.resolver(), top={"hostname": HOST},
        outbound={"port": 25, "allow-private": False, "ca-file": authority.bundle},
        sections={"policy-host": {"address": [f"{internet.address(81)}:443"]},
                  "dns-update": {"server": f"{zone.addresses[0]}:53", "key": KEY, "secret-file": str(secret), "zones": [DOMAIN]}})


def report(clock):
    """What a sender writes of a good day."""
    day = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=clock.shift, days=-1)).date()
    return json.dumps({
        "organization-name": "Sender Inc.", "date-range": {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"},
        "contact-info": "tls@sender.example", "report-id": str(day), "policies": [{
            "policy": {"policy-type": "sts", "policy-domain": DOMAIN, "policy-string": ["version: STSv1", "mode: testing"]},
            "summary": {"total-successful-session-count": 400, "total-failure-session-count": 0}}]})


class Reader:
    """Who follows the guide, and has the time it takes."""

    def __init__(self, daemon, zone, clock, folder):
        self.daemon, self.zone, self.clock, self.folder = daemon, zone, clock, folder

    def two_weeks_later(self):
        self.clock.forward(14 * DAY + HOUR)
        file = self.folder / "report.json"
        file.write_text(report(self.clock))
        self.daemon.cli("report", "import", "--trust", file)

    def follow(self, step):
        if step.command.startswith("sternpost report summary"):
            self.two_weeks_later()
        words, deadline = shlex.split(step.command)[1:], time.monotonic() + SECONDS
        done = self.daemon.run(*words)
        while step.command == LOOK and not step.is_shown(done.stdout) and time.monotonic() < deadline:
            self.zone.catch_up()
            if "resolvers may still have what was before" in done.stdout:
                self.clock.forward(HOUR)
            if "may keep to the one before" in done.stdout:
                self.clock.forward(14 * DAY)
            done = self.daemon.run(*words)
        assert done.returncode == 0 or words[0] == "check", (step.command, done.stdout, done.stderr)
        assert step.shown is None or step.is_shown(done.stdout), \
            f"{step.command}\n{done.stdout}\nis not what the guide shows:\n" + "\n".join(step.shown)


def test_the_guide(daemon, zone, clock, tmp_path):
    reader, todo = Reader(daemon, zone, clock, tmp_path), steps("mta-sts-without-fear.md")
    assert len(todo) > 12 and todo[0].command == f"sternpost check {DOMAIN}"
    for step in todo:
        reader.follow(step)
    assert zone.texts(f"_mta-sts.{DOMAIN}") == [] and zone.texts(f"_smtp._tls.{DOMAIN}") != []
