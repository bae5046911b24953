"""`sternpost cert --protocols` against live servers: GnuTLS's, which still speaks RC4 and 3DES, other people's and our own."""
import json
import shutil
import socket

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from harness.peer import Hop, Postfix
from harness.process import Process
from harness.sink import Sink, server_context
from harness.sternpost import MX, SUBMISSIONS, Sternpost
from harness.waiting import until

NAME = "mx.example.test"
PORT, OLD_PORT = 2600, 2643
OLD = "NORMAL:-VERS-ALL:+VERS-TLS1.0:+VERS-TLS1.1:+VERS-TLS1.2:+VERS-TLS1.3:+ARCFOUR-128:+3DES-CBC:+MD5"


@pytest.fixture
def ask(tmp_path, subnet, certificate):
    """A function that asks a server without any daemon; the exit code and what is known of the first address."""

    def run(server, *arguments):
        home = Sternpost(tmp_path / "home", subnet(1), certificate, records=[f"{NAME}. 60 IN A {subnet(2)}"])
        home.write_config()
        done = home.run("cert", server, "--protocols", "--json", *arguments)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)["servers"][0]["addresses"][0]["protocols"]

    return run


@pytest.fixture
def old_server(tmp_path, authority):
    program = shutil.which("gnutls-serv")
    if program is None:
        pytest.skip("gnutls-serv is not installed")
    certificate = authority.issue(NAME, key=rsa.generate_private_key(65537, 2048))
    process = Process([program, "--quiet", "--port", str(OLD_PORT), "--priority", OLD, "--x509keyfile", str(certificate.key),
                       "--x509certfile", str(certificate.chain)], tmp_path / "gnutls.log")
    until(_is_open, what="gnutls-serv to listen")
    yield f"127.0.0.1:{OLD_PORT}"
    process.child.kill()
    process.child.wait()


def _is_open():
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", OLD_PORT)) == 0


def states(answer, what, key):
    return {item[key]: item["state"] for item in answer[what]}


def versions(answer):
    return states(answer, "versions", "version")


def kinds(answer):
    return states(answer, "kinds", "kind")


def severities(answer):
    return {finding["seen"].split(" is accepted")[0]: finding["severity"] for finding in answer["findings"]}


def test_rc4_and_3des(ask, old_server):
    """What the local library cannot speak is seen, within eight connections; each verdict says what to do."""
    code, answer = ask(old_server, "--tls", "raw")
    assert code == 1 and answer["connections"] == 8 and answer["worst"] == "error"
    assert {"TLSv1.3": "accepted", "TLSv1.2": "accepted", "TLSv1.1": "accepted", "TLSv1.0": "accepted",
            "SSLv3": "refused"}.items() <= versions(answer).items()
    assert {"rc4": "accepted", "3des": "accepted", "export": "refused", "null": "refused"}.items() <= kinds(answer).items()
    assert {"RC4 (128 bits)": "error", "3DES (112/168 bits)": "error", "TLSv1.0": "warning",
            "TLSv1.1": "warning"}.items() <= severities(answer).items()
    assert all(finding["why"] and finding["advice"] for finding in answer["findings"] if finding["severity"] != "ok")
    suites = {suite["suite"]: suite for suite in answer["suites"]}
    assert {"bits": 168, "effective_bits": 112, "forward_secrecy": True}.items() <= \
        suites["TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"].items()


def test_every_suite_with_a_larger_budget(ask, old_server):
    _, answer = ask(old_server, "--tls", "raw", "--budget", "90")
    assert answer["suites_complete"] and "stopped" not in answer and "not tested" not in versions(answer).values()
    found = {suite["suite"]: suite for suite in answer["suites"] if suite["version"] == "TLSv1.2"}
    assert {"bits": 128, "key_exchange": "RSA 2048", "forward_secrecy": False}.items() <= \
        found["TLS_RSA_WITH_RC4_128_MD5"].items()
    assert {"TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"} <= found.keys()
    assert {"P-256", "ffdhe2048"} <= {suite["key_exchange"] for suite in answer["suites"] if suite["version"] == "TLSv1.3"}


@pytest.mark.parametrize("port, way", [(MX, "smtp"), (SUBMISSIONS, "smtps")])
def test_our_own_listeners(ask, gateway, port, way):
    """Nothing that we would call weak elsewhere."""
    daemon = gateway()
    code, answer = ask(f"{daemon.address}:{port}", "--tls", way, "--budget", "60")
    assert code == 0 and answer["worst"] in ("ok", "advice"), answer["findings"]
    assert versions(answer) == {"TLSv1.3": "accepted", "TLSv1.2": "accepted", "TLSv1.1": "refused", "TLSv1.0": "refused",
                                "SSLv3": "refused", "SSLv2": "refused"}
    assert {kind for kind, state in kinds(answer).items() if state == "accepted"} <= {"tls1.3", "ecdhe-aead", "ecdhe-cbc"}


@pytest.mark.usefixtures("peers")
def test_postfix(ask, subnet, authority, tmp_path):
    """As it comes from Debian: old versions and anonymous suites, which are no errors on port 25."""
    with Postfix(tmp_path / "peer", subnet(2), PORT, Hop(subnet(9), PORT, "none"), authority.issue(NAME, subnet(2))):
        _, answer = ask(f"{NAME}:{PORT}", "--budget", "40")
    assert versions(answer)["TLSv1.3"] == versions(answer)["TLSv1.2"] == "accepted"
    assert versions(answer)["SSLv3"] == "refused" and kinds(answer)["rc4"] == kinds(answer)["3des"] == "refused"
    assert answer["worst"] == "warning" and kinds(answer)["anonymous"] == "accepted", answer["findings"]


def test_a_server_that_turns_us_away(ask, subnet):
    """421 ends it: one connection, and nothing that would be a guess."""
    with Sink(subnet(2), replies={"greeting": "421 4.7.0 too many connections from you"}) as sink:
        code, answer = ask(f"{NAME}:{PORT}")
        assert code == 1 and answer["connections"] == 1 == sink.sessions
    assert set(versions(answer).values()) == set(kinds(answer).values()) == {"not tested"}
    assert "421" in answer["stopped"] and "half an hour" in answer["findings"][0]["advice"]


def test_a_server_without_starttls(ask, subnet):
    with Sink(subnet(2)):
        code, answer = ask(f"{NAME}:{PORT}")
    assert code == 1 and answer["connections"] == 1 and "STARTTLS" in answer["stopped"]


@pytest.mark.parametrize("way", [True, "garbage", "reset"])
def test_broken_handshakes(ask, subnet, way):
    with Sink(subnet(2), broken_handshake=way) as sink:
        code, answer = ask(f"{NAME}:{PORT}")
        assert code == 1 and sink.sessions == answer["connections"] <= 8
    assert "accepted" not in {**versions(answer), **kinds(answer)}.values()


def test_in_words(tmp_path, subnet, authority, certificate):
    home = Sternpost(tmp_path / "home", subnet(1), certificate, records=[f"{NAME}. 60 IN A {subnet(2)}"])
    home.write_config()
    with Sink(subnet(2), tls=server_context(authority.issue(NAME))):
        done = home.run("cert", f"{NAME}:{PORT}", f"{subnet(2)}:{PORT}", "--protocols")
    assert "TLSv1.3  accepted\n" in done.stdout and "verdict: " in done.stdout, done.stderr
    assert f"the same as at {NAME}" in done.stdout
    assert home.run("cert", NAME, "--protocols", "--budget", "0").returncode == 2
