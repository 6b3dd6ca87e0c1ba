"""`bench`: how fast the model answers here, and what it takes."""

import argparse
import json

from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.commands.output import complain, show_progress, show_rows
from liteproof_edge.measurement.benchmark import Engine, benchmark
from liteproof_edge.measurement.latency import Latency


def run(options: argparse.Namespace) -> int:
    """Measure the bundle on this machine."""
    result = benchmark(
        Bundle.load(options.bundle),
        Engine(options.runtime, options.reference_kernels, options.threads),
        n=options.count,
        on_progress=show_progress,
    )
    if options.json:
        print(json.dumps(result.to_json()))
        return 0
    machine = result.machine
    show_rows(
        [
            ("bundle", result.bundle),
            ("runtime", f"{result.runtime}, {result.kernels} kernels, threads: {result.threads}"),
            ("machine", f"{machine.model or 'unknown'} ({machine.architecture or 'unknown'})"),
            ("cores", machine.cores or "unknown"),
            ("governor", machine.governor or "unknown"),
            (
                "temperature",
                _celsius(machine.temperature_celsius, result.temperature_after_celsius),
            ),
            ("throttled", _throttled(machine.throttled)),
            ("inference", _latency(result.inference)),
            ("end to end", f"{_latency(result.end_to_end)}, from a picture's bytes to a label"),
            ("throughput", f"{result.throughput_per_second:.0f} pictures/s"),
            ("cold start", _measured(result.cold_start_ms, "ms", "from process start to end")),
            ("peak memory", _measured(result.peak_memory_mib, "MiB", "of that process")),
        ]
    )
    for warning in result.warnings:
        complain(f"warning: {warning}")
    return 0


def _latency(latency: Latency) -> str:
    p50, p90, p99 = latency.p50_us, latency.p90_us, latency.p99_us
    return f"p50 {p50:.0f} µs, p90 {p90:.0f} µs, p99 {p99:.0f} µs (n = {latency.n})"


def _measured(value: float | None, unit: str, meaning: str) -> str:
    return "unknown" if value is None else f"{value:.0f} {unit}, {meaning}"


def _celsius(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return "unknown"
    return f"{before:.1f} °C before, {after:.1f} °C after"


def _throttled(reasons: tuple[str, ...] | None) -> str:
    return "unknown" if reasons is None else ", ".join(reasons) or "no"
