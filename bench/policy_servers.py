"""Policy services for Postfix that are compared, and the barest loop that there can be: each knows the policies of d0.example.test
and so on before it is asked."""
import json
import os
import sqlite3
import time
from contextlib import closing

from servers import NotMeasured, Server, Sternpost, write

DOMAINS = 1000
MX = ('mx1.example.test', '*.mail.example.test', 'backup.example.test')
FIELDS = ['version: STSv1', 'mode: enforce', *(f'mx: {mx}' for mx in MX), 'max_age: 604800']
PEERS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), '.cache/peers')


def domains():
    return [f'd{number}.example.test' for number in range(DOMAINS)]


class PolicySternpost(Sternpost):
    """Records of the domains come from the configuration, their policies lie in the store: so nothing leaves the machine."""
    kind, policy_port = 'policy', 8461

    def sternpost_conf(self, setup):
        records = [f'{domain}. 3600 IN MX 10 mx1.example.test.' for domain in domains()]
        records += [f'_mta-sts.{domain}. 3600 IN TXT v=STSv1\\;id=1\\;' for domain in domains()]
        records.append('mx1.example.test. 3600 IN A 127.0.0.1')
        anchor = os.path.join(self.folder, 'anchor.key')
        write(anchor, 'anchor.invalid. IN DS 12345 13 2 ' + 'ab' * 32 + '\n')
        self.datagrams = os.path.join(self.folder, 'tlsrpt.sock')
        return (super().sternpost_conf(setup)
                + f'bridge {{\n  socketmap = "127.0.0.1:{self.policy_port}"\n  tlsrpt-socket = "{self.datagrams}"\n}}\n'
                + f'resolver {{\n  forwarders = {{"127.0.0.1@9"}}\n  trust-anchor-file = "{anchor}"\n  local-data = {{'
                + ', '.join(f"'{record}'" for record in records) + '}\n}\n')

    def launch(self, setup):
        """A first start makes the store; the policies are put there before the second."""
        super().launch(setup)
        self.await_greeting()
        self.stop()
        now = int(time.time())
        with closing(sqlite3.connect(os.path.join(self.folder, 'sternpost.db'))) as store, store:
            store.executemany('INSERT INTO sts_policy (domain, id, text, fetched, expires, checked, used) VALUES (?, ?, ?, ?, ?, ?, ?)',
                              [(domain, '1', '\n'.join(FIELDS) + '\n', now, now + 604800, now, now) for domain in domains()])
        super().launch(setup)

    def after_start(self, setup):
        pass

    def counted(self):
        """Connections told by datagrams, as they stand in the store once the daemon has ended."""
        with closing(sqlite3.connect(os.path.join(self.folder, 'sternpost.db'))) as store, store:
            return store.execute("SELECT coalesce(sum(value), 0) FROM report_count WHERE detail IN ('', '!')").fetchone()[0]


class Resolver(Server):
    """postfix-mta-sts-resolver, with its cache filled as of now, so that it neither asks DNS nor fetches."""
    kind, name, policy_port = 'policy', 'mta-sts-resolver', 8462
    program = os.path.join(PEERS, 'postfix-mta-sts-resolver/usr/lib/python3/dist-packages')

    def prepare(self, setup):
        if not os.path.exists(self.program):
            raise NotMeasured('it is not unpacked; run tools/install-deps --test')
        self.conf = os.path.join(self.folder, 'mta-sts-daemon.yml')
        write(self.conf, json.dumps({'host': '127.0.0.1', 'port': self.policy_port, 'cache_grace': 3600, 'cache': self.cache()}))

    def body(self):
        return {'version': 'STSv1', 'mode': 'enforce', 'mx': list(MX), 'max_age': 604800}

    def cache(self):
        file = os.path.join(self.folder, 'cache.db')
        with closing(sqlite3.connect(file)) as store, store:
            store.execute('create table sts_policy_cache (domain text, ts integer, pol_id text, pol_body text)')
            store.executemany('insert into sts_policy_cache values (?, ?, ?, ?)',
                              [(domain, int(time.time()), '1', json.dumps(self.body())) for domain in domains()])
        return {'type': 'sqlite', 'options': {'filename': file}}

    def command(self):
        return ['/usr/bin/python3', '-c', 'from postfix_mta_sts_resolver.daemon import main; main()', '-c', self.conf, '-v', 'error']

    def launch(self, setup):
        self.spawn(self.command(), env={**os.environ, 'PYTHONPATH': self.program})

    def await_greeting(self):
        self.await_port(self.policy_port)


class MemoryResolver(Resolver):
    """The same with its cache in memory, which can be filled from inside the process alone: by this file, as a program."""
    name, policy_port = 'mta-sts-resolver-memory', 8463

    def cache(self):
        return {'type': 'internal', 'options': {'cache_size': 10000}}

    def command(self):
        return ['/usr/bin/python3', os.path.abspath(__file__), '-c', self.conf, '-v', 'error']


class Barest(Server):
    """One thread, one epoll, a read and a write for each request, the same reply to everything."""
    kind, name, policy_port = 'policy', 'ping-pong', 8464

    def prepare(self, setup):
        pass

    def launch(self, setup):
        reply = 'OK secure match=' + ':'.join(mx.lstrip('*') for mx in MX) + ' servername=hostname'
        self.spawn([os.path.join(self.build, 'bench/ask'), '--serve', f'127.0.0.1:{self.policy_port}', '--reply', reply])

    def await_greeting(self):
        self.await_port(self.policy_port)


POLICY_SERVERS = [PolicySternpost, Resolver, MemoryResolver, Barest]


def run_resolver_with_full_memory():
    from postfix_mta_sts_resolver import base_cache, daemon, internal_cache  # pylint: disable=import-outside-toplevel

    class Filled(internal_cache.InternalLRUCache):
        async def setup(self):
            for domain in domains():
                await self.set(domain, base_cache.CacheEntry(time.time(), '1', Resolver.body(None)))

    internal_cache.InternalLRUCache = Filled
    daemon.main()


if __name__ == '__main__':
    run_resolver_with_full_memory()
