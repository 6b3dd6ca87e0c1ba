"""Leaving out of a .tflite what nothing reads: the names of the tensors inside the graph.

The converter gives each tensor the names of all the layers that became it: an eighth of a small
model's bytes.
"""

from liteproof.conversion.packing import packed, unpacked


def without_names(flatbuffer: bytes) -> bytes:
    """Return the model with only the names of its inputs and outputs.

    Args:
        flatbuffer: a .tflite that the converter has just written; metadata comes afterwards.

    Returns:
        The same graph and the same answers in fewer bytes.

    Raises:
        ConversionError: it has metadata already.
    """
    model = unpacked(flatbuffer)
    for graph in model.subgraphs:
        named = {*graph.inputs, *graph.outputs}
        for index, tensor in enumerate(graph.tensors):
            if index not in named:
                tensor.name = None
    return packed(model)
