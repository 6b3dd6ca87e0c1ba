"""What an operator costs: weights, multiply-accumulates, the bytes of a value."""

import math
from collections.abc import Iterator

from liteproof_edge.model.flatbuffer import Operator, Subgraph, Tensor
from liteproof_edge.model.wiring import Wiring

# Operator → which of its inputs are weights and biases.
WEIGHTED_OPERATORS = {
    "CONV_2D": (1, 2),
    "CONV_3D": (1, 2),
    "DEPTHWISE_CONV_2D": (1, 2),
    "FULLY_CONNECTED": (1, 2),
    "TRANSPOSE_CONV": (1, 3),
}
# Of one element; a string's or a resource's size is not in the file, and counts as zero.
BITS = {"int2": 2, "int4": 4, "uint4": 4, "bool": 8, "bfloat16": 16, "complex64": 64}
BITS |= {f"{kind}{bits}": bits for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
BITS |= {"float16": 16, "float32": 32, "float64": 64, "complex128": 128}


def value_bytes(tensor: Tensor) -> int:
    """Return the bytes that a tensor's values take in memory."""
    return math.ceil(math.prod(tensor.shape) * BITS.get(tensor.dtype, 0) / 8)


def weights(wiring: Wiring, operator: Operator) -> Iterator[Tensor]:
    """Return an operator's weights and biases: the constants in the file, packed if they are."""
    for slot in WEIGHTED_OPERATORS.get(operator.name, ()):
        if slot < len(operator.inputs) and (constant := wiring.constant(operator.inputs[slot])):
            yield constant


def macs(graph: Subgraph, operator: Operator) -> int:
    """Return an operator's multiply-accumulates; pools, sums and the like have none.

    Those with the zeros of a padding are included. A recurrent operator's (LSTM, RNN, SVDF) are
    not counted: they count as zero.

    Source of the weights' layouts: tensorflow/lite/kernels, `conv.cc` (out, height, width, in),
    `depthwise_conv.cc` (1, height, width, out), `fully_connected.cc` (out, in), `conv3d.cc`
    (depth, height, width, in, out), `transpose_conv.cc` (out, height, width, in), which takes its
    picture third.
    """
    first, second, third = (_tensor(graph, operator.inputs, slot) for slot in range(3))
    output = _tensor(graph, operator.outputs, 0)
    match operator.name:
        case "CONV_2D" | "FULLY_CONNECTED" if second and output:
            return math.prod(output.shape) * math.prod(second.shape[1:])
        case "DEPTHWISE_CONV_2D" if second and output:
            return math.prod(output.shape) * math.prod(second.shape[1:-1])
        case "CONV_3D" if second and output:
            return math.prod(output.shape) * math.prod(second.shape[:-1])
        case "TRANSPOSE_CONV" if second and third:
            return math.prod(third.shape) * math.prod(second.shape[:-1])
        case "BATCH_MATMUL" if first and output and output.shape[-2:-1] > (0,):
            # Rows of the first, transposed or not, are those of the result.
            rows = math.prod(first.shape[:-2]) * output.shape[-2]
            return math.prod(output.shape) * (math.prod(first.shape) // rows if rows else 0)
    return 0


def _tensor(graph: Subgraph, indices: tuple[int, ...], slot: int) -> Tensor | None:
    """Return an operator's tensor, or None where it has none there."""
    return graph.tensors[indices[slot]] if slot < len(indices) and indices[slot] >= 0 else None
