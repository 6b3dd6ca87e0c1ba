"""Which int8 operators give the same bytes on every CPU, by the kernels that a device runs.

Measured for tflite-runtime 2.14.0, its shipping kernels, one thread, one picture at a time: x86-64
against arm64 (qemu 7.2 as cortex-a72 and as cortex-a76) and armhf (cortex-a7), in November 2026.
Of each operator 24 models, their weights, scales and zero points drawn at random, on 12 inputs each
(28,800 values compared for FULLY_CONNECTED, all 256 codes for an activation, 147,456 to 1,179,648
values for the others). The three ARM processors agreed with one another on every value.
"""

from collections import Counter
from enum import Enum

from liteproof_edge.errors import one_line
from liteproof_edge.model.flatbuffer import Operator, Subgraph, Tensor

MEASURED_ON = "x86-64, arm64 and armhf"
BELOW_ZERO, UNKNOWN = "values below 0", "not measured"  # why an operator may differ
LOWEST_CODE = {"int8": -128, "uint8": 0}


class Agreement(Enum):
    """Where an operator's output was found to be the same on x86 and ARM."""

    ALWAYS = "always"
    RESULT_NOT_NEGATIVE = "where its result cannot be negative"
    NOTHING_NEGATIVE = "where neither what it takes nor its result can be negative"


# x86 and ARM round to different sides where a value below 0 lies half-way between two codes: about
# 1 in 1,000 values of a convolution without relu, by one code, in each of 24 models.
AGREEMENT = {
    "CONV_2D": Agreement.RESULT_NOT_NEGATIVE,
    "DEPTHWISE_CONV_2D": Agreement.RESULT_NOT_NEGATIVE,
    # Maps with negative values plus a number were not the same in one model of dozens, though no
    # sum was negative: what is taken counts too. SUB computes in the same way.
    "ADD": Agreement.NOTHING_NEGATIVE,
    "SUB": Agreement.NOTHING_NEGATIVE,
    "AVERAGE_POOL_2D": Agreement.ALWAYS,
    "EXP": Agreement.ALWAYS,
    "FULLY_CONNECTED": Agreement.ALWAYS,
    "GELU": Agreement.ALWAYS,
    "HARD_SWISH": Agreement.ALWAYS,
    "LEAKY_RELU": Agreement.ALWAYS,
    "LOGISTIC": Agreement.ALWAYS,
    "MAX_POOL_2D": Agreement.ALWAYS,
    "MUL": Agreement.ALWAYS,
    "QUANTIZE": Agreement.ALWAYS,
    "RELU": Agreement.ALWAYS,
    "RESHAPE": Agreement.ALWAYS,
    "TANH": Agreement.ALWAYS,
}


def unportable_operators(graph: Subgraph) -> tuple[str, ...]:
    """Return the operators whose bytes may differ from one CPU to another, counted, each with why.

    An operator that nobody measured is among them.
    """
    counts = Counter(operator.name for operator in graph.operators)
    doubtful = Counter(
        operator.name for operator in graph.operators if not _agrees(graph, operator)
    )
    return tuple(
        f"{n} of {counts[name]} {one_line(name)} ({BELOW_ZERO if name in AGREEMENT else UNKNOWN})"
        for name, n in doubtful.items()
    )


def _agrees(graph: Subgraph, operator: Operator) -> bool:
    results = [graph.tensors[index] for index in operator.outputs if index >= 0]
    taken = [graph.tensors[index] for index in operator.inputs if index >= 0]
    match AGREEMENT.get(operator.name):
        case None:
            return False
        case Agreement.RESULT_NOT_NEGATIVE:
            return all(map(_is_never_negative, results))
        case Agreement.NOTHING_NEGATIVE:
            return all(map(_is_never_negative, taken + results))
        case Agreement.ALWAYS:
            return True


def _is_never_negative(tensor: Tensor) -> bool:
    """Return whether the lowest code stands for 0, as it does after relu: all below is cut off."""
    return tensor.zero_points == (LOWEST_CODE.get(tensor.dtype),)
