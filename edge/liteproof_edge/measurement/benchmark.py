"""How fast this device answers, how long a start takes, and the memory that it needs."""

import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.bundle.golden import Golden
from liteproof_edge.bundle.reader import GOLDEN, Bundle
from liteproof_edge.classifier import Classifier
from liteproof_edge.errors import BundleError, GateError, one_line
from liteproof_edge.measurement.latency import Latency
from liteproof_edge.measurement.machine import Machine, read_machine
from liteproof_edge.measurement.processes import measure
from liteproof_edge.runtime.loading import Runtime
from liteproof_edge.runtime.session import Session

WARM_UP = 20  # calls of each kind before those that count


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What was measured, and where.

    Attributes:
        bundle: its name.
        runtime: name and version.
        kernels: those that an application gets, or the slow ones that every CPU agrees on.
        threads: of the interpreter.
        inference: the model alone, on the golden inputs.
        end_to_end: from an encoded golden picture to its label.
        throughput_per_second: pictures that the model alone answers in a second.
        cold_start_ms: median time of whole processes that classify one picture, in milliseconds,
            their files cached by the system; None where no process can start.
        peak_memory_mib: the most memory that one of them held at once, in MiB, or None.
        starts: how many of them there were.
        machine: the board before.
        temperature_after_celsius: of the board afterwards, in °C.
        warnings: why not to trust the figures, one line each.
    """

    bundle: str
    runtime: str
    kernels: Literal["shipping", "reference"]
    threads: int
    inference: Latency
    end_to_end: Latency
    throughput_per_second: float
    cold_start_ms: float | None
    peak_memory_mib: float | None
    starts: int
    machine: Machine
    temperature_after_celsius: float | None
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return every figure as JSON has it: dicts, lists, numbers, texts and None."""
        return asdict(
            self,
            dict_factory=lambda pairs: {
                key: list(value) if isinstance(value, tuple) else value for key, value in pairs
            },
        )


@dataclass(frozen=True, slots=True)
class Engine:
    """What runs the model.

    Attributes:
        runtime: which; None takes the preferred one of those installed.
        reference_kernels: the slow kernels instead of those that an application gets.
        threads: for the interpreter, 1 or more. The processes of the cold start take their own.
    """

    runtime: Runtime | None = None
    reference_kernels: bool = False
    threads: int = 1


PREFERRED = Engine()


def benchmark(
    bundle: Bundle,
    engine: Engine = PREFERRED,
    *,
    n: int = 1000,
    starts: int = 3,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> Benchmark:
    """Measure a bundle on this device.

    Args:
        bundle: from `Bundle.load`.
        engine: what runs its model.
        n: pictures for the model alone, and again from end to end; 1 or more.
        starts: processes for the cold start, 1 or more.
        on_progress: called with the measurements done and those in all, now and then.
        clock: returns nanoseconds from an arbitrary start.

    Raises:
        BundleError: the golden vectors are missing, damaged or do not fit the model.
        PictureError: the preprocessing refuses a golden picture.
        RuntimeMissingError: there is no such runtime here.
        GateError: a process that classifies one picture failed.
    """
    if GOLDEN not in bundle.files:
        raise BundleError(f"{bundle.path}: has no {GOLDEN}, expected pictures to measure with")
    golden = Golden.from_bytes(bundle.golden, str(bundle.path / GOLDEN))
    before, total = read_machine(), 2 * n + starts
    with Classifier(
        bundle,
        runtime=engine.runtime,
        reference_kernels=engine.reference_kernels,
        threads=engine.threads,
    ) as classifier:
        loaded, session = classifier.session.runtime, classifier.session
        _time_inference(session, golden.inputs, WARM_UP, clock, lambda _: None)
        inference_us, wall_ns = _time_inference(
            session, golden.inputs, n, clock, lambda done: on_progress(done, total)
        )
        _time_end_to_end(classifier, golden.pictures, WARM_UP, clock, lambda _: None)
        end_to_end_us = _time_end_to_end(
            classifier, golden.pictures, n, clock, lambda done: on_progress(n + done, total)
        )
    started: list[tuple[float, float]] = []
    unmeasured: tuple[str, ...] = ()
    for done in range(2 * n + 1, total + 1):
        try:
            started.append(_start(bundle.path, golden.pictures[0], loaded.runtime))
        except (OSError, ValueError) as error:
            unmeasured = (
                f"cold start and memory not measured: no process can start: {one_line(str(error))}",
            )
            started.clear()
            on_progress(total, total)
            break
        on_progress(done, total)
    after = read_machine()
    return Benchmark(
        bundle=bundle.name,
        runtime=str(loaded),
        kernels="reference" if engine.reference_kernels else "shipping",
        threads=engine.threads,
        inference=Latency.of(inference_us),
        end_to_end=Latency.of(end_to_end_us),
        throughput_per_second=n / (wall_ns / 1e9),
        cold_start_ms=statistics.median(wall for wall, _ in started) if started else None,
        peak_memory_mib=max(peak for _, peak in started) if started else None,
        starts=len(started),
        machine=before,
        temperature_after_celsius=after.temperature_celsius,
        warnings=after.warnings() + unmeasured,
    )


def _time_inference(
    session: Session,
    inputs: NDArray[np.uint8],
    n: int,
    clock: Callable[[], int],
    on_progress: Callable[[int], None],
) -> tuple[list[float], int]:
    """Run the inputs over and over; return n times in µs, and nanoseconds for all of them."""
    times_us: list[float] = []
    wall_ns = 0
    while len(times_us) < n:
        begin = clock()
        _, some_us = session.run_many(inputs[: n - len(times_us)])
        wall_ns += clock() - begin
        times_us += some_us.tolist()
        on_progress(len(times_us))
    return times_us, wall_ns


def _time_end_to_end(
    classifier: Classifier,
    pictures: Sequence[bytes],
    n: int,
    clock: Callable[[], int],
    on_progress: Callable[[int], None],
) -> list[float]:
    """Classify the encoded pictures over and over; return n times in µs."""
    times_us: list[float] = []
    for picture in itertools.islice(itertools.cycle(pictures), n):
        begin = clock()
        classifier.classify(picture)
        times_us.append((clock() - begin) / 1000)
        on_progress(len(times_us))
    return times_us


def _start(bundle: Path, picture: bytes, runtime: Runtime) -> tuple[float, float]:
    """Classify one picture in a process of its own.

    Returns:
        Milliseconds from its start to its end, and its peak memory in MiB.

    Raises:
        GateError: it failed.
        OSError: no process can be started here.
        ValueError: what was started is not Python.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture"
        file.write_bytes(picture)
        command = ["-m", "liteproof_edge", "classify", str(bundle.absolute()), str(file)]
        done = measure([sys.executable, *command, "--runtime", runtime.value])
    if done.exit_code:
        raise GateError(
            f"{bundle}: a process that classifies one picture ended with {done.exit_code}, "
            f"expected 0: {done.message.removeprefix('liteproof-edge: ') or 'it said nothing'}"
        )
    return done.wall_ms, done.peak_mib
