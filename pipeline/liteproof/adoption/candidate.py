"""A model of others that is about to become a run: what its file and pictures tell of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liteproof.calibration.choice import choose
from liteproof.randomness import Stream, random_stream
from liteproof_edge.idx import Examples

TRIED = 200  # pictures: enough to tell 0 to 255 from 0 to 1 by any model that knows its classes
Shape = tuple[int, int, int]
Numbers = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Completed:
    """What is known of a model once it has seen labelled pictures.

    Attributes:
        takes: in words, what it takes pixels as, and how that is known.
        save: writes the model that its run begins with.
        mean: of a .tflite, which takes (pixel - mean) x scale; () where it takes pixels.
        scale: the same.
    """

    takes: str
    save: Callable[[Path], None]
    mean: Numbers = ()
    scale: Numbers = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a model's file says.

    Attributes:
        shape: of its pictures: height, width and channels.
        classes: how many.
        labels: of these; () where the file has none.
        gives: `softmax`, `sigmoid` or `logits`.
        complete: finds out the rest on labelled pictures, none of the test ones.
    """

    shape: Shape
    classes: int
    labels: tuple[str, ...]
    gives: str
    complete: Callable[[Examples], Completed]


def tried_on(examples: Examples) -> NDArray[np.int64]:
    """Return which of the labelled pictures a model is tried on, equally many of each class."""
    labels = examples.labels
    everything = random_stream(0, Stream.DIVISION).permutation(len(labels))
    return choose(labels, everything, TRIED, random_stream(0, Stream.CALIBRATION))[:TRIED]


def listed(values: Numbers) -> str:
    """Return numbers in words."""
    return ", ".join(f"{value:g}" for value in values)
