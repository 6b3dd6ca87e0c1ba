"""A model of any shape, built into one that takes pixels and gives a logit for each class."""

from typing import Any, NamedTuple

import keras
import numpy as np

from liteproof.adoption.pixel_mixing import Mixing, without_mixing
from liteproof.errors import ConversionError
from liteproof.network.architecture import INPUT, OUTPUT
from liteproof.network.first_layers import MIXING
from liteproof.network.frozen import FrozenGraph

Shape = tuple[int, int, int]
ENDINGS = {"softmax", "sigmoid"}
LOGITS = "logits"


class Ending(NamedTuple):
    """A model without what only scales its answers.

    Attributes:
        model: from its own input to its logits.
        was: `softmax`, `sigmoid` or `logits`: what its last layer gave.
        classes: how many: 2 where it has one output, the logit of the second class.
    """

    model: keras.Model
    was: str
    classes: int


def input_shape(model: keras.Model, size: tuple[int, int] | None, where: str) -> Shape:
    """Return the height, width and channels of the pictures that a model takes.

    Args:
        model: the user's.
        size: height and width, for a model that takes any, or a row of pixels.
        where: what to call it in an error.

    Raises:
        ConversionError: it takes no picture, or not one of that size, or the size is missing.
    """
    takes = [tuple(each.shape[1:]) for each in getattr(model, "inputs", None) or ()]
    if len(takes) != 1:
        raise ConversionError(
            f"{where}: takes {takes or 'nothing known'}, expected one picture; a model without a "
            "fixed input becomes one by `model.export(FOLDER)`"
        )
    match _as_picture(takes[0], size):
        case (int(height), int(width), (1 | 3) as channels) if size in {None, (height, width)}:
            return height, width, channels
        case (int(height), int(width), 1 | 3):
            expected = f"a picture of {height}x{width}, and --size says another"
        case (None, _, _) | (_, None, _):
            expected = "a picture of any size: expected --size HxW"
        case (1 | 3, _, _):
            expected = "channels first, which no runtime runs: expected (height, width, channels)"
        case (_,):
            expected = "a row of values: expected --size, such as 28x28 for 784"
        case _:
            expected = "expected (height, width), (height, width, 1 or 3), or a row and --size"
    raise ConversionError(f"{where}: takes {takes[0]}, {expected}")


