import os
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest

from liteproof.data.parallel import AHEAD, in_processes
from liteproof_edge.errors import DatasetError

GONE_SECONDS = 10  # for processes whose parent was killed to end; it takes some milliseconds


def test_results_come_in_the_order_of_the_tasks_from_other_processes():
    tasks = [f"({n}, __import__('os').getpid())" for n in range(8)]

    results = list(in_processes(eval, tasks, processes=2))

    assert [number for number, _ in results] == list(range(8))
    assert os.getpid() not in {process for _, process in results}


def test_single_task_is_done_in_this_process():
    assert list(in_processes(eval, ["__import__('os').getpid()"])) == [os.getpid()]


def test_processes_that_decode_import_no_tensorflow():
    task = "__import__('liteproof.data.decoding') and 'tensorflow' in __import__('sys').modules"

    assert list(in_processes(eval, [task] * 2, processes=1)) == [False, False]


def test_tasks_are_taken_as_they_are_needed():
    tasks = count()
    results = in_processes(str, tasks, processes=1)

    assert next(results) == "0"
    results.close()
    assert next(tasks) <= 2 + AHEAD


def test_process_that_dies_is_an_error():
    with pytest.raises(DatasetError, match="a process that decodes pictures died"):
        list(in_processes(eval, ["__import__('os')._exit(1)"] * 2, processes=1))


def test_processes_end_with_a_parent_that_is_killed():
    code = (
        "from liteproof.data.parallel import in_processes\n"
        "results = in_processes(eval, ['__import__(\"os\").getpid()'] * 2, processes=1)\n"
        "print(next(results), flush=True); input()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        deadline = time.monotonic() + GONE_SECONDS
        while _runs(child) and time.monotonic() < deadline:
            time.sleep(0.01)

    assert not _runs(child)


def _runs(process):
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
