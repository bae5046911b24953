"""Certificates from an authority: uacme against Pebble, with challenges that we answer; obtained, renewed, refused, served by SNI."""
import os
import socket
import ssl

import pytest
from harness.authority import spki_digest
from harness.pebble import Pebble
from harness.sternpost import LISTENERS
from harness.waiting import until
from cryptography import x509

pytestmark = pytest.mark.xdist_group("acme")
OURS, HOST, POLICY = "own.mx.example", "mx.own.mx.example", "mta-sts.own.mx.example"


@pytest.fixture(scope="module")
def pebble(internet, authority, tmp_path_factory):
    ours = internet.address(91)
    internet.add(f"{OURS}. MX 10 {HOST}.", f"{HOST}. A {ours}", f"{POLICY}. A {ours}", f'_mta-sts.{OURS}. TXT "v=STSv1; id=1"')
    internet.start()
    made = Pebble(tmp_path_factory.mktemp("pebble"), internet.address(99), internet.address(53), authority)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def daemon(internet, authority, pebble, standing_gateway, tmp_path_factory):
    ours, folder = internet.address(91), tmp_path_factory.mktemp("acme") / "acme"
    return standing_gateway(
        address=ours, certificate=authority.issue("old.example"), resolver=internet.resolver(), top={"hostname": HOST},
        listeners={"mx": {**LISTENERS["mx"], "port": 25}}, outbound={"port": 25, "ca-file": authority.bundle},
        sections={"policy-host": {"address": [f"{ours}:443"]},
                  "acme": {"address": [f"{ours}:80"], "directory": pebble.directory, "agree-to-terms": True, "folder": str(folder),
                           "program": pebble.uacme(), "contact": "postmaster@own.mx.example"}})


def state(daemon, name):
    return next((one for one in daemon.ask("certificate", "acme")["sets"] if one["name"] == name), {"state": "not known yet"})


def wait_for(daemon, name, wanted, seconds=60):
    try:
        return until(lambda: (lambda one: one if one["state"] == wanted else None)(state(daemon, name)), seconds, f"{name} to be {wanted}")
    except AssertionError as late:
        raise AssertionError(f"{late}: {state(daemon, name)}; {daemon.log()[-3000:]}") from late


