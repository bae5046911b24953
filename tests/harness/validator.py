"""Unbound as a validating resolver: of a peer that trusts its resolver, or as a forwarder of ours that need not be trusted."""
import socket

from .process import Process
from .waiting import until
from .world import PEERS, lay_over


class Unbound:
    """`with Unbound(folder, address, internet)`: asks that internet from its root down. With `is_everyones`, resolv.conf names it
    from then on, for this worker alone."""

    def __init__(self, folder, address, internet, is_everyones=False):
        self.folder, self.address, self.internet, self.is_everyones = folder, address, internet, is_everyones
        folder.mkdir(exist_ok=True)

    def __enter__(self):
        assert (PEERS / "unbound" / ".complete").exists(), "unbound is not unpacked; run tools/install-deps --test"
        (self.folder / "unbound.conf").write_text(f"""\
server:
  interface: {self.address}
  access-control: 127.0.0.0/8 allow
  username: ""
  chroot: ""
  directory: "{self.folder}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  module-config: "validator iterator"
  trust-anchor-file: "{self.internet.root_key}"
  do-not-query-localhost: no
  do-ip6: no
  num-threads: 1
remote-control:
  control-enable: no
stub-zone:
  name: "."
  stub-addr: {self.internet.address(53)}
""")
        self.process = Process([str(PEERS / "unbound" / "usr" / "sbin" / "unbound"), "-c", str(self.folder / "unbound.conf")],
                               self.folder / "unbound.log", cwd=self.folder)
        until(self._listens, 20, "unbound to listen")
        if self.is_everyones:
            lay_over("/etc/resolv.conf", f"nameserver {self.address}\noptions trust-ad edns0\n")
        return self

    def __exit__(self, *_):
        self.process.end()

    def _listens(self):
        assert self.process.is_running(), self.process.tail()
        with socket.socket() as probe:
            return probe.connect_ex((self.address, 53)) == 0
