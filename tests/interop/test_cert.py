"""`sternpost cert` against live servers, and beside the recipes that it stands in for (semantics C2 to C8)."""
import datetime
import json
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from harness.authority import Authority
from harness.process import sanitizer_environment
from harness.sink import Sink, server_context
from harness.sternpost import BINARY, Sternpost

NAME = "mx.example.test"
PORT = 2600
DAY = datetime.timedelta(days=1)
SNIPPET = """
import smtplib, ssl, sys
s = smtplib.SMTP(sys.argv[1], int(sys.argv[2]))
s.starttls(context=ssl._create_unverified_context())
print(ssl.DER_cert_to_PEM_cert(s.sock.getpeercert(binary_form=True)), end="")
s.quit()
"""


@pytest.fixture
def command(tmp_path, subnet, certificate):
    """A function that runs the command without any daemon; the configuration has these records."""

    def run(*arguments, records=(), **options):
        home = Sternpost(tmp_path / "home", subnet(1), certificate, records=list(records) or [f"{NAME}. 60 IN A {subnet(2)}"],
                         **options)
        home.write_config()
        return home.run("cert", *arguments)

    return run


def recipe(address, *options, starttls=True, port=PORT):
    """The pipeline that is in everybody's notes, with standard input closed."""
    start = "-starttls smtp" if starttls else ""
    line = f"openssl s_client {start} {' '.join(options)} -connect {address}:{port} 2>/dev/null </dev/null | sed -n '/BEGIN/,/END/p'"
    return subprocess.run(["sh", "-c", line], capture_output=True, timeout=30, check=True).stdout.decode()


def findings(answer, server=0, address=0):
    judged = answer["servers"][server]["addresses"][address]["judgement"]
    return {f["id"]: f["severity"] for f in judged["findings"]}


def test_the_same_bytes_as_openssl(command, subnet, authority):
    """C2: in place of the pipeline, byte for byte; the leaf alone, or with --chain what -showcerts prints."""
    with Sink(subnet(2), tls=server_context(authority.issue(NAME))):
        assert command(f"{NAME}:{PORT}").stdout == recipe(subnet(2)) != ""
        done = command(f"{subnet(2)}:{PORT}", "--chain")
        assert done.stdout == recipe(subnet(2), "-showcerts") and done.stdout.count("BEGIN") == 2
        assert done.returncode == 0 and done.stderr == ""


def test_the_same_bytes_as_python(command, subnet, authority):
    """C3: in place of the snippet."""
    with Sink(subnet(2), tls=server_context(authority.issue(NAME))):
        done = subprocess.run([sys.executable, "-c", SNIPPET, subnet(2), str(PORT)], capture_output=True, text=True,
                              timeout=30, check=True)
        assert command(f"{NAME}:{PORT}").stdout == done.stdout != ""


def test_implicit_tls(command, subnet, authority):
    with Sink(subnet(2), tls=server_context(authority.issue(NAME)), implicit=True):
        want = recipe(subnet(2), starttls=False)
        for way in ("smtps", "https", "raw"):
            assert command(f"{NAME}:{PORT}", "--tls", way).stdout == want != "", way


def test_absolute_names(command, subnet, authority):
    """C3: a dot behind the name is dropped before SNI and the check of names."""
    with Sink(subnet(2), tls=server_context(authority.issue(NAME))):
        answer = json.loads(command(f"{NAME.upper()}.:{PORT}", "--json", "--ca", authority.bundle).stdout)
        assert answer["servers"][0]["host"] == NAME
        assert findings(answer)["cert.name"] == "ok"


def test_without_a_configuration_file(tmp_path, subnet, authority):
    with Sink(subnet(2), tls=server_context(authority.issue(NAME))):
        done = subprocess.run([BINARY, "cert", f"{subnet(2)}:{PORT}"], capture_output=True, text=True, timeout=60, check=False,
                              env=sanitizer_environment(tmp_path))
        assert done.stdout == recipe(subnet(2)) != "", done.stderr


def test_session_facts(command, subnet, authority):
    with Sink(subnet(2), tls=server_context(authority.issue(NAME)), tls_extensions=("REQUIRETLS",)):
        done = command(f"{NAME}:{PORT}", "--json", "--ca", authority.bundle)
    assert done.returncode == 0, done.stderr
    address = json.loads(done.stdout)["servers"][0]["addresses"][0]
    assert address["stage"] == "complete"
    assert {"version": "TLSv1.3", "cipher_bits": 256, "group": "X25519", "resumed": True, "ocsp": "absent"}.items() <= \
        address["session"].items()
    assert "STARTTLS" in address["smtp"]["extensions"] and "REQUIRETLS" in address["smtp"]["extensions_inside"]
    assert address["judgement"]["worst"] == "advice" and address["judgement"]["trusted"]  # the root is sent along
    leaf = address["chain"][0]
    assert leaf["names"] == [NAME] and leaf["tlsa"].startswith(f"_{PORT}._tcp.{NAME}. IN TLSA 3 1 1 ")
    assert address["chain"][1]["tlsa"].startswith(f"_{PORT}._tcp.{NAME}. IN TLSA 2 1 1 ")


