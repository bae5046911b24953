"""Processor time and memory of a process and of all that it starts, read from /proc."""
import os
import threading
import time

TICKS = os.sysconf('SC_CLK_TCK')
SAMPLE_S = 0.5
QUIET = 0.05      # of the machine: worth starting a repetition
DISTURBED = 0.15  # the same: others took too much of it (the kernel's own threads take up to a tenth)


def read_stat(pid):
    """(parent, ticks) of a process; ticks count its dead children's too. None when it is gone."""
    try:
        with open(f'/proc/{pid}/stat', 'rb') as f:
            fields = f.read().rsplit(b')', 1)[1].split()
    except (OSError, IndexError):
        return None
    return int(fields[1]), sum(int(n) for n in fields[11:15])


def read_memory(pid):
    """KiB of resident memory: its own, of files, and the highest there ever was."""
    own = files = high = 0
    try:
        with open(f'/proc/{pid}/status', encoding='ascii', errors='replace') as f:
            for line in f:
                name, _, value = line.partition(':')
                if name in ('RssAnon', 'RssShmem'):
                    own += int(value.split()[0])
                elif name == 'RssFile':
                    files = int(value.split()[0])
                elif name == 'VmHWM':
                    high = int(value.split()[0])
    except OSError:
        pass
    return own, files, high


class Meter:
    def __init__(self, root):
        self.root = root
        self.peak = 0
        self.over = threading.Event()
        self.thread = None

    def tree(self):
        """{pid: ticks} of the root and its descendants."""
        stats = {}
        for name in os.listdir('/proc'):
            if name.isdigit():
                stat = read_stat(name)
                if stat:
                    stats[int(name)] = stat
        members = {self.root} & stats.keys()
        grows = True
        while grows:
            fresh = {pid for pid, (parent, _) in stats.items() if parent in members} - members
            members |= fresh
            grows = bool(fresh)
        return {pid: stats[pid][1] for pid in members}

    def cpu_s(self):
        return sum(self.tree().values()) / TICKS

    def memory_kib(self):
        """Own pages of every process, and the pages of files (program, libraries) once: as the largest has them."""
        members = [read_memory(pid) for pid in self.tree()]
        if not members:
            return 0
        return sum(m[0] for m in members) + max(m[1] for m in members)

    def sample(self):
        members = self.tree()
        self.peak = max(self.peak, self.memory_kib())
        if len(members) == 1:
            self.peak = max(self.peak, read_memory(self.root)[2])

    def __enter__(self):
        def watch():
            while not self.over.wait(SAMPLE_S):
                self.sample()
        self.thread = threading.Thread(target=watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.sample()


class Machine:
    """How busy all processors are, whoever makes them so."""

    def __init__(self):
        self.busy, self.total = self.read()

    @staticmethod
    def read():
        with open('/proc/stat', encoding='ascii') as f:
            ticks = [int(n) for n in f.readline().split()[1:9]]
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks)

    def share(self, besides_s=0.0):
        """The share of the machine used since then, without `besides_s` seconds of processor time."""
        busy, total = self.read()
        return max(0.0, (busy - self.busy - besides_s * TICKS) / max(1, total - self.total))


def await_quiet(patience_s):
    """Returns when others leave the machine alone, or when patience ends."""
    limit = time.monotonic() + patience_s
    while time.monotonic() < limit:
        machine = Machine()
        time.sleep(0.4)
        if machine.share() < QUIET:
            return
