#!/usr/bin/python3
"""The load generator against the sink: what was accepted is what was recorded, in clear, in TLS, slow and rude."""
import json
import os
import subprocess
import sys
import tempfile

LOAD, SINK = sys.argv[1], sys.argv[2]
LIMIT_S = 60

CASES = [
    # name, options of load, options of sink, messages sent, messages accepted
    ('one a connection', [], [], 400, 400),
    ('twenty a connection', ['--per-connection', '20'], [], 400, 400),
    ('no pipelining', ['--per-connection', '3'], ['--no-pipelining'], 200, 200),
    ('TLS', ['--starttls', '--per-connection', '2'], 'TLS', 100, 100),
    ('large', ['--size', '3000000', '--sessions', '4'], [], 8, 8),
    ('large in TLS', ['--size', '3000000', '--sessions', '4', '--starttls'], 'TLS', 8, 8),
    ('every fifth recipient refused', [], ['--answer', 'rcpt=450 4.2.0 busy', '--every', 'rcpt=5'], 100, 80),
    ('late answers', ['--rate', '500'], ['--delay', 'end=20', '--delay', 'mail=5'], 60, 60),
    ('odd sizes', ['--size', '77', '--per-connection', '2'], [], 50, 50),
]


def make_certificate(folder):
    key, certificate = os.path.join(folder, 'key.pem'), os.path.join(folder, 'certificate.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                    '-subj', '/CN=sink.example', '-days', '2', '-keyout', key, '-out', certificate],
                   check=True, capture_output=True, timeout=LIMIT_S)
    return ['--certificate', certificate, '--key', key]


def run_case(folder, tls, name, load_options, sink_options, sent, taken):
    accepted, received = os.path.join(folder, 'accepted'), os.path.join(folder, 'received')
    if os.path.exists(received):
        os.unlink(received)
    sink = subprocess.Popen([SINK, '--seconds', str(LIMIT_S), '--record', received]
                            + (tls if sink_options == 'TLS' else sink_options), stdout=subprocess.PIPE, text=True)
    try:
        address = sink.stdout.readline().split()[1]
        load = subprocess.run([LOAD, '--to', address, '--messages', str(sent), '--record', accepted, '--seconds',
                               str(LIMIT_S)] + load_options, stdout=subprocess.PIPE, text=True, timeout=2 * LIMIT_S)
        counts = json.loads(load.stdout)
        sink.terminate()
        seen = json.loads(sink.communicate(timeout=LIMIT_S)[0])
    finally:
        sink.kill()
        sink.wait()
    with open(accepted) as one, open(received) as other:
        same = sorted(one.read().split()) == sorted(line.split()[0] for line in other)
    if not same or counts['accepted'] != taken or counts['broken'] != 0 or seen['messages'] != taken or seen['damaged']:
        sys.exit(f'{name}: the records differ, or a message is missing or damaged\n{counts}\n{seen}')
    if sink_options == 'TLS' and seen['handshakes'] != seen['connections']:
        sys.exit(f'{name}: not every connection used TLS\n{seen}')


with tempfile.TemporaryDirectory() as scratch:
    certificate_options = make_certificate(scratch)
    for case in CASES:
        run_case(scratch, certificate_options, *case)
