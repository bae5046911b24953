"""Knot DNS with zones of the tests: authoritative, on port 53 of given addresses."""
import subprocess

from .process import Process
from .waiting import until
from .world import PEERS

KNOTD, KNOTC, KEYMGR = (str(PEERS / "knot" / "usr" / "sbin" / name) for name in ("knotd", "knotc", "keymgr"))


class Knot:
    """`zones` are harness.zones.Zone; a name in `lame` is configured but has no zone: its questions are answered SERVFAIL.
    `key`: name and secret of a TSIG key that may change the zones; then anybody may take them whole. `signs`: it signs them
    itself, with keys of its own."""

    def __init__(self, folder, addresses, zones, lame=(), key=None, environment=None, signs=False):
        self.key, self.environment, self.signs = key, environment, signs
        self.folder, self.addresses, self.zones, self.lame = folder, list(addresses), list(zones), list(lame)
        self.process = None
        folder.mkdir(exist_ok=True)

    def _file(self, zone):
        return self.folder / f"{zone.name.strip('.') or 'root'}.zone"

    def _write_config(self):
        listen = "".join(f"    listen: {address}@53\n" for address in self.addresses)
        keys, journal, acl = "", "journal-content: none\n    zonefile-load: whole", ""
        if self.key:
            keys = (f"key:\n  - id: {self.key[0]}\n    algorithm: hmac-sha256\n    secret: {self.key[1]}\n"
                    f"acl:\n  - id: ours\n    key: {self.key[0]}\n    action: update\n  - id: all\n    action: transfer\n")
            journal, acl = "journal-content: none\n    zonefile-load: whole\n    zonefile-sync: 0", "    acl: [ours, all]\n"
        signing = "    dnssec-signing: on\n    dnssec-policy: ours\n" if self.signs else ""
        text = (f"server:\n    rundir: {self.folder}\n{listen}    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n"
                f"database:\n    storage: {self.folder}/db\n    journal-db-max-size: 16M\n"
                f"{keys}log:\n  - target: stderr\n    any: warning\n"
                "policy:\n  - id: ours\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n"
                f"template:\n  - id: default\n    storage: {self.folder}\n    {journal}\n"
                "    semantic-checks: off\nzone:\n")
        text += "".join(f'  - domain: "{zone.origin}"\n    file: {self._file(zone)}\n{acl}{signing}' for zone in self.zones)
        text += "".join(f'  - domain: "{name}."\n    file: {self.folder}/there-is-none\n' for name in self.lame)
        (self.folder / "knot.conf").write_text(text)

    def start(self):
        assert (PEERS / "knot" / ".complete").exists(), "knot is not unpacked; run tools/install-deps --test"
        (self.folder / "db").mkdir(exist_ok=True)
        self._write_config()
        for zone in self.zones:
            self._file(zone).write_text(zone.text())
        self.process = Process([KNOTD, "-c", str(self.folder / "knot.conf")], self.folder / "knot.log", self.environment,
                               cwd=self.folder)
        until(self._serves, 20, "knot to load its zones")
        return self

    def _serves(self):
        assert self.process.is_running(), self.process.tail()
        status = self._control("zone-status", "+serial")
        return status.returncode == 0 and status.stdout.count("serial: ") >= len(self.zones) and status.stdout.count(
            "serial: -") == len(self.lame)

    def _control(self, *words):
        return subprocess.run([KNOTC, "-c", str(self.folder / "knot.conf"), "-b", *words], text=True,
                              capture_output=True, timeout=20, check=False)

    def ds(self, zone):
        """What the parent has to say of a zone that is signed here."""
        done = subprocess.run([KEYMGR, "-c", str(self.folder / "knot.conf"), zone.origin, "ds"], text=True, capture_output=True,
                              timeout=20, check=True)
        return [line for line in done.stdout.splitlines() if line.split()[-2] == "2"]  # SHA-256

    def reload(self, *zones):
        """Serves these zones as they are now."""
        for zone in zones:
            self._file(zone).write_text(zone.text())
            done = self._control("zone-reload", zone.origin)
            assert done.returncode == 0, done.stderr + done.stdout

    def stop(self):
        if self.process is not None:
            process, self.process = self.process, None
            process.end()

    def log(self):
        return (self.folder / "knot.log").read_text(errors="replace")
