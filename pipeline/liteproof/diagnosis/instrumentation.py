"""Models rewritten so that what their operators compute can be read, and can be set.

A runtime keeps a value that it no longer needs only if it is an output of the graph. Asking for all
tensors instead does not work: tflite-runtime 2.14 still computes EXP, SUB and the like in place,
over the values they read, and XNNPACK computes several operators at once.
"""

from collections.abc import Iterable
from typing import NamedTuple

from tensorflow.lite.python import schema_py_generated as schema

from liteproof.conversion.packing import packed, unpacked
from liteproof.diagnosis.graph import CONVERSIONS, activations, origins
from liteproof_edge.model.flatbuffer import Subgraph, read_model

FLOAT = "float32"


def exposed(model: bytes, also: Iterable[int] = ()) -> bytes:
    """Make every activation of a model one of its outputs.

    Args:
        model: a sound .tflite; of its graphs, the first one is changed. Its tensors keep their
            indices.
        also: the indices of other tensors that are computed, to be read too.

    Raises:
        ConversionError: it has metadata already.
    """
    graph = read_model(model).subgraphs[0]
    whole = unpacked(model)
    _expose(whole, graph, also)
    return packed(whole)


def _expose(whole: schema.ModelT, graph: Subgraph, also: Iterable[int] = ()) -> None:
    computed = (*(layer.tensor.index for layer in activations(graph)), *also)
    whole.subgraphs[0].outputs = list(dict.fromkeys((*graph.outputs, *computed)))
    whole.signatureDefs = None  # they name the old inputs and outputs


class Isolated(NamedTuple):
    """A model in which each operator works on inputs of its own, not on what another computed.

    Attributes:
        model: a .tflite; its tensors have the indices that they had.
        inputs: from the indices of its new inputs to those of the activations they stand for.
    """

    model: bytes
    inputs: dict[int, int]


def isolated(model: bytes) -> Isolated:
    """Cut a model between all of its operators, so that each can be tried alone, all in one run.

    Args:
        model: a sound float32 .tflite; of its graphs, the first one is cut.

    Raises:
        ConversionError: it has metadata already.
    """
    read = read_model(model).subgraphs[0]
    sources = origins(read)
    whole = unpacked(model)
    graph = whole.subgraphs[0]
    inputs: dict[int, int] = {}
    fresh: dict[int, int] = {}
    for operator, (name, *_) in zip(graph.operators, read.operators, strict=True):
        if name in CONVERSIONS:
            continue
        read_from = [int(index) for index in operator.inputs]
        for slot, index in enumerate(read_from):
            # What is no real value, such as a shape that a batch of any size asks for, stays.
            if index not in sources or read.tensors[index].dtype != FLOAT:
                continue
            if index not in fresh:
                fresh[index] = len(graph.tensors)
                inputs[fresh[index]] = sources[index]
                graph.tensors.append(_like(graph.tensors[index]))
            read_from[slot] = fresh[index]
        operator.inputs = read_from
    graph.inputs = [*graph.inputs, *inputs]
    _expose(whole, read)
    return Isolated(packed(whole), inputs)


def _like(tensor: schema.TensorT) -> schema.TensorT:
    new = schema.TensorT()
    new.shape, new.shapeSignature, new.type = tensor.shape, tensor.shapeSignature, tensor.type
    new.buffer, new.name = 0, None
    return new
