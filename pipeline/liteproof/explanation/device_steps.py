"""What a .tflite does to one picture, as the shipped runtime computes it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema

from liteproof.conversion.packing import unpacked
from liteproof.diagnosis.graph import CONVERSIONS, activations, origins
from liteproof.diagnosis.instrumentation import exposed
from liteproof.diagnosis.pairing import codes, pairs
from liteproof.diagnosis.probing import probe
from liteproof.diagnosis.sums import dequantized
from liteproof.explanation.steps import PIXELS, Entry, Floats, Kind, Quantized, Step, Window
from liteproof_edge.model.affine import Normalisation
from liteproof_edge.model.flatbuffer import Operator, Subgraph, Tensor, read_model

KINDS = {
    "CONV_2D": Kind.CONVOLUTION,
    "DEPTHWISE_CONV_2D": Kind.DEPTHWISE,
    "FULLY_CONNECTED": Kind.DENSE,
    "MAX_POOL_2D": Kind.MAX_POOL,
    "AVERAGE_POOL_2D": Kind.AVERAGE_POOL,
    "ADD": Kind.SUM,
    "RESHAPE": Kind.FLATTEN,
}
WEIGHTED = {Kind.CONVOLUTION, Kind.DEPTHWISE, Kind.DENSE}
FUSED = {1: "relu", 2: "relu_n1_to_1", 3: "relu6", 4: "tanh"}  # schema.ActivationFunctionType
REAL = {"float32", "int8", "uint8", "int16"}  # the types of what layers compute
CLOSE = 1e-3  # of the largest value: Keras and XNNPACK add in different orders


class Constant(NamedTuple):
    """Weights or biases as a file holds them."""

    tensor: Tensor
    values: NDArray[Any]


def device_steps(
    model: bytes, pixels: NDArray[np.uint8], normalisation: Normalisation | None = None
) -> tuple[Entry, list[Step]]:
    """Return what a .tflite does to a picture, in the real values that its codes stand for.

    Args:
        model: a .tflite without metadata.
        pixels: uint8 (height, width, channels).
        normalisation: what the model takes pixels as; None where it takes them as they are.

    Raises:
        ModelError: the runtime cannot run it on this picture.
    """
    graph = read_model(model).subgraphs[0]
    # A batch of any size has its shape computed from the input: integers, which are no layer's.
    found = [each for each in activations(graph) if each.tensor.dtype in REAL]
    sources = _constants(graph)
    weights = {index for each in found for index in each.operator.inputs[1:3] if index in sources}
    rounded = _rounded(graph)
    wanted = {graph.inputs[0], *(each.tensor.index for each in found)}
    wanted |= {sources[index].index for index in weights} | set(rounded.values())
    shown = {"model": exposed(model, rounded.values())}
    values = _values(shown, {"model": sorted(wanted)}, pixels, normalisation)
    held = {index: values[f"model {index}"] for index in wanted}
    constants = {
        index: Constant(sources[index], held[sources[index].index]) for index in sorted(weights)
    }
    options = _options(model)
    places = dict.fromkeys(graph.inputs, PIXELS)
    steps: list[Step] = []
    for at, each in enumerate(found):
        quantized = _quantized(each.tensor, held[each.tensor.index])
        inputs = tuple(places[index] for index in each.inputs if index in places)
        operator = each.operator
        kind = KINDS.get(operator.name, Kind.OTHER)
        step = Step(each.layer, kind, inputs, quantized.real, operator.name, (each.layer,))
        step.quantized = quantized if quantized.scale else None
        before = steps[inputs[0]].output.shape if inputs and inputs[0] >= 0 else pixels.shape
        _describe(step, options[operator.outputs[0]], before)
        if step.kind in WEIGHTED:
            _add_weights(step, graph, operator, constants)
        if operator.inputs[0] in rounded.values():
            step.taken = _quantized(graph.tensors[operator.inputs[0]], held[operator.inputs[0]])
        places[each.tensor.index] = at
        steps.append(step)
    source = rounded.get(graph.inputs[0], graph.inputs[0])
    return _entry(graph.tensors[source], held[source], pixels, normalisation), steps


def _rounded(graph: Subgraph) -> dict[int, int]:
    """Return, by the index of each real tensor that a QUANTIZE makes codes of, where these are."""
    reached = origins(graph)
    return {
        each.inputs[0]: each.outputs[0]
        for each in graph.operators
        if each.name == "QUANTIZE"
        and each.inputs[0] in reached
        and graph.tensors[each.inputs[0]].dtype == "float32"
    }


def _constants(graph: Subgraph) -> dict[int, Tensor]:
    """Return, by the index of each tensor that is a constant, or one unpacked, which that is."""
    found = {each.index: each for each in graph.tensors if each.size_bytes}
    for operator in graph.operators:
        if operator.name in CONVERSIONS and operator.inputs[0] in found:
            found |= dict.fromkeys(operator.outputs, found[operator.inputs[0]])
    return found


def _entry(
    tensor: Tensor,
    held: NDArray[Any],
    pixels: NDArray[np.uint8],
    normalisation: Normalisation | None,
) -> Entry:
    """Return the input as a model holds it; it may take a picture without a channel, or a row."""
    quantized = _quantized(tensor, held.reshape(1, *pixels.shape))
    return Entry(pixels, quantized.real, normalisation, quantized if quantized.scale else None)


def _describe(step: Step, options: Any, before: tuple[int, ...]) -> None:  # noqa: ANN401
    """Add the window and the activation that an operator's options tell."""
    step.activation = FUSED.get(getattr(options, "fusedActivationFunction", 0), "")
    if step.kind is Kind.FLATTEN and step.output.ndim != 1:
        step.kind = Kind.OTHER
    if step.type == "MEAN" and len(before) == 3 and step.output.size == before[-1]:
        sides = (before[0], before[1])
        step.kind, step.window = Kind.AVERAGE_POOL, Window(sides, sides, same=False)
        return
    if step.kind in {Kind.DENSE, Kind.SUM, Kind.FLATTEN, Kind.OTHER}:
        return
    strides = (options.strideH, options.strideW)
    size = (getattr(options, "filterHeight", 0), getattr(options, "filterWidth", 0))
    step.window = Window(size, strides, options.padding == schema.Padding.SAME)
    dilated = getattr(options, "dilationHFactor", 1) * getattr(options, "dilationWFactor", 1) != 1
    if len(before) != 3 or dilated or getattr(options, "depthMultiplier", 1) not in {0, 1}:
        step.kind, step.window = Kind.OTHER, None


