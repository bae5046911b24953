"""What is measured: each case sets the servers up, loads them, and gives one record for each repetition."""
import gzip
import json
import os
import resource
import statistics
import subprocess
import time

from meter import DISTURBED, Machine, Meter, await_quiet, read_memory
from report_readers import write_reports
from servers import NotMeasured, Setup

SINK_PORT, DEAD_PORT = 2550, 2551
SESSIONS = {'opensmtpd': 6}  # its listen queue holds five: more clients than that wait in TCP's timers
LIMIT_S = 90
MIB = 1024


class Bench:
    """Where things are, and how long they may take."""

    def __init__(self, folder, build, servers, args):
        self.folder, self.servers, self.seconds, self.quick = folder, servers, args.seconds, args.quick
        self.repeat, self.patience_s, self.retries = (1, 0, 0) if args.quick else (args.repeat, args.patience, 2)
        self.load_program = os.path.join(build, 'bench/load')
        self.sink_program = os.path.join(build, 'bench/sink')
        self.certificates = {}

    def certificate(self, kind):
        """Self-signed; (certificate, key). `kind`: "p256", "rsa2048" or None."""
        if kind is None:
            return None
        if kind not in self.certificates:
            files = tuple(os.path.join(self.folder, f'{kind}-{part}.pem') for part in ('certificate', 'key'))
            algorithm = {'p256': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], 'rsa2048': ['rsa:2048']}[kind]
            subprocess.run(['openssl', 'req', '-x509', '-nodes', '-subj', '/CN=bench.example', '-days', '30',
                            '-addext', 'subjectAltName=DNS:bench.example,IP:127.0.0.1', '-out', files[0],
                            '-keyout', files[1], '-newkey'] + algorithm, check=True, capture_output=True, timeout=60)
            self.certificates[kind] = files
        return self.certificates[kind]

    def load(self, port, messages, *options, tls=False):
        command = [self.load_program, '--to', f'127.0.0.1:{port}', '--messages', str(messages), '--seconds',
                   str(LIMIT_S), '--stall', '10', *options] + (['--starttls'] if tls else [])
        out = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S * 2, check=False).stdout
        if not out:
            raise NotMeasured('the load generator failed')
        return json.loads(out)

    def tool(self, name, *options):
        """What one of the small programs of bench/ measured."""
        command = [os.path.join(os.path.dirname(self.load_program), name), *options]
        out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
        if not out.stdout:
            raise NotMeasured(f'{name} failed: {out.stderr.strip()}')
        return json.loads(out.stdout)

    def sink(self, expect, certificate, address='127.0.0.1'):
        command = [self.sink_program, '--listen', f'{address}:{SINK_PORT}', '--expect', str(expect), '--seconds',
                   str(LIMIT_S)]
        if certificate:
            command += ['--certificate', certificate[0], '--key', certificate[1]]
        sink = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if not sink.stdout.readline().startswith('listening'):
            sink.wait()
            raise NotMeasured('the sink did not start')
        return sink


def drain(process):
    """The JSON that the sink ends with."""
    try:
        seen = json.loads(process.communicate(timeout=LIMIT_S * 2)[0])
    finally:
        process.kill()
        process.wait()
    if seen['damaged']:
        raise NotMeasured(f'{seen["damaged"]} of {seen["messages"]} messages arrived damaged')
    return seen


class Case:
    """`goals`: (what is promised, figure, "at least" or "at most", bound); see table.py for the figures."""

    kind = 'mail'

    def __init__(self, name, title, goals=(), servers=None):
        self.name, self.title, self.goals, self.only = name, title, goals, servers

    def takes(self, server):
        return server.kind == self.kind and (self.only is None or server.name in self.only)

    def run(self, bench, say):
        """{server name: {"runs": [record, ...], "note": text}}; repetitions go round the servers."""
        takers = [server for server in bench.servers if self.takes(server)]
        results = {server.name: {'runs': [], 'note': ''} for server in takers}
        for turn in range(bench.repeat):
            for server in takers:
                if not results[server.name]['note']:
                    say(f'{self.name}: {server.name}, {turn + 1} of {bench.repeat}')
                    try:
                        results[server.name]['runs'].append(self.least_disturbed(bench, server))
                    except NotMeasured as why:
                        results[server.name]['note'] = str(why)
        return results

    def least_disturbed(self, bench, server):
        """A repetition during which others took much of the machine is tried again, a few times."""
        best = None
        for _ in range(1 + bench.retries):
            await_quiet(bench.patience_s)
            record = self.measure(bench, server)
            if best is None or record.get('foreign', 0) < best.get('foreign', 0):
                best = record
            if best.get('foreign', 0) < DISTURBED:
                break
        return best


