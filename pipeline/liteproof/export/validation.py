"""How an exported model does on validation pictures, against the float model."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof.evidence.paired import Paired
from liteproof.execution.tflite_model import Execution


@dataclass(frozen=True, slots=True)
class Validation:
    """What was measured on the runtime that ships.

    Attributes:
        n: pictures.
        float_accuracy: of the Keras model, 0 to 1; None where the pictures have no classes, so that
            its answers stand for the truth.
        drop: its accuracy minus that of the exported model, -1 to 1.
        interval: the 95 % interval of that.
        agreement: pictures with the same label, 0 to 1.
        runtime: its name and version.
    """

    n: int
    float_accuracy: float | None
    drop: float
    interval: tuple[float, float]
    agreement: float
    runtime: str

    @classmethod
    def of(
        cls, before: NDArray[np.float32], after: Execution, labels: NDArray[np.int64] | None
    ) -> "Validation":
        """Compare the Keras model's logits (n, classes) with what the exported model answered."""
        answers = before.argmax(axis=1)
        truth = answers if labels is None else labels
        paired = Paired.of(answers, after.logits.argmax(axis=1), truth)
        accuracy = None if labels is None else float((answers == labels).mean())
        return cls(
            n=paired.n,
            float_accuracy=accuracy,
            drop=paired.drop,
            interval=paired.interval,
            agreement=paired.agreement,
            runtime=after.runtime,
        )

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Validation":
        """Read back what `asdict` gave."""
        low, high = value["interval"]
        return cls(**{**value, "interval": (low, high)})

    def alone(self) -> str:
        """Return a line for a model that is what others are compared with."""
        right = "" if self.float_accuracy is None else f"right on {self.float_accuracy:.2%} of "
        return f"{right}{self.n:,} validation pictures ({self.runtime})"

    def __str__(self) -> str:
        """Return a line for a terminal."""
        low, high = (100 * bound for bound in self.interval)
        before = "float" if self.float_accuracy is None else f"float's {self.float_accuracy:.2%}"
        return (
            f"loses {100 * self.drop:+.2f} points against {before} (95 %: {low:+.2f} to "
            f"{high:+.2f}; n = {self.n:,} validation pictures, {self.runtime}), same label on "
            f"{self.agreement:.2%}"
        )
