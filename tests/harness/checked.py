"""Domains of the test internet for `sternpost check`: each good but for what is said."""
import ipaddress
import json

from .dns import DnsServer
from .policy_host import policy
from .sink import Sink, server_context

TWO_WEEKS = 1209600
ID = "v=STSv1; id=20261101120000"
GOOD_TLSA = {"tlsa": ["3 1 1 OWN", "3 1 1 " + "ab" * 32]}
VERDICTS = ["advice", "not testable", "warning", "error"]


def check(tool, *arguments):
    done = tool.run("check", *arguments, "--json")
    assert done.returncode in (0, 1, 4, 5), done.stderr
    return json.loads(done.stdout)["domains"], done.returncode


def found(answer):
    """The gravest verdict of each check that is not ok. None of these servers has IPv6: another test's matter."""
    worst = {}
    for result in answer["results"]:
        if result["verdict"] != "ok" and result["id"] != "mx.ipv6":
            assert result["seen"] and result["why"] and result["change"], result
            worst[result["id"]] = max(worst.get(result["id"], VERDICTS[0]), result["verdict"], key=VERDICTS.index)
    return worst


def refuses_mailbox(_, argument):
    return "550 5.1.1 no such user" if "nobody" in argument else None


class Maker:
    """Makes domains of the test internet, each good but for what is said."""

    def __init__(self, internet, authority):
        self.middle = authority.below("Test Middle")
        self.internet, self.authority, self.count, self.clean, self.names = internet, authority, 0, None, []

    def address(self):
        self.count += 1
        return self.internet.address(100 + self.count)

    def name(self, address, host):
        self.internet.root.add(f"{ipaddress.ip_address(address).reverse_pointer}. PTR {host}.")

    def server(self, host, tlsa=None, ttl="", names=True, certificate=None, offers=True, extensions=("REQUIRETLS",), sink=None,
               **issue):
        """A mail server of this name; its certificate. `sink`: a function of the certificate that gives options of the Sink."""
        authority = self.middle if issue.pop("by_middle", False) else self.authority
        made = certificate or authority.issue(issue.pop("name", host), **{"sends": 0, **issue})
        self.clean = made if host == "mx.clean.example" else self.clean
        address = self.address()
        self.internet.add(f"{host}. A {address}")
        if names:
            self.name(address, names if isinstance(names, str) else host)
        options = {"tls_extensions": extensions, "replies": {"RCPT": refuses_mailbox}, **(sink(made) if sink else {})}
        if offers and "tls" not in options:
            options["tls"] = server_context(made)
        self.internet.add_server(Sink(address, 25, **options))
        for record in tlsa or ():
            self.internet.add(f"_25._tcp.{host}. {ttl} TLSA {record.replace('OWN', made.digest).replace('ROOT', self.authority.digest)}")
        return made

    def second_server(self, name, how):
        address, records = self.internet.address(60 + ["silent", "fails", "udp"].index(how)), {f"{name}": {}, f"_mta-sts.{name}": {}, f"_smtp._tls.{name}": {}}
        self.internet.add_zone(name, None)
        self.internet.add(f"{name}. NS ns2.{name}.", f"ns2.{name}. A {address}")
        if how != "silent":
            self.names.append(DnsServer(address, records, failing=records if how == "fails" else (), port=53).__enter__())

    def domain(self, name, mx=None, server=None, sts=ID, reports=None, text=None, mode="enforce", host=True, extra=(),
               caa='0 issue "testroot.example"', second=None, **site):
        """`None`: as a good domain has it; "": not there. NOBODY in `extra` is an address where nobody listens. `second`: the
        domain is a zone of its own, with this further name server: "silent", "fails", or "udp", which does not listen on TCP."""
        if second:
            self.second_server(name, second)
        for record in [caa] if isinstance(caa, str) else caa:
            self.internet.add(*[f"{name}. CAA {record}"] * bool(record))
        self.internet.add(*(f"{name}. MX {record}" for record in (mx or [f"10 mx.{name}."])),
                          *(line.replace("NOBODY", self.internet.address(99)) for line in extra))
        if server != "":
            self.server(f"mx.{name}", **(GOOD_TLSA if server is None else server))
        for value in [sts] if isinstance(sts, str) else sts:
            if value:
                self.internet.add(f'_mta-sts.{name}. TXT "{value}"')
        reports = f"v=TLSRPTv1; rua=mailto:tlsrpt@{name}" if reports is None else reports
        for value in [reports] if isinstance(reports, str) else reports:
            if value:
                self.internet.add(f'_smtp._tls.{name}. TXT "{value}"')
        if host:
            self.internet.add(f"mta-sts.{name}. A {self.internet.address(80)}")
        if host and text != "":
            self.internet.policies.publish(f"mta-sts.{name}", text or policy(mode, [f"mx.{name}"], TWO_WEEKS), **site)
