"""Turns cells of the oracle into domains, policies and mail servers of a test internet."""
import gzip
import ssl

from cryptography.hazmat.primitives.asymmetric import rsa

from .authority import DAY, Authority
from .oracle import SERVERS
from .policy_host import policy
from .sink import Sink, server_context

ZONES = {"secure": "sec.example", "insecure": "ins.example", "bogus": "bog.example", "servfail": "lame.example"}
REQUIRETLS = ("REQUIRETLS",)
CERTIFICATE_FAULTS = ("expired", "self-signed", "wrong name", "common name only")
BACKUP, ALTERNATE = "backup.mx.example", "alternate.example"


def slug(text):
    return text.replace(" ", "-")


class Destinations:
    """All there is for these cells, as yet unstarted: domain(n) is that of the n-th cell."""

    def __init__(self, internet, authority, folder, cells):
        self.internet, self.authority, self.cells = internet, authority, list(cells)
        folder.mkdir(exist_ok=True)
        self.other, self.certificates = Authority(folder, "Other Root"), {}
        self.pairs = {server: [] for server in SERVERS}  # names of each kind of server
        for cell in self.cells:
            if self.host(cell) not in self.pairs[cell.server]:
                self.pairs[cell.server].append(self.host(cell))
        self.sinks = {server: self._sink(server, names, 100 + i) for i, (server, names) in enumerate(self.pairs.items()) if names}
        self.sinks["backup"] = self._good_sink(BACKUP, 90)
        self.sinks["alternate"] = self._good_sink(ALTERNATE, 91)
        for name in {(self.host(cell), cell.server, cell.tlsa) for cell in self.cells}:
            self._add_host(*name)
        for number in range(len(self.cells)):
            self._add_domain(number)

    # Names

    def domain(self, number):
        cell = self.cells[number]
        return f"c{number}.{cell.rule}.{ZONES[cell.mx]}"

    def host(self, cell):
        return f"{slug(cell.server)}-{cell.tlsa}.{'imx' if cell.tlsa == 'unsigned' else 'mx'}.example"

    # Mail servers

    def _sink(self, server, names, last):
        address, options = self.internet.address(last), {"port": 25}
        make = {
            "no starttls": {}, "helo only": {"replies": {"EHLO": "502 5.5.1 what?"}},
            "starttls 454": {"offers_starttls": True, "replies": {"STARTTLS": "454 4.7.0 not now"}},
            "starttls 500": {"offers_starttls": True, "replies": {"STARTTLS": "500 5.5.1 what?"}},
            "garbage": {"broken_handshake": "garbage"}, "alert": {"broken_handshake": True},
            "reset": {"broken_handshake": "reset"}, "silent": {"broken_handshake": "silent"},
        }
        if server in make:
            return self.internet.add_server(Sink(address, **options, **make[server]))
        certificate = self.certificates[server] = self._certificate(server, names)
        context = server_context(certificate, ssl.TLSVersion.TLSv1_1 if server == "old version" else None, server == "weak key")
        extensions = () if server == "no requiretls" else REQUIRETLS
        return self.internet.add_server(Sink(address, tls=context, tls_extensions=extensions, **options))

    def _good_sink(self, name, last):
        certificate = self.authority.issue(name)
        if name == BACKUP:
            self.internet.add(f"_25._tcp.{name}. TLSA 3 1 1 {certificate.digest}")
        self.internet.add(f"{name}. A {self.internet.address(last)}")
        return self.internet.add_server(Sink(self.internet.address(last), 25, tls=server_context(certificate), tls_extensions=REQUIRETLS))

    def _certificate(self, server, names):
        issue = self.authority.issue
        return {"expired": lambda: issue(*names, first=-9 * DAY, last=-DAY),
                "self-signed": lambda: issue(*names, is_self_signed=True),
                "untrusted": lambda: self.other.issue(*names),
                "wrong name": lambda: issue("elsewhere.example"),
                "weak key": lambda: issue(*names, key=rsa.generate_private_key(65537, 1024)),
                }.get(server, lambda: issue(*names))()

    def _add_host(self, name, server, tlsa):
        owner = f"_25._tcp.{name}."
        self.internet.add(f"{name}. A {self.sinks[server].address}")
        own = self.certificates[server].digest if server in self.certificates else "11" * 32
        right, wrong, unusable = f"{owner} TLSA 3 1 1 {own}", f"{owner} TLSA 3 1 1 {'22' * 32}", f"{owner} TLSA 1 1 1 {own}"
        records = {"ee": [right], "ta": [f"{owner} TLSA 2 1 1 {self.authority.digest}"], "mixed": [unusable, wrong, right],
                   "unusable": [unusable, f"{owner} TLSA 3 1 1 {own[:40]}"], "mismatch": [wrong], "bogus": [right],
                   "unsigned": [wrong]}
        self.internet.add(*records.get(tlsa, []))
        if tlsa == "bogus":
            self.internet.zone_of(name).bad_sets.add((owner.rstrip("."), "TLSA"))
        if tlsa == "servfail":
            self.internet.add_lame_zone(f"_tcp.{name}", self.internet.zone_of(name).name)

    # Recipient domains

    def _add_domain(self, number):
        cell, domain = self.cells[number], self.domain(number)
        if cell.mx == "servfail":
            return
        self.internet.add(f"{domain}. MX 10 {self.host(cell)}.")
        if cell.backup == "yes":
            self.internet.add(f"{domain}. MX 20 {BACKUP}.")
        if cell.policy != "none":
            self._add_policy(cell, domain)

    def _add_policy(self, cell, domain):
        kind, host = cell.policy, f"mta-sts.{domain}"
        if kind == "no answer":
            self.internet.add_lame_zone(f"_mta-sts.{domain}", self.internet.zone_of(domain).name)
            return
        self.internet.add(f'_mta-sts.{domain}. TXT "v=STSv1; id=1;"')
        if kind == "two records":
            self.internet.add(f'_mta-sts.{domain}. TXT "v=STSv1; id=2;"')
        if kind != "no address":
            self.internet.add(f"{host}. A {'10.6.7.80' if kind == 'private address' else self.internet.address(80)}")
        text, options = self._site(cell)
        self.internet.policies.publish(host, text, **options)

    def _site(self, cell):
        """The file and how it is served. What cannot be had would forbid everything if it were believed."""
        first, nobody = self.host(cell), "nobody.example"
        good = {"testing": policy("testing", [first]), "testing other": policy("testing", [nobody]),
                "enforce": policy("enforce", [first, BACKUP]), "enforce other": policy("enforce", [BACKUP]),
                "enforce wildcard": policy("enforce", ["*.mx.example", "*.imx.example"], end="\n"),
                "mode none": policy("none", [nobody])}
        if cell.policy in good:
            return good[cell.policy], {}
        forbidding, html = policy("enforce", [nobody]), (("Content-Type", "text/html"),)
        plain = ("Content-Type", "text/plain")
        bad = {"not found": (forbidding, {"status": "404 Not Found"}),
               "redirect": (forbidding, {"status": "301 Moved Permanently", "headers": (plain, ("Location", "https://mta-sts.example/"))}),
               "wrong type": (forbidding, {"headers": html}),
               "too large": (forbidding + "padding: " + "x" * 70000 + "\r\n", {}),
               "compressed": (gzip.compress(forbidding.encode()), {"headers": (plain, ("Content-Encoding", "gzip"))}),
               "invalid": (forbidding.replace("mode: enforce", "mode: Enforce"), {})}
        return bad.get(cell.policy, (forbidding, {"certificate": cell.policy if cell.policy in CERTIFICATE_FAULTS else "good"}))

    # What was received

    def received(self, sender="a@example.test"):
        """By recipient domain: (name of the sink, whether in TLS) for each message of the sender that arrived."""
        found = {}
        for name, sink in self.sinks.items():
            for message in (m for m in sink.messages if m.sender == sender):
                for address, _ in message.recipients:
                    found.setdefault(address.partition("@")[2], []).append((name, bool(message.tls)))
        return found
