"""What a .tflite does to one picture, as the shipped runtime computes it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema

from liteproof.conversion.packing import unpacked
from liteproof.diagnosis.graph import Activation, activations
from liteproof.diagnosis.instrumentation import exposed
from liteproof.diagnosis.layer_error import LayerError
from liteproof.diagnosis.pairing import codes, pairs
from liteproof.diagnosis.probing import probe
from liteproof.diagnosis.sums import dequantized
from liteproof.explanation.steps import PIXELS, Floats, Kind, Quantized, Step, Window
from liteproof_edge.model.flatbuffer import Subgraph, Tensor, read_model

KINDS = {
    "CONV_2D": Kind.CONVOLUTION,
    "DEPTHWISE_CONV_2D": Kind.DEPTHWISE,
    "FULLY_CONNECTED": Kind.DENSE,
    "MAX_POOL_2D": Kind.MAX_POOL,
    "AVERAGE_POOL_2D": Kind.AVERAGE_POOL,
    "ADD": Kind.SUM,
    "RESHAPE": Kind.FLATTEN,
}
FUSED = {1: "relu", 2: "relu_n1_to_1", 3: "relu6", 4: "tanh"}  # schema.ActivationFunctionType
CLOSE = 1e-3  # of the largest value: Keras and XNNPACK add in different orders


def device_steps(model: bytes, pixels: NDArray[np.uint8]) -> list[Step]:
    """Return what a quantized model does to a picture, in the real values its codes stand for.

    Args:
        model: a .tflite without metadata that takes pixels as they are.
        pixels: uint8 (height, width, channels).

    Raises:
        ModelError: the runtime cannot run it on this picture.
    """
    graph = read_model(model).subgraphs[0]
    found = activations(graph)
    constants = {index for each in found for index in each.operator.inputs[1:3] if index >= 0}
    constants = {index for index in constants if graph.tensors[index].size_bytes}
    wanted = sorted(constants | {each.tensor.index for each in found})
    values = _values({"quantized": model}, {"quantized": wanted}, pixels)
    options = _options(model)
    places = dict.fromkeys(graph.inputs, PIXELS)
    steps: list[Step] = []
    for at, each in enumerate(found):
        held = values[f"quantized {each.tensor.index}"]
        quantized = _quantized(each.tensor, held)
        inputs = tuple(places.get(index, PIXELS) for index in each.inputs)
        operator = each.operator
        kind = KINDS.get(operator.name, Kind.OTHER)
        step = Step(each.layer, kind, inputs, quantized.real, operator.name, (each.layer,))
        step.quantized = quantized
        before = steps[inputs[0]].output.shape if inputs and inputs[0] >= 0 else pixels.shape
        _describe(step, options[operator.outputs[0]], before)
        if step.kind in {Kind.CONVOLUTION, Kind.DEPTHWISE, Kind.DENSE}:
            _add_weights(step, graph, each, values)
        places[each.tensor.index] = at
        steps.append(step)
    return steps


def _describe(step: Step, options: Any, before: tuple[int, ...]) -> None:  # noqa: ANN401
    """Add the window and the activation that an operator's options tell."""
    step.activation = FUSED.get(getattr(options, "fusedActivationFunction", 0), "")
    if step.kind in {Kind.DENSE, Kind.SUM, Kind.FLATTEN, Kind.OTHER}:
        return
    strides = (options.strideH, options.strideW)
    size = (getattr(options, "filterHeight", 0), getattr(options, "filterWidth", 0))
    step.window = Window(size, strides, options.padding == schema.Padding.SAME)
    dilated = getattr(options, "dilationHFactor", 1) * getattr(options, "dilationWFactor", 1) != 1
    if len(before) != 3 or dilated or getattr(options, "depthMultiplier", 1) not in {0, 1}:
        step.kind, step.window = Kind.OTHER, None


