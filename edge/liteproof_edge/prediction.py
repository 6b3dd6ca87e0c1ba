"""What a classifier answers: one picture, all marks of a sheet, or many pictures."""

from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.preprocessing.prepared import Report


@dataclass(frozen=True, slots=True)
class Prediction:
    """One picture's answer.

    Attributes:
        label: of the most probable class.
        index: of that class.
        probability: calibrated, 0 to 1: of answers given with 0.9, nine in ten are right on
            pictures like those that the model was validated with.
        top: the labels of the most probable classes and their probabilities, the first one first.
        latency_us: the model's own time, without preprocessing.
        preprocessing: what was done to the picture, and the doubts that arose.
        model_doubts: the model's own reasons to doubt the answer, in words.
    """

    label: str
    index: int
    probability: float
    top: tuple[tuple[str, float], ...]
    latency_us: float
    preprocessing: Report
    model_doubts: tuple[str, ...] = ()

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the answer may be wrong, in words; empty if all is well."""
        return self.preprocessing.doubts + self.model_doubts

    def is_unsure(self, min_confidence: float) -> bool:
        """Whether the probability is below a limit, or the answer is in doubt."""
        return bool(self.reasons(min_confidence))

    def reasons(self, min_confidence: float) -> tuple[str, ...]:
        """Return why the answer is unsure, in words."""
        if self.probability < min_confidence:
            return (f"probability below {min_confidence:.4g}", *self.doubts)
        return self.doubts

    def __str__(self) -> str:
        doubts = "".join(f", {doubt}" for doubt in self.doubts)
        return f"{self.label} ({self.probability:.1%}, {self.latency_us:.0f} µs{doubts})"

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as `--json` prints them."""
        values = {**asdict(self), "preprocessing": self.preprocessing.to_json()}
        del values["model_doubts"]
        return {**values, "doubts": self.doubts}


@dataclass(frozen=True, slots=True)
class Reading:
    """All marks of a sheet.

    Attributes:
        lines: from the top, each mark's answer from left to right; its box is in `preprocessing`.
    """

    lines: tuple[tuple[Prediction, ...], ...]

    @property
    def marks(self) -> tuple[Prediction, ...]:
        """All answers, in the order in which people read them."""
        return tuple(chain.from_iterable(self.lines))

    def text(self, min_confidence: float = 0.0, unsure: str = "?") -> list[str]:
        """Return the labels of each line, those in doubt as `unsure`.

        Args:
            min_confidence: what a probability must be not to be in doubt, 0 to 1.
            unsure: what stands for such an answer.
        """
        labels = [
            [unsure if mark.is_unsure(min_confidence) else mark.label for mark in line]
            for line in self.lines
        ]
        apart = " " if any(len(mark.label) > 1 for mark in self.marks) else ""
        return [apart.join(line) for line in labels]

    def __str__(self) -> str:
        return "\n".join(self.text())

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as `--json` prints them."""
        return {"lines": [[mark.to_json() for mark in line] for line in self.lines]}


class Predictions(NamedTuple):
    """The answers to many pictures.

    Attributes:
        indices: int64 (n,), the most probable class of each.
        probabilities: float64 (n, classes), calibrated.
        latency_us: float64 (n,), the model's own time.
    """

    indices: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    latency_us: NDArray[np.float64]
