"""What a Keras model does to one picture: every layer's tensors, and Grad-CAM."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from liteproof.explanation.keras_layers import (
    ACTIVATIONS,
    PLAIN,
    POOLS,
    WEIGHTED,
    activation_of,
    folded,
    formula_of,
    kind_of,
    own_activation,
    pool_window,
)
from liteproof.explanation.steps import PIXELS, Kind, Step, Window


@dataclass(slots=True)
class _Call:
    """One layer's call: `values` are the tensors that it took."""

    layer: Any
    values: list[Any]
    output: Any
    linear: Any = None  # the output without the layer's own activation
    readers: int = 0


@dataclass(slots=True)
class Walk:
    """A model's way over a picture.

    Attributes:
        steps: in the order of execution.
        logits: float32 (classes,).
        maps: for each class asked for, Grad-CAM: float32 (height, width), 0 or more.
        map_of: the name of the step that those maps are of; "" where none has places.
    """

    steps: list[Step]
    logits: NDArray[np.float32]
    maps: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    map_of: str = ""


def walk(model: keras.Model, pixels: NDArray[np.uint8], classes: tuple[int, ...]) -> Walk:
    """Run a model on a picture, and keep what each of its layers makes.

    Args:
        model: from pixels, 0 to 255, (n, height, width, channels) to logits (n, classes).
        pixels: uint8 (height, width, channels).
        classes: those that Grad-CAM is asked of.

    Source of Grad-CAM: Selvaraju et al. 2017, arXiv:1610.02391, eq. 1 and 2.
    """
    calls: list[_Call] = []
    image = tf.constant(pixels[np.newaxis].astype(np.float32))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        logits = _run(model, image, calls)
        scores = {each: logits[0, each] for each in classes}
    steps, outputs = _steps(calls, image)
    found = Walk(steps, logits[0].numpy().astype(np.float32))
    last = _last_map(steps)
    if last is not None:
        found.map_of = steps[last].name
        for each, score in scores.items():
            gradient = tape.gradient(score, outputs[last])
            if gradient is not None:
                found.maps[each] = cam(outputs[last][0].numpy(), gradient[0].numpy())
    return found


