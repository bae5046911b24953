"""A world of its own for the servers: own network (loopback alone), mounts, process ids and host name.

In it Postfix and OpenSMTPD lie where Debian puts them although neither is installed, their users exist although
the system has none of them, and no process outlives the run. Outside nothing changes. Needs root; without it only
sternpost can be measured.
"""
import os
import subprocess
import sys

MARK = 'STERNPOST_BENCH_SANDBOX'
HOST = 'bench.example'
USERS = {'postfix': 801, 'opensmtpd': 802, 'opensmtpq': 803}
GROUPS = {'postfix': 801, 'opensmtpd': 802, 'opensmtpq': 803, 'postdrop': 804}


def enter():
    """Starts this program again inside, unless it is there, or is not root. Does not return when it did."""
    if os.environ.get(MARK) or os.geteuid() != 0:
        return
    os.environ[MARK] = 'yes'
    command = ['unshare', '--net', '--mount', '--uts', '--pid', '--fork', '--kill-child', '--mount-proc']
    os.execvp(command[0], command + [sys.executable] + sys.argv)


def is_inside():
    return bool(os.environ.get(MARK))


def run(*command):
    subprocess.run(command, check=True, timeout=30)


def lay_over(folder, *above):
    """Shows the folders `above` merged into `folder`, read-only; nothing is written to disk."""
    there = [path for path in above if os.path.isdir(path)]
    if there:
        run('mount', '-t', 'overlay', 'overlay', '-o', 'ro,lowerdir=' + ':'.join(there + [folder]), folder)


def lines_with(file, names, line):
    """The text of `file` and a line for each of the names that it lacks."""
    with open(file, encoding='utf-8') as f:
        text = f.read()
    have = {entry.split(':', 1)[0] for entry in text.splitlines()}
    return text + ''.join(line(name, number) + '\n' for name, number in names.items() if name not in have)


def replace_file(folder, target, text):
    copy = os.path.join(folder, os.path.basename(target))
    with open(copy, 'w', encoding='utf-8') as f:
        f.write(text)
    os.chmod(copy, 0o644)
    run('mount', '--bind', copy, target)


def furnish(folder, peers):
    """Network, users and the peers' files. `peers`: where packages are unpacked, each in a folder of its name."""
    etc, skeleton = os.path.join(folder, 'etc'), os.path.join(folder, 'skeleton')
    os.makedirs(etc, exist_ok=True)
    os.makedirs(os.path.join(skeleton, 'lib/opensmtpd/empty'), exist_ok=True)
    os.makedirs(os.path.join(skeleton, 'spool/smtpd'), exist_ok=True)
    os.makedirs(os.path.join(folder, 'run'), exist_ok=True)
    run('ip', 'link', 'set', 'lo', 'up')
    run('hostname', HOST)
    with open('/proc/sys/net/unix/max_dgram_qlen', 'w', encoding='ascii') as f:
        f.write('512')  # as systemd sets it; a new network begins with 10
    replace_file(etc, '/etc/passwd', lines_with('/etc/passwd', USERS,
                 lambda name, n: f'{name}:x:{n}:{n}::/nonexistent:/usr/sbin/nologin'))
    replace_file(etc, '/etc/group', lines_with('/etc/group', GROUPS, lambda name, n: f'{name}:x:{n}:'))
    replace_file(etc, '/etc/hosts', f'127.0.0.1 localhost {HOST}\n')
    run('mount', '--bind', os.path.join(folder, 'run'), '/run')
    lay_over('/usr', os.path.join(peers, 'postfix/usr'), os.path.join(peers, 'opensmtpd/usr'))
    lay_over('/var/lib', os.path.join(skeleton, 'lib'))
    lay_over('/var/spool', os.path.join(skeleton, 'spool'))
