"""The daemon under test: its configuration file, its start and end, and its command line."""
import json
import os
import re
import signal
import smtplib
import socket
import subprocess

from .process import Process, findings, sanitizer_environment
from .waiting import until
from .world import TOP

BINARY = os.environ.get("STERNPOST", str(TOP / "build-asan" / "src" / "cli" / "sternpost"))
HOSTNAME = "mx.example.test"
MX, SUBMISSION, SUBMISSIONS, RELAY = 2525, 2587, 2465, 2526
OUT = 2600  # the port of every recipient's MX
LISTENERS = {
    "mx": {"role": "mx", "port": MX, "tls": "starttls"},
    "submission": {"role": "submission", "port": SUBMISSION, "tls": "starttls"},
    "submissions": {"role": "submission", "port": SUBMISSIONS, "tls": "implicit"},
    "relay": {"role": "relay", "port": RELAY, "tls": "starttls", "networks": ["127.0.0.0/8"]},
}


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(_value(item) for item in value) + "}"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _section(title, options):
    lines = [f"  {name} = {_value(value)}" for name, value in options.items()]
    return title + " {\n" + "\n".join(lines) + "\n}\n"


def queue_id(reply):
    """The id in the reply that takes over responsibility."""
    match = re.search(r"queued as ([0-9A-Z]{13})", reply)
    assert match, reply
    return match.group(1)


