"""What a .tflite does first with its pixels: whether it scales them itself."""

from liteproof_edge.model.flatbuffer import Subgraph

# Pixels stay pixels through these.
PASSING = set(
    """
CAST DEQUANTIZE EXPAND_DIMS GATHER PAD QUANTIZE RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR
REVERSE_V2 SQUEEZE STRIDED_SLICE TRANSPOSE
""".split()
)
ARITHMETIC = {"ADD", "DIV", "MUL", "SUB"}


def first_arithmetic(graph: Subgraph) -> str | None:
    """Return the operator by which constants scale a graph's pixels first, if there is one."""
    pixels = set(graph.inputs)
    for operator in graph.operators:  # in the order in which they run
        if pixels.isdisjoint(operator.inputs):
            continue
        others = [index for index in operator.inputs if index >= 0 and index not in pixels]
        if operator.name in ARITHMETIC:
            if others and all(graph.tensors[index].size_bytes for index in others):
                return operator.name
        elif operator.name in PASSING:
            pixels |= set(operator.outputs)
    return None
