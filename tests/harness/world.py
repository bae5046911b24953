"""Where a worker of the test run lives: loopback addresses of its own and, where the kernel lets us, a network and a
file system view of its own, in which ports below 1024, foreign users and unpacked mail servers do no harm."""
import ctypes
import itertools
import os
import pathlib
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
PEERS = TOP / ".cache" / "peers"
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
USERS = ["postfix", "Debian-exim", "opensmtpd", "opensmtpq"]
GROUPS = ["postdrop"]
laid_over = set()


class World:
    def __init__(self, worker):
        self.number = worker
        self.subnets, self.internets = itertools.count(1), itertools.count(7)
        self.has_own_network = False
        self.mount_fault = self._isolate()

    def subnet(self):
        """A fresh 127.x.y.0/24 as a function from the last byte to an address: nobody else binds in it."""
        count = next(self.subnets)
        prefix = f"127.{20 + self.number * 8 + count // 250}.{count % 250 + 1}"
        return lambda last: f"{prefix}.{last}"

    def _isolate(self):
        """Goes into namespaces of our own. Returns why nothing may be mounted there, or None."""
        if os.geteuid() != 0:
            return "needs root for a mount namespace"
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
            return f"no namespaces: {os.strerror(ctypes.get_errno())}"
        _run("ip", "link", "set", "lo", "up")
        self.has_own_network = True
        if not _has_all_users():
            return "needs root itself, for the users of others"
        try:
            _run("mount", "--make-rprivate", "/")
        except subprocess.CalledProcessError as e:
            return f"no private mounts: {e.stderr.strip().splitlines()[0]}"
        return None

    def install_peers(self):
        """Lays the unpacked mail servers over /usr, with their users, seen from this process and its children only.
        Returns why it cannot, or None."""
        if self.mount_fault:
            return self.mount_fault
        if not all((PEERS / name / ".complete").exists() for name in ("postfix", "exim4-daemon-light", "opensmtpd")):
            return "the mail servers are not unpacked; run tools/install-deps --test"
        try:
            _lay_over_usr()
            _add_users()
        except subprocess.CalledProcessError as e:
            return f"cannot lay the mail servers over /usr: {e.stderr.strip()}"
        return None


def _has_all_users():
    """False in a user namespace that maps but one."""
    return pathlib.Path("/proc/self/uid_map").read_text().split()[2] == "4294967295"


def _run(*command):
    subprocess.run(command, check=True, capture_output=True, text=True)


def _lay_over_usr():
    lower = [str(PEERS / name / "usr") for name in ("postfix", "exim4-daemon-light", "opensmtpd")] + ["/usr"]
    _run("mount", "-t", "overlay", "overlay", "-o", "lowerdir=" + ":".join(lower), "/usr")
    _run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={PEERS}/opensmtpd/var/lib:/var/lib", "/var/lib")
    for folder in ("/var/spool", "/var/mail", "/run"):
        _run("mount", "-t", "tmpfs", "tmpfs", folder)


def _add_users():
    """Adds the servers' users to copies of passwd and group, and lays these over the machine's."""
    lines = {name: pathlib.Path("/etc", name).read_text() for name in ("passwd", "group")}
    for number, name in enumerate(USERS + GROUPS, 64001):
        for file, line in (("passwd", f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"),
                           ("group", f"{name}:x:{number}:\n")):
            if f"\n{name}:" not in lines[file] and (file == "group" or name in USERS):
                lines[file] += line
    for name, text in lines.items():
        lay_over(f"/etc/{name}", text)


def lay_over(path, text):
    """Has this process and its children see this text in place of the file, or of what was laid over it before."""
    if path in laid_over:
        _run("umount", path)
    laid_over.add(path)
    with tempfile.NamedTemporaryFile("w", prefix="sternpost-", suffix=pathlib.Path(path).name) as file:
        file.write(text)
        file.flush()
        os.chmod(file.name, 0o644)
        _run("mount", "--bind", file.name, path)