def _add_weights(
    step: Step, graph: Subgraph, operator: Operator, constants: Mapping[int, Constant]
) -> None:
    taken, weights, *rest = operator.inputs[:3]
    held, source = constants.get(weights), graph.tensors[taken]
    grouped = step.kind is Kind.CONVOLUTION and held and held.values.shape[3] != source.shape[-1]
    if held is None or grouped:  # weights that depend on the picture, or on groups of channels
        step.kind, step.window = Kind.OTHER, None
        return
    kernel = _real_weights(held)
    is_unpacked = graph.tensors[weights] is not held.tensor
    step.rounds_anew = bool(held.tensor.scales) and not is_unpacked and source.dtype == "float32"
    step.bias = np.zeros(step.output.shape[-1], np.float32)
    if rest and rest[0] in constants:
        step.bias = _real_weights(constants[rest[0]])
    if step.kind is Kind.DENSE:
        step.kernel = kernel.T
    else:
        step.kernel = kernel.transpose(1, 2, 3, 0)
        if step.window:
            step.window = step.window._replace(size=(kernel.shape[1], kernel.shape[2]))
    step.parameters = kernel.size + step.bias.size


def add_quantized(
    steps: list[Step],
    models: tuple[bytes, bytes],
    pixels: NDArray[np.uint8],
    losses: Sequence[float | None],
    normalisation: Normalisation | None = None,
) -> Entry:
    """Give the steps of a float model what the quantized one has in their place.

    Which tensor of the float .tflite a step is, its values tell; which tensor of the quantized one
    that is, the graphs tell.

    Args:
        steps: of the float model, on the same picture; they are changed.
        models: the float32 .tflite of that model, and the one that ships; without metadata.
        pixels: uint8 (height, width, channels).
        losses: the share of its signal that each layer of both loses, in the order of `pairs`.
        normalisation: what both take pixels as; None where they take them as they are.

    Returns:
        What goes into the one that ships.

    Raises:
        ModelError: the runtime cannot run them on this picture.
    """
    real, quantized = (read_model(model).subgraphs[0] for model in models)
    matched = pairs(real, quantized)
    source = quantized.inputs[0]
    source = _rounded(quantized).get(source, source)
    wanted = {
        "float": [pair.real.tensor.index for pair in matched],
        "quantized": [source, *(pair.quantized.tensor.index for pair in matched)],
    }
    shown = {"float": exposed(models[0]), "quantized": exposed(models[1], [source])}
    values = _values(shown, wanted, pixels, normalisation)
    free = list(steps)
    for pair, loss in zip(matched, losses, strict=True):
        if pair.real.tensor.dtype not in REAL:
            continue
        found = values[f"float {pair.real.tensor.index}"][0]
        step = next((each for each in free if _is(each.output, found)), None)
        if step is not None:
            free.remove(step)
            held = values[f"quantized {pair.quantized.tensor.index}"]
            step.quantized = _quantized(pair.quantized.tensor, held)
            step.introduced = loss
    return _entry(quantized.tensors[source], values[f"quantized {source}"], pixels, normalisation)


def _is(output: Floats, found: NDArray[Any]) -> bool:
    if output.shape != found.shape:
        return False
    reach = float(np.abs(output).max(initial=1e-6))
    return float(np.abs(output - found).max(initial=0.0)) <= CLOSE * reach


def _values(
    models: Mapping[str, bytes],
    tensors: dict[str, list[int]],
    pixels: NDArray[np.uint8],
    normalisation: Normalisation | None,
) -> dict[str, NDArray[Any]]:
    return probe("values", dict(models), {"tensors": tensors}, pixels[np.newaxis], normalisation)


def _quantized(tensor: Tensor, held: NDArray[Any]) -> Quantized:
    meaning = codes(tensor)
    values = held[0] if held.ndim > 1 else held
    return Quantized(values, meaning.scale, meaning.zero_point, dequantized(values, meaning))


def _real_weights(constant: Constant) -> Floats:
    tensor, held = constant
    if not tensor.scales:
        return held.astype(np.float32)
    shape = [1] * held.ndim
    if len(tensor.scales) > 1:
        shape[tensor.quantized_dimension] = -1
    scales = np.array(tensor.scales).reshape(shape)
    zero_points = np.array(tensor.zero_points or (0,)).reshape(shape)
    real: Floats = ((held.astype(np.int64) - zero_points) * scales).astype(np.float32)
    return real


def _options(model: bytes) -> dict[int, Any]:
    """Return each operator's options by its first output."""
    graph = unpacked(model).subgraphs[0]
    return {
        int(each.outputs[0]): each.builtinOptions for each in graph.operators if len(each.outputs)
    }
