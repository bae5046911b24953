"""Pebble, an authority that speaks ACME, and the uacme that trusts it."""
import json
import os
import ssl
import urllib.request

from .process import Process
from .waiting import until
from .world import PEERS

PEBBLE, UACME = PEERS / "pebble" / "usr" / "bin" / "pebble", PEERS / "uacme" / "usr" / "bin" / "uacme"
DIRECTORY, MANAGEMENT, HTTP = 14000, 15000, 80


class Pebble:
    """On `address`; asks `dns` for names."""

    def __init__(self, folder, address, dns, authority):
        folder.mkdir(exist_ok=True)
        self.folder, self.address, self.dns, self.bundle = folder, address, dns, authority.bundle
        self.certificate = authority.issue(address)
        self.directory = f"https://{address}:{DIRECTORY}/dir"
        self.root = str(folder / "root.pem")
        self.process = None

    def start(self):
        config = {"listenAddress": f"{self.address}:{DIRECTORY}", "managementListenAddress": f"{self.address}:{MANAGEMENT}",
                  "certificate": self.certificate.chain, "privateKey": self.certificate.key, "httpPort": HTTP, "tlsPort": 443,
                  "ocspResponderURL": "", "externalAccountBindingRequired": False}
        (self.folder / "pebble.json").write_text(json.dumps({"pebble": config}))
        self.process = Process([str(PEBBLE), "-config", str(self.folder / "pebble.json"), "-dnsserver", f"{self.dns}:53"],
                               self.folder / "pebble.log", {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"})
        until(self._take_root, 20, "Pebble to answer")
        return self

    def _take_root(self):
        """Each start makes a new root; those that were before are kept, too."""
        assert self.process.is_running(), self.process.tail()
        try:
            with urllib.request.urlopen(f"https://{self.address}:{MANAGEMENT}/roots/0", timeout=5,
                                        context=ssl.create_default_context(cafile=self.bundle)) as answer:
                text = answer.read()
        except OSError:
            return False
        with open(self.root, "ab") as out:
            out.write(text)
        return True

    def stop(self):
        if self.process is not None:
            process, self.process = self.process, None
            process.end()

    def uacme(self):
        """A program that is uacme, in a world where Pebble's own certificate is trusted."""
        wrapper = self.folder / "uacme"
        wrapper.write_text("#!/bin/sh\nexec unshare --mount sh -c 'mount --bind " + self.bundle +
                           " /etc/ssl/certs/ca-certificates.crt && exec " + str(UACME) + ' "$@"\' uacme "$@"\n')
        wrapper.chmod(0o755)
        return str(wrapper)
