"""docs/guides/authenticated-transport.md, followed word for word: its commands, and what they print."""
import base64
import datetime
import re
import shlex
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key
from harness.guide import steps
from harness.policy_host import policy
from harness.process import sanitizer_environment
from harness.sink import Sink, server_context
from harness.sternpost import BINARY, LISTENERS, RELAY

LOOKS = ("policy", "trace", "report", "sts")  # what may be asked again


def add_domain(internet, authority, name, number, tlsa=None, sts=False, certificate=None):
    """A domain with one server, and what it publishes."""
    issued = authority.issue(certificate or f"mx.{name}")
    internet.add(f"{name}. MX 10 mx.{name}.", f"mx.{name}. A {internet.address(number)}")
    if tlsa:
        internet.add(f"_25._tcp.mx.{name}. TLSA 3 1 1 {tlsa.replace('OWN', issued.digest)}")
    if sts:
        internet.add(f'_mta-sts.{name}. TXT "v=STSv1; id=20261101;"', f"mta-sts.{name}. A {internet.address(80)}")
        internet.policies.publish(f"mta-sts.{name}", policy("enforce", [f"mx.{name}"]))
    return internet.add_server(Sink(internet.address(number), 25, tls=server_context(issued)))


@pytest.fixture(scope="module")
def daemon(internet, authority, standing_gateway):
    add_domain(internet, authority, "partner.example", 101, sts=True)
    add_domain(internet, authority, "bank.example", 102, tlsa="OWN")
    add_domain(internet, authority, "moved.example", 103, sts=True, certificate="old.example")
    add_domain(internet, authority, "stale.example", 104, tlsa="22" * 32)
    internet.start()
    return standing_gateway(listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(),
                            outbound={"port": 25, "ca-file": authority.bundle, "retry": ["10m"]})


class Follower:
    """Who types the commands; `folder` stands in for /etc/sternpost."""

    def __init__(self, daemon):
        self.daemon, self.queued = daemon, None

    def run(self, command):
        words = shlex.split(command) if "$(" not in command else []
        if words[:3] == ["sternpost", "report", "key"]:  # it knows no daemon
            done = subprocess.run([BINARY, *words[1:]], text=True, capture_output=True, timeout=60, check=False,
                                  env=sanitizer_environment(self.daemon.folder))
        elif words[:1] != ["sternpost"]:
            done = subprocess.run(command, shell=True, text=True, capture_output=True, timeout=60, check=False)
        else:
            done = self.daemon.run(*(self.queued if re.fullmatch(r"1M[0-9A-Z]{11}", word) else word for word in words[1:]))
        found = re.search(r"queued as ([0-9A-Z]{13})", done.stdout)
        self.queued = found.group(1) if found else self.queued
        return done

    def follow(self, step):
        done = self.run(step.command)
        if step.command.startswith(tuple(f"sternpost {look} " for look in LOOKS)):
            deadline = time.monotonic() + 20
            while not step.is_shown(done.stdout) and time.monotonic() < deadline:
                done = self.run(step.command)
        assert done.returncode == 0, (step.command, done.stdout, done.stderr)
        assert step.shown is None or step.is_shown(done.stdout), \
            f"{step.command}\n{done.stdout}\nis not what the guide shows:\n" + "\n".join(step.shown)
        return done.stdout


def test_the_guide(daemon, tmp_path):
    later = (datetime.date.today() + datetime.timedelta(days=30)).isoformat()
    follower = Follower(daemon)
    todo = steps("authenticated-transport.md", date=("2026-12-31", later), folder=("/etc/sternpost", str(tmp_path)),
                 relay=("127.0.0.1:2526", f"{daemon.address}:{RELAY}"), sudo=("sudo ", ""))
    assert len(todo) > 15
    for step in todo:
        follower.follow(step)


def test_the_record_is_the_keys(daemon, tmp_path):
    """What the guide has people publish is what a verifier can read."""
    todo = steps("authenticated-transport.md", folder=("/etc/sternpost", str(tmp_path)), sudo=("sudo ", ""))
    [making] = [step for step in todo if "report key" in step.command]
    record = Follower(daemon).follow(making)
    assert (tmp_path / "tlsrpt.key").stat().st_mode & 0o777 == 0o600
    again = Follower(daemon).run(making.command)
    assert again.returncode == 0 and "stays as it is" in again.stdout and again.stdout.splitlines()[-1] == record.splitlines()[-1]
    assert Follower(daemon).run(making.command.replace("tlsrpt2026", "no/label")).returncode == 1
    assert Follower(daemon).run("sternpost report key /nowhere/key --domain a.example --selector s").returncode == 1
    tags = dict(re.findall(r"(\w)=([^;\s\"]+)", record.replace('" "', "")))
    assert (tags["v"], tags["k"]) == ("DKIM1", "rsa") and load_der_public_key(base64.b64decode(tags["p"])).key_size == 2048
