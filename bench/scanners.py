"""Programs that fetch the certificates of many mail servers: sternpost by itself, the others sixteen processes at a time, as one
would with xargs."""
import json
import os
import shutil

from servers import NotMeasured, need_peer, write

AT_A_TIME = 16


class Scanner:
    """`command(list)` is what fetches from the servers in that file, "ADDRESS:PORT" each; `count` reads from its output how many
    certificates there are."""
    kind, name = 'scan', None

    def __init__(self, folder, build):
        self.folder, self.build = os.path.join(folder, self.name), build

    def start(self, certificate):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.prepare(certificate)

    def prepare(self, certificate):
        pass

    def each(self, script):
        """A shell command for each server, which stands in $1."""
        return lambda servers: ['xargs', '-a', servers, '-P', str(AT_A_TIME), '-n', '1', 'sh', '-c', script, 'sh']

    def count(self, output):
        return output.count(b'-----BEGIN CERTIFICATE-----')


class ScanSternpost(Scanner):
    """With everything that it does beside fetching: each chain is judged, and described as JSON."""
    name = 'sternpost'

    def prepare(self, certificate):
        self.bundle, self.conf = certificate[0], os.path.join(self.folder, 'sternpost.conf')
        anchor = os.path.join(self.folder, 'anchor.key')
        write(anchor, 'anchor.invalid. IN DS 12345 13 2 ' + 'ab' * 32 + '\n')
        write(self.conf, 'hostname = "bench.example"\n'
              f'store = "sqlite:{self.folder}/sternpost.db"\n'
              f'certificate "default" {{\n  chain = "{certificate[0]}"\n  key = "{certificate[1]}"\n}}\n'
              'listener "mx" {\n  role = "mx"\n  address = {"127.0.0.1:2500"}\n}\n'
              f'resolver {{\n  forwarders = {{"127.0.0.1@9"}}\n  trust-anchor-file = "{anchor}"\n}}\n')

    def command(self, servers):
        """The servers are ours: they mind no haste."""
        return [os.path.join(self.build, 'src/cli/sternpost'), 'cert', 'scan', servers, '-c', self.conf, '--ca', self.bundle,
                '--address-interval', '0']

    def count(self, output):
        found = [json.loads(line) for line in output.splitlines()]
        return sum(1 for line in found if line['stage'] == 'complete' and line['certificate']['sha256'])


class Finger(Scanner):
    name, program = 'posttls-finger', '/usr/sbin/posttls-finger'

    def prepare(self, certificate):
        need_peer(self.program)
        write(os.path.join(self.folder, 'main.cf'), 'compatibility_level = 3.6\ninet_protocols = ipv4\nmyhostname = bench.example\n')
        self.command = self.each(f'MAIL_CONFIG={self.folder} {self.program} -c -C -l encrypt "[${{1%:*}}]:${{1##*:}}" 2>&1')


class OpenSsl(Scanner):
    name = 'openssl'

    def prepare(self, certificate):
        if shutil.which('openssl') is None:
            raise NotMeasured('it is not installed')
        self.command = self.each('openssl s_client -starttls smtp -connect "$1" </dev/null 2>/dev/null | '
                                 "sed -n '/BEGIN/,/END/p'")


SCANNERS = [ScanSternpost, Finger, OpenSsl]
