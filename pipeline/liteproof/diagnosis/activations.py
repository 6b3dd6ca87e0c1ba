"""How far a float model's activations reach, picture by picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liteproof.diagnosis.graph import activations
from liteproof.diagnosis.instrumentation import exposed
from liteproof.diagnosis.probing import probe
from liteproof_edge.model.affine import Normalisation
from liteproof_edge.model.flatbuffer import read_model


@dataclass(frozen=True, slots=True)
class ActivationRanges:
    """The extremes of each activation in each picture.

    Attributes:
        names: of the layers, in the order of execution; no two are equal.
        low: float32 (n pictures, layers).
        high: the same.
    """

    names: tuple[str, ...]
    low: NDArray[np.float32]
    high: NDArray[np.float32]


def activation_ranges(
    model: bytes,
    pictures: NDArray[np.uint8],
    normalisation: Normalisation | None = None,
) -> ActivationRanges:
    """Run a float model on the runtime that `load_runtime` prefers, to see how far it reaches.

    Args:
        model: a float32 .tflite, with the names of its tensors or without.
        pictures: uint8 (n, height, width, channels).
        normalisation: what the model takes pixels as; None where it takes them as they are.

    Raises:
        ConversionError: the model has metadata already.
        ModelError: the bytes are no sound model, or the runtime cannot run it on these pictures.
        RuntimeMissingError: there is no such runtime.
        StorageError: the temporary folder cannot be written.
    """
    graph = read_model(model, "float model").subgraphs[0]
    layers = activations(graph)
    found = probe(
        "ranges",
        {"float": exposed(model)},
        {"tensors": [layer.tensor.index for layer in layers]},
        pictures,
        normalisation,
    )
    return ActivationRanges(tuple(layer.layer for layer in layers), found["low"], found["high"])