class Rate(Case):
    """Messages a second, relayed to the sink, or accepted only."""

    def __init__(self, name, title, goals=(), servers=None, sessions=20, per_connection=1, tls=None, held=False):
        super().__init__(name, title, goals, servers)
        self.sessions, self.per_connection, self.tls, self.held = sessions, per_connection, tls, held
        self.counts = {}

    def options(self, server):
        sessions = min(self.sessions, SESSIONS.get(server.name, self.sessions))
        return ['--sessions', str(sessions), '--per-connection', str(self.per_connection)]

    def once(self, bench, server, messages):
        certificate = bench.certificate(self.tls)
        sink = None if self.held else bench.sink(messages, certificate)
        meter = Meter(server.process.pid)
        before, machine = meter.cpu_s(), Machine()
        try:
            with meter:
                load = bench.load(server.port, messages, *self.options(server), tls=bool(certificate))
                seen = drain(sink) if sink else None
                time.sleep(0.2)
        finally:
            if sink:
                sink.kill()
                sink.wait()
        cpu_s = meter.cpu_s() - before
        tools_s = load['cpu_s'] + (seen['cpu_s'] if seen else 0)
        return dict(self.record(load, seen, cpu_s, meter.peak), foreign=machine.share(besides_s=cpu_s + tools_s))

    @staticmethod
    def record(load, seen, cpu_s, peak_kib):
        done = seen['messages'] if seen else load['accepted']
        seconds = seen['last_s'] - load['started_s'] if seen else load['seconds']
        if done == 0:
            raise NotMeasured(f'no message went through; {load["first_refusal"]}')
        return {'per_s': done / seconds, 'cpu_ms': cpu_s * 1000 / done, 'peak_mib': peak_kib / MIB,
                'p50_ms': load['p50_ms'], 'p99_ms': load['p99_ms'], 'max_ms': load['max_ms'], 'messages': done,
                'missing': load['begun'] - done}

    def measure(self, bench, server):
        """A server starts with an empty queue; a short run first, so that its processes are there."""
        server.start(Setup(SINK_PORT, bench.certificate(self.tls), self.held))
        try:
            warm = self.once(bench, server, 100)
            if server.name not in self.counts and not bench.quick and warm['per_s'] > 100:
                warm = self.once(bench, server, int(min(warm['per_s'], 3000)))
            if server.name not in self.counts:
                wanted = int(max(100, min(warm['per_s'] * bench.seconds, 60000)))
                self.counts[server.name] = 100 if bench.quick else wanted
            return self.once(bench, server, self.counts[server.name])
        finally:
            server.stop()


class Idle(Case):
    """Sessions that are open and silent: what each costs."""
    sessions = {'postfix': 80}  # its default limit is 100 processes, one for each session

    def __init__(self, name, title, goals=(), servers=None, sessions=5000, tls=None):
        super().__init__(name, title, goals, servers)
        self.wanted, self.tls = sessions, tls

    def measure(self, bench, server):
        certificate = bench.certificate(self.tls)
        wanted = min(self.wanted, self.sessions.get(server.name, self.wanted), 50 if bench.quick else self.wanted)
        server.start(Setup(SINK_PORT, certificate, sessions=wanted))
        try:
            meter = Meter(server.process.pid)
            before = meter.memory_kib()
            held = self.hold(bench, server, meter, wanted, bool(certificate))
        finally:
            server.stop()
        return {'sessions': wanted, 'base_mib': before / MIB, 'peak_mib': held / MIB,
                'per_session_kib': (held - before) / wanted}

    def hold(self, bench, server, meter, wanted, tls):
        command = [bench.load_program, '--to', f'127.0.0.1:{server.port}', '--sessions', str(wanted), '--hold', '3',
                   '--opening', '4', '--seconds', str(LIMIT_S)] + (['--starttls'] if tls else [])
        load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            if not load.stdout.readline().startswith('holding'):
                raise NotMeasured(f'it does not hold {wanted} sessions')
            time.sleep(1)
            held = meter.memory_kib()
            if json.loads(load.communicate(timeout=LIMIT_S * 2)[0])['held'] < wanted:
                raise NotMeasured(f'it closed some of {wanted} idle sessions')
            return held
        finally:
            load.kill()
            load.wait()


