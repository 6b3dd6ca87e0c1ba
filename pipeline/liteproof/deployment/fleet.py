"""Many boards: side by side, and some before the others."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from liteproof.deployment.connection import Connection, cut_all
from liteproof.deployment.rollout import Deployed, Rollout, run_edge
from liteproof.errors import DeploymentError, StoppedError
from liteproof_edge.errors import LiteproofError

SIDE_BY_SIDE = 8
SOAK_STEP_SECONDS = 10.0
CUT_SECONDS = 0.2


@dataclass(slots=True)
class Outcome:
    """What became of each board."""

    done: list[Deployed] = field(default_factory=list)
    failed: dict[str, LiteproofError] = field(default_factory=dict)
    untouched: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, results: Mapping[str, Any]) -> "Outcome":
        """Divide what `each` returned."""
        outcome = cls()
        outcome.add(results)
        return outcome

    def add(self, results: Mapping[str, Any]) -> None:
        """Divide more of it."""
        for host, result in results.items():
            if isinstance(result, LiteproofError):
                self.failed[host] = result
            else:
                self.done.append(result)

    @property
    def exit_code(self) -> int:
        """The greatest of the failures'; 0 where there is none."""
        return max((error.exit_code for error in self.failed.values()), default=0)


def each(hosts: Sequence[str], work: Callable[[str], Any]) -> dict[str, Any]:
    """Do something for each host, side by side; return each result, or its LiteproofError.

    An interrupt cuts every connection, so that each board goes back by itself.
    """
    interrupted = threading.Event()

    def attempt(host: str) -> Any:  # noqa: ANN401 - whatever `work` returns
        try:
            return _stopped(host) if interrupted.is_set() else work(host)
        except LiteproofError as error:
            return _stopped(host) if interrupted.is_set() else error

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        futures = [pool.submit(attempt, host) for host in hosts]
        try:
            wait(futures)
        except KeyboardInterrupt:
            interrupted.set()
            while wait(futures, CUT_SECONDS).not_done:
                cut_all()
        return {host: future.result() for host, future in zip(hosts, futures, strict=True)}


def _stopped(host: str) -> StoppedError:
    return StoppedError(f"{host}: interrupted; `liteproof status` tells what it runs")


def roll_out(
    rollout: Rollout,
    hosts: Sequence[str],
    canary: int,
    soak_seconds: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Deploy to the first `canary` hosts; to the rest only if those verify and stay healthy.

    Canaries that do not stay healthy go back, all of them.
    """
    outcome = Outcome()
    first, rest = hosts[:canary], hosts[canary:]
    outcome.add(each(first, rollout.deploy))
    if first and not outcome.failed:
        _soak(rollout, first, outcome, soak_seconds, sleep)
    if outcome.failed:
        outcome.untouched += rest
    else:
        outcome.add(each(rest, rollout.deploy))
    return outcome


def _soak(
    rollout: Rollout,
    hosts: Sequence[str],
    outcome: Outcome,
    seconds: float,
    sleep: Callable[[float], None],
) -> None:
    config = rollout.options.config

    def watch(host: str) -> None:
        with Connection(host, config) as board:
            rollout.see_health(board)

    for host in hosts if seconds else ():
        rollout.report(host, f"has to stay healthy for {seconds:g} s")
    left = seconds
    while left > 0:
        step = min(left, SOAK_STEP_SECONDS)
        try:
            sleep(step)
        except KeyboardInterrupt:
            outcome.failed |= {host: _stopped(host) for host in hosts}
            break
        left -= step
        for host, result in each(hosts, watch).items():
            if isinstance(result, LiteproofError):
                outcome.failed[host] = result
        if outcome.failed:
            break
    if outcome.failed:
        each(hosts, lambda host: roll_back(host, config))
        outcome.done.clear()


def roll_back(host: str, config: Path | None, health_seconds: float = 120.0) -> dict[str, Any]:
    """Have a board run its previous release again; return its status.

    Raises:
        DeploymentError: there is none, or it does not answer; then all is as it was.
    """
    with Connection(host, config) as board:
        board.ask("lock", holder="a roll back")
        previous = board.ask("status")["previous"]
        if previous is None:
            raise DeploymentError(f"{host}: no earlier release is there")
        board.ask("switch", release=previous)
        run_edge(board, "current", ["verify", "bundle", "--json", "--allow-downgrade"])
        sha256 = board.ask("status")["about"].get("manifest_sha256")
        if sha256 is None:
            raise DeploymentError(f"{host}: the record of its earlier release is damaged")
        board.ask("wait", manifest_sha256=sha256, seconds=health_seconds)
        board.ask("confirm")
        status: dict[str, Any] = board.ask("status")
        return status


def status(host: str, config: Path | None) -> dict[str, Any]:
    """Return what a board is and runs: what its agent's `look` answers.

    Raises:
        DeviceError: it cannot be reached.
    """
    with Connection(host, config) as board:
        found: dict[str, Any] = board.ask("look")
        return found
