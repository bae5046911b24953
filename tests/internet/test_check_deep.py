"""`sternpost check --deep`: a mail server with each fault of TLS that only a closer look shows, and a sound one."""
import ssl

import pytest
from harness.checked import GOOD_TLSA, Maker, check, found
from harness.sink import server_context
from harness.sternpost import Sternpost

E, W, A, N = "error", "warning", "advice", "not testable"
RANDOM = bytes(range(32))


def refuses_clear(session, _):
    return None if session.tls else "530 5.7.0 Must issue a STARTTLS command first"


def context(certificate, ciphers="ECDHE+AESGCM", version=None, client_decides=False, tickets=True):
    made = server_context(certificate)
    made.set_ciphers(ciphers)
    if version:
        made.minimum_version = version
    if client_decides:
        made.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if not tickets:
        made.options |= ssl.OP_NO_TICKET
        made.num_tickets = 0
        made.maximum_version = ssl.TLSVersion.TLSv1_3
    return made


def record(version, message):
    return b"\x16" + version + len(message).to_bytes(2, "big") + message


def server_hello(version, suite, extensions=b""):
    body = version + RANDOM + b"\0" + suite + b"\0" + (len(extensions).to_bytes(2, "big") + extensions if extensions else b"")
    return record(version, b"\x02" + len(body).to_bytes(3, "big") + body)


def offered_version(hello):
    return hello[9:11]


def speaks_ssl3(hello):
    """RC4 with SHA, as SSLv3 had it, and no certificate."""
    return server_hello(b"\3\0", b"\0\5") + record(b"\3\0", b"\x0e\0\0\0") if offered_version(hello) == b"\3\0" else None


def speaks_heartbeats(hello):
    """Who offers heartbeats is answered by TLS 1.2, ECDHE-ECDSA-AES256-GCM-SHA384, with heartbeats."""
    return server_hello(b"\3\3", b"\xc0\x2c", b"\0\x0f\0\1\1\xff\1\0\1\0") if b"\0\x0f\0\1\2" in hello else None


def sound(certificate, replies=None, **options):
    return {"tls": context(certificate, **options), "replies": {"MAIL": refuses_clear, **(replies or {})}}


CBC = "ECDHE+AESGCM:ECDHE-ECDSA-AES128-SHA256"
# What a server is, and all that is found of it.
SERVERS = {
    "sound": (sound, {}),
    "old": (lambda c: sound(c, ciphers="ALL:@SECLEVEL=0", version=ssl.TLSVersion.TLSv1), {"tls.version": W, "tls.cipher": W}),
    "null": (lambda c: sound(c, ciphers="ECDHE+AESGCM:eNULL:@SECLEVEL=0", version=ssl.TLSVersion.TLSv1_2), {"tls.cipher": E}),
    "cbc": (lambda c: sound(c, ciphers=CBC), {"tls.cipher": A}),
    "order": (lambda c: sound(c, ciphers=CBC, client_decides=True), {"tls.cipher": A, "tls.order": W}),
    "ssl": (lambda c: {**sound(c), "by_hand": speaks_ssl3}, {"tls.ssl": E, "tls.cipher": E, "tls.reneg": W}),
    "heart": (lambda c: {**sound(c), "by_hand": speaks_heartbeats}, {"tls.known": W, "tls.version": A}),
    "injected": (lambda c: {**sound(c), "keeps_clear": True}, {"tls.inject": E}),
    "afresh": (lambda c: sound(c, tickets=False), {"tls.resume": A}),
    "clear": (lambda c: {"tls": context(c)}, {"tls.refuse": A}),
}


@pytest.fixture(scope="module")
def tool(internet, authority, certificate, standing_subnet, tmp_path_factory):
    maker = Maker(internet, authority)
    for name, (sink, _) in SERVERS.items():
        maker.domain(f"{name}.example", server={**GOOD_TLSA, "sink": sink})
    internet.start()
    tool = Sternpost(tmp_path_factory.mktemp("check"), standing_subnet(1), certificate, resolver=internet.resolver(),
                     outbound={"port": 25, "ca-file": authority.bundle, "allow-private": False})
    tool.write_config()
    return tool


@pytest.fixture(scope="module")
def answers(tool):
    domains, _ = check(tool, *(f"{name}.example" for name in SERVERS), "--deep", "--pause", "0")
    return {answer["domain"]: answer for answer in domains}


@pytest.mark.parametrize("name", SERVERS)
def test_fault(answers, name):
    answer = answers[f"{name}.example"]
    assert found(answer) == SERVERS[name][1], [r for r in answer["results"] if r["verdict"] != "ok"]


def test_every_check_was_made(answers):
    ids = {result["id"] for result in answers["sound.example"]["results"]}
    assert {"tls.ssl", "tls.cipher", "tls.order", "tls.known", "tls.untested", "tls.inject", "tls.resume", "tls.refuse"} <= ids


def test_without_deep(tool, internet):
    before = sum(server.sessions for server in internet.servers)
    [answer], code = check(tool, "ssl.example")
    assert code == 0 and not found(answer) and not any(r["group"] == "TLS, a closer look" for r in answer["results"])
    assert sum(server.sessions for server in internet.servers) <= before + 2  # the mailbox for reports is one


def test_budget(tool):
    [answer], code = check(tool, "sound.example", "--deep", "--pause", "0", "--budget", "2")
    assert code == 5 and found(answer) == {"tls.untested": N}
    assert "the budget of 2 connections was used up" in str(answer)


@pytest.mark.parametrize("arguments", [["--budget", "3"], ["--pause", "1"], ["--deep", "--budget", "0"], ["--deep", "--pause", "61"]])
def test_usage(tool, arguments):
    done = tool.run("check", "sound.example", *arguments)
    assert done.returncode == 2 and done.stderr.startswith("sternpost: --"), done.stderr
