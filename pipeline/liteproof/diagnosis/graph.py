"""The activations of a .tflite: which operator computes each, of which others, for which layer."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from liteproof_edge.model.flatbuffer import Operator, Subgraph, Tensor

# They change how a value is stored, not what is computed.
CONVERSIONS = {"QUANTIZE", "DEQUANTIZE"}
# Keras' own scopes inside a layer's.
INNER_SCOPES = {"batchnorm", "Gelu"}
# Where a convolution took the batch normalisation and the activation along, it gives the name.
NAMING_OPERATIONS = {"convolution", "depthwise", "MatMul", "conv_transpose"}


@dataclass(frozen=True, slots=True)
class Activation:
    """What one operator computes from the picture.

    Attributes:
        tensor: where it is.
        operator: what computes it.
        inputs: the activations, and perhaps the graph's input, that it is computed from: their
            tensors' indices, those of a QUANTIZE or DEQUANTIZE traced back to what it converts.
        layer: the Keras layer's name, with the operator where that layer became several; or the
            operator with its number where the file holds no names.
    """

    tensor: Tensor
    operator: Operator
    inputs: tuple[int, ...]
    layer: str


def activations(graph: Subgraph) -> tuple[Activation, ...]:
    """Return what a graph computes from its input, in the order of execution.

    Constants, what is computed from constants only, and conversions are left out.
    """
    sources = origins(graph)
    found = [
        (
            graph.tensors[index],
            operator,
            tuple(dict.fromkeys(sources[i] for i in operator.inputs if i in sources)),
        )
        for operator in graph.operators
        for index in operator.outputs
        if sources.get(index) == index
    ]
    names = _layer_names(graph, [(tensor, operator) for tensor, operator, _ in found])
    return tuple(Activation(*each, layer) for each, layer in zip(found, names, strict=True))


def origins(graph: Subgraph) -> dict[int, int]:
    """Return, by the index of each tensor that the graph's input reaches, what it stands for.

    That is itself, or what a chain of conversions made it of.
    """
    found = {index: index for index in graph.inputs}
    for operator in graph.operators:
        inputs = [found[index] for index in operator.inputs if index in found]
        if inputs:
            converted = operator.name in CONVERSIONS
            found |= {index: inputs[0] if converted else index for index in operator.outputs}
    return found


def _layer_names(graph: Subgraph, computed: list[tuple[Tensor, Operator]]) -> list[str]:
    scopes = [_scope(graph, *each) for each in computed]
    # Keras numbers all the layers' scopes alike, since the model was called before.
    endings = {match[0] if (match := re.search(r"_\d+$", name)) else "" for name in scopes if name}
    suffix = endings.pop() if len(endings) == 1 else ""
    names = [name.removesuffix(suffix) for name in scopes]
    counts = Counter(names)
    names = [
        name if name and counts[name] == 1 else f"{name} {operator.name}".strip()
        for name, (_, operator) in zip(names, computed, strict=True)
    ]
    counts, seen = Counter(names), Counter[str]()
    for at, name in enumerate(names):
        if counts[name] > 1:
            seen[name] += 1
            names[at] = f"{name} {seen[name]}"
    return names


def _scope(graph: Subgraph, tensor: Tensor, operator: Operator) -> str:
    """Return the Keras scope that a tensor's name tells, or else its weights' names; or ""."""
    weights = (graph.tensors[index] for index in operator.inputs[1:] if index >= 0)
    for named in (tensor, *weights):
        paths = list(_paths(named.name))
        if paths:
            best = next((path for path in paths if path[-1] in NAMING_OPERATIONS), paths[0])
            return "/".join(step for step in best[1:-1] if step not in INNER_SCOPES)
    return ""


def _paths(name: str) -> Iterator[list[str]]:
    """Split `model/layer/operation;model/layer/operation1` into steps, without the last digit."""
    for part in name.split(";"):
        steps = part.split("/")
        if len(steps) > 2:
            yield [*steps[:-1], re.sub(r"\d+$", "", steps[-1])]
