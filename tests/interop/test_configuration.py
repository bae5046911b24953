"""A bad configuration file is refused in one line that names the place, the fault and the remedy; exit status 2."""
import subprocess
from dataclasses import replace

import pytest
from harness.process import sanitizer_environment
from harness.sternpost import BINARY, LISTENERS, Sternpost

CHANGES = {  # what is put for what, and a word that must stand in the answer
    "unknown option": ('store = "', 'stroe = "', "stroe"),
    "unknown role": ('role = "mx"', 'role = "mxx"', "mxx"),
    "bad address": (":2525", ":99999", "99999"),
    "open section": ('\n}\nlistener "mx"', '\nlistener "mx"', ""),
    "repeated option": ('hostname = "mx.example.test"', 'hostname = "a.test"\nhostname = "b.test"', "hostname"),
    "no such file": ("gateway.pem", "missing.pem", "missing.pem"),
    "no key": ("gateway.key", "missing.key", "missing.key"),
    "folder of the store": ('sqlite:', 'sqlite:/nonexistent', "/nonexistent"),
    "no such user": ('user = ""', 'user = "nobody-of-that-name"', "nobody-of-that-name"),
    "environment": ('hostname = "mx.example.test"', 'hostname = "${HOME}"', "${"),
    "bad duration": ('"1s"', '"1 fortnight"', "fortnight"),
    "no hostname": ('hostname = "mx.example.test"', "", "hostname"),
    "no listener": (None, None, "listener"),
    "store of another kind": ('"sqlite:', '"mongo:', "mongo"),
    "not text": ("hostname", "\x00\xff", ""),
}


@pytest.fixture
def configured(tmp_path, subnet, certificate):
    daemon = Sternpost(tmp_path / "gateway", subnet(1), certificate)
    daemon.write_config()
    return daemon


def serve(daemon):
    return subprocess.run([BINARY, "serve", "-c", daemon.file], capture_output=True, text=True, timeout=20, check=False,
                          env=sanitizer_environment(daemon.folder))


@pytest.mark.parametrize("command", ["serve", "check"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_refused(configured, change, command):
    old, new, word = change
    with open(configured.file, encoding="utf-8") as file:
        text = file.read()
    if old is None:
        text = text[:text.index("listener ")] + text[text.index("outbound {"):]
    else:
        assert old in text
        text = text.replace(old, new, 1)
    with open(configured.file, "w", encoding="latin-1") as file:
        file.write(text)
    done = serve(configured) if command == "serve" else configured.run("config", "check")
    assert done.returncode == 2, (done, text)
    said = (done.stderr + done.stdout).strip().splitlines()
    assert word in "\n".join(said)
    if command == "serve":
        assert len(said) == 1, said


@pytest.mark.parametrize("command", ["serve", "check"])
def test_key_of_another(configured, certificate, authority, command):
    """What only the files' contents show: both say no with the same code."""
    configured.certificate = replace(certificate, key=authority.issue("other.test").key)
    configured.write_config()
    done = serve(configured) if command == "serve" else configured.run("config", "check")
    assert done.returncode == 2 and certificate.chain in done.stderr + done.stdout, done


def test_good_one_passes_the_check(configured):
    done = configured.run("config", "check")
    assert done.returncode == 0, done


def test_missing_file(configured):
    configured.file += ".missing"
    done = serve(configured)
    assert done.returncode == 2 and configured.file in done.stderr and len(done.stderr.splitlines()) == 1


def test_port_in_use(configured, gateway):
    """A second daemon on the same sockets is told so; the first is unharmed."""
    first = gateway()
    second = Sternpost(configured.folder / "second", first.address, first.certificate,
                       top={"control-socket": f"{first.folder}/control.sock"})
    second.write_config()
    done = serve(second)
    assert done.returncode == 1 and len(done.stderr.splitlines()) <= 2, done
    first.cli("queue", "list")


@pytest.mark.parametrize("command", ["serve", "check"])
def test_policy_host_without_its_key(tmp_path, subnet, certificate, command):
    """A certificate that no listener uses is looked at all the same."""
    daemon = Sternpost(tmp_path / "gateway", subnet(1), certificate,
                       listeners={"mx": {**LISTENERS["mx"], "certificates": ["default"]}},
                       sections={'certificate "sts"': {"chain": certificate.chain, "key": "/nonexistent.key"},
                                 "policy-host": {"address": [f"{subnet(1)}:8443"], "certificates": ["sts"]}})
    daemon.write_config()
    done = serve(daemon) if command == "serve" else daemon.run("config", "check")
    assert done.returncode == 2 and "/nonexistent.key" in done.stderr + done.stdout, done
