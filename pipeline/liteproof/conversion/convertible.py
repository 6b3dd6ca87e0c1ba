"""Which layers of a Keras model TensorFlow's converter cannot take, each tried on its own."""

from collections.abc import Iterator

import keras
import tensorflow as tf

from liteproof.conversion.converting import converting
from liteproof.errors import ConversionError


def unconvertible_layers(model: keras.Model) -> tuple[str, ...]:
    """Return the layers that do not convert, each with its type and with what is missing.

    Args:
        model: a functional or sequential one; of a subclassed one, the layers are unknown.
    """
    return tuple(
        f"'{layer.name}' ({type(layer).__name__}{reason})"
        for layer in _layers(model)
        if (reason := _failure(layer)) is not None
    )


def _layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yield all layers that compute, those of models within a model too."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer


def _failure(layer: keras.Layer) -> str | None:
    """Return why a layer does not convert, or None where it does or cannot be tried."""
    try:
        taken = layer.input
    except (AttributeError, ValueError):  # it was never called on its own
        return None
    single = not isinstance(taken, list | tuple)
    inputs = [
        tf.TensorSpec((1, *each.shape[1:]), each.dtype) for each in ([taken] if single else taken)
    ]

    def call(*values: tf.Tensor) -> object:
        return layer(values[0] if single else list(values))

    try:
        with converting("it"):
            concrete = tf.function(call, autograph=False).get_concrete_function(*inputs)
            tf.lite.TFLiteConverter.from_concrete_functions([concrete], layer).convert()
    except ConversionError as error:
        return f": {str(error).partition(': cannot be converted: ')[2]}"
    return None
