"""The results as a table for people, and what became of each promise."""
from cases import CASES, median_of
from meter import DISTURBED

PEERS = ('postfix', 'opensmtpd')
COLUMNS = ('case', 'server', 'messages/s', 'spread', 'against Postfix', 'CPU ms/message', 'p50', 'p99', 'max ms',
           'peak MiB', 'remarks')


def summarise(results):
    """{case: {server: medians, with ratios}}"""
    out = {}
    for case, servers in results.items():
        rows = {name: dict(median_of(found['runs']), note=found['note']) for name, found in servers.items()}
        for row in rows.values():
            add_ratios(row, rows)
        out[case] = rows
    return out


def add_ratios(row, rows):
    postfix = rows.get('postfix', {})
    best = max((rows[p].get('per_s', 0) for p in PEERS if p in rows), default=0)
    if row.get('per_s') and postfix.get('per_s'):
        row['ratio'] = row['per_s'] / postfix['per_s']
    if row.get('per_s') and best:
        row['ratio_best'] = row['per_s'] / best
    for key, name in (('ratio_resolver', 'mta-sts-resolver'), ('ratio_memory', 'mta-sts-resolver-memory'), ('ratio_barest', 'ping-pong'),
                      ('ratio_finger', 'posttls-finger'), ('ratio_openssl', 'openssl'), ('ratio_parsedmarc', 'parsedmarc')):
        if row.get('per_s') and rows.get(name, {}).get('per_s'):
            row[key] = row['per_s'] / rows[name]['per_s']
    if row.get('cpu_ms') and postfix.get('cpu_ms'):
        row['cpu_ratio'] = row['cpu_ms'] / postfix['cpu_ms']


def number(value, digits=1):
    return '' if value is None else f'{value:,.{digits}f}'


def remarks(row):
    parts = [row['note']] if row['note'] else []
    if row.get('missing'):
        parts.append(f'{row["missing"]:.0f} not done at the end')
    if row.get('foreign', 0) >= DISTURBED:
        parts.append(f'other work took {row["foreign"] * 100:.0f} % of the machine')
    if 'lost' in row:
        parts.append(f'{row["lost"]:,.0f} lost at the socket')
    if 'per_session_kib' in row:
        parts.append(f'{row["sessions"]:,.0f} sessions, {row["per_session_kib"]:.1f} KiB each')
    if 'list_s' in row:
        parts.append(f'queue list after {row["list_s"]:.2f} s, restart accepts after {row["restart_s"]:.2f} s')
    return '; '.join(parts)


def row_of(title, name, row):
    spread = f'{number(row["per_s_least"], 0)}-{number(row["per_s_most"], 0)}' if 'per_s_least' in row else ''
    ratio = f'{row["ratio"]:.1f}x' if 'ratio' in row and name != 'postfix' else ''
    return (title, name, number(row.get('per_s'), 0 if row.get('per_s', 0) >= 100 else 1), spread, ratio,
            number(row.get('cpu_ms'), 3), number(row.get('p50_ms')), number(row.get('p99_ms')),
            number(row.get('max_ms')), number(row.get('peak_mib')), remarks(row))


def rows_of(summary):
    titles = {case.name: case.title for case in CASES}
    for case, servers in summary.items():
        for i, (name, row) in enumerate(servers.items()):
            yield row_of(titles[case] if i == 0 else '', name, row)


def promises(summary):
    """(case, what, figure or None, relation, bound, verdict) for each goal of the cases that were run."""
    for case in CASES:
        rows = summary.get(case.name, {})
        ours = rows.get('sternpost')
        if ours is None:
            continue
        busy = any(row.get('foreign', 0) >= DISTURBED for row in rows.values())
        for what, key, relation, bound in case.goals:
            got = ours.get(key)
            kept = got is not None and (got >= bound if relation == 'at least' else got <= bound)
            verdict = ('reached' if kept else 'NOT REACHED') + (', on a busy machine: not sure' if busy else '')
            yield case.title, what, got, relation, bound, verdict


def markdown(header, rows):
    lines = ['| ' + ' | '.join(header) + ' |', '| ' + ' | '.join('---' for _ in header) + ' |']
    return '\n'.join(lines + ['| ' + ' | '.join(str(cell) for cell in row) + ' |' for row in rows])


def render(summary):
    verdicts = [(title, what, f'{relation} {bound:.3g}', 'not measured' if got is None else f'{got:.3g}', verdict)
                for title, what, got, relation, bound, verdict in promises(summary)]
    return (markdown(COLUMNS, rows_of(summary)) + '\n\n'
            + markdown(('case', 'goal', 'bound', 'measured', 'verdict'), verdicts) + '\n')
