"""Which of the usual ranges a model takes pixels in: each is tried on labelled pictures."""

from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from liteproof.adoption.shaping import Ending, Shape, as_classifier
from liteproof_edge.idx import Examples
from liteproof_edge.measurement.evaluation import wilson_interval

BATCH = 50


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
    ending: Ending, shape: Shape, examples: Examples, chosen: NDArray[np.int64], *, bgr: bool
) -> list[Tried]:
    """Return how a model does with each range, the best first.

    Args:
        ending: the model up to its logits.
        shape: of a picture.
        examples: labelled pictures, none of the test ones.
        chosen: which of them are tried.
        bgr: whether it takes blue first.
    """
    labels = examples.labels[chosen]
    tried = []
    for each in RANGES:
        channels = shape[2]
        model = as_classifier(
            ending, shape, (each.mean,) * channels, (each.scale,) * channels, bgr=bgr
        )
        logits = _logits(model, examples.images[chosen])
        known = logits - logits.max(axis=1, keepdims=True)
        known -= np.log(np.exp(known).sum(axis=1, keepdims=True))
        right = int((logits.argmax(axis=1) == labels).sum())
        likelihood = float(known[np.arange(len(labels)), labels].mean())
        tried.append(Tried(each, right, len(labels), likelihood))
    scaled = sorted(tried[1:], key=lambda each: (each.right, each.likelihood), reverse=True)
    # A network of ReLUs knows its classes at any brightness, and hardly one is trained on 0 to 255
    # without a layer that rescales: that takes more than chance to be believed.
    _, most = wilson_interval(scaled[0].right, len(labels))
    pixels = tried[:1]
    return pixels + scaled if pixels[0].right / len(labels) > most else scaled + pixels


def _logits(model: keras.Model, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    parts = [
        np.asarray(model(pictures[first : first + BATCH].astype(np.float32), training=False))
        for first in range(0, len(pictures), BATCH)
    ]
    logits: NDArray[np.float64] = np.concatenate(parts).astype(np.float64)
    return logits
