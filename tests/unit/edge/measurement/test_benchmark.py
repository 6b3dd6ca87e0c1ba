import itertools
import json
import shutil
import stat
import sys
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from liteproof_edge.bundle.reader import GOLDEN, Bundle
from liteproof_edge.errors import BundleError, GateError
from liteproof_edge.measurement import benchmark as module
from liteproof_edge.measurement.benchmark import WARM_UP, Engine, benchmark
from liteproof_edge.measurement.latency import Latency
from liteproof_edge.measurement.machine import Machine
from liteproof_edge.runtime.loading import Runtime, installed

N = 25  # more than there are golden pictures: they are gone through again
HELD_BYTES = 256 << 20  # far more than one classifying process needs
MACHINE = Machine("Board", "aarch64", 4, 40.0, "performance", 1500.0, ())


@pytest.fixture(scope="session")
def measured(bundle):
    return benchmark(bundle, n=N, starts=1)


@pytest.fixture
def no_process(bundle, monkeypatch, tmp_path):
    """Let no process be started, but for the one in which a model is tried out the first time."""
    for runtime in installed():
        for reference_kernels in (False, True):
            with module.Classifier(bundle, runtime=runtime, reference_kernels=reference_kernels):
                pass
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))


def executable(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.parametrize(
    ("times_us", "expected"),
    [
        ([7.0], (7.0, 7.0, 7.0)),
        ([2.0, 1.0], (1.0, 2.0, 2.0)),
        (range(100, 0, -1), (50, 90, 99)),
        (range(1, 1001), (500, 900, 990)),
        (range(1, 102), (51, 91, 100)),
    ],
)
def test_percentiles_are_the_nearest_rank_of_known_times(times_us, expected):
    assert Latency.of(times_us) == Latency(*expected, len(times_us))


def test_percentiles_are_numpys_inverted_distribution_for_random_times():
    times_us = np.random.default_rng(0).exponential(100, 1234)
    latency = Latency.of(times_us.tolist())

    assert [latency.p50_us, latency.p90_us, latency.p99_us] == np.percentile(
        times_us, [50, 90, 99], method="inverted_cdf"
    ).tolist()


def test_every_figure_is_there_on_each_runtime(bundle, each_runtime):
    result = benchmark(bundle, Engine(each_runtime), n=N, starts=1)

    assert result.runtime.startswith(each_runtime.value)
    for figure in (
        result.inference.p50_us,
        result.end_to_end.p50_us,
        result.throughput_per_second,
        result.cold_start_ms,
        result.peak_memory_mib,
    ):
        assert figure > 0


@pytest.mark.parametrize("kind", ["inference", "end_to_end"])
def test_percentiles_ascend_in_each_latency(measured, kind):
    latency = getattr(measured, kind)

    assert latency.p50_us <= latency.p90_us <= latency.p99_us


@pytest.mark.parametrize("n", [1, N])
def test_each_latency_is_of_as_many_times_as_asked_for(bundle, no_process, n):
    result = benchmark(bundle, n=n)

    assert (result.inference.n, result.end_to_end.n) == (n, n)


def test_the_bundle_and_its_settings_are_named_in_the_result(measured, bundle):
    assert (measured.bundle, measured.kernels, measured.threads, measured.starts) == (
        bundle.name,
        "shipping",
        1,
        1,
    )


@pytest.mark.parametrize(
    ("reference_kernels", "kernels"), [(False, "shipping"), (True, "reference")]
)
def test_the_interpreter_gets_the_settings_that_were_asked_for(
    bundle, no_process, monkeypatch, reference_kernels, kernels
):
    asked = {}

    class Spy(module.Classifier):
        def __init__(self, bundle, **settings):
            asked.update(settings)
            super().__init__(bundle, **settings)

    monkeypatch.setattr(module, "Classifier", Spy)
    result = benchmark(bundle, Engine(Runtime.LITERT, reference_kernels, threads=2), n=1)

    assert asked == {
        "runtime": Runtime.LITERT,
        "reference_kernels": reference_kernels,
        "threads": 2,
    }
    assert (result.kernels, result.threads) == (kernels, 2)


def test_end_to_end_times_are_the_clocks_own(bundle, no_process):
    clock = itertools.count(0, 3_000_000)
    result = benchmark(bundle, n=N, clock=lambda: next(clock))

    assert result.end_to_end == Latency(3000.0, 3000.0, 3000.0, N)


def test_throughput_is_pictures_by_the_clocks_time(bundle, golden, no_process):
    clock = itertools.count(0, 500_000_000)
    n = 2 * len(golden.pictures)
    result = benchmark(bundle, n=n, clock=lambda: next(clock))

    # Two rounds through the golden pictures, of half a second each.
    assert result.throughput_per_second == n


def test_warm_up_calls_come_before_those_that_count(bundle, no_process, monkeypatch):
    classified = []

    class Spy(module.Classifier):
        def classify(self, picture):
            classified.append(picture)
            return super().classify(picture)

    monkeypatch.setattr(module, "Classifier", Spy)
    benchmark(bundle, n=N)

    assert len(classified) == WARM_UP + N


def test_progress_ascends_to_all_that_is_measured(bundle):
    seen = []
    benchmark(bundle, n=N, starts=1, on_progress=lambda *progress: seen.append(progress))

    assert seen == sorted(set(seen))
    assert seen[-1] == (2 * N + 1, 2 * N + 1)
    assert {total for _, total in seen} == {2 * N + 1}


def test_progress_ends_at_all_where_no_process_can_start(bundle, no_process):
    seen = []
    benchmark(bundle, n=1, starts=3, on_progress=lambda *progress: seen.append(progress))

    assert seen[-1] == (5, 5)


def test_cold_start_is_the_median_and_memory_the_largest_of_several(bundle, monkeypatch):
    starts = iter([(30.0, 5.0), (10.0, 7.0), (20.0, 6.0)])
    monkeypatch.setattr(module, "_start", lambda *_: next(starts))
    result = benchmark(bundle, n=1, starts=3)

    assert (result.cold_start_ms, result.peak_memory_mib, result.starts) == (20.0, 7.0, 3)


def test_each_process_uses_the_chosen_runtime(bundle, monkeypatch, each_runtime):
    used = []
    monkeypatch.setattr(module, "_start", lambda *given: used.append(given[2]) or (1.0, 1.0))
    benchmark(bundle, Engine(each_runtime), n=1, starts=2)

    assert used == [each_runtime] * 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs wait4")
def test_memory_is_the_childs_own_where_this_process_holds_more(bundle):
    held = np.ones(HELD_BYTES, np.uint8)
    result = benchmark(bundle, n=1, starts=1)

    assert 0 < result.peak_memory_mib < held.nbytes / (1 << 20)


def test_a_bundle_is_found_where_its_path_looks_like_an_option(bundle, tmp_path, monkeypatch):
    shutil.copytree(bundle.path, tmp_path / "-bundle")
    monkeypatch.chdir(tmp_path)
    result = benchmark(Bundle.load("-bundle"), n=1, starts=1)

    assert result.cold_start_ms > 0


def test_a_process_that_fails_is_an_error_with_its_last_line(copied):
    bundle = Bundle.load(copied)
    shutil.rmtree(copied)

    with pytest.raises(GateError, match=r"ended with 4, expected 0: .*manifest.json: not found"):
        benchmark(bundle, n=1, starts=1)


def test_cold_start_is_unknown_where_no_process_can_start(bundle, no_process):
    result = benchmark(bundle, n=1)

    assert (result.cold_start_ms, result.peak_memory_mib, result.starts) == (None, None, 0)
    assert "no process can start: " in result.warnings[-1]


@pytest.mark.parametrize("script", ["echo one >&2; echo two >&2; exit 3", "echo what"])
def test_cold_start_is_unknown_where_what_starts_is_no_python(
    bundle, tmp_path, monkeypatch, script
):
    monkeypatch.setattr(sys, "executable", executable(tmp_path / "python", script))
    result = benchmark(bundle, n=1)

    assert result.cold_start_ms is None
    assert "\n" not in result.warnings[-1]


def test_golden_vectors_are_missed_where_a_bundle_has_none(bundle):
    files = MappingProxyType({k: v for k, v in bundle.files.items() if k != GOLDEN})

    with pytest.raises(BundleError, match=r"has no golden\.npz"):
        benchmark(replace(bundle, files=files), n=1)


def test_the_machine_is_read_before_and_its_temperature_and_warnings_after(
    bundle, no_process, monkeypatch
):
    hot = replace(MACHINE, temperature_celsius=85.0)
    machines = iter([MACHINE, hot])
    monkeypatch.setattr(module, "read_machine", lambda: next(machines))
    result = benchmark(bundle, n=1)

    assert (result.machine, result.temperature_after_celsius) == (MACHINE, 85.0)
    assert result.warnings[:-1] == hot.warnings()


def test_json_comes_back_the_same_from_a_round_trip(measured):
    throttled = replace(MACHINE, throttled=("throttled now",))
    plain = replace(measured, machine=throttled, warnings=("one", "two")).to_json()

    assert json.loads(json.dumps(plain)) == plain


def test_json_holds_every_figure_by_its_name(measured):
    plain = measured.to_json()

    assert plain["inference"]["p50_us"] == measured.inference.p50_us
    assert plain["machine"]["cores"] == measured.machine.cores
    assert plain["cold_start_ms"] == measured.cold_start_ms
