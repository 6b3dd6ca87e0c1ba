"""What `/metrics` tells Prometheus."""

from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
MODEL_SECONDS = (0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.1, 1)


class Metrics:
    """Counts and times, in a registry of their own.

    Args:
        waiting: returns how many requests wait or are being answered.
    """

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "liteproof_requests", "Requests answered.", ("route", "status"), registry=registry
        )
        self._counter = cache(self._requests.labels)  # it takes longer than to count
        self._seconds = Histogram(
            "liteproof_classify_seconds",
            "From a request's headers to its response, of /v1/classify.",
            buckets=SECONDS,
            registry=registry,
        )
        self._model_seconds = Histogram(
            "liteproof_model_seconds",
            "The model alone, for one picture.",
            buckets=MODEL_SECONDS,
            registry=registry,
        )
        Gauge(
            "liteproof_waiting", "Requests that wait or are being worked on.", registry=registry
        ).set_function(waiting)
        self._reloads = Counter(
            "liteproof_reloads",
            "Changed bundles that were taken, or refused.",
            ("result",),
            registry=registry,
        )
        self._refused = Gauge(
            "liteproof_bundle_refused",
            "1 while the bundle on disk is one that was refused.",
            registry=registry,
        )

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a response."""
        self._counter(route, status).inc()
        if route == "/v1/classify":
            self._seconds.observe(seconds)

    def model(self, latency_us: float) -> None:
        """Count a picture's time in the model."""
        self._model_seconds.observe(latency_us / 1e6)

    def reload(self, taken: bool) -> None:  # noqa: FBT001 - the one thing there is to tell
        """Count an attempt to replace the model."""
        self._reloads.labels("taken" if taken else "refused").inc()
        self._refused.set(0 if taken else 1)

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)
