"""Measuring a whole process: how long it takes, and the memory that it needs at most."""

import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

MAX_RSS_BYTES = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss
# Starts a command from a process of some 8 MiB. Linux counts the memory of the process that starts
# a child as the child's own: started from one of 300 MiB, a bare Python had a peak of 311 MiB, and
# of 8 MiB by way of this (Linux 6.18, n = 1).
STARTER = """
import os, sys, time
silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
begin = time.perf_counter_ns()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=silent)
_, status, usage = os.wait4(child, 0)
wall_ns = time.perf_counter_ns() - begin
print(os.waitstatus_to_exitcode(status), wall_ns, usage.ru_maxrss)
"""


class Process(NamedTuple):
    """A process that has ended; `message` is the last line of its standard error."""

    exit_code: int
    wall_ms: float
    peak_mib: float
    message: str


def measure(command: Sequence[str]) -> Process:
    """Run a command to its end; its standard output is dropped.

    Raises:
        OSError: no process can be started here.
        ValueError: this Python cannot be started again.
    """
    done = subprocess.run(  # noqa: S603 - the caller's command
        [sys.executable, "-I", "-S", "-c", STARTER, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    message = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    if done.returncode:
        raise OSError(message or f"exit code {done.returncode}")
    exit_code, wall_ns, max_rss = map(int, done.stdout.split())
    return Process(exit_code, wall_ns / 1e6, max_rss * MAX_RSS_BYTES / (1 << 20), message)
