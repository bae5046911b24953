"""Programs that read TLS reports, and reports for them to read."""
import gzip
import json
import os

from servers import NotMeasured

HERE = os.path.dirname(os.path.abspath(__file__))
TEXT_BYTES, HEAD_BYTES = 20 * 1024, 500


class ReadSternpost:
    kind, name = 'reports', 'sternpost'

    def __init__(self, _folder, build):
        self.build = build

    def command(self, folder, rounds):
        return [os.path.join(self.build, 'bench/read_reports'), folder, str(rounds)]


class ReadParsedmarc:
    """Where PARSEDMARC names a checkout of it."""
    kind, name = 'reports', 'parsedmarc'

    def __init__(self, _folder, _build):
        self.checkout = os.environ.get('PARSEDMARC', '')

    def command(self, folder, rounds):
        if not os.path.exists(os.path.join(self.checkout, 'parsedmarc/__init__.py')):
            raise NotMeasured('not to be had: PARSEDMARC names no checkout of it')
        return ['/usr/bin/python3', os.path.join(HERE, 'parsedmarc_read.py'), self.checkout, folder, str(rounds)]


def failure(number, at):
    return {'result-type': 'validation-failure', 'sending-mta-ip': f'198.51.100.{(number + at) % 254}', 'receiving-ip': f'192.0.2.{at % 254}',
            'receiving-mx-hostname': f'mx{at % 9}.example.org', 'receiving-mx-helo': f'mx{at % 9}.example.org ready',
            'failed-session-count': 1, 'failure-reason-code': f'handshake failure {hash((number, at)) & 0xffffffff:08x} of {at}'}


def failures(number):
    """As many as a report of 20 KiB has."""
    made, size = [], 0
    while size < TEXT_BYTES - HEAD_BYTES:
        made.append(failure(number, len(made)))
        size += len(json.dumps(made[-1], separators=(',', ':'))) + 1
    return made


def write_reports(folder, count):
    """So many of about 20 KiB, gzipped, all different."""
    os.makedirs(folder, exist_ok=True)
    for number in range(count):
        details = failures(number)
        report = {
            'organization-name': f'Sender {number % 97}', 'contact-info': f'tls@sender{number % 97}.example', 'report-id': f'{number}@s.example',
            'date-range': {'start-datetime': '2026-11-24T00:00:00Z', 'end-datetime': '2026-11-24T23:59:59Z'},
            'policies': [{'policy': {'policy-type': 'sts', 'policy-domain': 'example.org', 'mx-host': ['mx.example.org']},
                          'summary': {'total-successful-session-count': 1000, 'total-failure-session-count': len(details)},
                          'failure-details': details}]}
        with open(os.path.join(folder, f'{number}.json.gz'), 'wb') as out:
            out.write(gzip.compress(json.dumps(report, separators=(',', ':')).encode()))


REPORT_READERS = [ReadSternpost, ReadParsedmarc]
