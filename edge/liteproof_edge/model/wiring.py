"""Which operators make and read each value of a graph, and which values are constants."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from liteproof_edge.model.flatbuffer import Operator, Subgraph, Tensor

# They make float weights of packed ones, once, when a model is loaded.
# Source: tensorflow/lite/kernels, `dequantize.cc` and `densify.cc`.
UNPACKING = frozenset({"DEQUANTIZE", "DENSIFY"})


class Wiring(NamedTuple):
    """A graph, and how its operators are connected.

    Attributes:
        graph: as it was read.
        makers: tensor → the operator that makes it.
        readers: tensor → the operators that read it, in the file's order, each once.
        packed: tensor of weights that an operator unpacks → the constant that it unpacks.
        borders: the graph's inputs and outputs.
    """

    graph: Subgraph
    makers: Mapping[int, int]
    readers: Mapping[int, list[int]]
    packed: Mapping[int, int]
    borders: frozenset[int]

    def constant(self, index: int) -> Tensor | None:
        """Return the constant that a tensor is, or is unpacked from; None if it is neither."""
        if index < 0:
            return None
        tensor = self.graph.tensors[self.packed.get(index, index)]
        return tensor if tensor.size_bytes else None

    def values(self, indices: tuple[int, ...]) -> Iterator[Tensor]:
        """Return the tensors that are present and depend on the picture."""
        return (
            self.graph.tensors[index]
            for index in indices
            if index >= 0 and not self.constant(index)
        )

    def is_border(self, operator: Operator) -> bool:
        """Return whether an operator stands directly at the graph's inputs or outputs."""
        return not self.borders.isdisjoint(operator.inputs + operator.outputs)

    def unpacks(self, operator: Operator) -> bool:
        """Return whether an operator does nothing but unpack weights."""
        return bool(operator.outputs) and operator.outputs[0] in self.packed


def wire(graph: Subgraph) -> Wiring:
    """Return what makes and reads each tensor, in time linear in the graph's size."""
    makers: dict[int, int] = {}
    readers: dict[int, list[int]] = {}
    packed: dict[int, int] = {}
    for number, operator in enumerate(graph.operators):
        for index in operator.inputs:
            read = readers.setdefault(index, [])
            if not read or read[-1] != number:
                read.append(number)
        for index in operator.outputs:
            makers.setdefault(index, number)
        if operator.name in UNPACKING and operator.inputs and operator.outputs:
            source = packed.get(operator.inputs[0], operator.inputs[0])
            if min(source, operator.outputs[0]) >= 0 and graph.tensors[source].size_bytes:
                packed[operator.outputs[0]] = source
    return Wiring(graph, makers, readers, packed, frozenset(graph.inputs + graph.outputs))
