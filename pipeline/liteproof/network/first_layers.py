"""What a Keras model does first with its pixels: whether it scales them itself."""

from typing import Any

import keras

from liteproof.network.frozen import FrozenGraph

# Pixels stay pixels through these.
PASSING = (
    keras.layers.InputLayer,
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Resizing,
    keras.layers.CenterCrop,
    keras.layers.Cropping2D,
    keras.layers.ZeroPadding2D,
    keras.layers.Permute,
    keras.layers.GaussianNoise,
    keras.layers.Dropout,
)
PASSING_OPERATIONS = {"GetItem", "Stack", "Concatenate", "Cast", "Flip", "Transpose", "Take"}
MIXING = "mixing"  # the layer by which `adopt` has each colour scaled, or colours turned round
ARITHMETIC = (keras.layers.Rescaling, keras.layers.Normalization)
# As `preprocess_input` writes them.
ARITHMETIC_OPERATIONS = {"TrueDivide", "Divide", "Multiply", "Subtract", "Add", "Rescaling"}


def own_arithmetic(model: keras.Model) -> str | None:
    """Return what a model's pixels meet first, if that scales them: then it takes 0 to 255.

    Layers that leave pixels what they are, as random flips do, are looked behind, and models within
    the model are looked into.
    """
    graph = getattr(model, "_functional", None) or model  # a Sequential has one inside
    if not getattr(graph, "inputs", None) or not hasattr(graph, "operations"):
        return None
    pixels = {id(tensor) for tensor in graph.inputs}
    for operation in graph.operations:
        for node in operation._inbound_nodes:  # noqa: SLF001 - the only way to who reads a tensor
            if not any(id(tensor) in pixels for tensor in node.input_tensors):
                continue
            if isinstance(operation, keras.Model) and (found := own_arithmetic(operation)):
                return found
            if isinstance(operation, FrozenGraph):
                found = operation.first_arithmetic()
                return found and f"its arithmetic, {found}"
            if isinstance(operation, ARITHMETIC) or operation.name == MIXING:
                return _told(operation)
            if type(operation).__name__ in ARITHMETIC_OPERATIONS:
                return f"its arithmetic, {operation.name}"
            if _passes(operation):
                pixels |= {id(tensor) for tensor in node.output_tensors}
    return None


def _passes(operation: Any) -> bool:  # noqa: ANN401 - a Keras operation
    name = type(operation).__name__
    if isinstance(operation, keras.Model):
        return all(map(_passes, operation.layers))
    return (
        isinstance(operation, PASSING)
        or name in PASSING_OPERATIONS
        or name.startswith("Random")  # augmentation does nothing after training
    )


def _told(layer: Any) -> str:  # noqa: ANN401 - a Keras layer
    if layer.name == MIXING:
        return "a scale for each colour"
    if isinstance(layer, keras.layers.Rescaling):
        return f"Rescaling by {_figure(layer.scale)}"
    return type(layer).__name__


def _figure(scale: Any) -> str:  # noqa: ANN401 - a number, or one for each channel
    return f"{scale:.3g}" if isinstance(scale, int | float) else "each channel's own"
