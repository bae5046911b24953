"""One recipient domain with a zone, mail servers and a policy of its own, for tests that change them as they go."""
import itertools

from .policy_host import policy
from .sink import Sink, server_context

TTL = 1


class Partners:
    """Prepares so many zones of each kind before the internet starts, and hands them out: what a validator knows not to exist it
    does not ask for again."""

    def __init__(self, internet, authority, count=40):
        self.internet, self.authority = internet, authority
        self.ready = {kind: iter([self._zone(f"{kind}{n}.example", kind) for n in range(count)]) for kind in ("signed", "unsigned")}
        self.addresses = itertools.count(110)

    def _zone(self, name, kind):
        return self.internet.add_zone(name, "nsec" if kind == "signed" else None, ttl=TTL, first=-9 * 86400)

    def new(self, kind="signed"):
        return Partner(self, next(self.ready[kind]))


class Partner:
    def __init__(self, partners, zone):
        self.partners, self.internet, self.authority = partners, partners.internet, partners.authority
        self.zone, self.domain = zone, zone.name

    def server(self, label="mx", names=None, tls="good", tlsa=(), preference=10, is_v6=False, **options):
        """A mail server LABEL.DOMAIN. `tls`: a Certificate, "good" for one of ours with its name, None for none. `tlsa`: texts of
        records, in which OWN stands for the digest of its key."""
        name, last = f"{label}.{self.domain}", next(self.partners.addresses)
        address = self.internet.address6(last) if is_v6 else self.internet.address(last)
        certificate = self.authority.issue(*(names or [name])) if tls == "good" else tls
        sink = self.internet.add_server(Sink(address, 25, tls=certificate and server_context(certificate), **options))
        self.zone.add(f"{name}. {'AAAA' if is_v6 else 'A'} {address}", f"{self.domain}. MX {preference} {name}.")
        self.zone.add(*(f"_25._tcp.{name}. TLSA {text.replace('OWN', certificate.digest if certificate else '')}" for text in tlsa))
        return sink

    def policy(self, *mx, mode="enforce", id="1", text=None, max_age=86400, **site):
        """Publishes a policy and its record; servers are names below the domain, or anything with a dot."""
        patterns = [name if "." in name else f"{name}.{self.domain}" for name in mx]
        host = f"mta-sts.{self.domain}"
        self.internet.policies.publish(host, policy(mode, patterns, max_age) if text is None else text, **site)
        self.zone.remove(host)
        self.zone.add(f"{host}. A {self.internet.address(80)}")
        self.record(f"v=STSv1; id={id};")

    def record(self, *texts):
        self.zone.remove(f"_mta-sts.{self.domain}")
        self.zone.add(*(f'_mta-sts.{self.domain}. TXT "{text}"' for text in texts))

    def fetches(self):
        return self.internet.policies.requests.get(f"mta-sts.{self.domain}", 0)

    def publish(self):
        """Has the name server serve all that was said so far."""
        self.internet.knot.reload(self.zone)
        return self
