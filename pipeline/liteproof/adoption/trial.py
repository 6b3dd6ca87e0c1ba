"""Which of the usual ranges a model takes pixels in: each is tried on labelled pictures."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.measurement.evaluation import wilson_interval


class Range(NamedTuple):
    """What a model may take pixels as: (pixel - mean) x scale."""

    name: str
    mean: float
    scale: float


RANGES = (
    Range("0 to 255", 0.0, 1.0),
    Range("0 to 1", 0.0, 1 / 255),
    Range("-1 to 1", 127.5, 1 / 127.5),
)


class Tried(NamedTuple):
    """A range, and how the model does with it.

    Attributes:
        range: which.
        right: pictures.
        n: of so many.
        likelihood: mean logarithm of the true class's probability, which settles a tie.
    """

    range: Range
    right: int
    n: int
    likelihood: float

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.range.name}: {self.right / self.n:.1%}"


def try_ranges(
    answers: Callable[[Range], NDArray[np.floating[Any]]],
    labels: NDArray[np.int64],
    *,
    scales: bool = False,
) -> list[Tried]:
    """Return how a model does with each range, the best first.

    Args:
        answers: gives its logits (n, classes) of labelled pictures, none of the test ones, that go
            in as the range says.
        labels: (n,), of these pictures.
        scales: whether it begins with arithmetic of its own, which speaks for 0 to 255.
    """
    tried = []
    for each in RANGES:
        logits = answers(each).astype(np.float64)
        known = logits - logits.max(axis=1, keepdims=True)
        known -= np.log(np.exp(known).sum(axis=1, keepdims=True))
        right = int((logits.argmax(axis=1) == labels).sum())
        likelihood = float(known[np.arange(len(labels)), labels].mean())
        tried.append(Tried(each, right, len(labels), likelihood))
    scaled = sorted(tried[1:], key=lambda each: (each.right, each.likelihood), reverse=True)
    # A network of ReLUs knows its classes at any brightness, and hardly one is trained on 0 to 255
    # without a layer that rescales, or on another range with one: that takes more than chance to be
    # believed.
    likely, unlikely = (tried[:1], scaled) if scales else (scaled, tried[:1])
    _, most = wilson_interval(likely[0].right, len(labels))
    return unlikely + likely if unlikely[0].right / len(labels) > most else likely + unlikely


def told(tried: Sequence[Tried], own: str | None = None) -> str:
    """Say what a model takes pixels as, and what speaks for it.

    Args:
        tried: the best first.
        own: the arithmetic that it begins with, if there is any.
    """
    best = tried[0]
    return (
        f"{best.range.name}, found on {best.n} labelled pictures "
        f"(right: {'; '.join(map(str, tried))})" + (f"; it begins with {own}" if own else "")
    )
