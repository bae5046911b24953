"""The mail servers that are compared: how each is set up in a folder, started and stopped."""
import os
import shutil
import socket
import subprocess
import time

import sandbox

START_S, STOP_S = 20, 20


class Setup:
    """What a case asks of a server."""

    def __init__(self, sink_port, certificate=None, held=False, message_bytes=10240000, dead=False,
                 sessions=1000):
        self.sink_port = sink_port
        self.certificate = certificate  # (certificate file, key file): STARTTLS on both legs; None: in clear
        self.held = held                # accept, deliver nothing
        self.message_bytes = message_bytes
        self.dead = dead                # the sink's port refuses connections
        self.sessions = sessions        # clients at a time


class NotMeasured(Exception):
    """Why a server cannot take part in a case."""


class Server:
    name = port = None
    kind = 'mail'  # or "policy": bench/policy_servers.py

    def __init__(self, folder, build):
        self.folder, self.build = os.path.join(folder, self.name), build
        self.process = self.setup = None

    def spawn(self, command, **more):
        with open(os.path.join(self.folder, 'log'), 'ab') as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more)

    def start(self, setup):
        """With an empty queue; returns when it greets."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.setup = setup
        self.prepare(setup)
        self.launch(setup)
        self.await_greeting()
        self.after_start(setup)

    def after_start(self, setup):
        pass

    def await_greeting(self):
        limit = time.monotonic() + START_S
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                break
            try:
                with socket.create_connection(('127.0.0.1', self.port), timeout=5) as s:
                    if s.recv(100).startswith(b'220'):
                        s.sendall(b'QUIT\r\n')
                        return
            except OSError:
                time.sleep(0.02)
        raise NotMeasured(f'it did not start: {self.last_words()}')

    def await_port(self, port):
        limit = time.monotonic() + START_S
        while time.monotonic() < limit and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(('127.0.0.1', port)) == 0:
                    return
            time.sleep(0.02)
        raise NotMeasured(f'it did not start: {self.last_words()}')

    def last_words(self):
        try:
            with open(os.path.join(self.folder, 'log'), encoding='utf-8', errors='replace') as f:
                return ' / '.join(f.read().strip().splitlines()[-3:])
        except OSError:
            return 'no log'

    def kill(self):
        """As a power failure would."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def need_peer(program):
    if not sandbox.is_inside():
        raise NotMeasured('it needs root')
    if not os.path.exists(program):
        raise NotMeasured(f'{program} is not there; run tools/install-deps --test')


class Postfix(Server):
    """Debian's defaults apart from what relaying to the sink needs; its own folders, so no instance is disturbed."""
    name, port = 'postfix', 2501
    master = '/usr/lib/postfix/sbin/master'

    def prepare(self, setup):
        need_peer(self.master)
        queue, data, conf = (os.path.join(self.folder, name) for name in ('queue', 'data', 'conf'))
        os.makedirs(conf)
        self.make_queue(queue)
        os.makedirs(data)
        shutil.chown(data, 'postfix')
        write(os.path.join(conf, 'main.cf'), self.main_cf(setup, queue, data))
        write(os.path.join(conf, 'master.cf'), self.master_cf())
        self.conf = conf

    @staticmethod
    def make_queue(queue):
        os.makedirs(queue)
        for name in ('active', 'bounce', 'corrupt', 'defer', 'deferred', 'flush', 'hold', 'incoming', 'private',
                     'saved', 'trace', 'maildrop', 'public', 'pid'):
            path = os.path.join(queue, name)
            os.mkdir(path, 0o700)
            if name != 'pid':
                shutil.chown(path, 'postfix')
        for name, mode in (('maildrop', 0o730), ('public', 0o710)):
            shutil.chown(os.path.join(queue, name), 'postfix', 'postdrop')
            os.chmod(os.path.join(queue, name), mode | 0o2000 if name == 'public' else mode)
        os.chmod(os.path.join(queue, 'pid'), 0o755)

    def master_cf(self):
        """Debian's own file: the port is ours, and no chroot, for which it would want a tree of libraries."""
        out = []
        with open('/usr/share/postfix/master.cf.dist', encoding='utf-8') as f:
            for line in f:
                fields = line.split()
                if not line.startswith(('#', ' ', '\t')) and len(fields) > 7:
                    if fields[:2] == ['smtp', 'inet']:
                        fields[0] = f'127.0.0.1:{self.port}'
                    fields[4] = 'n'
                    line = ' '.join(fields) + '\n'
                out.append(line)
        return ''.join(out)

    def main_cf(self, setup, queue, data):
        with open('/usr/share/postfix/main.cf.debian', encoding='utf-8') as f:
            lines = [f.read(), f'queue_directory = {queue}', f'data_directory = {data}',
                     f'myhostname = {sandbox.HOST}',
                     f'relayhost = [127.0.0.1]:{setup.sink_port}', 'mynetworks = 127.0.0.0/8',
                     'inet_interfaces = loopback-only', 'inet_protocols = ipv4', 'mydestination =', 'alias_maps =',
                     f'message_size_limit = {setup.message_bytes}', 'mailbox_size_limit = 0']
        if setup.held:
            lines.append('smtpd_client_restrictions = check_client_access static:HOLD')
        if setup.certificate:
            lines += ['smtpd_tls_security_level = encrypt', f'smtpd_tls_cert_file = {setup.certificate[0]}',
                      f'smtpd_tls_key_file = {setup.certificate[1]}', 'smtp_tls_security_level = encrypt']
        return '\n'.join(lines) + '\n'

    def launch(self, setup):
        self.spawn([self.master, '-c', self.conf])


