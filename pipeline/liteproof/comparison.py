"""The comparison of a run's models on the test pictures, as measured on the shipped runtime."""

import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof.errors import AccuracyError
from liteproof.execution import Execution
from liteproof.paired import Paired
from liteproof_edge.evaluation import Score

SCHEMA_VERSION = 1
PERCENTILE = 99
KERAS = "keras"


@dataclass(frozen=True, slots=True)
class Measured(Score):
    """One model on all the test pictures; what the Keras model has no figure for is None."""

    model: str
    size_bytes: int | None = None
    runtime: str | None = None
    median_latency_us: float | None = None
    p99_latency_us: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the figures as comparison.json and the manifest hold them."""
        return {**asdict(self), "top1_accuracy": self.top1_accuracy, "interval": self.interval}


@dataclass(frozen=True, slots=True)
class Comparison:
    """The float model, and each exported model against it.

    Attributes:
        dataset: what the pictures are called.
        shipped: the name of the model that the bundle takes.
        gate_drop_points: how many points of accuracy that one may lose.
        measured: the float model first.
        paired: name → that model against the float one, on the very same pictures.
    """

    dataset: str
    shipped: str
    gate_drop_points: float
    measured: tuple[Measured, ...]
    paired: dict[str, Paired]

    def check(self) -> None:
        """Hold the model that ships to the recipe's gate.

        Raises:
            AccuracyError: it loses more.
        """
        paired = self.paired[self.shipped]
        drop_points = 100 * paired.drop
        if drop_points > self.gate_drop_points:
            low, high = (100 * bound for bound in paired.interval)
            raise AccuracyError(
                f"{self.shipped} loses {drop_points:.2f} points against float on {self.dataset} "
                f"(95 % interval {low:.2f} to {high:.2f}), expected at most "
                f"{self.gate_drop_points:g}; `liteproof export RUN --gate "
                f"{self.gate_drop_points:g}` looks for a form that holds"
            )

    def to_json(self) -> str:
        """Return comparison.json."""
        paired = {
            name: {**asdict(pair), "drop": pair.drop, "drop_interval": pair.interval}
            for name, pair in self.paired.items()
        }
        value = {
            "schema_version": SCHEMA_VERSION,
            "dataset": self.dataset,
            "shipped": self.shipped,
            "gate_drop_points": self.gate_drop_points,
            "models": [measured.to_json() for measured in self.measured],
            "against_keras": paired,
        }
        return json.dumps(value, indent=1)

    @classmethod
    def from_json(cls, path: Path) -> "Comparison":
        """Read back what `to_json` wrote."""
        value = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            dataset=value["dataset"],
            shipped=value["shipped"],
            gate_drop_points=value["gate_drop_points"],
            measured=tuple(_restore(Measured, model) for model in value["models"]),
            paired={name: _restore(Paired, pair) for name, pair in value["against_keras"].items()},
        )

    def table(self) -> str:
        """Return the figures as a table for a terminal."""
        rows = [
            ("model", "accuracy", "95 % interval", "drop", "broken", "fixed", "size", "latency")
        ]
        for measured in self.measured:
            low, high = measured.interval
            pair = self.paired.get(measured.model)
            size, latency = measured.size_bytes, measured.median_latency_us
            rows.append(
                (
                    measured.model,
                    f"{measured.top1_accuracy:.2%}",
                    f"{100 * low:.2f} to {100 * high:.2f}",
                    f"{100 * pair.drop:+.2f}" if pair else "",
                    str(pair.broken) if pair else "",
                    str(pair.fixed) if pair else "",
                    f"{size / 1000:.1f} kB" if size else "",
                    f"{latency:.0f} µs" if latency else "",
                )
            )
        widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if column == 0 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        pair = self.paired[self.shipped]
        low, high = (100 * bound for bound in pair.interval)
        runtime = self.measured[-1].runtime
        summary = (
            f"{self.dataset}, n = {pair.n}, one thread, {runtime}. Latency is this machine's.\n"
            f"{self.shipped} against Keras: drop {100 * pair.drop:+.2f} points, 95 % interval "
            f"{low:+.2f} to {high:+.2f}, gate {self.gate_drop_points:g}; same label on "
            f"{pair.agreement:.2%}."
        )
        return "\n".join([*lines, "", summary])


def compare(  # noqa: PLR0913, PLR0917
    dataset: str,
    labels: NDArray[np.int64],
    keras_logits: NDArray[np.float32],
    executions: dict[str, tuple[bytes, Execution]],
    shipped: str,
    gate_drop_points: float,
) -> Comparison:
    """Compare exported models with the Keras model that they were made from.

    Args:
        dataset: what the pictures are called.
        labels: int64 (n,), the truth.
        keras_logits: float32 (n, classes).
        executions: a model's name → (the flatbuffer, what it answered).
        shipped: the name of the one that the bundle takes.
        gate_drop_points: how many points of accuracy that one may lose.
    """

    def correct(logits: NDArray[np.float32]) -> int:
        return int((logits.argmax(axis=1) == labels).sum())

    measured = [Measured(correct(keras_logits), len(labels), KERAS)]
    for name, (flatbuffer, execution) in executions.items():
        times_us = execution.times_us
        measured.append(
            Measured(
                model=name,
                correct=correct(execution.logits),
                n=len(labels),
                size_bytes=len(flatbuffer),
                runtime=execution.runtime,
                median_latency_us=statistics.median(times_us.tolist()),
                p99_latency_us=float(np.percentile(times_us, PERCENTILE)),
            )
        )
    return Comparison(
        dataset=dataset,
        shipped=shipped,
        gate_drop_points=gate_drop_points,
        measured=tuple(measured),
        paired={
            name: Paired.of(keras_logits, execution.logits, labels)
            for name, (_, execution) in executions.items()
        },
    )


def _restore(kind: Any, value: dict[str, Any]) -> Any:  # noqa: ANN401
    """Return a dataclass from its stored fields, without the derived ones beside them."""
    return kind(**{name: value[name] for name in kind.__dataclass_fields__})
