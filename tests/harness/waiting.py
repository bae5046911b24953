"""Waiting for something to become true, with a limit."""
import time


def until(probe, seconds=20, what="the condition"):
    """Calls probe() until it returns something true, and returns that; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)