def cam(values: NDArray[np.float32], gradient: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return Grad-CAM of a map and the gradient at it, (height, width, channels) each."""
    weights = gradient.mean(axis=(0, 1))
    result: NDArray[np.float32] = np.maximum(values @ weights, 0).astype(np.float32)
    return result


def _run(model: Any, image: Any, calls: list[_Call]) -> Any:  # noqa: ANN401 - Keras has no types
    """Run a model's graph layer by layer; models inside are opened, where they have a graph."""

    def recording(layer: Any) -> Any:  # noqa: ANN401
        inner = _graph(layer)
        if inner is not None:
            return lambda *values, **_: _run(inner, tf.nest.flatten(values), calls)

        def call(*values: Any, **options: Any) -> Any:  # noqa: ANN401
            call = _Call(
                layer, [each for each in tf.nest.flatten(values) if tf.is_tensor(each)], None
            )
            call.output = layer(*values, **options)
            if own_activation(layer):
                own, layer.activation = layer.activation, keras.activations.linear
                call.linear = layer(*values, **options)
                layer.activation = own
            calls.append(call)
            return call.output

        return call

    # Keras has no public way to see what lies between the layers of nested models.
    return _graph(model)._run_through_graph(image, operation_fn=recording)  # noqa: SLF001


def _graph(layer: Any) -> Any:  # noqa: ANN401
    """Return the model with a graph that a layer is, if it is one."""
    if isinstance(layer, keras.Sequential):
        return layer._functional if layer.built else None  # noqa: SLF001
    return layer if hasattr(layer, "_run_through_graph") else None


def _steps(calls: list[_Call], image: Any) -> tuple[list[Step], list[Any]]:  # noqa: ANN401
    """Return the steps and their outputs as tensors: convolution, normalisation, activation in one.

    Layers that give back what they took, such as dropout, are none.
    """
    calls = [each for each in calls if not any(each.output is taken for taken in each.values)]
    readers = Counter(id(value) for each in calls for value in each.values)
    places = {id(image): PIXELS}
    steps: list[Step] = []
    outputs: list[Any] = []
    waiting = list(calls)
    while waiting:
        call = waiting.pop(0)
        joined = [call]
        if kind_of(call.layer, WEIGHTED) is not None and not own_activation(call.layer):
            joined += _followers(call, waiting, readers)
            waiting = [each for each in waiting if each not in joined]
        step = _step(joined, tuple(places.get(id(value), PIXELS) for value in call.values))
        output = joined[-1].output
        for tensor in tf.nest.flatten(output):
            places[id(tensor)] = len(steps)
        steps.append(step)
        outputs.append(tf.nest.flatten(output)[0])
    return steps, outputs


def _followers(call: _Call, after: list[_Call], readers: Counter[int]) -> list[_Call]:
    """Return the normalisation and the activation that alone read what a layer makes."""
    found: list[_Call] = []
    for wanted in ((keras.layers.BatchNormalization,), ACTIVATIONS):
        end = (found or [call])[-1].output
        if readers[id(end)] != 1:
            break
        (reader,) = [each for each in after if any(value is end for value in each.values)]
        if isinstance(reader.layer, wanted) and _is_over_channels(reader):
            found.append(reader)
    return found


def _is_over_channels(call: _Call) -> bool:
    axis = getattr(call.layer, "axis", -1)
    (last,) = axis if isinstance(axis, list | tuple) else (axis,)
    return last in {-1, len(call.output.shape) - 1}


def _step(joined: list[_Call], inputs: tuple[int, ...]) -> Step:
    first, last = joined[0], joined[-1]
    layer = first.layer
    output = _array(last.output)
    step = Step(
        name=layer.name,
        kind=Kind.OTHER,
        inputs=inputs,
        output=output,
        type=type(layer).__name__,
        members=tuple(each.layer.name for each in joined),
    )
    if (kind := kind_of(layer, WEIGHTED)) is not None:
        _describe_weighted(step, kind, joined)
    elif (kind := kind_of(layer, POOLS)) is not None and len(first.values[0].shape) == 4:
        step.kind, step.window = kind, pool_window(layer, tuple(first.values[0].shape[1:3]))
    elif isinstance(layer, ACTIVATIONS):
        step.kind, step.activation = Kind.ACTIVATION, activation_of(layer)
        step.before = _array(first.values[0])
    else:
        step.kind = kind_of(layer, PLAIN) or Kind.OTHER
        step.formula = formula_of(layer)
        if isinstance(layer, keras.layers.Layer):
            step.parameters = layer.count_params()
    return step


def _describe_weighted(step: Step, kind: Kind, joined: list[_Call]) -> None:
    first, last = joined[0], joined[-1]
    layer = first.layer
    if kind is not Kind.DENSE:
        plain = tuple(layer.dilation_rate) == (1, 1) and layer.padding in {"same", "valid"}
        plain = plain and layer.data_format == "channels_last" and getattr(layer, "groups", 1) == 1
        if not plain or getattr(layer, "depth_multiplier", 1) != 1:
            return  # a generic view
        strides = tuple(layer.strides)
        step.window = Window(tuple(layer.kernel_size), strides, layer.padding == "same")
    elif len(first.values[0].shape) != 2:
        return
    kernel = np.asarray(layer.kernel, np.float64)
    bias = np.zeros(step.output.shape[-1]) if layer.bias is None else np.asarray(layer.bias)
    before = first.output if first.linear is None else first.linear
    for follower in joined[1:]:
        if isinstance(follower.layer, keras.layers.BatchNormalization):
            kernel, bias = folded(kernel, bias, follower.layer, depthwise=kind is Kind.DEPTHWISE)
            before = follower.output
    own = own_activation(layer)
    step.kind = kind
    step.activation = own or (
        activation_of(last.layer) if isinstance(last.layer, ACTIVATIONS) else ""
    )
    step.before = _array(before) if step.activation else None
    step.kernel, step.bias = kernel.astype(np.float32), bias.astype(np.float32)
    step.parameters = kernel.size + bias.size


def _array(tensor: Any) -> NDArray[np.float32]:  # noqa: ANN401
    first = tf.nest.flatten(tensor)[0]
    result: NDArray[np.float32] = np.asarray(first, np.float32)[0]
    return result


def _last_map(steps: list[Step]) -> int | None:
    """Return the last step whose output has places: Grad-CAM's."""
    maps = [at for at, step in enumerate(steps) if step.is_map and min(step.output.shape[:2]) > 1]
    return maps[-1] if maps else None
