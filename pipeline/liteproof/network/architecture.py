"""A recipe's layers as a Keras model that returns logits."""

import math

import keras
import tensorflow as tf

from liteproof.errors import RecipeError
from liteproof.network.backbone import Trunk, first_trainable, place
from liteproof.network.layers import BatchNormalization, elu
from liteproof.recipes.schema import (
    Activation,
    Architecture,
    Conv,
    Dense,
    GlobalPool,
    Layer,
    Padding,
    Pool,
    Residual,
)

INPUT, OUTPUT = "pixels", "logits"
MOST_WEIGHTS = 100_000_000  # of one layer: 400 MB, far more than any device here could hold
POOLS = {
    "max_pool": keras.layers.MaxPooling2D,
    "average_pool": keras.layers.AveragePooling2D,
    "global_max_pool": keras.layers.MaxPooling2D,
    "global_average_pool": keras.layers.AveragePooling2D,
}


def build(
    architecture: Architecture,
    shape: tuple[int, int, int],
    classes: int,
    *,
    fine_tuning: bool = False,
) -> keras.Model:
    """Build an untrained model; its weights follow from `keras.utils.set_random_seed`.

    Those of a pretrained backbone are a file's, and are frozen.

    Args:
        architecture: from the recipe.
        shape: one picture's height, width and channels.
        classes: how many.
        fine_tuning: whether a backbone's layers are trained too, from `trainable_from` on.

    Returns:
        A model from pixels, float32 (n, height, width, channels) in 0 to 255, to logits, float32
        (n, classes). Every layer has a name of our own: the same recipe gives the same bytes.

    Raises:
        RecipeError: the layers do not fit on one another, or the backbone's weights are not here.
    """
    pixels = keras.Input(shape, name=INPUT)
    trunk = Trunk(pixels, ())
    if architecture.backbone:
        trunk = place(architecture, pixels)
        values = trunk.values
    else:
        values = keras.layers.Rescaling(1 / 255, name="rescaling")(pixels)
    for index, layer in enumerate(architecture.layers):
        name, where = f"{layer.type}_{index}", f"architecture.layers[{index}]"
        values = _place(layer, values, name, where)
    logits = keras.layers.Dense(classes, dtype="float32", name=OUTPUT)(_flat(values, "flatten"))
    model = keras.Model(pixels, logits)
    if architecture.is_pretrained:
        first = first_trainable(architecture, trunk.layers) if fine_tuning else len(trunk.layers)
        for name in trunk.layers[:first]:
            model.get_layer(name).trainable = False
    return model


def _place(layer: Layer, values: tf.Tensor, name: str, where: str) -> tf.Tensor:
    """Apply a layer to values, or say which layer does not fit, where and why."""
    try:
        _check(layer, tuple(values.shape[1:]))
        return _apply(layer, values, name, where)
    except ValueError as error:
        raise RecipeError(
            f"{where}: {layer.type} does not fit on values of shape {tuple(values.shape[1:])}: "
            f"{str(error).splitlines()[0]}"
        ) from None


def _check(layer: Layer, shape: tuple[int, ...]) -> None:
    """Refuse what Keras would refuse in its own words, or would run out of memory for."""
    if isinstance(layer, Conv | Pool | GlobalPool) and len(shape) != 3:
        raise ValueError("expected a map, not a vector: it belongs before the dense layers")
    window, weights = 1, 0
    match layer:
        case Conv():
            window = layer.kernel_size
            weights = window**2 * shape[2] * (1 if layer.separable else layer.filters)
            weights += shape[2] * layer.filters if layer.separable else 0
        case Pool():
            window = layer.pool_size
        case Dense():
            weights = math.prod(shape) * layer.units
    if window > min(shape[:2]) and layer.padding is Padding.VALID:  # type: ignore[union-attr]
        raise ValueError(
            f"its window of {window}×{window} is larger than the map; expected a smaller one, or "
            "padding = 'same'"
        )
    if weights > MOST_WEIGHTS:
        raise ValueError(f"it has {weights:,} weights, expected at most {MOST_WEIGHTS:,}")