def shown(daemon, name):
    """The certificate that the policy host shows to who asks for this name."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((daemon.address, 443), 10) as plain, context.wrap_socket(plain, server_hostname=name) as tls:
        return x509.load_der_x509_certificate(tls.getpeercert(True))


def names(certificate):
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)


def test_obtained_and_served(daemon, pebble):
    """The policy host's, and at once also the mail server's: by SNI, from the account to the handshake."""
    assert "no certificate is marked acme" in daemon.cli("certificate", "acme")
    assert daemon.run("certificate", "add", "policy", "--acme", "true").returncode == 2  # of which names?
    daemon.cli("certificate", "add", "policy", "--acme", "true", "--names", POLICY, "--listeners", "policy-host", "--ca", pebble.root)
    wait_for(daemon, "policy", "ok")
    until(lambda: names(shown(daemon, POLICY)) == [POLICY], 20, "the certificate to be served")
    report = next(one for one in daemon.ask("certificate", "list")["certificates"] if one["name"] == "policy")
    assert report["state"] == "serves" and report["listeners"] == ["policy-host"]


def test_the_policy_is_fetched_with_it(daemon, pebble, authority):
    """Another mail server that trusts the authority gets the policy (RFC 8461 section 3.3)."""
    daemon.cli("domain", "add", OURS, "--mta-sts", "testing")
    context = ssl.create_default_context(cafile=pebble.root)
    with socket.create_connection((daemon.address, 443), 10) as plain, context.wrap_socket(plain, server_hostname=POLICY) as tls:
        tls.sendall(f"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: {POLICY}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: tls.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200 ") and b"mode: testing" in answer


def test_renewed_with_the_same_key(daemon):
    """So that TLSA records stay good; a key of its own only where it is asked for."""
    before = shown(daemon, POLICY)
    daemon.cli("certificate", "renew", "policy")
    until(lambda: shown(daemon, POLICY).serial_number != before.serial_number, 60, "the new certificate")
    assert spki_digest(shown(daemon, POLICY)) == spki_digest(before)
    wait_for(daemon, "policy", "ok")
    before = shown(daemon, POLICY)
    daemon.cli("certificate", "set", "policy", "--acme-key", "new")
    daemon.cli("certificate", "renew", "policy")
    until(lambda: shown(daemon, POLICY).serial_number != before.serial_number, 60, "the new certificate")
    assert spki_digest(shown(daemon, POLICY)) != spki_digest(before)
    assert daemon.run("certificate", "renew", "nobody").returncode == 1
    assert [(row["name"], row["kind"]) for row in daemon.ask_lines("audit") if row["action"] == "renew"] == [("policy", "certificate")] * 2


def test_an_authority_that_is_away(daemon, pebble):
    """What is served stays, the next try waits, an alert is raised, and ended by the next that succeeds; a restart loses nothing."""
    wait_for(daemon, "policy", "ok")
    before = shown(daemon, POLICY)
    pebble.stop()
    daemon.cli("certificate", "renew", "policy")
    failing = wait_for(daemon, "policy", "failing")
    assert failing["failures"] == 1 and failing["next"] > failing["tried"] and failing["text"]
    told, = [one for one in daemon.ask("alerts")["open"] if one["cause"] == "certificate-acme"]
    assert told["subject"] == "certificate policy" and "certificate renew policy" in told["remedy"]
    assert shown(daemon, POLICY).serial_number == before.serial_number
    daemon.stop()
    daemon.start()
    until(lambda: shown(daemon, POLICY).serial_number == before.serial_number, 20, "the same after a restart")
    failing = wait_for(daemon, "policy", "failing")  # and it waits, as before
    assert failing["failures"] == 1 and failing["tried"] is None and failing["next"] and "before the daemon" in failing["text"]


def test_a_name_that_is_not_ours(daemon, pebble):
    """The authority asks at that name, and is not answered by us."""
    pebble.start()
    daemon.cli("certificate", "add", "stranger", "--acme", "true", "--names", "nowhere.mx.example", "--listeners", "policy-host")
    failing = wait_for(daemon, "stranger", "failing", 90)
    assert failing["not_after"] is None
    listed = next(one for one in daemon.ask("certificate", "list")["certificates"] if one["name"] == "stranger")
    assert listed["state"] == "refused"
    daemon.cli("certificate", "remove", "stranger")


CHALLENGE = "/.well-known/acme-challenge/"
REQUESTS = {
    "no such token": (f"GET {CHALLENGE}abc HTTP/1.1", 404),
    "the folder": (f"GET {CHALLENGE} HTTP/1.1", 404),
    "up": (f"GET {CHALLENGE}../private/key.pem HTTP/1.1", 404),
    "up, encoded": (f"GET {CHALLENGE}%2e%2e%2fprivate%2fkey.pem HTTP/1.1", 404),
    "elsewhere": ("GET / HTTP/1.1", 404),
    "a policy in clear": ("GET /.well-known/mta-sts.txt HTTP/1.1", 404),
    "a report in clear": ("POST /tlsrpt HTTP/1.1", 404),
    "POST": (f"POST {CHALLENGE}abc HTTP/1.1", 405),
    "nonsense": ("\x16\x03\x01", 400),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_nothing_else_in_clear(daemon, name):
    """WEB-05, WEB-06: the port for challenges answers them and nothing else."""
    line, code = REQUESTS[name]
    with socket.create_connection((daemon.address, 80), 10) as client:
        client.sendall(f"{line}\r\nHost: {HOST}\r\nContent-Length: 0\r\n\r\n".encode())
        assert client.recv(4096).startswith(f"HTTP/1.1 {code} ".encode())


def test_keys_are_private(daemon):
    folder = daemon.sections["acme"]["folder"]
    for path, _, files in os.walk(folder):
        assert os.stat(path).st_mode & 0o077 == 0 or path != folder, path
        for file in files:
            if file.endswith("key.pem"):
                assert os.stat(os.path.join(path, file)).st_mode & 0o077 == 0, file
    assert os.stat(folder).st_mode & 0o077 == 0
