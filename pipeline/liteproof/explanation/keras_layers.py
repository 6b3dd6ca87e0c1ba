"""What one Keras layer is to a page: its kind, window, activation and formula."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from liteproof.explanation.steps import Kind, Window

ACTIVATIONS = (keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU)
POOLS = {
    keras.layers.MaxPooling2D: Kind.MAX_POOL,
    keras.layers.AveragePooling2D: Kind.AVERAGE_POOL,
    keras.layers.GlobalMaxPooling2D: Kind.MAX_POOL,
    keras.layers.GlobalAveragePooling2D: Kind.AVERAGE_POOL,
}
WEIGHTED = {
    keras.layers.Conv2D: Kind.CONVOLUTION,
    keras.layers.DepthwiseConv2D: Kind.DEPTHWISE,
    keras.layers.Dense: Kind.DENSE,
}
PLAIN = {
    keras.layers.Add: Kind.SUM,
    keras.layers.Flatten: Kind.FLATTEN,
}


def own_activation(layer: Any) -> str:  # noqa: ANN401 - Keras has no types
    """Return the activation within a layer of weights; "" where it has none."""
    if kind_of(layer, WEIGHTED) is None:
        return ""
    name = getattr(layer.activation, "__name__", type(layer.activation).__name__)
    return "" if name == "linear" else name


def folded(
    kernel: NDArray[np.float64],
    bias: NDArray[Any],
    layer: Any,  # noqa: ANN401
    *,
    depthwise: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fold batch normalisation into a kernel and a bias; return both as float64.

    Args:
        kernel: (height, width, channels, filters) or (inputs, units), before it; where depthwise,
            the third is the channels that are normalised.
        bias: (filters,).
        layer: the normalisation.
        depthwise: whether each channel has a kernel of its own.

    Source: Jacob et al. 2018, arXiv:1712.05877, section 3.2.
    """
    mean, variance = (
        np.asarray(each, np.float64) for each in (layer.moving_mean, layer.moving_variance)
    )
    gain = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        gain = gain * np.asarray(layer.gamma, np.float64)
    offset = np.asarray(layer.beta, np.float64) if layer.center else 0.0
    scaled = kernel * (gain[:, np.newaxis] if depthwise else gain)
    return scaled, (bias - mean) * gain + offset


def pool_window(layer: Any, sides: tuple[int, int]) -> Window:  # noqa: ANN401
    """Return a pooling layer's window; `sides` are the map's, all of which a global one takes."""
    if not hasattr(layer, "pool_size"):
        return Window(sides, sides, same=False)
    return Window(tuple(layer.pool_size), tuple(layer.strides), layer.padding == "same")


def activation_of(layer: Any) -> str:  # noqa: ANN401
    """Return the name of the activation that a layer is, one of ACTIVATIONS."""
    if isinstance(layer, keras.layers.Activation):
        return str(getattr(layer.activation, "__name__", type(layer.activation).__name__))
    if isinstance(layer, keras.layers.ReLU):
        return "relu" if layer.max_value is None else f"relu{layer.max_value:g}"
    return "leaky_relu"


def formula_of(layer: Any) -> str:  # noqa: ANN401
    """Return what a layer that scales makes of each value; "" of any other layer."""
    if isinstance(layer, keras.layers.Normalization) and not layer.invert:
        return "(x − mean) / deviation, for each channel its own"
    if not isinstance(layer, keras.layers.Rescaling):
        return ""
    scale, offset = (np.unique(np.asarray(each)) for each in (layer.scale, layer.offset))
    if len(scale) != 1 or len(offset) != 1:
        return "x · scale + offset, for each channel its own"
    added = f"{offset[0]:+.4g}".replace("+", " + ").replace("-", " − ") if offset[0] else ""
    return f"x · {scale[0]:.4g}{added}"


def kind_of(layer: Any, kinds: dict[Any, Kind]) -> Kind | None:  # noqa: ANN401
    """Return what a layer is; a subclass with a call of its own is something else."""
    for known, kind in kinds.items():
        if isinstance(layer, known) and type(layer).call is known.call:
            return kind
    return None
