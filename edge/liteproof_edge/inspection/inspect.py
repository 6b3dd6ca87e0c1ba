"""What a .tflite holds and costs: read from its bytes, without any runtime."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from liteproof_edge.errors import ModelError
from liteproof_edge.inspection.costs import macs, weights
from liteproof_edge.inspection.findings import Finding, find_out_of_place
from liteproof_edge.inspection.kinds import Kind, kind_of
from liteproof_edge.inspection.layer_names import layer_names
from liteproof_edge.inspection.memory_plan import MemoryPlan, plan
from liteproof_edge.model.flatbuffer import Model, Operator, Subgraph, Tensor
from liteproof_edge.model.wiring import Wiring, wire

MAX_DIMENSIONS = 32  # the runtimes' kernels stop at 8
LONGEST_NAME = 200  # characters: a custom operator's name stands in the file once for all of them
MAX_ELEMENTS = 1 << 63  # of one tensor: no machine holds more


class Cost(NamedTuple):
    """What a model takes of a device.

    Attributes:
        parameters: weights and biases, batch normalisation folded into them; those that operators
            share count once.
        macs: multiply-accumulates for one picture, those with the zeros of a padding included. An
            operator of a WHILE counts once: how often it runs is not in the file.
        size_bytes: of the file.
        peak_activation_bytes: the most that all values between layers take at once, besides the
            weights and the runtime's own working memory; each graph has its own, and they add up.
    """

    parameters: int
    macs: int
    size_bytes: int
    peak_activation_bytes: int


class OperatorCost(NamedTuple):
    """One operator: the layer it comes from, and what it takes."""

    operator: Operator
    layer: str
    macs: int
    weights: int
    weight_bytes: int
    unpacks: bool  # it only unpacks weights


class InspectedGraph(NamedTuple):
    """One graph: as it was read, what its operators take, and when its values live."""

    graph: Subgraph
    operators: tuple[OperatorCost, ...]
    memory: MemoryPlan

    @property
    def values(self) -> frozenset[int]:
        """The tensors that depend on the picture."""
        return frozenset(value.tensor for value in self.memory.lifetimes)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a model is and takes.

    Attributes:
        minimum_runtime: as the converter wrote it, or ""; a hint, never a guarantee.
        kind: what it computes in.
        why: which tensors say so, in words.
        findings: what should not be in it.
        graphs: all of them; the first is the one that is run.
        cost: of all graphs together.
        weight_bytes: of weights and biases in the file; what operators share counts once.
        constant_bytes: of all constants in the file, weights and biases among them.
    """

    minimum_runtime: str
    kind: Kind
    why: str
    findings: tuple[Finding, ...]
    graphs: tuple[InspectedGraph, ...]
    cost: Cost
    weight_bytes: int
    constant_bytes: int

    @property
    def overhead_bytes(self) -> int:
        """The file without its weights and biases."""
        return self.cost.size_bytes - self.weight_bytes

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values, in the same order for the same file."""
        return {
            "minimum_runtime": self.minimum_runtime,
            "kind": self.kind.value,
            "why": self.why,
            **self.cost._asdict(),
            "weight_bytes": self.weight_bytes,
            "constant_bytes": self.constant_bytes,
            "overhead_bytes": self.overhead_bytes,
            "unpacked_bytes": sum(graph.memory.unpacked_bytes for graph in self.graphs),
            "findings": [
                {**finding._asdict(), "kind": finding.kind.value} for finding in self.findings
            ],
            "subgraphs": [_graph_to_json(graph) for graph in self.graphs],
        }


def inspect(model: Model, size_bytes: int, where: str = "model") -> Inspection:
    """Inspect a .tflite file, in time linear in its size.

    Args:
        model: what `read_model` read of it.
        size_bytes: of the file.
        where: what to call it in an error, usually its path.

    Raises:
        ModelError: a tensor is larger than any machine's memory.
    """
    _check_sizes(model, where)
    wirings = [wire(graph) for graph in model.subgraphs]
    layers = [layer_names(wiring) for wiring in wirings]
    kind, why = kind_of(wirings)
    graphs = tuple(map(_inspect_graph, wirings, layers))
    constants = _constants(wirings)
    weighted = _weights(wirings)
    return Inspection(
        minimum_runtime=model.minimum_runtime,
        kind=kind,
        why=why,
        findings=tuple(find_out_of_place(wirings, layers, kind)),
        graphs=graphs,
        cost=Cost(
            parameters=sum(math.prod(tensor.shape) for tensor in weighted.values()),
            macs=sum(operator.macs for graph in graphs for operator in graph.operators),
            size_bytes=size_bytes,
            peak_activation_bytes=sum(graph.memory.peak_bytes for graph in graphs),
        ),
        weight_bytes=sum(tensor.size_bytes for tensor in weighted.values()),
        constant_bytes=sum(tensor.size_bytes for tensor in constants.values()),
    )


def _inspect_graph(wiring: Wiring, layers: Sequence[str]) -> InspectedGraph:
    operators = tuple(
        _inspect_operator(wiring, operator, layer)
        for operator, layer in zip(wiring.graph.operators, layers, strict=True)
    )
    return InspectedGraph(wiring.graph, operators, plan(wiring))


def _inspect_operator(wiring: Wiring, operator: Operator, layer: str) -> OperatorCost:
    found = list(weights(wiring, operator))
    return OperatorCost(
        operator=operator,
        layer=layer,
        macs=macs(wiring.graph, operator),
        weights=sum(math.prod(tensor.shape) for tensor in found),
        weight_bytes=sum(tensor.size_bytes for tensor in found),
        unpacks=wiring.unpacks(operator),
    )


def _weights(wirings: Sequence[Wiring]) -> Mapping[object, Tensor]:
    """Return all weights and biases by where they are stored, so that what is shared is one."""
    return {
        _place(number, tensor): tensor
        for number, wiring in enumerate(wirings)
        for operator in wiring.graph.operators
        for tensor in weights(wiring, operator)
    }


def _constants(wirings: Sequence[Wiring]) -> Mapping[object, Tensor]:
    return {
        _place(number, tensor): tensor
        for number, wiring in enumerate(wirings)
        for tensor in wiring.graph.tensors
        if tensor.size_bytes
    }


def _place(graph: int, tensor: Tensor) -> object:
    return tensor.buffer or (graph, tensor.index)


def _check_sizes(model: Model, where: str) -> None:
    """Refuse sizes too large to compute with: a file of 1 MB can claim 10 ** 1000000."""
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if len(tensor.shape) > MAX_DIMENSIONS:
                raise ModelError(
                    f"{where}: tensor {tensor.index} has {len(tensor.shape)} dimensions, expected "
                    f"at most {MAX_DIMENSIONS}"
                )
            if math.prod(tensor.shape) >= MAX_ELEMENTS:
                raise ModelError(
                    f"{where}: tensor {tensor.index} of {tensor.shape} has more values than any "
                    "machine holds"
                )


def _graph_to_json(inspected: InspectedGraph) -> dict[str, Any]:
    graph, memory = inspected.graph, inspected.memory
    return {
        "name": graph.name,
        "inputs": graph.inputs,
        "outputs": graph.outputs,
        "peak_activation_bytes": memory.peak_bytes,
        "peak_operator": memory.peak,
        "unpacked_bytes": memory.unpacked_bytes,
        "operators": [
            {
                "index": index,
                **cost.operator._asdict(),
                "name": cost.operator.name[:LONGEST_NAME],
                "layer": cost.layer,
                "macs": cost.macs,
                "weights": cost.weights,
                "weight_bytes": cost.weight_bytes,
                "unpacks": cost.unpacks,
                "live_bytes": memory.live_bytes[index],
            }
            for index, cost in enumerate(inspected.operators)
        ],
        "tensors": [tensor.to_json() for tensor in graph.tensors],
        "lifetimes": [value._asdict() for value in memory.lifetimes],
    }
