"""On what data an operator works: what tells one of its kernels from another.

An operator's version does not: tflite-runtime 2.14 loads DIV 2, and on int8 refuses to run it.
"""

from liteproof_edge.model.flatbuffer import Operator, Subgraph, Tensor

# Operator → which of its inputs is the data, where that is not the first.
DATA_SLOT = {"SPLIT": 1, "SELECT": 1, "SELECT_V2": 1, "TRANSPOSE_CONV": 2}
WEIGHTED = {"CONV_2D", "CONV_3D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"}
WEIGHTS_SLOT = 1


def data_of(graph: Subgraph, operator: Operator) -> str:
    """Return on what an operator works, in one way of writing it.

    Returns:
        The type of its data; then, where they differ from it, the type of its weights and of its
        result: `int8`, `float32 × int8 per channel`, `uint8 → int8`. An operator without data is
        `nothing`.
    """
    data = _tensor(graph, operator.inputs, DATA_SLOT.get(operator.name, 0))
    if data is None:
        return "nothing"
    text = data.dtype
    weights = _tensor(graph, operator.inputs, WEIGHTS_SLOT)
    if operator.name in WEIGHTED and weights:
        text += f" × {weights.dtype}" if weights.dtype != data.dtype else ""
        text += " per channel" if len(weights.scales) > 1 else ""
    result = _tensor(graph, operator.outputs, 0)
    return f"{text} → {result.dtype}" if result and result.dtype != data.dtype else text


def _tensor(graph: Subgraph, indices: tuple[int, ...], slot: int) -> Tensor | None:
    """Return an operator's tensor, or None where it has none there."""
    return graph.tensors[indices[slot]] if slot < len(indices) and indices[slot] >= 0 else None
