"""Work on pictures in separate processes, which import liteproof_edge and never TensorFlow."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from typing import TypeVar

from liteproof.tensorflow_setup import available_cores
from liteproof_edge.errors import DatasetError

CHUNK = 32  # pictures in a task: few enough to stop soon, enough to outweigh handing them over
AHEAD = 2  # tasks for each process that wait or are done: what bounds the memory

Task = TypeVar("Task")
Result = TypeVar("Result")


def in_processes(
    work: Callable[[Task], Result], tasks: Iterable[Task], processes: int | None = None
) -> Generator[Result]:
    """Yield `work(task)` for each task, in their order; close the generator to stop early.

    A single task is not worth a process, and is done in this one.

    Args:
        work: a function at the top of a module that does not import TensorFlow.
        tasks: taken as they are needed, never all at once.
        processes: how many; None: one for each core.

    Raises:
        DatasetError: a process died.
    """
    remaining = iter(tasks)
    first = list(islice(remaining, 2))
    if len(first) < 2:
        yield from map(work, first)
        return
    processes = processes or available_cores()
    # Spawned: TensorFlow's threads do not survive a fork.
    pool = ProcessPoolExecutor(
        processes, mp_context=multiprocessing.get_context("spawn"), initializer=_begin
    )
    waiting: deque[Future[Result]] = deque()
    try:
        for task in chain(first, remaining):
            waiting.append(pool.submit(work, task))
            if len(waiting) > AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise DatasetError(
            "a process that decodes pictures died; is there enough memory, and is each a picture?"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Leave an interrupt to the parent, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
