"""A trained model that is to be exported, and the pictures that this takes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from liteproof.conversion.variants import Weights
from liteproof_edge.model.affine import Normalisation


class Pictures(NamedTuple):
    """Pictures, with their classes where those are known.

    Attributes:
        images: uint8 (n, height, width, channels); a user's own array may be anything until the
            linter has seen it.
        labels: int64 (n,).
    """

    images: NDArray[Any]
    labels: NDArray[np.int64] | None


@dataclass(frozen=True, slots=True)
class Subject:
    """What is exported: a run's model, any Keras model, or a .tflite of others.

    Attributes:
        folder: where the exported models go.
        name: of the model.
        description: in one line.
        labels: one for each class, in the order of the outputs.
        seen: those of which there are pictures; None: all.
        models: the .keras file of each training, or a .tflite of others.
        representative: the pictures that int8 is calibrated on.
        validation: those that candidates are measured on; never the test set.
        held_out: name → pictures that must not be among the representative ones.
        normalisation: what a given .tflite takes pixels as; None where they go in as they are.
    """

    folder: Path
    name: str
    description: str
    labels: tuple[str, ...]
    models: Mapping[Weights, Path]
    representative: Pictures
    validation: Pictures
    held_out: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    normalisation: Normalisation | None = None
    seen: Collection[int] | None = None

    @property
    def seen_labels(self) -> tuple[str, ...]:
        """The labels, with "" for a class that there are no pictures of."""
        if self.seen is None:
            return self.labels
        return tuple(label if at in self.seen else "" for at, label in enumerate(self.labels))
