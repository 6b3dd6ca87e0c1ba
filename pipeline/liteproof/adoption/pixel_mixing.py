"""The arithmetic that a model begins with, where it turns colours round: one matrix instead.

`preprocess_input` of VGG and ResNet takes channels apart and puts them together again, which int8
does with a wider range than that of pixels. A convolution of 1x1 is the same, and quantizes well.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from liteproof.network.first_layers import ARITHMETIC_OPERATIONS

TURNING = {"Concatenate", "Flip", "GetItem", "Stack", "Take"}
KNOWN = TURNING | ARITHMETIC_OPERATIONS
HIGHEST = 255.0
TOLERANCE = 1e-3  # of real values that stand for pixels: float32's own error


class Mixing(NamedTuple):
    """What each pixel is multiplied with, and what is added.

    Attributes:
        kernel: float32 (channels given, channels taken).
        bias: float32 (channels taken,).
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]


def without_mixing(
    model: keras.Model, shape: tuple[int, int, int]
) -> tuple[keras.Model, Mixing | None]:
    """Return a model from behind such arithmetic, and the matrix that does the same.

    Args:
        model: a Functional one, from one picture to one output.
        shape: of the picture.

    Returns:
        The model as it is and None where it begins with no such thing, or with more.
    """
    (given,) = model.inputs
    turned = _last_of_arithmetic(model)
    if turned is None or tuple(given.shape[1:][2:]) != tuple(turned.shape[1:][2:]):
        return model, None
    before = keras.Model(given, turned)
    mixing = _measured(before, shape)
    return (model, None) if mixing is None else (keras.Model(turned, model.outputs[0]), mixing)


def _last_of_arithmetic(model: keras.Model) -> Any | None:  # noqa: ANN401 - a KerasTensor
    """Return what comes out of it; None where colours are not turned, or more than that is."""
    inside, left, has_turned = {id(tensor) for tensor in model.inputs}, {}, False
    for operation in model.operations:
        kind = type(operation).__name__
        for node in operation._inbound_nodes:  # noqa: SLF001 - the only way to who reads a tensor
            read = [tensor for tensor in node.input_tensors if id(tensor) in inside]
            if read and len(read) == len(node.input_tensors) and kind in KNOWN:
                inside |= {id(tensor) for tensor in node.output_tensors}
                has_turned |= kind in TURNING
            else:
                left.update({id(tensor): tensor for tensor in read})
    return next(iter(left.values())) if has_turned and len(left) == 1 else None


def _measured(before: keras.Model, shape: tuple[int, int, int]) -> Mixing | None:
    """Return the matrix of what acts on each pixel alone, found by trying; None if it does more."""
    channels = shape[2]

    def answer(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([before(each[np.newaxis], training=False) for each in pictures])

    plain = np.zeros((1 + channels, *shape), np.float32)
    plain[range(1, 1 + channels), ..., range(channels)] = HIGHEST
    bias, *rows = answer(plain)[:, 0, 0]
    mixing = Mixing((np.stack(rows) - bias) / HIGHEST, bias)
    noise = np.random.default_rng(0).integers(0, 256, (1, *shape)).astype(np.float32)
    same = np.abs(noise @ mixing.kernel + mixing.bias - answer(noise)).max() < TOLERANCE
    return mixing if same else None