class OpenSmtpd(Server):
    """A queue folder of its own under the path that is compiled in."""
    name, port = 'opensmtpd', 2502
    program, spool = '/usr/sbin/smtpd', '/var/spool/smtpd'

    def prepare(self, setup):
        need_peer(self.program)
        spool = os.path.join(self.folder, 'spool')
        os.makedirs(spool)
        os.chmod(spool, 0o711)
        for name in ('queue', 'corrupt', 'incoming', 'purge', 'temporary', 'offline'):
            path = os.path.join(spool, name)
            os.mkdir(path)
            os.chmod(path, 0o770 if name == 'offline' else 0o700)
            shutil.chown(path, 'root' if name == 'offline' else 'opensmtpq',
                         'opensmtpq' if name == 'offline' else 'root')
        sandbox.run('mount', '--bind', spool, self.spool)
        self.conf = os.path.join(self.folder, 'smtpd.conf')
        write(self.conf, self.smtpd_conf(setup))

    def smtpd_conf(self, setup):
        tls, relay = '', 'smtp+notls'
        lines = []
        if setup.certificate:
            lines = [f'pki bench cert "{setup.certificate[0]}"', f'pki bench key "{setup.certificate[1]}"']
            tls, relay = 'tls-require pki bench ', 'smtp+tls'
        lines += [f'smtp max-message-size {setup.message_bytes}',
                  f'listen on 127.0.0.1 port {self.port} {tls}hostname {sandbox.HOST}',
                  f'action "out" relay host "{relay}://127.0.0.1:{setup.sink_port}"'
                  + (' tls no-verify' if setup.certificate else ''),
                  'match from any for any action "out"']
        return '\n'.join(lines) + '\n'

    def launch(self, setup):
        self.spawn([self.program, '-d', '-f', self.conf])

    def after_start(self, setup):
        if setup.held:
            # It insists on being set-group-id, which an unpacked package is not.
            subprocess.run(['smtpctl', 'pause', 'mta'], check=True, timeout=START_S, stdout=subprocess.DEVNULL,
                           group='opensmtpq')

    def stop(self):
        super().stop()
        subprocess.run(['umount', self.spool], check=False, timeout=30, capture_output=True)


class Sternpost(Server):
    """A relay listener, one host that is the sink, one route to it; everything else is as delivered."""
    name, port = 'sternpost', 2500

    def program(self):
        return os.path.join(self.build, 'src/cli/sternpost')

    def prepare(self, setup):
        if not os.path.exists(self.program()):
            raise NotMeasured('it is not built')
        self.conf, self.socket = os.path.join(self.folder, 'sternpost.conf'), os.path.join(self.folder, 'control.sock')
        write(self.conf, self.sternpost_conf(setup))

    def sternpost_conf(self, setup):
        tls, certificate = 'tls = none', ''
        if setup.certificate:
            tls = 'certificates = {"bench"}'
            certificate = (f'certificate "bench" {{\n  chain = "{setup.certificate[0]}"\n'
                           f'  key = "{setup.certificate[1]}"\n}}\n')
        return (f'hostname = "{sandbox.HOST}"\nstore = "sqlite:{self.folder}/sternpost.db"\n'
                f'control-socket = "{self.socket}"\n{certificate}'
                f'limits {{\n  connections = {max(5000, setup.sessions + 100)}\n'
                f'  connections-per-address = {max(5000, setup.sessions + 100)}\n}}\n'
                f'listener "bench" {{\n  role = relay\n  address = {{"127.0.0.1:{self.port}"}}\n'
                f'  networks = {{"127.0.0.0/8"}}\n  {tls}\n}}\n')

    def command(self, *words):
        return [self.program(), *words, '--config', self.conf]

    def tell(self, *words):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=START_S, check=False)
        if done.returncode != 0:
            raise NotMeasured(f'sternpost {" ".join(words)}: {done.stderr.strip()}')

    def launch(self, setup):
        self.spawn(self.command('serve'))

    def after_start(self, setup):
        self.tell('host', 'add', 'sink', '--servers', f'127.0.0.1:{setup.sink_port}', '--tls',
                  'encrypt' if setup.certificate else 'none', '--allow-private', 'true')
        self.tell('route', 'add', '*', '--host', 'sink')
        if setup.held:
            self.tell('gateway', 'set', '--pause-deliveries', 'true')

    def seconds_to_first_row(self):
        """How long `queue list` takes to print anything."""
        started = time.monotonic()
        with subprocess.Popen(self.command('queue', 'list'), stdout=subprocess.PIPE) as listing:
            listing.stdout.readline()
            listing.stdout.readline()
            seconds = time.monotonic() - started
            listing.kill()
        return seconds


SERVERS = [Sternpost, Postfix, OpenSmtpd]