def _apply(  # noqa: PLR0911 - one each
    layer: Layer, values: tf.Tensor, name: str, where: str
) -> tf.Tensor:
    match layer:
        case Conv(separable=True):
            return _separable(layer, values, name)
        case Conv():
            return _conv(layer, values, name)
        case Pool():
            return POOLS[layer.type](
                layer.pool_size, strides=layer.strides, padding=layer.padding.value, name=name
            )(values)
        case GlobalPool():
            # As one window over the whole map: the same bytes on every CPU. The operator
            # MEAN, which Keras' own global pooling becomes, differed with the threads on ARM.
            return POOLS[layer.type](tuple(values.shape[1:3]), name=name)(values)
        case Dense():
            values = keras.layers.Dense(layer.units, name=name)(_flat(values, f"{name}_flatten"))
            return _activate(layer.activation, values, name)
        case Residual():
            return _residual(layer, values, name, where)
        case _:
            return keras.layers.Dropout(layer.rate, name=name)(values)


def _conv(layer: Conv, values: tf.Tensor, name: str) -> tf.Tensor:
    values = keras.layers.Conv2D(
        layer.filters,
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding.value,
        # Batch normalisation has an offset of its own.
        use_bias=not layer.batch_normalization,
        name=name,
    )(values)
    return _activate(layer.activation, _normalize(layer, values, name), name)


def _separable(layer: Conv, values: tf.Tensor, name: str) -> tf.Tensor:
    """Apply a depthwise and a pointwise convolution. Source: Howard et al. 2017, arXiv:1704.04861.

    Each is followed by batch normalisation and the activation.
    """
    depthwise, pointwise = f"{name}_depthwise", f"{name}_pointwise"
    values = keras.layers.DepthwiseConv2D(
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding.value,
        use_bias=not layer.batch_normalization,
        name=depthwise,
    )(values)
    values = _activate(layer.activation, _normalize(layer, values, depthwise), depthwise)
    values = keras.layers.Conv2D(
        layer.filters, 1, use_bias=not layer.batch_normalization, name=pointwise
    )(values)
    return _activate(layer.activation, _normalize(layer, values, pointwise), pointwise)


def _residual(layer: Residual, values: tf.Tensor, name: str, where: str) -> tf.Tensor:
    """Add the layers' input to their output. Source: He et al. 2015, arXiv:1512.03385."""
    shortcut = values
    for index, inner in enumerate(layer.layers):
        values = _place(inner, values, f"{name}_{inner.type}_{index}", f"{where}.layers[{index}]")
    if shortcut.shape != values.shape:
        if len(values.shape) != 4 or len(shortcut.shape) != 4:
            raise ValueError("the layers inside must end in a map, not in a vector")
        # The stride that brings the one map's side to the other's: ceil(side / stride).
        strides = tuple(
            -(-before // after)
            for before, after in zip(shortcut.shape[1:3], values.shape[1:3], strict=True)
        )
        reached = tuple(
            -(-side // stride) for side, stride in zip(shortcut.shape[1:3], strides, strict=True)
        )
        if reached != tuple(values.shape[1:3]):
            raise ValueError(
                f"the layers inside end in a map of {values.shape[1]}×{values.shape[2]}, which no "
                "stride makes of the input to add to it; expected padding = 'same'"
            )
        shortcut = keras.layers.Conv2D(
            values.shape[-1], 1, strides=strides, padding="same", name=f"{name}_shortcut"
        )(shortcut)
    values = keras.layers.Add(name=f"{name}_add")([shortcut, values])
    return _activate(layer.activation, values, name)


def _normalize(layer: Conv, values: tf.Tensor, name: str) -> tf.Tensor:
    if not layer.batch_normalization:
        return values
    return BatchNormalization(name=f"{name}_normalization")(values)


def _activate(activation: Activation, values: tf.Tensor, name: str) -> tf.Tensor:
    if activation is Activation.LINEAR:
        return values
    function = elu if activation is Activation.ELU else activation.value
    return keras.layers.Activation(function, name=f"{name}_{activation.value}")(values)


def _flat(values: tf.Tensor, name: str) -> tf.Tensor:
    return keras.layers.Flatten(name=name)(values) if len(values.shape) > 2 else values
