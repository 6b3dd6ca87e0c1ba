"""Which layer an operator comes from, as far as the tensors' names tell."""

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

from liteproof_edge.errors import one_line
from liteproof_edge.model.flatbuffer import Operator
from liteproof_edge.model.wiring import Wiring

LONGEST = 80  # characters; of a longer name the end, which tells more
LONGEST_READ = 1000  # so that thousands of operators with one huge name are read quickly
NAMELESS = re.compile(  # what the converter calls what has no name
    r"(Stateful)?PartitionedCall|Identity(_\d+)?$|tfl\.|arith\.|pseudo_"
)
SERVING = re.compile(r"serving_default_(.+?)(:\d+.*)?$")
# Of the names of what was fused, or shares weights, the one that is an operator's own.
SIGNS = {
    "CONV_2D": ("convolution", "Conv2D"),
    "DEPTHWISE_CONV_2D": ("depthwise",),
    "FULLY_CONNECTED": ("MatMul",),
}
# Parts below a layer's name that are no operation of its own.
INNER = re.compile(r"ReadVariableOp|resource\d*$|batchnorm$")


def layer_names(wiring: Wiring) -> tuple[str, ...]:
    """Return one for each operator; "operator 3" where the file has no name.

    The converter joins the names of what it fuses: `net/act/Relu;net/conv/Conv2D` is the layer
    `conv`. What all names begin with, the model's own name, is left out.
    """
    known: dict[tuple[int, str], list[str]] = {}
    paths = []
    for operator in wiring.graph.operators:
        for index in _tellers(wiring, operator):
            key = index, operator.name
            if key not in known:
                known[key] = _path(wiring.graph.tensors[index].name, operator.name)
            if known[key]:
                paths.append(known[key])
                break
        else:
            paths.append([])
    nested = [path for path in paths if len(path) > 1]
    common = _common(nested) if len(nested) > 1 else 0
    return tuple(
        _shown(path, common) if path else f"operator {number}" for number, path in enumerate(paths)
    )


def _common(paths: Sequence[list[str]]) -> int:
    """Return how many parts all paths begin with."""
    return sum(1 for _ in takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False)))


def _tellers(wiring: Wiring, operator: Operator) -> Iterator[int]:
    """Return the tensors that may tell an operator's name: what it makes, its weights, the rest."""
    yield from (index for index in operator.outputs if index >= 0)
    yield from (index for index in operator.inputs if wiring.constant(index))
    yield from (index for index in operator.inputs if index >= 0)


def _path(name: str, operator: str) -> list[str]:
    """Return the layer's path, outermost first: without the operation, the last part of a name."""
    name = name[-LONGEST_READ:]
    if serving := SERVING.match(name):
        return [serving[1]]
    fused = name.split(";")
    signs = SIGNS.get(operator, ())
    own = (part for part in reversed(fused) if part.rpartition("/")[2].startswith(signs))
    parts = next(own, fused[-1]).split("/")
    parts = _outer(parts[NAMELESS.match(parts[0]) is not None :])
    return [part for part in _outer(parts[:-1] or parts) if part]


def _outer(parts: list[str]) -> list[str]:
    """Return a path without the names that a layer gives to its own parts."""
    while len(parts) > 1 and INNER.match(parts[-1]):
        parts = parts[:-1]
    return parts


def _shown(path: list[str], common: int) -> str:
    text = one_line("/".join(path[min(common, len(path) - 1) :] if len(path) > 1 else path))
    return text if len(text) <= LONGEST else f"…{text[-LONGEST:]}"
