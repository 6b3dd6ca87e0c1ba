"""Which layer of a quantized model is which of the float one, and what is to be compared."""

from difflib import SequenceMatcher
from typing import Any, NamedTuple

import numpy as np

from liteproof.diagnosis.graph import Activation, activations
from liteproof.diagnosis.sums import Codes
from liteproof_edge.model.flatbuffer import Subgraph, Tensor

WEIGHTS = 1  # which input they are
# Operator → the axis of its weights' output channels. Source: tensorflow/lite/kernels.
CHANNEL_AXES = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0, "TRANSPOSE_CONV": 0}
# Their output has the scale of their input, and what this scale cannot say is lost there too.
# Source: tensorflow/lite/tools/optimize/operator_property.cc, restrict_same_input_output_scale.
SAME_SCALE = {
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
    "PAD",
    "REDUCE_MAX",
    "RESHAPE",
    "SQUEEZE",
    "TRANSPOSE",
}


class Pair(NamedTuple):
    """One layer of both models."""

    real: Activation
    quantized: Activation


def pairs(real: Subgraph, quantized: Subgraph) -> tuple[Pair, ...]:
    """Match activations by their layers' names, or, without these, by operators and shapes.

    The converter gives a tensor the same name in every scheme but for a digit at its end.
    """
    ours, theirs = activations(real), activations(quantized)
    named = {each.layer: each for each in ours}
    if all(each.layer in named for each in theirs):
        found = [Pair(named[each.layer], each) for each in theirs]
        return tuple(
            pair for pair in found if pair.real.tensor.shape == pair.quantized.tensor.shape
        )
    matcher = SequenceMatcher(None, _kinds(ours), _kinds(theirs), autojunk=False)
    return tuple(
        Pair(ours[block.a + step], theirs[block.b + step])
        for block in matcher.get_matching_blocks()
        for step in range(block.size)
    )


def readers(index: int, graph: tuple[Activation, ...]) -> tuple[str, ...]:
    """Return the tensors that a layer's values reach in its own scale, and who reads them there.

    Args:
        index: of the layer's tensor.
        graph: the model's activations, in the order of execution.
    """
    reached, found = {index}, []
    for each in graph:
        if reached & {*each.inputs}:
            found.append(each.tensor.name)
            if each.operator.name in SAME_SCALE:
                reached.add(each.tensor.index)
    return tuple(found)


def plan(
    real: Subgraph, quantized: Subgraph, matched: tuple[Pair, ...], inputs: dict[int, int]
) -> dict[str, Any]:
    """Return what `worker.Errors` needs to know.

    Args:
        real: the float model's graph.
        quantized: the other's.
        matched: their layers.
        inputs: of `instrumentation.Isolated`.
    """
    partners = dict(zip(real.inputs, quantized.inputs, strict=False))
    partners |= {pair.real.tensor.index: pair.quantized.tensor.index for pair in matched}
    feeds = [
        {
            "input": new,
            "tensor": partners[index],
            "codes": codes(quantized.tensors[partners[index]]),
        }
        for new, index in inputs.items()
        if index in partners
    ]
    layers = [
        {
            "layer": pair.real.layer,
            "float": pair.real.tensor.index,
            "quantized": pair.quantized.tensor.index,
            "codes": codes(pair.quantized.tensor),
            "fed": all(index in partners for index in pair.real.inputs),
            "weights": _weights(real, quantized, pair),
        }
        for pair in matched
    ]
    return {"layers": layers, "feeds": feeds}


def codes(tensor: Tensor) -> Codes:
    """Return what a tensor's codes mean; a scale of 0 where it holds real values."""
    if tensor.dtype not in {"int8", "uint8", "int16"} or len(tensor.scales) != 1:
        return Codes(0.0, 0, 0, 0)
    limits = np.iinfo(tensor.dtype)
    return Codes(tensor.scales[0], tensor.zero_points[0], int(limits.min), int(limits.max))


def _kinds(graph: tuple[Activation, ...]) -> list[tuple[str, tuple[int, ...]]]:
    return [(each.operator.name, each.tensor.shape) for each in graph]


def _weights(real: Subgraph, quantized: Subgraph, pair: Pair) -> dict[str, Any] | None:
    one, other = (activation.operator for activation in pair)
    axis = CHANNEL_AXES.get(one.name)
    if axis is None or other.name != one.name:
        return None
    wanted = real.tensors[one.inputs[WEIGHTS]]
    got = quantized.tensors[other.inputs[WEIGHTS]]
    if (wanted.dtype, got.dtype) != ("float32", "int8") or wanted.shape != got.shape:
        return None
    if not (wanted.size_bytes and got.size_bytes and got.scales):
        return None
    return {"float": wanted.index, "quantized": got.index, "scales": got.scales, "axis": axis}
