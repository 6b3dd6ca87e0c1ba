"""Which values live when a graph is run in the file's order, and what they take together."""

from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from liteproof_edge.inspection.costs import value_bytes
from liteproof_edge.model.wiring import Wiring


class Lifetime(NamedTuple):
    """A value's tensor, its size, and the first and last operator during which it lives."""

    tensor: int
    size_bytes: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """What the values between layers take, besides weights and the runtime's own working memory.

    Attributes:
        lifetimes: of every value that depends on the picture, in order of creation.
        live_bytes: one for each operator: all values that live while it computes.
        unpacked_bytes: of weights that are stored packed; a runtime without float16 or sparse
            kernels unpacks them when it loads the model, and keeps both.
    """

    lifetimes: tuple[Lifetime, ...]
    live_bytes: tuple[int, ...]
    unpacked_bytes: int

    @property
    def peak_bytes(self) -> int:
        """The most that all values take at once."""
        return max(self.live_bytes)

    @property
    def peak(self) -> int:
        """The first operator during which they take that."""
        return self.live_bytes.index(self.peak_bytes)


def plan(wiring: Wiring) -> MemoryPlan:
    """Plan a graph's memory.

    A value lives from the operator that makes it to the last one that reads it; the graph's inputs
    live from the start, its outputs to the end.
    """
    graph = wiring.graph
    steps = max(len(graph.operators), 1)
    first: dict[int, int] = dict.fromkeys(graph.inputs, 0)
    last: dict[int, int] = {}
    for step, operator in enumerate(graph.operators):
        for index in operator.inputs + operator.outputs:
            first.setdefault(index, step)
            last[index] = step
    last |= dict.fromkeys(graph.outputs, steps - 1)
    lifetimes = tuple(
        Lifetime(tensor.index, value_bytes(tensor), first[tensor.index], last.get(tensor.index, 0))
        for tensor in wiring.values(tuple(first))
    )
    changes = [0] * (steps + 1)
    for value in lifetimes:
        changes[value.first] += value.size_bytes
        changes[value.last + 1] -= value.size_bytes
    return MemoryPlan(
        lifetimes=lifetimes,
        live_bytes=tuple(accumulate(changes[:-1])),
        unpacked_bytes=sum(value_bytes(graph.tensors[index]) for index in wiring.packed),
    )
