"""An internet on the loopback interface: addresses that look public, so that ports 25, 53 and 443 and the guard against
private addresses are the real ones; a signed root zone with good and bad zones below it; policy hosts; mail servers.

`.` and `example.` are signed. Below `example.`:

    sec   signed             n3    signed, denial by NSEC3          ins   unsigned, and the parent proves it
    bog   signed with a key  exp   signatures have ended            lame  its server answers SERVFAIL
          that is not the
          parent's
    mx    mail servers, signed                                      imx   mail servers, unsigned
"""
import socket
import subprocess

from .nameserver import Knot
from .policy_host import PolicyHost
from .zones import DAY, Key, Zone, anchor

REMEDY = ("the test internet needs a network namespace of its own, with addresses on its loopback interface: run the tests as "
          "root, or below 'unshare -rn' where user namespaces are allowed")
CHILDREN = {"sec": "nsec", "n3": "nsec3", "ins": None, "mx": "nsec", "imx": None, "bog": "nsec", "exp": "nsec"}


class Internet:
    """Addresses are 5.6.NUMBER.x and 2a00:5:6:NUMBER::x. Fill zones and sites, then start()."""

    def __init__(self, folder, number, authority, world):
        assert world.has_own_network, REMEDY
        self.folder, self.number, self.authority = folder, number, authority
        folder.mkdir(exist_ok=True)
        self.root, self.example = Zone(".", "nsec"), Zone("example", "nsec")
        self.zones = {"": self.root, "example": self.example}
        self.lame = ["lame.example"]
        self.root_key = folder / "root.key"
        self.servers, self.policies = [], PolicyHost(authority)
        self.root.delegate(self.example, self.example.key)
        for name, signing in CHILDREN.items():
            self.add_zone(f"{name}.example", signing, is_bogus=name == "bog", **({"first": -9 * DAY, "last": -DAY} if name == "exp" else {}))
        self.example.add("lame.example. NS ns.example.")
        self.knot = None

    def add_zone(self, name, signing="nsec", is_bogus=False, parent="example", **options):
        """A zone below `parent`; the parent vouches for it where it is signed, for another key where it is bogus."""
        zone = self.zones[name] = Zone(name, signing, **options)
        self.zones[parent].delegate(zone, (Key() if is_bogus else zone.key) if signing else None)
        return zone

    def add_lame_zone(self, name, parent="example"):
        self.zones[parent].add(f"{name}. NS ns.example.")
        self.lame.append(name)

    def add(self, *lines):
        """Records, each into the zone that its name lies in."""
        for line in lines:
            self.zone_of(line.split()[0]).add(line)

    def zone_of(self, name):
        labels = name.strip(".").split(".")
        while labels and ".".join(labels) not in self.zones:
            labels.pop(0)
        return self.zones[".".join(labels)]

    # Addresses

    def address(self, last):
        """A public-looking IPv4 address of this internet, for 1 to 254."""
        return _own(f"5.6.{self.number}.{last}")

    def address6(self, last):
        return _own(f"2a00:5:6:{self.number}::{last:x}")

    # Life

    def start(self):
        servers = [self.address(53), self.address6(53)]
        self.root.add(f"ns.example. A {servers[0]}", f"ns.example. AAAA {servers[1]}")
        self.example.add(f"ns.example. A {servers[0]}", f"ns.example. AAAA {servers[1]}")
        self.knot = Knot(self.folder / "knot", servers, self.zones.values(), self.lame).start()
        self.policies.start([self.address(80), self.address6(80)])
        self.root_key.write_text(anchor(self.root) + "\n")
        return self

    def add_server(self, server):
        """A mail server that ends with this internet."""
        self.servers.append(server)
        return server

    def stop(self):
        self.policies.stop()
        for server in self.servers:
            server.close()
        if self.knot:
            self.knot.stop()

    def resolver(self):
        """The section of the configuration that makes a gateway live here."""
        return {"stubs": [f".={self.address(53)}"], "trust-anchor-file": str(self.root_key), "timeout": "5s"}


def _own(address):
    """Makes the address one of this namespace's, and returns it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.bind((address, 0))
            return address
        except OSError:
            pass
    length = "128" if ":" in address else "32"
    done = subprocess.run(["ip", "addr", "add", f"{address}/{length}", "dev", "lo", *(["nodad"] if ":" in address else [])],
                          text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"cannot have the address {address}: {done.stderr.strip()}"
    return address
