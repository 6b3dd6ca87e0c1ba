"""The twin of a trained model that computes through the rounding of int8, to be trained further.

Batch normalisation is folded into the kernels, which are rounded as the exported ones will be; the
values between the layers are rounded exactly where the converter does it. So the twin becomes the
same operators as the model itself, and answers what the exported file will.
"""

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from liteproof.network.layers import (
    FakeQuantization,
    RoundedConv2D,
    RoundedDense,
    RoundedDepthwiseConv2D,
    elu,
    less_one,
)

ROUNDED: dict[type, Any] = {
    keras.layers.Conv2D: RoundedConv2D,
    keras.layers.DepthwiseConv2D: RoundedDepthwiseConv2D,
    keras.layers.Dense: RoundedDense,
}
# The operator before takes these along: no codes lie in between.
FUSED = (keras.activations.relu, keras.activations.relu6)
# Outputs whose scale TFLite itself prescribes: 1/128 and 1/256.
PRESCRIBED = {
    keras.activations.tanh: (-1.0, 127 / 128),
    keras.activations.sigmoid: (0.0, 255 / 256),
}
# A range of almost nothing, perhaps of a dead layer, would crash the runtime: ADD and SUB want a
# scale that is not much below those of their inputs.
NARROWEST = 1e-3
MOST_VALUES = 2**27  # that are kept while the ranges are measured: 1 GiB with their codes


def quantized_twin(model: keras.Model, pictures: NDArray[np.uint8]) -> keras.Model:
    """Build the twin of a trained model.

    Args:
        model: made by `architecture.build`; it is not changed.
        pictures: uint8 (n, height, width, channels), some to learn from: the ranges are the
            extremes of what the twin makes of them. Of a large model, the first ones must do.

    Returns:
        A model of the same input and output. Its weights are kernels and biases. It has no
        dropout, which would hide what rounding does.
    """
    size = sum(math.prod(layer.output.shape[1:]) for layer in model.layers)
    pictures = pictures[: max(1, MOST_VALUES // size)]
    normalizations = {
        id(layer.input): layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    values: dict[int, _Value] = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            pixels = keras.Input(layer.output.shape[1:], name=layer.name)
            value = _value(
                _Pair(pixels, tf.constant(pictures, tf.float32)), layer.name, (0.0, 255.0)
            )
        elif isinstance(layer, keras.layers.Add):
            summands = [values[id(tensor)].codes() for tensor in layer.input]
            value = _value(_call(_copy(layer), *summands), layer.name)
        else:
            normalization = normalizations.get(id(layer.output))
            value = _apply(layer, values[id(layer.input)], normalization)
        values[id(layer.output)] = value
    return keras.Model(pixels, value.codes().tensor)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A tensor of the twin, and what it is for the pictures that the ranges are measured on."""

    tensor: Any
    seen: tf.Tensor


@dataclass(slots=True)
class _Value:
    """A tensor before its rounding, and after it, once something reads its codes.

    Attributes:
        plain: before.
        quantizer: what rounds it.
        is_exact: whether rounding changes nothing.
        rounded: after, where that is known.
    """

    plain: _Pair
    quantizer: FakeQuantization
    is_exact: bool = False
    rounded: _Pair | None = None

    def codes(self) -> _Pair:
        if self.rounded is None:
            self.rounded = _call(self.quantizer, self.plain)
        return self.rounded


def _value(
    plain: _Pair, name: str, fixed: tuple[float, float] | None = None, *, is_exact: bool = False
) -> _Value:
    """Give a tensor a quantizer, with a range that is prescribed or measured; it holds 0."""
    if fixed is None:
        low, high = float(tf.reduce_min(plain.seen)), float(tf.reduce_max(plain.seen))
        low = min(low, 0.0)
        fixed = (low, max(high, 0.0, low + NARROWEST))
    return _Value(plain, FakeQuantization(*fixed, name=f"{name}_codes"), is_exact)


def _apply(  # noqa: PLR0911 - one each
    layer: keras.Layer, value: _Value, normalization: keras.Layer | None
) -> _Value:
    name = layer.name
    match layer:
        case keras.layers.BatchNormalization() | keras.layers.Dropout():
            return value  # folded before; of no effect in use
        case keras.layers.Rescaling():
            # A convolution takes the factor into its kernel; others read codes of the result.
            return _value(_call(_copy(layer), value.codes()), name, (0.0, 1.0), is_exact=True)
        case keras.layers.Conv2D() | keras.layers.DepthwiseConv2D() | keras.layers.Dense():
            inputs = value.plain if value.is_exact else value.codes()
            return _value(_call(_fold(layer, normalization), inputs), name)
        case keras.layers.Activation(activation=function) if function in FUSED:
            return _value(_call(_copy(layer), value.plain), name)
        case keras.layers.Activation(activation=function) if function is elu:
            return _elu(name, value)
        case keras.layers.Activation(activation=function):
            return _value(_call(_copy(layer), value.codes()), name, PRESCRIBED.get(function))
        case keras.layers.MaxPooling2D() | keras.layers.Flatten():
            codes = _call(_copy(layer), value.codes())
            return _Value(codes, value.quantizer, rounded=codes)
        case keras.layers.AveragePooling2D():
            range_ = (value.quantizer.low, value.quantizer.high)  # the operator cannot change it
            return _value(_call(_copy(layer), value.codes()), name, range_)
    raise TypeError(f"{name}: a {type(layer).__name__} has no rounded form")


def _elu(name: str, value: _Value) -> _Value:
    """Round after each of the operators that `layers.elu` is made of."""
    relu = keras.layers.Activation("relu", name=f"{name}_positive")
    positive = _value(_call(relu, value.codes()), relu.name)
    subtract = keras.layers.Subtract(name=f"{name}_negative")
    negative = _value(_call(subtract, value.codes(), positive.codes()), subtract.name)
    exponential = keras.layers.Activation("exponential", name=f"{name}_power")
    power = _value(_call(exponential, negative.codes()), exponential.name, (0.0, 1.0))
    less = keras.layers.Activation(less_one, name=f"{name}_less")
    rest = _value(_call(less, power.codes()), less.name, (-1.0, 0.0))
    return _value(_call(keras.layers.Add(name=name), positive.codes(), rest.codes()), name)


def _fold(layer: keras.Layer, normalization: keras.Layer | None) -> keras.Layer:
    """Return a layer's rounded form, with batch normalisation folded into its weights.

    Source: Jacob et al. 2018, arXiv:1712.05877, eq. 14.
    """
    kernel, *bias = layer.get_weights()
    shift = bias[0] if bias else np.zeros(layer.output.shape[-1], np.float32)
    if normalization is not None:
        gamma, beta, mean, variance = normalization.get_weights()
        factor = gamma / np.sqrt(variance + normalization.epsilon)
        shift = beta + (shift - mean) * factor
        # A depthwise kernel's last axis is that of the filters of each channel: there is one.
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        kernel = kernel * (factor[:, np.newaxis] if depthwise else factor)
    folded = ROUNDED[type(layer)].from_config({**layer.get_config(), "use_bias": True})
    folded.build(layer.input.shape)
    folded.set_weights([kernel, shift])
    return folded


def _call(layer: keras.Layer, *inputs: _Pair) -> _Pair:
    if len(inputs) == 1:
        return _Pair(layer(inputs[0].tensor), layer(inputs[0].seen))
    return _Pair(layer([each.tensor for each in inputs]), layer([each.seen for each in inputs]))


def _copy(layer: keras.Layer) -> keras.Layer:
    return type(layer).from_config(layer.get_config())
