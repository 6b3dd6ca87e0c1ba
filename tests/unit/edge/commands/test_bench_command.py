import json
from dataclasses import replace

import pytest

from liteproof_edge.commands import bench as module
from liteproof_edge.measurement.benchmark import Benchmark, Engine
from liteproof_edge.measurement.latency import Latency
from liteproof_edge.measurement.machine import Machine
from liteproof_edge.runtime.loading import Runtime

MACHINE = Machine("Raspberry Pi 4", "aarch64", 4, 40.0, "performance", 1500.0, ())
RESULT = Benchmark(
    bundle="mnist",
    runtime="tflite-runtime 2.14.0",
    kernels="shipping",
    threads=1,
    inference=Latency(50.4, 60.0, 70.0, 12),
    end_to_end=Latency(150.4, 160.0, 170.0, 12),
    throughput_per_second=12345.6,
    cold_start_ms=111.4,
    peak_memory_mib=39.4,
    starts=3,
    machine=MACHINE,
    temperature_after_celsius=55.25,
    warnings=(),
)
END_TO_END = "p50 150 µs, p90 160 µs, p99 170 µs (n = 12), from a picture's bytes to a label"
PRINTED = [
    "bundle          mnist",
    "runtime         tflite-runtime 2.14.0, shipping kernels, threads: 1",
    "machine         Raspberry Pi 4 (aarch64)",
    "cores           4",
    "governor        performance",
    "temperature     40.0 °C before, 55.2 °C after",
    "throttled       no",
    "inference       p50 50 µs, p90 60 µs, p99 70 µs (n = 12)",
    f"end to end      {END_TO_END}",
    "throughput      12346 pictures/s",
    "cold start      111 ms, from process start to end",
    "peak memory     39 MiB, of that process",
]


@pytest.fixture
def bench(run, released, monkeypatch):
    """Print a result of our own making; returns the lines of both streams."""

    def show(result, *options):
        monkeypatch.setattr(module, "benchmark", lambda *_, **__: result)
        exit_code, out, err = run("bench", released, *options)
        assert exit_code == 0
        return out, err

    return show


@pytest.fixture
def asked(run, released, monkeypatch):
    """Return what the benchmark is asked for."""

    def ask(*options):
        seen = []

        def spy(bundle, engine, *, n, **_):
            seen.append((bundle.name, engine, n))
            return RESULT

        monkeypatch.setattr(module, "benchmark", spy)
        run("bench", released, *options)
        return seen

    return ask


def test_bench_prints_what_was_measured(bench):
    assert bench(RESULT) == (PRINTED, [])


def test_bench_prints_json_of_what_was_measured(bench):
    (line,), err = bench(RESULT, "--json")
    assert (json.loads(line), err) == (RESULT.to_json(), [])


def test_bench_says_what_the_board_does_not_tell(bench):
    machine = Machine(None, None, None, None, None, None, None)
    out, _ = bench(replace(RESULT, machine=machine, temperature_after_celsius=None))
    assert out[2:7] == [
        "machine         unknown (unknown)",
        "cores           unknown",
        "governor        unknown",
        "temperature     unknown",
        "throttled       unknown",
    ]


def test_bench_says_what_was_not_measured(bench):
    out, _ = bench(replace(RESULT, cold_start_ms=None, peak_memory_mib=None))
    assert out[10:] == ["cold start      unknown", "peak memory     unknown"]


def test_bench_names_each_limit_of_the_board(bench):
    limits = ("under-voltage now", "throttled since boot")
    out, _ = bench(replace(RESULT, machine=replace(MACHINE, throttled=limits)))
    assert out[6] == "throttled       under-voltage now, throttled since boot"


def test_bench_prints_warnings_to_standard_error(bench):
    out, err = bench(replace(RESULT, warnings=("it is hot", "it is slow")))
    assert out == PRINTED
    assert err == [
        "liteproof-edge: warning: it is hot",
        "liteproof-edge: warning: it is slow",
    ]


def test_bench_gives_warnings_in_json(bench):
    (line,), _ = bench(replace(RESULT, warnings=("it is hot",)), "--json")
    assert json.loads(line)["warnings"] == ["it is hot"]


def test_bench_measures_1000_pictures_as_an_application_runs_them(asked):
    assert asked() == [("mnist", Engine(), 1000)]


def test_bench_measures_what_it_is_asked_to(asked):
    options = ("--runtime", "ai-edge-litert", "--reference-kernels", "--threads", "3", "-n", "7")
    expected = Engine(Runtime.LITERT, reference_kernels=True, threads=3)
    assert asked(*options) == [("mnist", expected, 7)]


def test_bench_measures_the_released_bundle(run, released):
    exit_code, (line,), _ = run("bench", released, "-n", "2", "--json")
    result = json.loads(line)
    assert (exit_code, result["bundle"]) == (0, "mnist")
    assert (result["inference"]["n"], result["end_to_end"]["n"], result["starts"]) == (2, 2, 3)
    assert 0 < result["inference"]["p50_us"] <= result["inference"]["p99_us"]
    assert result["cold_start_ms"] > result["end_to_end"]["p50_us"] / 1000
    assert result["peak_memory_mib"] > 1


def test_bench_fails_with_4_on_a_missing_bundle(run, tmp_path):
    exit_code, out, err = run("bench", tmp_path / "none")
    assert (exit_code, out, len(err)) == (4, [], 1)
    assert str(tmp_path / "none/manifest.json") in err[0]


def test_bench_fails_with_4_on_a_damaged_bundle(run, copied):
    (copied / "golden.npz").write_bytes(b"")
    exit_code, out, err = run("bench", copied)
    assert (exit_code, out, len(err)) == (4, [], 1)


def test_bench_fails_with_7_where_there_is_no_runtime(run, released, no_runtime):
    exit_code, out, err = run("bench", released)
    assert (exit_code, out, len(err)) == (7, [], 1)
    assert "pip install" in err[0]
