"""A certificate authority for one test run, and the certificates, good and bad, that the tests need."""
import copy
import datetime
import hashlib
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


@dataclass
class Certificate:
    chain: str  # PEM file, leaf first
    key: str    # PEM file
    pem: str    # the leaf alone
    digest: str  # SHA-256 of its public key: what a TLSA record "3 1 1" holds


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def spki_digest(certificate):
    key = certificate.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


def _key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


class Authority:
    """Everything is written into `folder`; `bundle` is the file with the root."""

    def __init__(self, folder, name="Test Root"):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(name)
        self.count, self.files = 0, "certificate"
        self.root = self._sign(self.name, self.key.public_key(), -DAY, 30 * DAY, [], is_authority=True)
        self.digest = spki_digest(self.root)
        self.issuers = [self.root]  # what its chains hold after the leaf
        self.bundle = str(folder / f"{name.lower().replace(' ', '-')}.pem")
        with open(self.bundle, "wb") as out:
            out.write(_pem(self.root))

    def below(self, name, first=-DAY, last=30 * DAY):
        """An authority that this one vouches for; its chains hold its certificate, and those that this one's hold."""
        child = copy.copy(self)
        child.key, child.name = ec.generate_private_key(ec.SECP256R1()), _name(name)
        child.root = self._sign(child.name, child.key.public_key(), first, last, [], is_authority=True)
        child.digest, child.issuers = spki_digest(child.root), [child.root, *self.issuers]
        child.files = name.lower().replace(" ", "-")
        return child

    def issue(self, *names, first=-DAY, last=30 * DAY, is_self_signed=False, file=None, key=None, has_alternative=True,
              sends=None, digest=None, usages=(ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)):
        """A certificate for these DNS names or addresses, valid from now + first to now + last. Without `has_alternative` the
        first name stands in the subject alone, where nobody looks any more (RFC 9525). `sends`: how many of the issuers'
        certificates the chain holds; all of them, unless it is said. `digest`: of the signature; SHA-256, unless it is said."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        self.count += 1
        file = file or f"{self.files}-{self.count}"
        leaf = self._sign(_name(names[0]), key.public_key(), first, last,
                          names if has_alternative else (), own_key=key if is_self_signed else None, digest=digest, usages=usages)
        chain = self.folder / f"{file}.pem"
        chain.write_bytes(_pem(leaf) + b"".join(map(_pem, [] if is_self_signed else self.issuers[:sends])))
        key_file = self.folder / f"{file}.key"
        key_file.write_bytes(_key_pem(key))
        key_file.chmod(0o600)
        return Certificate(str(chain), str(key_file), _pem(leaf).decode(), spki_digest(leaf))

    def _sign(self, subject, public_key, first, last, names, is_authority=False, own_key=None, digest=None, usages=()):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject if own_key else self.name)
                   .public_key(public_key).serial_number(x509.random_serial_number())
                   .not_valid_before(now + first).not_valid_after(now + last)
                   .add_extension(x509.BasicConstraints(is_authority, None), critical=True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), False)
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), False)
        return builder.sign(own_key or self.key, digest or hashes.SHA256())