def _add_weights(
    step: Step, graph: Subgraph, each: Activation, values: Mapping[str, NDArray[Any]]
) -> None:
    weights, *rest = each.operator.inputs[1:3]
    if f"quantized {weights}" not in values:  # they depend on the picture
        step.kind, step.window = Kind.OTHER, None
        return
    kernel = _real_weights(graph.tensors[weights], values[f"quantized {weights}"])
    step.bias = np.zeros(step.output.shape[-1], np.float32)
    if rest and rest[0] >= 0:
        step.bias = _real_weights(graph.tensors[rest[0]], values[f"quantized {rest[0]}"])
    if step.kind is Kind.DENSE:
        step.kernel = kernel.T
    else:
        step.kernel = kernel.transpose(1, 2, 3, 0)
        if step.window:
            step.window = step.window._replace(size=(kernel.shape[1], kernel.shape[2]))
    step.parameters = kernel.size + step.bias.size


def add_quantized(
    steps: list[Step],
    real: bytes,
    quantized: bytes,
    pixels: NDArray[np.uint8],
    errors: tuple[LayerError, ...],
) -> None:
    """Give the steps of a Keras model what the quantized one has in their place.

    Which tensor of the float .tflite a step is, its values tell; which tensor of the quantized one
    that is, the graphs tell.

    Args:
        steps: of the Keras model, on the same picture; they are changed.
        real: the float32 .tflite of that model, without metadata.
        quantized: the one that ships, without metadata.
        pixels: uint8 (height, width, channels).
        errors: from `layer_errors` of these two.

    Raises:
        ModelError: the runtime cannot run them on this picture.
    """
    matched = pairs(read_model(real).subgraphs[0], read_model(quantized).subgraphs[0])
    wanted = {
        "float": [pair.real.tensor.index for pair in matched],
        "quantized": [pair.quantized.tensor.index for pair in matched],
    }
    values = _values({"float": real, "quantized": quantized}, wanted, pixels)
    free = list(steps)
    for pair, error in zip(matched, errors, strict=True):
        found = values[f"float {pair.real.tensor.index}"][0]
        step = next((each for each in free if _is(each.output, found)), None)
        if step is not None:
            free.remove(step)
            held = values[f"quantized {pair.quantized.tensor.index}"]
            step.quantized = _quantized(pair.quantized.tensor, held)
            step.introduced = error.introduced


def _is(output: Floats, found: NDArray[Any]) -> bool:
    if output.shape != found.shape:
        return False
    reach = float(np.abs(output).max(initial=1e-6))
    return float(np.abs(output - found).max(initial=0.0)) <= CLOSE * reach


def _values(
    models: Mapping[str, bytes], tensors: dict[str, list[int]], pixels: NDArray[np.uint8]
) -> dict[str, NDArray[Any]]:
    shown = {name: exposed(model) for name, model in models.items()}
    return probe("values", shown, {"tensors": tensors}, pixels[np.newaxis], None)


def _quantized(tensor: Tensor, held: NDArray[Any]) -> Quantized:
    meaning = codes(tensor)
    values = held[0] if held.ndim > 1 else held
    return Quantized(values, meaning.scale, meaning.zero_point, dequantized(values, meaning))


def _real_weights(tensor: Tensor, held: NDArray[Any]) -> Floats:
    if not tensor.scales:
        return held.astype(np.float32)
    shape = [1] * held.ndim
    if len(tensor.scales) > 1:
        shape[tensor.quantized_dimension] = -1
    scales = np.array(tensor.scales).reshape(shape)
    zero_points = np.array(tensor.zero_points).reshape(shape)
    real: Floats = ((held.astype(np.int64) - zero_points) * scales).astype(np.float32)
    return real


def _options(model: bytes) -> dict[int, Any]:
    """Return each operator's options by its first output."""
    graph = unpacked(model).subgraphs[0]
    return {
        int(each.outputs[0]): each.builtinOptions for each in graph.operators if len(each.outputs)
    }
