#!/usr/bin/python3
"""parsedmarc_read.py CHECKOUT FOLDER ROUNDS: what read_reports does, by the parser of a checkout of parsedmarc. Modules that are not
installed are stood in for by nothing: the parser of TLS reports needs none but dateutil, and what it imports beside that is for mailboxes and databases."""
import gzip
import importlib.machinery
import json
import pathlib
import sys
import time
from unittest.mock import MagicMock


class StandIn:
    """Found last: whatever is really there comes first."""

    @staticmethod
    def find_spec(name, _path=None, _target=None):
        if name.split('.')[0] in ('parsedmarc', 'dateutil'):
            return None
        return importlib.machinery.ModuleSpec(name, StandIn, is_package=True)

    @staticmethod
    def create_module(spec):
        module = MagicMock(name=spec.name)
        module.__path__ = []
        return module

    @staticmethod
    def exec_module(_module):
        pass


def main(checkout, folder, rounds):
    sys.path.insert(0, checkout)
    sys.meta_path.append(StandIn)
    from parsedmarc import parse_smtp_tls_report_json  # pylint: disable=import-outside-toplevel
    files = [file.read_bytes() for file in pathlib.Path(folder).iterdir()]
    count = success = failure = 0
    started, spent = time.monotonic(), time.process_time()
    for packed in files * int(rounds):
        report = parse_smtp_tls_report_json(gzip.decompress(packed))
        count += 1
        success += sum(policy['successful_session_count'] for policy in report['policies'])
        failure += sum(policy['failed_session_count'] for policy in report['policies'])
    print(json.dumps({'reports': count, 'success': success, 'failure': failure, 'seconds': time.monotonic() - started,
                      'cpu_s': time.process_time() - spent}))


main(*sys.argv[1:])
