"""Percentiles of measured times."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of n times, in microseconds."""

    p50_us: float
    p90_us: float
    p99_us: float
    n: int

    @classmethod
    def of(cls, times_us: Sequence[float]) -> "Latency":
        """Summarise times in microseconds, at least one, by nearest rank.

        p90 is the smallest of the times that 90 % of them do not exceed: each percentile is a time
        that was measured, never one between two. Source: Hyndman and Fan 1996, "Sample quantiles
        in statistical packages", definition 1.
        """
        ranked, n = sorted(times_us), len(times_us)
        p50_us, p90_us, p99_us = (ranked[-(-percent * n // 100) - 1] for percent in (50, 90, 99))
        return cls(p50_us, p90_us, p99_us, n)

    def by_percentile(self) -> dict[int, float]:
        """Return percentile → microseconds."""
        return {50: self.p50_us, 90: self.p90_us, 99: self.p99_us}
