"""A bounded queue, and the thread that works it off."""

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from liteproof_edge.serving.problems import Code, Problem

Result = TypeVar("Result")


class _Job(NamedTuple):
    work: Callable[[], Any]
    answer: "asyncio.Future[Any]"
    until: float


class Lane:
    """Runs jobs one after the other in a thread of its own; a job that finds it full is refused.

    Args:
        name: of the thread.
        capacity: jobs that may be inside at once, the one that is being worked on included.
        max_wait_s: a job that waited longer is refused too.
        loop: the event loop, from whose thread alone `run` may be called.

    Attributes:
        inside: jobs that wait or are being worked on.
        taken: all jobs so far.
    """

    def __init__(
        self, name: str, capacity: int, max_wait_s: float, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.capacity, self._max_wait_s, self._loop = capacity, max_wait_s, loop
        self.inside = self.taken = 0
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._told = False
        self._working_since: float | None = None
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Callable[[], Result]) -> "asyncio.Future[Result]":
        """Queue a job.

        Raises:
            Problem: too many wait already.
        """
        if self.inside >= self.capacity:
            raise Problem(Code.BUSY, f"{self.inside} requests wait already; try again soon")
        self.inside += 1
        self.taken += 1
        answer: asyncio.Future[Result] = self._loop.create_future()
        self._jobs.put(_Job(work, answer, time.monotonic() + self._max_wait_s))
        return answer

    def working_for_s(self) -> float:
        """Return for how many seconds the present job has run; 0 where there is none."""
        since = self._working_since
        return 0.0 if since is None else time.monotonic() - since

    def close(self) -> None:
        """End the thread, once it has worked off what waits."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._working_since = now = time.monotonic()
            result, error = None, None
            try:
                if now > job.until:
                    raise Problem(Code.BUSY, f"waited for {self._max_wait_s:g} s; try again soon")
                result = job.work()
            except Exception as raised:  # noqa: BLE001 - it is raised again where it is awaited
                error = raised
            self._working_since = None
            self._done.append((job.answer, result, error))
            if not self._told:  # one wake-up of the loop is enough for all that is done by then
                self._told = True
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._told = False  # first, so that what is appended from now on is told of again
        while self._done:
            answer, result, error = self._done.popleft()
            self.inside -= 1
            if answer.done():  # nobody waits for it any more
                continue
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)
