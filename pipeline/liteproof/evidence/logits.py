"""A model's outputs as logits, whatever its last layer is."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.errors import ModelError

# An integer softmax gives multiples of 1/256 (int8, uint8: TFLite fixes that scale) or of 1/32768
# (int16), each off by a step at most. A float one is far closer to a sum of 1 than SUM.
STEP_8, STEP_16 = 2.0**-8, 2.0**-15
SUM = 1e-3
SMALLEST = float(np.finfo(np.float32).tiny)

Outputs = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Logits:
    """A model's logits of all the pictures.

    The answer is the class of the highest logit, of equal ones the first, as numpy's argmax and a
    device have it.

    Attributes:
        values: float32 or float64 (n, classes), finite.
        lowest: the logarithm of the least probability that its outputs can tell from 0, where they
            were probabilities; -inf where they were logits.
    """

    values: Outputs
    lowest: float

    @classmethod
    def of(cls, name: str, outputs: Outputs) -> "Logits":
        """Read a model's outputs.

        Rows that all are non-negative and sum to 1 are probabilities: the model ends in a softmax,
        and their logarithms are its logits but for a constant in each row, which changes no answer,
        margin or probability. A probability of 0 counts as the least above 0: float32's smallest,
        or, where an integer softmax rounds to steps, half a step divided by the number of classes,
        so that all zeros of a row together weigh no more than half a step.

        Args:
            name: what the model is called, for errors.
            outputs: float32 (n, classes), real values (not codes), of n > 0 pictures.

        Raises:
            ModelError: another shape, a single class, or NaN or infinity in it: such a model
                answers nothing that could be compared.
        """
        if outputs.ndim != 2 or outputs.shape[1] < 2:
            raise ModelError(
                f"{name}: outputs of shape {outputs.shape}, expected (pictures, classes) with two "
                "classes or more"
            )
        broken = np.flatnonzero(~np.isfinite(outputs).all(axis=1))
        if len(broken):
            raise ModelError(
                f"{name}: NaN or infinity in the outputs of {len(broken)} of {len(outputs)} "
                f"pictures, the first of them picture {broken[0]}; expected finite ones"
            )
        step = _step(outputs) if outputs.min() >= 0 and outputs.max() <= 1 + SUM else None
        if step is None or not _sum_to_one(outputs, step):
            return cls(outputs, -np.inf)
        # In float64: in float32, logarithms of neighbours can be equal, and the answer another.
        least = max(step / (2 * outputs.shape[1]), SMALLEST)
        return cls(np.log(np.maximum(outputs, least, dtype=np.float64)), math.log(least))

    @property
    def indices(self) -> NDArray[np.int64]:
        """The answers: int64 (n,), of classes."""
        answers: NDArray[np.int64] = self.values.argmax(axis=1)
        return answers

    @property
    def margins(self) -> NDArray[np.float64]:
        """The highest logit minus the second highest: float64 (n,), 0 of a tie."""
        second, first = np.partition(self.values, -2, axis=1)[:, -2:].astype(np.float64).T
        margins: NDArray[np.float64] = first - second
        return margins

    def largest_change(self, other: "Logits") -> float:
        """Return by how much a logit differs at most from that of another model.

        Where one of them gave probabilities, logarithms of probabilities are compared, those below
        what the coarser one can tell from 0 as if they were that.
        """
        lowest = max(self.lowest, other.lowest)
        if lowest == -np.inf:
            return float(np.abs(np.subtract(self.values, other.values, dtype=np.float64)).max())
        before, after = (np.maximum(_log_softmax(each.values), lowest) for each in (self, other))
        return float(np.abs(before - after).max())


def _step(outputs: Outputs) -> float:
    """Return the step of which all outputs are multiples, as an integer softmax's; 0 of none."""
    for step in (STEP_8, STEP_16):
        if np.array_equal(np.rint(outputs / step) * step, outputs):
            return step
    return 0.0


def _sum_to_one(outputs: Outputs, step: float) -> bool:
    """Whether every row does, but for rounding to steps."""
    distance = np.abs(outputs.sum(axis=1, dtype=np.float64) - 1).max()
    return bool(distance <= max(outputs.shape[1] * step, SUM))


def _log_softmax(logits: Outputs) -> NDArray[np.float64]:
    """Return the logarithms of softmax(logits), stable however large these are."""
    known = logits.astype(np.float64)
    normalised: NDArray[np.float64] = known - np.logaddexp.reduce(known, axis=1, keepdims=True)
    return normalised
