"""Models in the form of TensorFlow 1: uint8 all through, weights too, each with a zero point."""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

INT8, UINT8 = schema.TensorType.INT8, schema.TensorType.UINT8
SHIFT = 128


def as_legacy(flatbuffer: bytes) -> bytes:
    """Return an int8 model, its weights per tensor, with uint8 in the place of int8 everywhere.

    What each code stands for stays: codes and zero points are 128 more.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(flatbuffer))
    for code in model.operatorCodes:
        code.version = 1
    (graph,) = model.subgraphs
    for tensor in graph.tensors:
        if tensor.type == INT8:
            tensor.type = UINT8
            tensor.quantization.zeroPoint = [at + SHIFT for at in tensor.quantization.zeroPoint]
            data = model.buffers[tensor.buffer].data
            if data is not None and len(data):
                codes = np.array(data, np.uint8).view(np.int8).astype(np.int16) + SHIFT
                model.buffers[tensor.buffer].data = codes.astype(np.uint8)
    _leave_out_ends(model, graph)
    model.metadata = []
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _leave_out_ends(model: Any, graph: Any) -> None:  # noqa: ANN401 - the schema has no types
    """Leave out what was a QUANTIZE from uint8 to int8 at the input, or back at the output."""
    quantize = schema.BuiltinOperator.QUANTIZE
    for operator in list(graph.operators):
        code = model.operatorCodes[operator.opcodeIndex]
        if max(code.builtinCode, code.deprecatedBuiltinCode) == quantize:
            (source,), (target,) = operator.inputs, operator.outputs
            if {graph.tensors[index].type for index in (source, target)} != {UINT8}:
                continue
            if source in graph.inputs:
                graph.inputs = [target]
            elif target in graph.outputs:
                graph.outputs = [source]
            else:
                continue
            graph.operators.remove(operator)