def test_tlsa_lines_are_what_openssl_computes(command, subnet, authority):
    certificate = authority.issue(NAME)
    with Sink(subnet(2), tls=server_context(certificate)):
        text = command(f"{NAME}:{PORT}", "--text").stdout
    assert f"IN TLSA 3 1 1 {certificate.digest}" in text and f"IN TLSA 2 1 1 {authority.digest}" in text
    print_ = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256"], input=certificate.pem, text=True,
                            capture_output=True, check=True).stdout
    assert f"SHA-256: {print_.partition('=')[2].strip().replace(':', '').lower()}" in text


@pytest.mark.parametrize("demand, id_, severity, code", [
    ("webpki", "cert.self-signed", "error", 1),
    ("mta-sts", "cert.self-signed", "error", 1),
    ("opportunistic", "cert.self-signed", "advice", 0),
])
def test_the_demand_decides(command, subnet, authority, demand, id_, severity, code):
    with Sink(subnet(2), tls=server_context(authority.issue(NAME, is_self_signed=True))):
        done = command(f"{NAME}:{PORT}", "--json", "--for", demand)
    assert findings(json.loads(done.stdout))[id_] == severity
    assert done.returncode == code


def test_expiry_and_name(command, subnet, authority):
    with Sink(subnet(2), tls=server_context(authority.issue("other.example.test", first=-9 * DAY, last=-2 * DAY))):
        done = command(f"{NAME}:{PORT}", "--text", "--ca", authority.bundle)
    assert done.returncode == 1
    assert "error: the server's own certificate is out of date: expired 2 days ago (cert.expiry)" in done.stdout
    assert f"the certificate is for other.example.test, not for '{NAME}'" in done.stdout
    assert done.stdout.index("error:") < done.stdout.index("advice:")


def test_pem_says_nothing_of_trust(command, subnet, authority):
    """C2: an unverifiable chain still prints, and the exit code is about the printing."""
    with Sink(subnet(2), tls=server_context(authority.issue("other.example.test", is_self_signed=True))):
        assert command(f"{NAME}:{PORT}").returncode == 0


def test_role_inbound_finds_the_servers(command, subnet, authority):
    """All MXs, by preference; one that should share the certificate and does not is pointed out (C7)."""
    records = ["example.test. 60 IN MX 20 b.example.test.", "example.test. 60 IN MX 10 a.example.test.",
               f"a.example.test. 60 IN A {subnet(2)}", f"b.example.test. 60 IN A {subnet(3)}"]
    names = ("a.example.test", "b.example.test")
    one, other = authority.issue(*names), authority.issue(*names)
    with Sink(subnet(2), tls=server_context(one)), Sink(subnet(3), tls=server_context(other)):
        answer = json.loads(command("--role", "inbound", "example.test", "--json", "--ca", authority.bundle,
                                    records=records).stdout)
        pem = command("--role", "inbound", "example.test", records=records).stdout
    assert [s["host"] for s in answer["servers"]] == list(names)
    assert "though either is for both" in answer["difference"]
    assert pem == one.pem + other.pem


def test_role_inbound_with_one_certificate(command, subnet, authority):
    records = ["example.test. 60 IN MX 10 a.example.test.", "example.test. 60 IN MX 10 b.example.test.",
               f"a.example.test. 60 IN A {subnet(2)}", f"b.example.test. 60 IN A {subnet(3)}"]
    shared = authority.issue("a.example.test", "b.example.test")
    with Sink(subnet(2), tls=server_context(shared)), Sink(subnet(3), tls=server_context(shared)):
        answer = json.loads(command("--role", "inbound", "example.test", "--json", records=records).stdout)
        pem = command("--role", "inbound", "example.test", records=records).stdout
    assert "difference" not in answer
    assert pem == shared.pem


def test_addresses_that_differ(command, subnet, authority):
    records = [f"{NAME}. 60 IN A {subnet(2)}", f"{NAME}. 60 IN A {subnet(3)}"]
    with Sink(subnet(2), tls=server_context(authority.issue(NAME))), Sink(subnet(3), tls=server_context(authority.issue(NAME))):
        done = command(f"{NAME}:{PORT}", "--text", records=records)
        pem = command(f"{NAME}:{PORT}", records=records)
    assert "warning: the addresses of one server should show the same certificate" in done.stdout
    assert "the addresses differ" in pem.stderr and pem.stdout.count("BEGIN") == 1 and pem.returncode == 0


