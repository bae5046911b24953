"""Foreign mail servers as relays: they take mail on one port, with or without STARTTLS, and pass it to a next hop with
the TLS they are told to ask for. So each can stand before the gateway and behind it."""
import os
import pathlib
import pwd
import smtplib
import socket
from dataclasses import dataclass

from .process import Process
from .waiting import until

POSTFIX_MASTER = """\
smtp      inet  n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 1 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
relay     unix  - - n - - smtp
smtpnext  unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""
POSTFIX_QUEUES = ("incoming active deferred defer bounce flush hold corrupt saved trace private public pid "
                  "maildrop").split()


@dataclass
class Hop:
    """Where a peer sends everything, and the TLS it asks of it: none, may, encrypt or verify (against `bundle`)."""
    address: str
    port: int
    tls: str = "may"
    bundle: str = ""
    name: str = "mx.example.test"


class Peer:
    """`with Postfix(folder, address, port, hop, certificate)`; no certificate: no STARTTLS offered. `options` are further ones of
    its own configuration."""

    def __init__(self, folder, address, port, hop, certificate=None, options=None):
        self.folder, self.address, self.port, self.hop, self.certificate = folder, address, port, hop, certificate
        self.options = options or {}
        folder.mkdir(exist_ok=True)
        for parent in folder.parents:  # the peers drop root, and must still find what is theirs
            if parent.stat().st_uid == os.geteuid() and str(parent).startswith("/tmp/"):
                parent.chmod(parent.stat().st_mode | 0o055)
        self.process = None

    def __enter__(self):
        self.process = Process(self.command(), self.folder / "peer.log", cwd=self.folder)
        until(self._listens, 20, f"{type(self).__name__} to listen")
        return self

    def __exit__(self, *_):
        self.process.end()

    def _listens(self):
        assert self.process.is_running(), f"it ended with {self.process.child.returncode}; its log:\n{self.log()}"
        with socket.socket() as probe:
            return probe.connect_ex((self.address, self.port)) == 0

    def inject(self, sender, recipient, data, options=()):
        """One message by SMTP in clear; dict of refused recipients as smtplib gives it."""
        with smtplib.SMTP(self.address, self.port, timeout=20) as client:
            return client.sendmail(sender, [recipient], data, mail_options=options)

    def log(self):
        files = [self.folder / "peer.log", *sorted(self.folder.glob("log/*"))]
        return "\n".join(file.read_text(errors="replace") for file in files if file.exists())

    def _own(self, path, user):
        entry = pwd.getpwnam(user)
        path.mkdir(parents=True, exist_ok=True)
        os.chown(path, entry.pw_uid, entry.pw_gid)
        return path

    def _readable(self, file, user):
        """A copy of a file that `user` can read."""
        copy = self.folder / pathlib.Path(file).name
        copy.write_bytes(pathlib.Path(file).read_bytes())
        copy.chmod(0o600 if copy.suffix == ".key" else 0o644)
        os.chown(copy, pwd.getpwnam(user).pw_uid, -1)
        return copy


class Postfix(Peer):
    def command(self):
        etc, hop = self.folder / "etc", self.hop
        etc.mkdir()
        self._own(self.folder / "data", "postfix")
        self._own(self.folder / "log", "postfix")
        for name in POSTFIX_QUEUES:
            self._own(self.folder / "spool" / name, "postfix")
        options = {
            "compatibility_level": "3.6", "queue_directory": self.folder / "spool", "data_directory": self.folder / "data",
            "daemon_directory": "/usr/lib/postfix/sbin", "command_directory": "/usr/sbin",
            "shlib_directory": "/usr/lib/postfix", "meta_directory": "/usr/share/postfix", "mail_owner": "postfix",
            "setgid_group": "postdrop", "maillog_file": self.folder / "log" / "mail.log",
            "maillog_file_prefixes": self.folder, "inet_interfaces": "all", "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8", "myhostname": "postfix.example.test", "mydestination": "", "alias_maps": "",
            "local_recipient_maps": "", "relayhost": f"[{hop.address}]:{hop.port}", "smtp_dns_support_level": "disabled",
            "smtp_host_lookup": "native", "smtp_tls_security_level": hop.tls, "smtp_tls_CAfile": hop.bundle,
            "smtp_tls_verify_cert_match": hop.name, "smtp_tls_loglevel": "1", "smtputf8_enable": "yes",
            "minimal_backoff_time": "2s", "maximal_backoff_time": "2s", "queue_run_delay": "2s",
            "smtpd_tls_security_level": "may" if self.certificate else "none",
        }
        if self.certificate:
            options.update(smtpd_tls_chain_files=f"{self.certificate.key}, {self.certificate.chain}")
        options.update(self.options)
        (etc / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in options.items()))
        (etc / "master.cf").write_text(POSTFIX_MASTER.replace("smtp      inet", f"{self.address}:{self.port} inet", 1)
                                       .replace("smtpnext", "smtp"))
        return ["/usr/lib/postfix/sbin/master", "-c", str(etc), "-d"]


class Exim(Peer):
    def command(self):
        hop, user = self.hop, "Debian-exim"
        self._own(self.folder / "spool", user)
        self._own(self.folder / "log", user)
        bundle = self._readable(hop.bundle, user) if hop.tls == "verify" else ""
        transport = {"none": "hosts_avoid_tls = *", "may": "tls_verify_certificates = system", "encrypt": "hosts_require_tls = *",
                     "verify": f"hosts_require_tls = *\n  tls_verify_certificates = {bundle}\n  tls_verify_hosts = *\n"
                               "  tls_verify_cert_hostnames ="}[hop.tls]
        tls = "tls_advertise_hosts ="
        if self.certificate:
            tls = (f"tls_advertise_hosts = *\ntls_certificate = {self._readable(self.certificate.chain, user)}\n"
                   f"tls_privatekey = {self._readable(self.certificate.key, user)}")
        (self.folder / "exim.conf").write_text(f"""\