class Sternpost:
    """One daemon in `folder`, listening on `address`. Options that are not given are the tests' defaults."""

    def __init__(self, folder, address, certificate, listeners=None, records=(), forwarders=(), outbound=None,
                 limits=None, queue=None, top=None, resolver=None, bridge=None, environment=None, sections=None):
        self.folder, self.address = folder, address
        self.folder.mkdir(exist_ok=True)
        self.file = str(folder / "sternpost.conf")
        self.listeners = {name: dict(options) for name, options in (listeners or LISTENERS).items()}
        self.certificate = certificate
        self.top = {"hostname": HOSTNAME, "store": f"sqlite:{folder}/sternpost.db",
                    "control-socket": f"{folder}/control.sock", "user": "", **(top or {})}
        self.outbound = {"port": OUT, "allow-private": True, "retry": ["1s"], **(outbound or {})}
        self.limits = {"min-free-space": "1MiB", **(limits or {})}
        self.queue_options, self.bridge = queue, bridge
        self.records, self.forwarders, self.resolver = list(records), list(forwarders), resolver
        self.environment, self.sections = environment or {}, sections or {}
        self.process = None

    # The configuration file

    def write_config(self):
        text = "\n".join(f"{name} = {_value(value)}" for name, value in self.top.items()) + "\n"
        text += _section('certificate "default"', {"chain": self.certificate.chain, "key": self.certificate.key})
        for name, listener in self.listeners.items():
            options = {key: value for key, value in listener.items() if key != "port"}
            options["address"] = [f"{self.address}:{listener['port']}"]
            text += _section(f'listener "{name}"', options)
        text += _section("outbound", self.outbound) + _section("limits", self.limits)
        text += _section("resolver", self.resolver or self._resolver())
        if self.queue_options:
            text += _section("queue", self.queue_options)
        if self.bridge:
            text += _section("bridge", self.bridge)
        text += "".join(_section(title, options) for title, options in self.sections.items())
        with open(self.file, "w", encoding="utf-8") as out:
            out.write(text)

    def _resolver(self):
        """Without forwarders the records are all there is. An anchor of a zone that nobody asks for stands in for
        the root's, so that answers of the tests' own servers are merely insecure."""
        anchor = self.folder / "anchor.key"
        anchor.write_text("anchor.invalid. IN DS 12345 13 2 " + "ab" * 32 + "\n")
        options = {"forwarders": self.forwarders or [f"{self.address}@9"], "trust-anchor-file": str(anchor),
                   "timeout": "2s"}
        if self.records:
            options["local-data"] = self.records
        return options

    # Start and end

    def start(self):
        self.write_config()
        self.process = Process([BINARY, "serve", "-c", self.file], self.folder / "daemon.log",
                               {**sanitizer_environment(self.folder), **self.environment})
        try:
            until(lambda: self._answers([listener["port"] for listener in self.listeners.values()]), 20, "the daemon")
            until(lambda: self.run("queue", "list", "--json").returncode == 0, 20, "the control socket")
        except AssertionError:
            self.kill()
            raise
        return self

    def _answers(self, ports):
        assert self.process.is_running(), f"the daemon ended with {self.process.child.returncode}; {self.process.tail()}"
        for port in ports:
            with socket.socket() as probe:
                if probe.connect_ex((self.address, port)) != 0:
                    return False
        return True

    def kill(self):
        """As a power cut would, but for the page cache."""
        self.process.end(signal.SIGKILL)
        self.process = None

    def stop(self):
        """Ends the daemon as an administrator would; anything but a clean end fails."""
        if self.process is None:
            return
        process, self.process = self.process, None
        status = process.end()
        found = findings(self.folder)
        assert not found, f"a sanitizer found:\n{found[:6000]}"
        assert status == 0, f"the daemon ended with {status}; {process.tail()}"

    # The command line

    def run(self, *arguments, stdin=None):
        return subprocess.run([BINARY, *map(str, arguments), "-c", self.file], input=stdin or "", text=True,
                              capture_output=True, timeout=60, check=False, env=sanitizer_environment(self.folder))

    def cli(self, *arguments, stdin=None):
        """A command that must succeed; its output."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def ask(self, *arguments):
        """A command's answer as JSON."""
        return json.loads(self.cli(*arguments, "--json"))

    def ask_lines(self, *arguments):
        """The answer of a command that prints one object a line."""
        return [json.loads(line) for line in self.cli(*arguments, "--json").splitlines()]

    def set_up(self, kind, name, **fields):
        """A setting; names of fields with _ for -."""
        return self._add(kind, name, fields, None)

    def _add(self, kind, name, fields, password):
        options = [word for field, value in fields.items() for word in ("--" + field.replace("_", "-"), str(value))]
        return self.cli(kind, "add", name, *options, *(["--password-stdin"] if password else []), stdin=password)

    def host(self, name, *servers, password=None, **fields):
        fields = {"servers": ",".join(servers), "tls": "none", "allow_private": "true", **fields}
        return self._add("host", name, fields, password)

    def user(self, name, password, **fields):
        return self._add("user", name, fields, password)

    def get(self, path):
        """The API's answer at the control socket, which the commands ask too: faster, where a test asks a thousand times. What is
        not there has the key `error`."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(self.top["control-socket"])
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: sock.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.split()[1] in (b"200", b"404"), answer
        return json.loads(body)

    # Mail

    def submit(self, sender, *recipients, body="Subject: test\r\n\r\nhello\r\n", port=RELAY, options=(),
               recipient_options=()):
        """Hands over a message in clear; its id."""
        with smtplib.SMTP(self.address, port, local_hostname="client.example.org", timeout=30) as client:
            client.ehlo()
            for code, text in [client.mail(sender, options)] + [client.rcpt(r, recipient_options) for r in recipients]:
                assert code == 250, (code, text)
            code, text = client.data(body)
        assert code == 250, (code, text)
        return queue_id(text.decode())

    def trace(self, message_id):
        return self.ask("trace", message_id)

    def events(self, message_id, event):
        return [e for e in self.trace(message_id) if e["event"] == event]

    def outcomes(self, message_id, count=1, seconds=20):
        """The first outcomes of the message's deliveries, waited for."""
        return until(lambda: (lambda found: found if len(found) >= count else None)(
            self.events(message_id, "outcome")), seconds, f"{count} outcomes of {message_id}; {self.trace(message_id)}")

    def outcome(self, message_id, seconds=20):
        return self.outcomes(message_id, 1, seconds)[0]

    def queue(self):
        return self.ask_lines("queue", "list")

    def log(self):
        return (self.folder / "daemon.log").read_text(errors="replace")
