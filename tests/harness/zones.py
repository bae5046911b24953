"""DNS zones as text, signed as a test wants them: well, with the wrong key, too long ago, with NSEC or NSEC3."""
import base64
import struct
import time

import dns.dnssec
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.zone
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

DAY = 86400
ALGORITHM = "ECDSAP256SHA256"


class Key:
    """One key that signs everything of a zone."""

    def __init__(self):
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.record = dns.dnssec.make_dnskey(self.private.public_key(), ALGORITHM, flags=257)

    def sign(self, name, rdataset, zone, inception, expiration):
        """RFC 4034 section 3.1.8.1. dnspython does it too, but not for wildcards, whose star is no label there."""
        labels = len(name) - 1 - name.is_wild()
        head = struct.pack("!HBBIIIH", rdataset.rdtype, self.record.algorithm, labels, rdataset.ttl, expiration, inception,
                           dns.dnssec.key_id(self.record))
        owner = name.to_digestable() + struct.pack("!HHI", rdataset.rdtype, rdataset.rdclass, rdataset.ttl)
        data = head + zone.to_digestable()
        for wire in sorted(rdata.to_digestable() for rdata in rdataset):
            data += owner + struct.pack("!H", len(wire)) + wire
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        wire = head + zone.to_wire() + r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return dns.rdata.from_wire("IN", "RRSIG", wire, 0, len(wire))

    def ds(self, zone):
        return dns.dnssec.make_ds(zone, self.record, "SHA256").to_text()


class Zone:
    """`signing`: None, "nsec" or "nsec3"; `first` and `last`: when signatures hold, in seconds from now. Records are lines
    of a zone file with absolute names. `bad_sets`: pairs of name and type whose signature is of another set."""

    def __init__(self, name, signing=None, first=-DAY, last=30 * DAY, key=None, ttl=300):
        self.name, self.signing, self.first, self.last, self.ttl = name, signing, first, last, ttl
        self.key = key or (Key() if signing else None)
        self.lines, self.bad_sets, self.serial = [], set(), int(time.time()) - 1000000

    @property
    def origin(self):
        return self.name.rstrip(".") + "."

    def add(self, *lines):
        self.lines += lines
        return self

    def remove(self, name):
        """All records of a name."""
        self.lines = [line for line in self.lines if line.split()[0].rstrip(".") != name]

    def delegate(self, child, ds=None, server="ns.example."):
        """`ds`: the key that the parent says the child has; None: it says nothing, and the child is insecure."""
        self.add(f"{child.origin} NS {server}")
        if ds:
            self.add(f"{child.origin} DS {ds.ds(child.origin)}")

    def text(self, server="ns.example."):
        """The zone file. Each call counts the serial up."""
        self.serial += 1
        head = [f"$TTL {self.ttl}", f"{self.origin} SOA {server} hostmaster.example. {self.serial} 3600 600 86400 {min(self.ttl, 60)}",
                f"{self.origin} NS {server}"]
        zone = dns.zone.from_text("\n".join(head + self.lines) + "\n", origin=self.origin, relativize=False, check_origin=False)
        if self.signing:
            _Signer(self, zone).sign()
        return zone.to_text(relativize=False, sorted=False) + "\n"


class _Signer:
    def __init__(self, source, zone):
        self.source, self.zone, self.apex = source, zone, zone.origin
        now = int(time.time())
        self.inception, self.expiration = now + source.first, now + source.last
        self.cuts = {name for name, node in zone.nodes.items()
                     if name != self.apex and node.get_rdataset(dns.rdataclass.IN, dns.rdatatype.NS)}

    def sign(self):
        self._put(self.apex, self.source.key.record)
        names = [name for name in self.zone.nodes if not any(name != cut and name.is_subdomain(cut) for cut in self.cuts)]
        (self._deny_hashed if self.source.signing == "nsec3" else self._deny)(sorted(names))
        for name in [*self.zone.nodes]:
            for rdataset in [*self.zone.nodes[name].rdatasets]:
                if self._is_signed(name, rdataset.rdtype):
                    self._put(name, self._signature(name, rdataset))

    def _is_signed(self, name, kind):
        if any(name != cut and name.is_subdomain(cut) for cut in self.cuts):
            return False
        return name not in self.cuts or kind in (dns.rdatatype.DS, dns.rdatatype.NSEC)

    def _signature(self, name, rdataset):
        if (name.to_text().rstrip("."), dns.rdatatype.to_text(rdataset.rdtype)) in self.source.bad_sets:
            rdataset = dns.rdataset.from_text("IN", rdataset.rdtype, rdataset.ttl, _another(rdataset))
        return self.source.key.sign(name, rdataset, self.apex, self.inception, self.expiration)

    def _put(self, name, rdata):
        node = self.zone.find_node(name, create=True)
        rdataset = node.find_rdataset(dns.rdataclass.IN, rdata.rdtype, getattr(rdata, "type_covered", 0), create=True)
        rdataset.add(rdata, self.source.ttl)

    def _types(self, name):
        kinds = {dns.rdatatype.to_text(r.rdtype) for r in self.zone.nodes[name].rdatasets} if name in self.zone.nodes else set()
        if name in self.cuts:
            kinds &= {"NS", "DS"}
        if kinds - {"NS"} or (kinds and name == self.apex):
            kinds.add("RRSIG")
        return kinds

    def _deny(self, names):
        for name, following in zip(names, names[1:] + names[:1]):
            kinds = " ".join(sorted(self._types(name) | {"RRSIG", "NSEC"}))
            self._put(name, dns.rdata.from_text("IN", "NSEC", f"{following} {kinds}"))

    def _deny_hashed(self, names):
        everyone = set(names)
        for name in names:
            while name != self.apex:  # empty names between have a hash, too (RFC 5155 section 7.1)
                everyone.add(name)
                name = name.parent()
        self._put(self.apex, dns.rdata.from_text("IN", "NSEC3PARAM", "1 0 0 -"))
        hashes = sorted((dns.dnssec.nsec3_hash(name, "", 0, "SHA1"), name) for name in everyone)
        for (digest, name), (following, _) in zip(hashes, hashes[1:] + hashes[:1]):
            kinds = " ".join(sorted(self._types(name)))
            self._put(dns.name.from_text(digest, self.apex), dns.rdata.from_text("IN", "NSEC3", f"1 0 0 - {following} {kinds}"))


def _another(rdataset):
    return {dns.rdatatype.A: "192.0.2.1", dns.rdatatype.MX: "1 elsewhere.example.", dns.rdatatype.TLSA: "3 1 1 " + "00" * 32,
            dns.rdatatype.TXT: '"another"'}[rdataset.rdtype]


def anchor(zone):
    """The zone's key as a validator's trust anchor."""
    record = zone.key.record
    return f"{zone.origin} IN DNSKEY {record.flags} {record.protocol} {int(record.algorithm)} {base64.b64encode(record.key).decode()}"