class Big(Case):
    """Messages of 20 MiB, all at once, through to the sink."""

    def measure(self, bench, server):
        count, size = (4, 2 << 20) if bench.quick else (20, 20 << 20)
        server.start(Setup(SINK_PORT, message_bytes=52428800))
        sink = bench.sink(count, None)
        meter = Meter(server.process.pid)
        try:
            with meter:
                load = bench.load(server.port, count, '--sessions', str(count), '--size', str(size), '--opening',
                                  '4')
                seen = drain(sink)
        finally:
            sink.kill()
            sink.wait()
            server.stop()
        if seen['messages'] < count:
            raise NotMeasured(f'{seen["messages"]} of {count} arrived; {load["first_refusal"]}')
        return {'peak_mib': meter.peak / MIB, 'per_s': count / (seen['last_s'] - load['started_s'])}


class Dead(Case):
    """A long queue for destinations that do not answer."""

    def measure(self, bench, server):
        count = 1000 if bench.quick else 200000
        server.start(Setup(DEAD_PORT, dead=True))
        try:
            with Meter(server.process.pid) as meter:
                load = bench.load(server.port, count, '--sessions', '50', '--per-connection', '50', '--domains', '500')
                if load['accepted'] < count:
                    raise NotMeasured(f'{load["accepted"]} of {count} accepted; {load["first_refusal"]}')
                first_row_s = server.seconds_to_first_row()
            again_s, again_kib = self.restart(bench, server)
        finally:
            server.stop()
        return {'messages': count, 'peak_mib': max(meter.peak, again_kib) / MIB, 'list_s': first_row_s,
                'restart_s': again_s, 'per_s': load['per_second']}

    def restart(self, bench, server):
        """Seconds from starting the program again on the long queue until it has accepted a message."""
        server.kill()
        started = time.monotonic()
        server.launch(server.setup)
        server.await_greeting()
        if bench.load(server.port, 1)['accepted'] != 1:
            raise NotMeasured('it accepts nothing after the restart')
        return time.monotonic() - started, read_memory(server.process.pid)[2]


class Questions(Case):
    """Answers a second of a policy service that knows them all, to 50 clients that each wait for theirs."""
    kind = 'policy'

    def measure(self, bench, server):
        server.start(Setup(SINK_PORT))
        try:
            meter = Meter(server.process.pid)
            before, machine = meter.cpu_s(), Machine()
            with meter:
                asked = bench.tool('ask', '--to', f'127.0.0.1:{server.policy_port}', '--connections', '50', '--seconds',
                                   '1' if bench.quick else str(int(bench.seconds)))
            cpu_s = meter.cpu_s() - before
        finally:
            server.stop()
        if asked['odd']:
            raise NotMeasured(f'{asked["odd"]} odd replies, such as "{asked["first_odd"]}"')
        return {'per_s': asked['per_second'], 'cpu_ms': cpu_s * 1000 / asked['answered'], 'peak_mib': meter.peak / MIB,
                'p50_ms': asked['p50_ms'], 'p99_ms': asked['p99_ms'], 'max_ms': asked['max_ms'],
                'foreign': machine.share(besides_s=cpu_s + asked['cpu_s'])}


