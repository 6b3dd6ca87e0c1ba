import asyncio
import threading

import pytest

from liteproof_edge.serving.lane import Lane
from liteproof_edge.serving.problems import Code, Problem


def run(scenario, capacity=2, max_wait_s=10.0):
    async def main():
        lane = Lane("test", capacity, max_wait_s, asyncio.get_running_loop())
        try:
            return await scenario(lane)
        finally:
            lane.close()

    return asyncio.run(main())


def test_jobs_are_done_in_order():
    async def scenario(lane):
        done = []
        await asyncio.gather(*(lane.run(lambda each=each: done.append(each)) for each in range(8)))
        return done

    assert run(scenario, capacity=8) == list(range(8))


def test_error_of_a_job_is_raised_where_it_is_awaited():
    async def scenario(lane):
        with pytest.raises(ZeroDivisionError):
            await lane.run(lambda: 1 / 0)
        return await lane.run(lambda: "goes on")

    assert run(scenario) == "goes on"


def test_full_lane_refuses_and_then_takes_again():
    async def scenario(lane):
        gate = threading.Event()
        waiting = [lane.run(gate.wait) for _ in range(2)]
        with pytest.raises(Problem) as refused:
            lane.run(gate.wait)
        gate.set()
        await asyncio.gather(*waiting)
        return refused.value.code, await lane.run(lambda: "taken"), lane.inside

    assert run(scenario) == (Code.BUSY, "taken", 0)


def test_job_that_waited_too_long_is_not_done():
    async def scenario(lane):
        with pytest.raises(Problem, match="waited"):
            await lane.run(pytest.fail)

    run(scenario, max_wait_s=-1.0)


def test_answer_that_nobody_waits_for_is_dropped():
    async def scenario(lane):
        gate = threading.Event()
        abandoned = lane.run(gate.wait)
        abandoned.cancel()
        gate.set()
        return await lane.run(lambda: "next"), lane.inside

    assert run(scenario) == ("next", 0)


def test_job_that_hangs_is_seen():
    async def scenario(lane):
        begun, gate = threading.Event(), threading.Event()
        idle = lane.working_for_s()
        job = lane.run(lambda: (begun.set(), gate.wait()))
        await asyncio.to_thread(begun.wait)
        working = lane.working_for_s()
        gate.set()
        await job
        return idle, working > 0

    assert run(scenario) == (0.0, True)
