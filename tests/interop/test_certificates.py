"""The certificate as others fetch it (semantics C2, C3), and its change while the daemon runs (C8)."""
import os
import re
import shutil
import smtplib
import ssl
import subprocess

import pytest
from harness.sternpost import HOSTNAME, LISTENERS, MX, RELAY, SUBMISSION, SUBMISSIONS
from harness.waiting import until
from harness.wire import Wire

PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)


@pytest.fixture(scope="module")
def daemon(standing_gateway):
    return standing_gateway()


def fetch(address, port, *options):
    command = ["openssl", "s_client", *options, "-connect", f"{address}:{port}"]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=30, check=False)
    return PEM.findall(done.stdout)


@pytest.mark.parametrize("port", [MX, SUBMISSION, RELAY])
def test_fetched_with_openssl(daemon, certificate, port):
    assert fetch(daemon.address, port, "-starttls", "smtp") == [certificate.pem]


def test_fetched_with_openssl_implicit(daemon, certificate):
    assert fetch(daemon.address, SUBMISSIONS) == [certificate.pem]


def test_whole_chain(daemon, certificate):
    with open(certificate.chain, encoding="ascii") as chain:
        assert fetch(daemon.address, MX, "-starttls", "smtp", "-showcerts") == PEM.findall(chain.read())


@pytest.mark.parametrize("name", [HOSTNAME, HOSTNAME + ".", HOSTNAME.upper(), "unknown.example.test", "", "mx\\"])
def test_fetched_by_any_name(daemon, certificate, name):
    """TLS-17: SNI absent, unknown, in upper case, with a trailing dot or a backslash gets the default certificate."""
    options = ["-servername", name] if name else ["-noservername"]
    assert fetch(daemon.address, MX, "-starttls", "smtp", *options) == [certificate.pem]


@pytest.mark.parametrize("port", [MX, SUBMISSION, RELAY])
def test_fetched_with_smtplib(daemon, certificate, port):
    """The published recipe: smtplib, STARTTLS, getpeercert; with an absolute name as its host."""
    client = smtplib.SMTP(timeout=20)
    client._host = HOSTNAME + "."  # what SMTP("mx.example.test.") keeps for SNI
    client.connect(daemon.address, port)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client.starttls(context=context)
    der = client.sock.getpeercert(binary_form=True)
    client.quit()
    assert ssl.DER_cert_to_PEM_cert(der) == certificate.pem


def test_new_files_are_served_without_dropping_a_session(gateway, authority, tmp_path):
    first, second = authority.issue(HOSTNAME), authority.issue(HOSTNAME)
    served = authority.issue(HOSTNAME)
    put(first, served)
    daemon = gateway(certificate=served, listeners={"mx": LISTENERS["mx"]})
    with Wire(daemon.address, MX) as session:
        session.hello(starttls=True)
        assert fetch(daemon.address, MX, "-starttls", "smtp") == [first.pem]
        put(second, served)
        until(lambda: fetch(daemon.address, MX, "-starttls", "smtp") == [second.pem], 30, "the new certificate")
        session.expect(250, "NOOP")


def test_bad_new_file_leaves_the_old_one(gateway, authority, tmp_path):
    first, second = authority.issue(HOSTNAME), authority.issue(HOSTNAME)
    served = authority.issue(HOSTNAME)
    put(first, served)
    daemon = gateway(certificate=served, listeners={"mx": LISTENERS["mx"]})
    with open(served.chain + ".new", "w", encoding="ascii") as out:
        out.write("no certificate\n")
    os.replace(served.chain + ".new", served.chain)
    until(lambda: "certificate" in daemon.log().lower() and "level=error" in daemon.log(), 30, "a word in the log")
    assert fetch(daemon.address, MX, "-starttls", "smtp") == [first.pem]
    put(second, served)
    until(lambda: fetch(daemon.address, MX, "-starttls", "smtp") == [second.pem], 30, "the next good certificate")


def put(certificate, place):
    """Renames the files into place, as certificate tools do."""
    for source, target in ((certificate.key, place.key), (certificate.chain, place.chain)):
        shutil.copy(source, target + ".new")
        os.replace(target + ".new", target)
