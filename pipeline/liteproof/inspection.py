"""What a .tflite holds and costs, and the proof that it is what it is called."""

import math
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from liteproof.errors import ConversionError
from liteproof_edge.affine import Quantization
from liteproof_edge.errors import ModelError
from liteproof_edge.flatbuffer import Model, Operator, Subgraph, Tensor, read_model

AS_THEY_ARE = Quantization(1.0, 0)  # pixels go in as they are: real = 1.0 · (code - 0)
FLOAT_TYPES = {"float16", "float32", "float64", "bfloat16"}
# Left behind when a model's weights did not come along.
VARIABLE_OPERATORS = {"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"}
# Operator → which of its inputs are weights and biases.
WEIGHTED_OPERATORS = {
    "CONV_2D": (1, 2),
    "DEPTHWISE_CONV_2D": (1, 2),
    "FULLY_CONNECTED": (1, 2),
    "TRANSPOSE_CONV": (1, 3),
}
# Of one element; a string's or a resource's size is not in the file, and counts as nought.
BITS = {"int2": 2, "int4": 4, "uint4": 4, "bool": 8, "bfloat16": 16, "complex64": 64}
BITS |= {f"{kind}{bits}": bits for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
BITS |= {"float16": 16, "float32": 32, "float64": 64, "complex128": 128}


class Cost(NamedTuple):
    """What a model takes of a device.

    Attributes:
        parameters: weights and biases, batch normalisation folded into them.
        macs: multiply-accumulates for one picture, those with the zeros of a padding included.
        size_bytes: of the file.
        peak_activation_bytes: the most that all values between layers take at once, beside the
            weights and the runtime's own working memory.
    """

    parameters: int
    macs: int
    size_bytes: int
    peak_activation_bytes: int


def cost(flatbuffer: bytes, where: str) -> Cost:
    """Return what any model takes, ours or not, by its first graph: the one that is run.

    Raises:
        ModelError: the bytes are no sound model.
    """
    graph = read_model(flatbuffer, where).subgraphs[0]
    return Cost(
        parameters=parameters(graph),
        macs=sum(macs(graph, operator) for operator in graph.operators),
        size_bytes=len(flatbuffer),
        peak_activation_bytes=peak_activation_bytes(graph),
    )


def parameters(graph: Subgraph) -> int:
    """Return how many weights and biases a graph has; those that operators share count once."""
    found = {
        tensor.index: math.prod(tensor.shape)
        for operator in graph.operators
        for slot in WEIGHTED_OPERATORS.get(operator.name, ())
        if (tensor := _tensor(graph, operator.inputs, slot)) and tensor.size_bytes
    }
    return sum(found.values())


def macs(graph: Subgraph, operator: Operator) -> int:
    """Return an operator's multiply-accumulates with weights; pools, sums and the like have none.

    Source of the weights' layouts: tensorflow/lite/kernels, `conv.cc` (out, height, width, in),
    `depthwise_conv.cc` (1, height, width, out), `fully_connected.cc` (out, in), `transpose_conv.cc`
    (out, height, width, in), which takes its picture third.
    """
    weights = _tensor(graph, operator.inputs, 1)
    output = _tensor(graph, operator.outputs, 0)
    picture = _tensor(graph, operator.inputs, 2)
    match operator.name:
        case "CONV_2D" | "FULLY_CONNECTED" if weights and output:
            return math.prod(output.shape) * math.prod(weights.shape[1:])
        case "DEPTHWISE_CONV_2D" if weights and output:
            return math.prod(output.shape) * math.prod(weights.shape[1:-1])
        case "TRANSPOSE_CONV" if weights and picture:
            return math.prod(picture.shape) * math.prod(weights.shape[:-1])
    return 0


def peak_activation_bytes(graph: Subgraph) -> int:
    """Return the most bytes that the graph's values take at once, run in the file's order.

    A value lives from the operator that makes it to the last one that reads it; the graph's inputs
    live from the start, its outputs to the end.
    """
    steps = len(graph.operators)
    first: dict[int, int] = dict.fromkeys(graph.inputs, 0)
    last: dict[int, int] = {}
    for step, operator in enumerate(graph.operators):
        for index in operator.inputs + operator.outputs:
            first.setdefault(index, step)
            last[index] = step
    last |= dict.fromkeys(graph.outputs, steps)
    changes = [0] * (steps + 2)
    for index in _indices(tuple(first)):
        tensor = graph.tensors[index]
        if not tensor.size_bytes:
            size = math.ceil(math.prod(tensor.shape) * BITS.get(tensor.dtype, 0) / 8)
            changes[first[index]] += size
            changes[last.get(index, 0) + 1] -= size
    return max(accumulate(changes))


def check_integer(flatbuffer: bytes, where: str) -> None:
    """Prove that a model computes in integers only, and takes pixels as they are.

    Raises:
        ConversionError: a float tensor or a variable is left, or the input is not uint8 with scale
            1.0 and zero point 0; the tensor or operator is named.
    """
    model = _read_whole(flatbuffer, where)
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if tensor.dtype in FLOAT_TYPES:
                raise ConversionError(
                    f"{where}: tensor {tensor.index} '{tensor.name}' is {tensor.dtype}"
                    f"{_used_by(graph, tensor)}, expected integers only"
                )
    pixels = _input(model)
    parameters = Quantization(pixels.scales[0], pixels.zero_points[0]) if pixels.scales else None
    if pixels.dtype != "uint8" or parameters != AS_THEY_ARE:
        raise ConversionError(
            f"{where}: the input is {pixels.dtype} with {parameters}, expected uint8 with "
            f"{AS_THEY_ARE}, so that pixels go in as they are"
        )


def check_float(flatbuffer: bytes, where: str) -> None:
    """Prove that a float model is whole: its weights came along.

    Raises:
        ConversionError: a variable is left, or the input is not float32.
    """
    pixels = _input(_read_whole(flatbuffer, where))
    if pixels.dtype != "float32":
        raise ConversionError(f"{where}: the input is {pixels.dtype}, expected float32")


def _read_whole(flatbuffer: bytes, where: str) -> Model:
    try:
        model = read_model(flatbuffer, where)
    except ModelError as error:
        raise ConversionError(str(error)) from None
    for graph in model.subgraphs:
        for operator in graph.operators:
            if operator.name in VARIABLE_OPERATORS:
                names = ", ".join(f"'{graph.tensors[i].name}'" for i in _indices(operator.outputs))
                raise ConversionError(
                    f"{where}: operator {operator.name} ({names}) is left: the weights are not in "
                    "the file"
                )
    return model


def _input(model: Model) -> Tensor:
    graph = model.subgraphs[0]
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ConversionError(
            f"model: {len(graph.inputs)} inputs and {len(graph.outputs)} outputs, "
            "expected one of each"
        )
    return graph.tensors[graph.inputs[0]]


def _tensor(graph: Subgraph, indices: tuple[int, ...], slot: int) -> Tensor | None:
    """Return an operator's tensor, or None where it has none there."""
    return graph.tensors[indices[slot]] if slot < len(indices) and indices[slot] >= 0 else None


def _used_by(graph: Subgraph, tensor: Tensor) -> str:
    users = [
        operator.name
        for operator in graph.operators
        if tensor.index in operator.inputs + operator.outputs
    ]
    return f" (of {', '.join(users)})" if users else ""


def _indices(tensors: tuple[int, ...]) -> Iterator[int]:
    return (index for index in tensors if index >= 0)
