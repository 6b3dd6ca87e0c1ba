"""What is out of place in a model otherwise of one kind, and the layer that each comes from."""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from liteproof_edge.inspection.kinds import CONVERSIONS, Kind, not_integers
from liteproof_edge.model.flatbuffer import Tensor
from liteproof_edge.model.operators import BUILTIN_OPERATORS, CUSTOM_OPERATORS
from liteproof_edge.model.wiring import Wiring

# Left behind when a model's weights did not come along.
VARIABLE_OPERATORS = {"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"}
BUILTIN = frozenset(BUILTIN_OPERATORS)


class FindingKind(Enum):
    """What is out of place.

    CONVERSION: a QUANTIZE or DEQUANTIZE between layers.
    NOT_INTEGER: a tensor in a model that otherwise computes in integers.
    VARIABLE: an operator on a variable, whose value is not in the file.
    CUSTOM: an operator that no runtime brings along.
    """

    CONVERSION = "conversion"
    NOT_INTEGER = "not an integer"
    VARIABLE = "variable"
    CUSTOM = "custom operator"


class Finding(NamedTuple):
    """One thing out of place.

    Attributes:
        kind: what is wrong with it.
        graph: the graph's number.
        operator: the number of the operator; of a tensor's maker, else of its first reader; None
            where no operator has to do with it.
        tensor: the tensor's number, or None if it is an operator.
        layer: that operator's, or "".
        what: a description.
    """

    kind: FindingKind
    graph: int
    operator: int | None
    tensor: int | None
    layer: str
    what: str


def find_out_of_place(
    wirings: Sequence[Wiring], layers: Sequence[Sequence[str]], kind: Kind
) -> Iterator[Finding]:
    """Return all findings of a model, its operators first.

    Args:
        wirings: of each graph.
        layers: of each graph, the layer of each operator.
        kind: of the model; a float tensor is out of place only in an int8 model.
    """
    for number, wiring in enumerate(wirings):
        for at, operator in enumerate(wiring.graph.operators):
            if operator.name in VARIABLE_OPERATORS:
                found = FindingKind.VARIABLE
            elif operator.name not in BUILTIN:
                found = FindingKind.CUSTOM
            elif (
                operator.name in CONVERSIONS
                and not wiring.unpacks(operator)
                and not wiring.is_border(operator)
            ):
                found = FindingKind.CONVERSION
            else:
                continue
            what = f"{_short(operator.name) or '(no name)'}{_change(wiring, at)}"
            if known := CUSTOM_OPERATORS.get(operator.name):
                what = f"{what}, {known}"
            yield Finding(found, number, at, None, layers[number][at], what)
    if kind is Kind.INT8_MIXED:
        for number, tensor in not_integers(wirings):
            yield _float(number, wirings[number], tensor, layers[number])


def _float(number: int, wiring: Wiring, tensor: Tensor, layers: Sequence[str]) -> Finding:
    reader = next(iter(wiring.readers.get(tensor.index, ())), None)
    at = wiring.makers.get(tensor.index, reader)
    by = "made by" if tensor.index in wiring.makers else "read by"
    user = "" if at is None else f", {by} {_short(wiring.graph.operators[at].name)}"
    layer = "" if at is None else layers[at]
    what = f"{tensor.dtype} tensor {tensor.index}{user}"
    return Finding(FindingKind.NOT_INTEGER, number, at, tensor.index, layer, what)


def _change(wiring: Wiring, at: int) -> str:
    """Return from which format to which a conversion goes."""
    operator, tensors = wiring.graph.operators[at], wiring.graph.tensors
    ends = [*operator.inputs[:1], *operator.outputs[:1]]
    if operator.name not in CONVERSIONS or len(ends) != 2 or min(ends) < 0:
        return ""
    return f" from {tensors[ends[0]].dtype} to {tensors[ends[1]].dtype}"


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:60]}…"