class Datagrams(Case):
    """Events of TLS reporting, evenly at 20,000 a second, by senders that do not wait: what becomes of each."""
    kind = 'policy'

    def measure(self, bench, server):
        server.start(Setup(SINK_PORT))
        try:
            meter = Meter(server.process.pid)
            before, machine = meter.cpu_s(), Machine()
            with meter:
                sent = bench.tool('datagrams', '--to', server.datagrams, '--seconds', '1' if bench.quick else '10', '--rate',
                                  '2000' if bench.quick else '20000')
                time.sleep(1)
            cpu_s = meter.cpu_s() - before
        finally:
            server.stop()
        if sent['failed']:
            raise NotMeasured(f'{sent["failed"]} could not be sent: {os.strerror(sent["errno"])}')
        return {'per_s': sent['sent'] / sent['seconds'], 'cpu_ms': cpu_s * 1000 / sent['sent'], 'peak_mib': meter.peak / MIB,
                'lost': sent['lost'], 'missing': sent['sent'] - server.counted(),
                'foreign': machine.share(besides_s=cpu_s + sent['cpu_s'])}


class Certificates(Case):
    """Certificates a second, from 200 STARTTLS servers: one sink that listens on 200 addresses, each in a network of its own."""
    kind, servers = 'scan', 200

    def measure(self, bench, server):
        certificate = bench.certificate('p256')
        server.start(certificate)
        warm = self.once(bench, server, certificate, 1)
        if bench.quick:
            return warm
        # The first run of a program reads it from the disk: it is nobody's figure.
        return self.once(bench, server, certificate, int(max(2, min(warm['per_s'] * bench.seconds / self.servers, 100))))

    def once(self, bench, server, certificate, rounds):
        file, wanted = os.path.join(server.folder, 'servers'), self.servers * rounds
        with open(file, 'w', encoding='utf-8') as out:
            out.writelines(f'127.10.{i + 1}.1:{SINK_PORT}\n' for _ in range(rounds) for i in range(self.servers))
        sink = bench.sink(1, certificate, '0.0.0.0')  # it waits for a message that never comes
        before, machine, started = resource.getrusage(resource.RUSAGE_CHILDREN), Machine(), time.monotonic()
        try:
            done = subprocess.run(server.command(file), capture_output=True, timeout=LIMIT_S, check=False)
            seconds = time.monotonic() - started
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            sink.terminate()
            seen = json.loads(sink.communicate(timeout=LIMIT_S)[0])
        finally:
            sink.kill()
            sink.wait()
        if server.count(done.stdout) != wanted:
            raise NotMeasured(f'{server.count(done.stdout)} certificates of {wanted}; {done.stderr.decode().strip()[-200:]}')
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {'per_s': wanted / seconds, 'cpu_ms': cpu_s * 1000 / wanted,
                'foreign': machine.share(besides_s=cpu_s + seen['cpu_s'])}


class Reports(Case):
    """TLS reports of 20 KiB a second, unpacked and read by one thread; all readers must find the same sessions in them."""
    kind, files = 'reports', 500

    def measure(self, bench, server):
        folder, rounds = os.path.join(bench.folder, 'reports'), 1 if bench.quick else 20
        wanted = 20 if bench.quick else self.files
        if not os.path.exists(folder):
            write_reports(folder, wanted)
        machine = Machine()
        done = subprocess.run(server.command(folder, rounds), capture_output=True, text=True, timeout=LIMIT_S, check=False)
        if done.returncode != 0:
            raise NotMeasured(f'it failed: {done.stderr.strip()[-200:]}')
        read = json.loads(done.stdout)
        if read['reports'] != wanted * rounds or read['success'] != 1000 * read['reports'] or read['failure'] != self.failures(folder) * rounds:
            raise NotMeasured(f'it reads something else: {done.stdout.strip()}')
        return {'per_s': read['reports'] / read['seconds'], 'cpu_ms': read['cpu_s'] * 1000 / read['reports'],
                'foreign': machine.share(besides_s=read['cpu_s'])}

    @staticmethod
    def failures(folder):
        """As Python's own reader counts them."""
        total = 0
        for name in os.listdir(folder):
            with gzip.open(os.path.join(folder, name)) as packed:
                total += json.load(packed)['policies'][0]['summary']['total-failure-session-count']
        return total


