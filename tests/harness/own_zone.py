"""A zone of the organisation's own: a name server that takes updates, and one that lags behind it."""
import dns.query
import dns.resolver
import dns.zone

from .nameserver import Knot

KEY, SECRET = "update.own.example", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


class Text:
    """What a name server of the tests is told to serve (harness.zones.Zone has the same face)."""

    def __init__(self, name, lines):
        self.name, self.lines = name, lines

    @property
    def origin(self):
        return self.name + "."

    def text(self):
        return "\n".join(self.lines) + "\n"


class OwnZone:
    """`records` are lines of a zone file with absolute names. Denials hold for `ttl` seconds, too. `environment` is that of the one
    that takes updates, for a clock of its own. `signs`: it signs the zone; start it before the internet, whose `example` zone gets to
    know the key."""

    def __init__(self, internet, folder, name, first, second, records, ttl=2, environment=None, signs=False):
        self.name, self.addresses, self.internet, self.signs = name, [internet.address(first), internet.address(second)], internet, signs
        lines = [f"$TTL {ttl}", f"{name}. SOA ns1.{name}. hostmaster.{name}. 1 3600 600 86400 {ttl}"]
        for number, address in enumerate(self.addresses, 1):
            glue = [f"{name}. NS ns{number}.{name}.", f"ns{number}.{name}. A {address}"]
            internet.example.add(*glue)
            lines += glue
        self.zone = Text(name, lines + list(records))
        self.primary = Knot(folder / "primary", self.addresses[:1], [self.zone], key=(KEY, SECRET), environment=environment, signs=signs)
        self.secondary = Knot(folder / "secondary", self.addresses[1:], [Text(name, self.zone.lines)])

    def start(self):
        self.primary.start()
        self.secondary.start()
        if self.signs:
            self.internet.example.add(*self.primary.ds(self.zone))
            self.catch_up()
        return self

    def stop(self):
        self.primary.stop()
        self.secondary.stop()

    def _transfer(self):
        messages = dns.query.xfr(self.addresses[0], self.name, lifetime=10, relativize=False)
        return dns.zone.from_xfr(messages, relativize=False).to_text(relativize=False, sorted=True).splitlines()

    def whole(self):
        """Every record of the primary but the SOA, as lines."""
        return [line for line in self._transfer() if line.split()[3:4] != ["SOA"]]

    def whole_with_start(self):
        """The same with the SOA, its serial one higher: to be changed and served again."""
        lines = self._transfer()
        for at, line in enumerate(lines):
            words = line.split()
            if words[3:4] == ["SOA"]:
                words[6] = str(int(words[6]) + 1)
                lines[at] = " ".join(words)
        return lines

    def catch_up(self):
        """The secondary serves what the primary does."""
        served = self.secondary.zones[0]
        served.lines = self._transfer()
        self.secondary.reload(served)

    def texts(self, name, server=0):
        """The TXT records of a name as a server has them, none where there is no such name."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.lifetime = [self.addresses[server]], 10
        try:
            answer = resolver.resolve(f"{name}.", "TXT", raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return []
        return sorted(b"".join(record.strings).decode() for record in answer)
