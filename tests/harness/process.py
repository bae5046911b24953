"""Child processes that are ended by their own id, and whose sanitizer findings fail the test."""
import os
import pathlib
import signal
import subprocess

END_SECONDS = 20


def sanitizer_environment(folder):
    """Findings are fatal and are written into `folder`, where findings() looks for them."""
    env = dict(os.environ)
    for name, options in (("ASAN_OPTIONS", "halt_on_error=1:detect_leaks=1:detect_stack_use_after_return=1:"
                           "verify_asan_link_order=0"),
                          ("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")):
        env[name] = f"{options}:log_path={folder}/sanitizer"
    return env


def findings(folder):
    return "\n".join(file.read_text(errors="replace") for file in sorted(pathlib.Path(folder).glob("sanitizer.*")))


class Process:
    """A program in the foreground, its output in a file."""

    def __init__(self, command, log, env=None, cwd=None):
        self.log = pathlib.Path(log)
        with self.log.open("ab") as output:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                          env=env, cwd=cwd, start_new_session=True)

    @property
    def pid(self):
        return self.child.pid

    def is_running(self):
        return self.child.poll() is None

    def send(self, number):
        if self.is_running():
            os.kill(self.pid, number)

    def end(self, number=signal.SIGTERM):
        """Ends the process and returns its exit status; a process that does not go is killed and is a failure."""
        self.send(number)
        try:
            return self.child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"process {self.pid} did not end within {END_SECONDS} s; {self.tail()}") from None

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self):
        return f"end of {self.log.name}:\n" + "\n".join(self.text().splitlines()[-25:])