BOTH = ('sternpost', 'postfix')
CASES = [
    Rate('clear-1', 'relay in clear, 1 message a connection',
         [('messages/s against Postfix', 'ratio', 'at least', 8),
          ('CPU against Postfix', 'cpu_ratio', 'at most', 1 / 15)]),
    Rate('clear-20', 'relay in clear, 20 messages a connection',
         [('messages/s against Postfix', 'ratio', 'at least', 11),
          ('CPU against Postfix', 'cpu_ratio', 'at most', 1 / 15)], BOTH, per_connection=20),
    Rate('latency-100', 'relay in clear, 100 sessions at a time',
         [('p99 of the 250, ms', 'p99_ms', 'at most', 50)], BOTH, sessions=100),
    Rate('tls-p256-1', 'STARTTLS on both legs, P-256, 1 message a connection',
         [('messages/s against Postfix', 'ratio', 'at least', 4)], BOTH, tls='p256'),
    Rate('tls-rsa-1', 'STARTTLS on both legs, RSA-2048, 1 message a connection',
         [('messages/s against Postfix', 'ratio', 'at least', 2.5)], BOTH, tls='rsa2048'),
    Rate('tls-p256-20', 'STARTTLS on both legs, P-256, 20 messages a connection',
         [('messages/s against Postfix', 'ratio', 'at least', 8)], BOTH, per_connection=20, tls='p256'),
    Rate('accept-1', 'accept only, 1 message a connection',
         [('messages/s against the better of the two', 'ratio_best', 'at least', 5)], held=True),
    Rate('accept-20', 'accept only, 20 messages a connection',
         [('messages/s against the better of the two', 'ratio_best', 'at least', 5)], held=True, per_connection=20),
    Idle('idle-clear', '5,000 idle sessions in clear',
         [('resident, MiB (64 and 12 KiB a session)', 'peak_mib', 'at most', 64 + 5000 * 12 / MIB)]),
    Idle('idle-tls', '2,000 open TLS sessions',
         [('resident, MiB (64 and 40 KiB a session)', 'peak_mib', 'at most', 64 + 2000 * 40 / MIB)], BOTH,
         sessions=2000, tls='p256'),
    Big('big', '20 messages of 20 MiB at once', [('peak memory, MiB', 'peak_mib', 'at most', 128)]),
    Dead('dead', '200,000 messages to dead destinations',
         [('peak memory, MiB', 'peak_mib', 'at most', 256), ('first row of queue list, s', 'list_s', 'at most', 1),
          ('accepts mail after a restart, s', 'restart_s', 'at most', 2)], ('sternpost',)),
    Questions('socketmap', 'policy service, answers a second to 50 connections',
              [('answers/s against mta-sts-resolver', 'ratio_resolver', 'at least', 20),
               ('answers/s against the same with its cache in memory', 'ratio_memory', 'at least', 3),
               ('answers/s against the barest loop', 'ratio_barest', 'at least', 0.7), ('p99, ms', 'p99_ms', 'at most', 5)]),
    Datagrams('datagrams', 'TLSRPT datagrams, 20,000 a second for 10 s',
              [('lost at the socket', 'lost', 'at most', 0), ('not in the store at the end', 'missing', 'at most', 0)],
              ('sternpost',)),
    Certificates('cert-scan', 'certificates a second of 200 STARTTLS servers',
                 [('certificates/s against posttls-finger, 16 at a time', 'ratio_finger', 'at least', 4),
                  ('certificates/s against openssl s_client, 16 at a time', 'ratio_openssl', 'at least', 12)]),
    Reports('reports', 'TLS reports of 20 KiB unpacked and read', [('reports/s against parsedmarc', 'ratio_parsedmarc', 'at least', 1)]),
]


def median_of(runs):
    """One record with the median of each figure, and the spread of the rate."""
    if not runs:
        return {}
    out = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    if 'per_s' in out:
        out['per_s_least'], out['per_s_most'] = min(r['per_s'] for r in runs), max(r['per_s'] for r in runs)
    if 'missing' in out:
        out['missing'] = max(run['missing'] for run in runs)
    return out