def _as_picture(takes: tuple[int | None, ...], size: tuple[int, int] | None) -> tuple[Any, ...]:
    """Return the shape of the picture that fills an input, where a size or nothing decides it."""
    if len(takes) == 2:
        return (*takes, 1)
    if size and len(takes) == 1 and takes[0] and takes[0] % (size[0] * size[1]) == 0:
        return (*size, takes[0] // (size[0] * size[1]))
    if size and takes[:2] == (None, None):
        return (*size, *takes[2:])
    return takes


def without_ending(model: keras.Model, output: str | None, where: str) -> Ending:
    """Return a model up to its logits: a softmax or sigmoid at its end is the device's to apply.

    Args:
        model: the user's; its last layer is changed.
        output: the name of the one that answers, where it has several.
        where: what to call it in an error.

    Raises:
        ConversionError: it has other outputs than that.
    """
    answer = _choose(model, output, where)
    shape = tuple(answer.shape[1:])
    if not shape or None in shape or any(size != 1 for size in shape[:-1]):
        raise ConversionError(
            f"{where}: gives {shape}, expected a number for each class: a classifier's outputs"
        )
    before, was = _take_off(answer)
    inner = _taking_floats(keras.Model(model.inputs, before))
    return Ending(inner, was, max(shape[-1], 2))


def _taking_floats(model: keras.Model) -> keras.Model:
    """Return a model of pixels that are integers as one that takes them as floats.

    To cast them to integers and back is no arithmetic that int8 has.
    """
    (given,) = model.inputs
    if keras.backend.is_float_dtype(given.dtype):
        return model
    pixels = keras.Input(batch_shape=given.shape, dtype="float32")
    # The same layers, one by one: a call of the model would cast what it is given.
    answers = model._run_through_graph(pixels, operation_fn=lambda each: each)  # noqa: SLF001
    return keras.Model(pixels, answers)


def as_classifier(
    ending: Ending, shape: Shape, mean: tuple[float, ...], scale: tuple[float, ...], *, bgr: bool
) -> keras.Model:
    """Build around a model what makes it take pixels and give a logit for each class.

    Args:
        ending: the model up to its logits.
        shape: of a picture.
        mean: what is taken from each channel of a pixel.
        scale: what the difference is multiplied with.
        bgr: whether it takes blue first.

    Returns:
        A model from pixels, float32 (n, height, width, channels) in 0 to 255 and RGB, to logits,
        float32 (n, classes).
    """
    pixels = keras.Input(shape, name=INPUT)
    model, mixing = without_mixing(ending.model, shape)
    values = _as_taken(pixels, mean, scale, mixing, bgr=bgr)
    taken = tuple(model.inputs[0].shape[1:])
    if len(taken) != len(shape):
        values = keras.layers.Reshape(taken, name="shaped")(values)
    answers = model(values)
    if len(answers.shape) > 2:
        answers = keras.layers.Flatten(name="answers")(answers)
    if answers.shape[1] == 1:
        # softmax((-z/2, z/2)) is sigmoid(z): class 1 is the answer where that is above one half.
        two = keras.layers.Dense(2, use_bias=False, name=OUTPUT)
        logits = two(answers)
        two.set_weights([np.array([[-0.5, 0.5]], np.float32)])
    else:
        logits = keras.layers.Activation("linear", dtype="float32", name=OUTPUT)(answers)
    return keras.Model(pixels, logits)


def _as_taken(
    pixels: Any,  # noqa: ANN401 - KerasTensor
    mean: tuple[float, ...],
    scale: tuple[float, ...],
    mixing: Mixing | None,
    *,
    bgr: bool,
) -> Any:  # noqa: ANN401 - KerasTensor
    """Put in front what a model takes pixels as: (pixel - mean) x scale, in its order, mixed."""
    channels = len(mean)
    if not mixing and not bgr and len({*mean}) == len({*scale}) == 1:
        if (mean[0], scale[0]) == (0.0, 1.0):
            return pixels
        # The converter makes this a part of the input's own scale: it costs nothing.
        return keras.layers.Rescaling(scale[0], -mean[0] * scale[0], name="rescaling")(pixels)
    layer = keras.layers.Conv2D(channels, 1, name=MIXING)
    values = layer(pixels)
    order = slice(None, None, -1) if bgr else slice(None)
    kernel, bias = np.diag(np.array(scale, np.float32))[order], -np.multiply(mean, scale)
    if mixing:
        kernel, bias = kernel @ mixing.kernel, bias @ mixing.kernel + mixing.bias
    layer.set_weights([kernel[np.newaxis, np.newaxis], bias])
    return values


def _choose(model: keras.Model, output: str | None, where: str) -> Any:  # noqa: ANN401 - KerasTensor
    outputs = list(model.outputs)
    if output is None and len(outputs) == 1:
        return outputs[0]
    given = getattr(model, "_outputs_struct", None)  # its flattening is `outputs`, by sorted keys
    if isinstance(given, dict):
        names = sorted(given)
    else:
        names = [str(name) for name in getattr(model, "output_names", range(len(outputs)))]
    if output is None:
        raise ConversionError(
            f"{where}: gives {len(outputs)} outputs; expected --output, one of {', '.join(names)}"
        )
    if output not in names:
        raise ConversionError(f"{where}: no output {output!r}, expected one of {', '.join(names)}")
    return outputs[names.index(output)]


def _take_off(answer: Any) -> tuple[Any, str]:  # noqa: ANN401 - KerasTensor
    """Return what a model gives before its softmax or sigmoid, and which of them it was."""
    layer, at, place = answer._keras_history  # noqa: SLF001 - the only way to what made a tensor
    given = layer._inbound_nodes[at].input_tensors  # noqa: SLF001 - the same
    if graph := _graph_of(layer):  # a model within the model: its layers, one by one
        inside = graph._run_through_graph(given, operation_fn=lambda each: each)  # noqa: SLF001
        return _take_off(keras.tree.flatten(inside)[place])
    if isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.linear:
        return _take_off(given[0])  # as mixed precision ends, in float32
    if isinstance(layer, FrozenGraph):
        return answer, layer.take_off_ending() or LOGITS
    activation = getattr(getattr(layer, "activation", None), "__name__", None)
    if activation in ENDINGS:
        layer.activation = keras.activations.linear
        return answer, str(activation)
    kind = type(layer).__name__.lower()
    if kind in ENDINGS:
        return given[0], kind
    return answer, LOGITS


def _graph_of(layer: Any) -> Any:  # noqa: ANN401 - a Functional model, or None
    """Return the graph of a model; None of any other layer, and of a model by its own code."""
    found = getattr(layer, "_functional", None) or layer  # a Sequential has one inside
    return found if isinstance(found, keras.src.models.Functional) else None
