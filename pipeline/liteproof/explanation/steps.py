"""What a network does to one picture, step by step: tensors and weights, whoever computed them."""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.model.affine import Normalisation

PIXELS = -1  # stands for the model's input among a step's inputs
Floats = NDArray[np.float32]


class Kind(Enum):
    """What has a view of its own; all else is shown as maps or bars."""

    CONVOLUTION = "convolution"
    DEPTHWISE = "depthwise convolution"
    DENSE = "fully connected"
    MAX_POOL = "max pooling"
    AVERAGE_POOL = "average pooling"
    ACTIVATION = "activation"
    SUM = "sum"
    FLATTEN = "flatten"
    OTHER = "other"


POOLS = {Kind.MAX_POOL, Kind.AVERAGE_POOL}
WINDOWED = {Kind.CONVOLUTION, Kind.DEPTHWISE}


class Window(NamedTuple):
    """A window that moves over a map: (height, width) each; `same` is whether zeros surround it."""

    size: tuple[int, int]
    strides: tuple[int, int]
    same: bool

    def sides(self, before: tuple[int, ...]) -> tuple[int, int]:
        """Return the height and width that it makes of a map of that height and width.

        Source: Dumoulin and Visin 2016, arXiv:1603.07285, sections 2.2 to 2.4.
        """
        height, width = (
            math.ceil(side / stride) if self.same else (side - reach) // stride + 1
            for side, reach, stride in zip(before[:2], self.size, self.strides, strict=True)
        )
        return height, width

    def padding(self, before: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the rows of zeros above and below, and the columns left and right.

        Where their number is odd, the one more is below or at the right, as in TensorFlow.
        """
        if not self.same:
            return (0, 0), (0, 0)
        wanted = [
            max((after - 1) * stride + reach - side, 0)
            for side, reach, stride, after in zip(
                before[:2], self.size, self.strides, self.sides(before), strict=True
            )
        ]
        (top, bottom), (left, right) = ((each // 2, each - each // 2) for each in wanted)
        return (top, bottom), (left, right)


@dataclass(frozen=True, slots=True)
class Quantized:
    """A step's output as the quantized model has it.

    Attributes:
        codes: int8, uint8 or int16, of the float output's shape; real values where scale is 0.
        scale: what one code is worth; 0 where the tensor holds real values.
        zero_point: the code of 0.
        real: float32, what the codes stand for.
    """

    codes: NDArray[Any]
    scale: float
    zero_point: int
    real: Floats


@dataclass(frozen=True, slots=True)
class Entry:
    """What goes into a network.

    Attributes:
        pixels: uint8 (height, width, channels), as preprocessing made them.
        values: float32 of that shape, what the first layer reads them as.
        normalisation: how pixels become real values; None where they are taken as they are.
        quantized: the .tflite's input, where it takes codes.
    """

    pixels: NDArray[np.uint8]
    values: Floats
    normalisation: Normalisation | None = None
    quantized: Quantized | None = None


@dataclass(slots=True)
class Step:
    """One step.

    Attributes:
        name: the layer's, or the operator's with its number.
        kind: what it is.
        inputs: the places of the steps that it reads, or PIXELS.
        output: float32 (height, width, channels) or (units,).
        type: its Keras class or TFLite operator.
        members: the names of all layers that are one step here.
        before: the output before the activation, of the same shape; None where it is not known.
        activation: its name; "" where there is none.
        window: of a convolution or pooling.
        kernel: float32 (height, width, channels, filters), with 1 for the filters where depthwise;
            or (inputs, units). Batch normalisation is folded into it, and into the bias.
        bias: float32 (filters,) or (units,).
        parameters: weights and biases.
        quantized: of the output, if known.
        introduced: the share of its channels' signal that quantization loses here, if known.
        formula: what it does to each value, where no kind says it; "" where it is not known.
        taken: what it takes, where the runtime rounds real values to codes before it.
        rounds_anew: whether the runtime rounds what it takes to int8 for each picture, as it does
            where weights alone are int8: its sums are then other ones.
    """

    name: str
    kind: Kind
    inputs: tuple[int, ...]
    output: Floats
    type: str = ""
    members: tuple[str, ...] = ()
    before: Floats | None = None
    activation: str = ""
    window: Window | None = None
    kernel: Floats | None = None
    bias: Floats | None = None
    parameters: int = 0
    quantized: Quantized | None = None
    introduced: float | None = None
    formula: str = ""
    taken: Quantized | None = None
    rounds_anew: bool = False

    @property
    def is_map(self) -> bool:
        """Whether the output has places, not only units."""
        return self.output.ndim == 3

    @property
    def can_be_stepped(self) -> bool:
        """Whether each value of the output is a window times a kernel, and a bias."""
        weighted = self.kernel is not None and self.window is not None
        return self.kind in WINDOWED and weighted and not self.rounds_anew


def windows_of(values: Floats, window: Window, fill: float) -> Floats:
    """Return what a window covers at each of its places.

    Args:
        values: (height, width, channels).
        window: that moves over them.
        fill: what surrounds them, where the padding is `same`.

    Returns:
        float32 (rows, columns, window height, window width, channels).
    """
    padded = np.pad(values, (*window.padding(values.shape), (0, 0)), constant_values=fill)
    view: Any = np.lib.stride_tricks.sliding_window_view  # its types allow one axis only
    views = view(padded, window.size, axis=(0, 1))
    taken = views[:: window.strides[0], :: window.strides[1]]
    result: Floats = np.moveaxis(taken, 2, -1)
    return result


def pooled(values: Floats, window: Window, kind: Kind) -> Floats:
    """Return the largest, or the mean, of each window; zeros around a map do not count.

    Args:
        values: (height, width, channels).
        window: of the pooling.
        kind: MAX_POOL or AVERAGE_POOL.
    """
    taken = windows_of(values, window, np.nan)
    reduce = np.nanmax if kind is Kind.MAX_POOL else np.nanmean
    result: Floats = reduce(taken, axis=(2, 3)).astype(np.float32)
    return result