primary_hostname = exim.example.test
local_interfaces = {self.address}.{self.port}
spool_directory = {self.folder}/spool
log_file_path = {self.folder}/log/%slog
log_selector = +tls_cipher +tls_peerdn
{tls}
host_lookup =
rfc1413_hosts =
smtputf8_advertise_hosts = *
acl_smtp_rcpt = all
acl_smtp_data = all
deliver_drop_privilege
begin acl
all:
  accept
begin routers
next:
  driver = manualroute
  route_list = * {hop.address}
  self = send
  transport = next
begin transports
next:
  driver = smtp
  port = {hop.port}
  {transport}
begin retry
* * F,1h,2s
""")
        return ["/usr/sbin/exim4", "-C", str(self.folder / "exim.conf"), "-bdf", "-q2s"]


class OpenSmtpd(Peer):
    """Debian's 6.8 fails every inbound handshake ("missing private key", with EC and RSA keys alike), so it takes mail
    in clear. It checks the next hop's certificate against the address, which is the name it is given."""

    def command(self):
        hop = self.hop
        url = {"none": "smtp+notls", "may": "smtp", "encrypt": "smtp+tls", "verify": "smtp+tls"}[hop.tls]
        pki, listen = "", ""
        if self.certificate:
            pki = f'pki "own" cert "{self.certificate.chain}"\npki "own" key "{self.certificate.key}"\n'
            listen = ' tls pki "own"'
        if hop.tls == "verify":
            pki += f'ca "trusted" cert "{self._readable(hop.bundle, "root")}"\n'
        check = {"encrypt": " tls no-verify", "verify": ' ca "trusted"'}.get(hop.tls, "")
        relay = f"relay host {url}://{hop.address}:{hop.port}{check}"
        (self.folder / "smtpd.conf").write_text(f"""\
{pki}listen on {self.address} port {self.port}{listen} hostname opensmtpd.example.test
action "next" {relay}
match from any for any action "next"
""")
        (self.folder / "smtpd.conf").chmod(0o600)
        return ["/usr/sbin/smtpd", "-d", "-v", "-f", str(self.folder / "smtpd.conf")]
