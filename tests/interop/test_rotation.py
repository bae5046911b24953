"""A certificate is replaced while sessions come in at twenty a second: old, both, new, and nothing is dropped (C8); and what
docs/guides/certificates.md says, done word for word."""
import hashlib
import re
import smtplib
import ssl
import threading
import time
from pathlib import Path

import pytest
from harness.sternpost import HOSTNAME, LISTENERS, MX
from harness.waiting import until

PER_SECOND = 20
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "certificates.md"


@pytest.fixture(name="daemon")
def _daemon(gateway):
    return gateway(listeners={"mx": LISTENERS["mx"]})


def fingerprint_of(pem):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def meet(daemon):
    """A session with STARTTLS up to QUIT; what certificate it saw."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP(daemon.address, MX, local_hostname="client.example.org", timeout=20) as client:
        client._host = HOSTNAME
        client.starttls(context=context)
        assert client.ehlo()[0] == 250
        seen = hashlib.sha256(client.sock.getpeercert(binary_form=True)).hexdigest()
        assert client.quit()[0] == 221
    return seen


class Visitors:
    """Sessions at a steady pace, each on a thread of its own, and what they saw in the order in which they began."""

    def __init__(self, daemon):
        self.daemon, self.seen, self.failures = daemon, [], []
        self.threads, self.over = [], threading.Event()
        self.pace = threading.Thread(target=self._come)

    def _visit(self, number):
        try:
            self.seen.append((number, meet(self.daemon)))
        except Exception as error:  # pylint: disable=broad-except
            self.failures.append(f"session {number}: {error!r}")

    def _come(self):
        number, start = 0, time.monotonic()
        while not self.over.is_set():
            thread = threading.Thread(target=self._visit, args=(number,))
            thread.start()
            self.threads.append(thread)
            number += 1
            time.sleep(max(0, start + number / PER_SECOND - time.monotonic()))

    def __enter__(self):
        self.pace.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.pace.join()
        for thread in self.threads:
            thread.join()

    def wait_for(self, count):
        """As many more sessions, all of which began after this call."""
        began = len(self.threads)
        until(lambda: sum(number >= began for number, _ in list(self.seen)) >= count, 60, f"{count} sessions; {self.failures}")
        return began


def test_rotation_under_load(daemon, authority, certificate):
    new = authority.issue(HOSTNAME)
    old_print, new_print = fingerprint_of(certificate.pem), fingerprint_of(new.pem)

    def state():
        return {c["name"]: c["state"] for c in daemon.ask("certificate", "list")["certificates"]}.get("next")

    with Visitors(daemon) as visitors:
        old = visitors.wait_for(20)
        daemon.cli("certificate", "add", "next", "--chain", new.chain, "--key", new.key, "--share", "40")
        until(lambda: state() == "rolls", 20, "the roll-out")
        both = visitors.wait_for(100)
        daemon.cli("certificate", "set", "next", "--clear", "share")
        until(lambda: state() == "serves", 20, "the take-over")
        fresh = visitors.wait_for(20)
    assert visitors.failures == []
    assert len(visitors.seen) == len(visitors.threads)
    seen = dict(visitors.seen)
    assert {seen[n] for n in range(old, old + 20)} == {old_print}
    rolled = [seen[n] for n in range(both, both + 100)]
    assert set(rolled) == {old_print, new_print}
    assert 30 <= rolled.count(new_print) <= 50
    assert {seen[n] for n in seen if n >= fresh} == {new_print}


def refused(daemon, *words):
    done = daemon.run("certificate", *words)
    assert done.returncode in (1, 2), done
    return done.stderr


def test_bad_sets_are_refused_and_nothing_changes(daemon, authority, certificate):
    good, other = authority.issue(HOSTNAME), authority.issue("smtp.example.test")
    expired = authority.issue(HOSTNAME, last=-authority_second())
    text = refused(daemon, "add", "next", "--chain", good.chain, "--key", other.key)
    assert "does not belong to the first certificate" in text
    text = refused(daemon, "add", "next", "--chain", other.chain, "--key", other.key)
    assert f"the name '{HOSTNAME}' is not in it" in text
    text = refused(daemon, "add", "next", "--chain", expired.chain, "--key", expired.key)
    assert "it expired on" in text
    text = refused(daemon, "add", "next", "--chain", good.chain)
    assert "it is missing; chain and key go together" in text
    assert [c["state"] for c in daemon.ask("certificate", "list")["certificates"]] == ["serves"]
    assert meet(daemon) == fingerprint_of(certificate.pem)


def authority_second():
    import datetime  # pylint: disable=import-outside-toplevel
    return datetime.timedelta(seconds=1)


def test_the_key_is_never_shown(daemon, authority):
    new = authority.issue(HOSTNAME)
    daemon.cli("certificate", "add", "next", "--chain", new.chain, "--key", new.key)
    secret = Path(new.key).read_text(encoding="ascii").splitlines()[1]
    for words in (["certificate", "show", "next"], ["certificate", "show", "next", "--json"], ["settings", "export"],
                  ["certificate", "list", "--json"], ["audit", "--json"]):
        text = daemon.cli(*words)
        assert secret not in text and "BEGIN PRIVATE" not in text and "BEGIN EC" not in text, words
    assert '"key": "(secret)"' in daemon.cli("settings", "export")
    assert secret not in daemon.log()
    # What was exported is applied again and leaves the key as it is.
    exported = daemon.folder / "settings.json"
    exported.write_text(daemon.cli("settings", "export"))
    assert "nothing to change" in daemon.cli("settings", "apply", str(exported))
    assert meet(daemon) == fingerprint_of(new.pem)


def test_a_restart_goes_on_with_what_was_served(daemon, authority):
    new = authority.issue(HOSTNAME)
    daemon.cli("certificate", "add", "next", "--chain", new.chain, "--key", new.key)
    until(lambda: meet(daemon) == fingerprint_of(new.pem), 20, "the take-over")
    daemon.stop()
    daemon.start()
    assert meet(daemon) == fingerprint_of(new.pem)


def test_the_guide(daemon, authority, tmp_path):
    """Its commands in their order, but for those of other programs."""
    new = authority.issue(HOSTNAME)
    commands = re.findall(r"^    sternpost ((?:certificate|status).*)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        words = command.replace("mx-2027.pem", new.chain).replace("mx-2027.key", new.key).split()
        daemon.cli(*words)
    until(lambda: "mx-2027" not in daemon.cli("certificate", "list"), 20, "the end of the guide")
    assert tmp_path.exists()