def test_both_families(command, world, authority, subnet):
    if not world.has_own_network:
        pytest.skip("needs a network of its own for ::1")
    records = [f"{NAME}. 60 IN A {subnet(2)}", f"{NAME}. 60 IN AAAA ::1"]
    context = server_context(authority.issue(NAME))
    with Sink(subnet(2), tls=context), Sink("::1", tls=context):
        answer = json.loads(command(f"{NAME}:{PORT}", "--json", records=records).stdout)
        assert [a["address"] for a in answer["servers"][0]["addresses"]] == ["::1", subnet(2)]
        assert command(f"[::1]:{PORT}").stdout.startswith("-----BEGIN")


@pytest.mark.parametrize("options, says, stage", [
    ({"offers_starttls": False}, "does not offer STARTTLS", "starttls"),
    ({"replies": {"greeting": "554 5.7.1 \x1b[31mgo away"}}, "554 5.7.1 ?[31mgo away", "greeting"),
    ({"replies": {"STARTTLS": "454 4.7.0 not now"}}, "454 4.7.0 not now", "starttls"),
    ({"broken_handshake": True}, "handshake failure", "handshake"),
    ({"broken_handshake": "garbage"}, "TLS handshake failed", "handshake"),
])
def test_servers_without_a_certificate(command, subnet, authority, options, says, stage):
    with Sink(subnet(2), tls=server_context(authority.issue(NAME)), **options):
        done = command(f"{NAME}:{PORT}")
        answer = json.loads(command(f"{NAME}:{PORT}", "--json").stdout)
    assert done.returncode == 1 and done.stdout == "" and says in done.stderr, done.stderr
    assert answer["servers"][0]["addresses"][0]["stage"] == stage


def test_nobody_there(command):
    done = command(f"{NAME}:{PORT}")
    assert done.returncode == 1 and "Connection refused" in done.stderr
    done = command(f"nowhere.example.test:{PORT}")
    assert done.returncode == 1 and "nowhere.example.test" in done.stderr


@pytest.mark.parametrize("arguments, says", [
    ((), "say which server"),
    (("mx.example.test:99999",), "no port from 1 to 65535"),
    (("mx.example.test", "--tls", "pop3"), "--tls is smtp, smtps, https or raw"),
    (("mx.example.test", "--tls", "raw"), "say which port"),
    (("mx.example.test", "--for", "fun"), "--for is webpki"),
    (("mx.example.test", "--role", "king"), "--role is inbound"),
    (("mx.example.test", "--ca", "/nonexistent"), "/nonexistent"),
    (("a b",), "a b"),
    (("--budget", "3", "mx.example"), "--budget goes with --protocols"),
])
def test_bad_command_lines(command, arguments, says):
    done = command(*arguments)
    assert done.returncode == 2 and says in done.stderr, done.stderr


def test_trust_check(command, tmp_path, authority):
    """C5, C6: roots that are not trusted here; an expired one is not missed."""
    other = Authority(tmp_path, "Other Root")
    old = Authority(tmp_path, "Old Root")
    expired = old._sign(old.name, old.key.public_key(), -9 * DAY, -DAY, [], is_authority=True)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(open(authority.bundle, "rb").read() + open(other.bundle, "rb").read() +
                       expired.public_bytes(serialization.Encoding.PEM))
    done = command("--trust-check", bundle, "--ca", authority.bundle)
    assert done.returncode == 1
    assert "missing: CN=Other Root" in done.stdout and "expired: CN=Old Root" in done.stdout
    assert "3 certificates: 1 trusted here, 1 missing, 1 expired, 0 no roots" in done.stdout
    answer = json.loads(command("--trust-check", bundle, "--ca", bundle, "--json").stdout)
    assert answer["complete"] and [r["state"] for r in answer["roots"]] == ["trusted", "trusted", "expired"]
    assert command("--trust-check", tmp_path / "none.pem").returncode == 2
    (tmp_path / "junk.pem").write_text("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n")
    assert "certificate 1 of" in command("--trust-check", tmp_path / "junk.pem").stderr


def test_the_manual_shows_the_recipes():
    page = subprocess.run([BINARY, "manual"], capture_output=True, text=True, check=True).stdout.replace("\\-", "-")
    flat = " ".join(page.split())
    assert "openssl s_client -starttls smtp -connect mx.example.org:25" in flat and "getpeercert(binary_form=True)" in flat
    assert "sternpost cert mx.example.org" in flat
