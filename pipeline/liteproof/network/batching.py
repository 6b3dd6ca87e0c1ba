"""How many pictures a Keras model answers at once: as many as a bounded memory has room for."""

import math
from collections.abc import Iterator
from typing import Any

import keras

FLOAT_BYTES = 4
# That the largest map of a batch takes: with those that the runtime keeps beside it, and what the
# kernels work in, some five times as much is in memory. It is room for 250 pictures at once of
# every recipe of 28x28 and 32x32 pixels that ships.
MAP_BYTES = 32 * 2**20


def pictures_at_once(model: keras.Model, most: int) -> int:
    """Return a batch for inference, of at most so many pictures."""
    largest = max(_sizes(model), default=1)
    return max(1, min(most, MAP_BYTES // (FLOAT_BYTES * largest)))


def _sizes(model: Any) -> Iterator[int]:  # noqa: ANN401 - a model, or a layer that holds layers
    """Yield the values for one picture of each map that is known before the model runs."""
    for layer in model.layers:
        for tensor in keras.tree.flatten(_output(layer)):
            yield math.prod(size or 1 for size in tensor.shape[1:])
        if hasattr(layer, "layers"):
            yield from _sizes(layer)


def _output(layer: Any) -> Any:  # noqa: ANN401
    try:
        return layer.output
    except (AttributeError, ValueError):  # a layer of somebody's own, or one that is used twice
        return ()
