"""What a model computes in, as its tensors show: int8, float32 or what lies between."""

from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import islice
from typing import NamedTuple

from liteproof_edge.errors import one_line
from liteproof_edge.inspection.costs import weights
from liteproof_edge.model.flatbuffer import Operator, Tensor
from liteproof_edge.model.wiring import Wiring

INTEGERS = {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
INTEGERS |= {"int2", "int4", "uint4", "bool"}
CODES = {"int2", "int4", "uint4", "int8", "uint8", "int16"}  # what real values are quantized to
FLOAT_TYPES = {"float16", "float32", "float64", "bfloat16"}
CONVERSIONS = {"QUANTIZE", "DEQUANTIZE"}
LONGEST_NAME = 40  # characters


class Kind(Enum):
    """What a model computes in; quantized values are integers with a scale.

    INT8: every tensor of every graph is an integer, and some are quantized to 8 bits or fewer.
    UINT8: the same with uint8 weights, as TensorFlow 1 made them: each tensor has a zero point.
    INT16X8: INT8 with values of 16 bits; weights are int8.
    INT8_FLOAT_IO, INT16X8_FLOAT_IO: the same but for a graph's inputs and outputs, which a QUANTIZE
        reads or a DEQUANTIZE makes.
    INT8_MIXED: some operators compute in quantized values, and some tensors are not integers.
    DYNAMIC: all values are float, some constants quantized.
    FLOAT16: nothing is quantized, and some tensors are float16: as a rule the weights.
    FLOAT32: nothing is quantized, and all that is float is float32.
    OTHER: none of these.
    """

    INT8 = "int8"
    UINT8 = "uint8"
    INT8_FLOAT_IO = "int8-float-io"
    INT8_MIXED = "int8-mixed"
    INT16X8 = "int16x8"
    INT16X8_FLOAT_IO = "int16x8-float-io"
    DYNAMIC = "dynamic"
    FLOAT16 = "float16"
    FLOAT32 = "float32"
    OTHER = "other"


class Finding(NamedTuple):
    """A kind, and the tensors that decide it, in words."""

    kind: Kind
    why: str


def kind_of(wirings: Sequence[Wiring]) -> Finding:
    """Return what a model computes in, by the tensors of all its graphs."""
    tensors = [tensor for wiring in wirings for tensor in wiring.graph.tensors]
    others = [tensor for tensor in tensors if tensor.dtype not in INTEGERS]
    computed = list(islice(_quantized(wirings), 1))
    wide = any(value.dtype == "int16" for _, value in _quantized(wirings))
    if not others and any(map(_is_quantized, tensors)):
        if any(constant.dtype == "uint8" for constant in _weights(wirings)):
            return Finding(
                Kind.UINT8,
                f"all {len(tensors):,} tensors are integers, weights uint8 as in TensorFlow 1",
            )
        kind = Kind.INT16X8 if wide else Kind.INT8
        return Finding(kind, f"all {len(tensors):,} tensors are integers")
    if not others or not computed:
        return _not_quantized(tensors, others)
    _, inside = next(not_integers(wirings), (0, None))
    if inside is None:
        kind = Kind.INT16X8_FLOAT_IO if wide else Kind.INT8_FLOAT_IO
        return Finding(kind, f"integers but for what goes in or out: {_names(others)}")
    ((operator, value),) = computed
    maker = f"{one_line(operator.name[:LONGEST_NAME])} computes in {value.dtype}"
    return Finding(Kind.INT8_MIXED, f"{maker}, but {_names([inside])}")


def _not_quantized(tensors: Sequence[Tensor], others: Sequence[Tensor]) -> Finding:
    """Return the kind of a model none of whose values are quantized."""
    packed = [tensor for tensor in tensors if tensor.size_bytes and _is_quantized(tensor)]
    if others and packed:
        return Finding(Kind.DYNAMIC, f"values are float, constants quantized: {_names(packed)}")
    floats = {tensor.dtype for tensor in others} & FLOAT_TYPES
    kind = Kind.FLOAT16 if "float16" in floats else Kind.FLOAT32
    if kind.value in floats and floats <= {"float16", "float32"}:
        deciding = [tensor for tensor in others if tensor.dtype == kind.value]
        return Finding(kind, f"nothing is quantized; {_names(deciding)}")
    types = ", ".join(sorted({tensor.dtype for tensor in tensors})) or "none at all"
    return Finding(Kind.OTHER, f"its tensors are {types}")


def not_integers(wirings: Sequence[Wiring]) -> Iterator[tuple[int, Tensor]]:
    """Return each tensor that is not an integer, and its graph's number, except at a border.

    At a border are inputs that only QUANTIZE reads, and outputs that a DEQUANTIZE makes.
    """
    for number, wiring in enumerate(wirings):
        for tensor in wiring.graph.tensors:
            if tensor.dtype not in INTEGERS and not _is_border(wiring, tensor):
                yield number, tensor


def _is_border(wiring: Wiring, tensor: Tensor) -> bool:
    if tensor.index not in wiring.borders:
        return False
    operators = wiring.graph.operators
    readers = wiring.readers.get(tensor.index, [])
    maker = wiring.makers.get(tensor.index)
    if any(operators[reader].name != "QUANTIZE" for reader in readers):
        return False
    return bool(readers) if maker is None else operators[maker].name == "DEQUANTIZE"


def _quantized(wirings: Sequence[Wiring]) -> Iterator[tuple[Operator, Tensor]]:
    """Return each operator that computes a quantized value, and that value."""
    for wiring in wirings:
        for operator in wiring.graph.operators:
            if operator.name not in CONVERSIONS:
                for value in wiring.values(operator.outputs):
                    if _is_quantized(value):
                        yield operator, value


def _weights(wirings: Sequence[Wiring]) -> Iterator[Tensor]:
    """Return the weights of each operator that has some."""
    for wiring in wirings:
        for operator in wiring.graph.operators:
            yield from weights(wiring, operator)


def _is_quantized(tensor: Tensor) -> bool:
    return tensor.dtype in CODES and bool(tensor.scales)


def _names(tensors: Sequence[Tensor]) -> str:
    """Name the first two of some tensors."""
    shown = [
        f"tensor {tensor.index}"
        + (f" '{one_line(tensor.name[:LONGEST_NAME])}'" if tensor.name else "")
        + f" is {tensor.dtype}"
        for tensor in tensors[:2]
    ]
    more = f", and {len(tensors) - 2:,} more" if len(tensors) > 2 else ""
    return ", ".join(shown) + more
