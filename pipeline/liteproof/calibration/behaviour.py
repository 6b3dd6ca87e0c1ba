"""What the float model makes of a calibration set: are its ranges stable, its answers right?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from liteproof.calibration.report import Finding, Rule, Severity

if TYPE_CHECKING:  # it imports TensorFlow
    from liteproof.diagnosis.activations import ActivationRanges

# How much of the range of all pictures may be missing in one half, in the worst tensor. Of 200
# draws each, 500 pictures missed 0.12 to 0.24 in the middle, 0.38 at most (MNIST, two models,
# Fashion-MNIST, CIFAR-10); 20 pictures 0.18 to 0.29, 0.53 at most.
TOLERANCE = 0.4
# Of the way from chance (0) to all right (1). Pixels divided by 255 or by 127.5 gave 0.00, inverted
# ones -0.05, 0.10 and 0.34, rows and columns swapped 0.05 to 0.24, and those that the models were
# trained with 0.90 to 0.99 (500 training pictures of MNIST, Fashion-MNIST and CIFAR-10).
NEAR_CHANCE = 0.1


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the float model makes of the pictures; None is not known.

    Attributes:
        ranges: of its activations, picture by picture.
        logits: float32 (n, classes).
    """

    ranges: "ActivationRanges | None" = None
    logits: NDArray[np.float32] | None = None


UNKNOWN = Behaviour()


def check_stability(
    ranges: "ActivationRanges", digests: list[bytes], labels: NDArray[np.int64] | None
) -> Iterator[Finding]:
    """Yield what two disjoint halves of a set say of each other.

    Args:
        ranges: of the float model's activations, picture by picture.
        digests: of each picture.
        labels: int64 (n,), so that both halves hold each class; None: by chance they do.
    """
    finite = np.isfinite(ranges.low).all(axis=0) & np.isfinite(ranges.high).all(axis=0)
    if not finite.all():
        yield Finding(
            Rule.NOT_FINITE,
            Severity.ERROR,
            f"activations of {ranges.names[int(finite.argmin())]} are NaN or infinite",
            "find what the float model cannot compute on these pictures",
        )
        return
    first, second = halves(digests, labels)
    if not len(second) or not ranges.names:
        return
    missed = instability(ranges, first, second)
    worst = int(missed.argmax())
    if missed[worst] > TOLERANCE:
        unsteady = int((missed > TOLERANCE).sum())
        yield Finding(
            Rule.UNSTABLE,
            Severity.WARNING,
            f"in {unsteady} of {len(missed)} tensors, most in {ranges.names[worst]}, half of the "
            f"pictures miss up to {missed[worst]:.0%} of the range that all of them span "
            f"(tolerance {TOLERANCE:.0%}); it is widest in picture {_widest(ranges, worst)}",
            "see whether that picture belongs here; if it does, add more pictures",
        )


def halves(
    digests: list[bytes], labels: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide a set into two, every class too, whatever order its pictures come in.

    Where classes take turns, as many as are even, every other picture would be of every other
    class: so each class is divided by its pictures' digests. Of identical pictures only
    one is taken.

    Returns:
        int64 indices of either half; together the different pictures.
    """
    distinct = {digest: index for index, digest in enumerate(digests)}
    order = sorted(
        distinct.values(),
        key=lambda index: (0 if labels is None else int(labels[index]), digests[index]),
    )
    return np.array(order[::2], np.int64), np.array(order[1::2], np.int64)


def instability(
    ranges: "ActivationRanges", first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return, for each tensor, the share of both parts' range that one of them misses.

    1 - min(width of the one, width of the other) / width of both together, where every range holds
    0, as int8's must: 0 where both parts span the same, towards 1 where one spans next to nothing.

    Args:
        ranges: of n pictures.
        first: int64, indices of some of them, at least one.
        second: the same of others.

    Returns:
        float64 (tensors,), 0 to 1.
    """
    low = np.minimum(ranges.low, 0).astype(np.float64)
    high = np.maximum(ranges.high, 0).astype(np.float64)
    lows = np.stack([low[part].min(axis=0) for part in (first, second)])
    highs = np.stack([high[part].max(axis=0) for part in (first, second)])
    narrower = (highs - lows).min(axis=0)
    both = highs.max(axis=0) - lows.min(axis=0)
    missed: NDArray[np.float64] = 1 - np.divide(
        narrower, both, out=np.ones_like(both), where=both > 0
    )
    return missed


def _widest(ranges: "ActivationRanges", tensor: int) -> int:
    """Return the picture that a tensor is farthest from 0 in."""
    extent = np.maximum(-ranges.low[:, tensor], ranges.high[:, tensor])
    return int(extent.argmax())


def check_answers(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Iterator[Finding]:
    """Yield that the float model does not know these pictures, if it does not.

    By the recall of each class, averaged, which a lopsided set does not flatter: always the same
    answer gives exactly chance, 1 / classes.

    Args:
        logits: float32 (n, classes), of the float model.
        labels: int64 (n,).
    """
    right = logits.argmax(axis=1) == labels
    present = np.unique(labels)
    if len(present) < 2:
        return  # always the same answer would be all right, or all wrong
    recall = float(np.mean([right[labels == label].mean() for label in present]))
    chance = 1 / len(present)
    if (recall - chance) / (1 - chance) < NEAR_CHANCE:
        yield Finding(
            Rule.NEAR_CHANCE,
            Severity.ERROR,
            f"the float model is right on {right.mean():.1%} of {len(labels)} pictures "
            f"({recall:.1%} as the mean of {len(present)} classes, where chance is {chance:.1%})",
            "the preprocessing is not the one it was trained with, or the labels are in another "
            "order",
        )
