"""What a .tflite holds, and the proof that it is what it is called."""

from collections.abc import Iterator

from liteproof.errors import ConversionError
from liteproof_edge.affine import Quantization
from liteproof_edge.errors import ModelError
from liteproof_edge.flatbuffer import Model, Subgraph, Tensor, read_model

AS_THEY_ARE = Quantization(1.0, 0)  # pixels go in as they are: real = 1.0 · (code - 0)
FLOAT_TYPES = {"float16", "float32", "float64", "bfloat16"}
# Left behind when a model's weights did not come along.
VARIABLE_OPERATORS = {"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"}


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


def _used_by(graph: Subgraph, tensor: Tensor) -> str:
    users = [
        operator.name
        for operator in graph.operators
        if tensor.index in operator.inputs + operator.outputs
    ]
    return f" (of {', '.join(users)})" if users else ""


def _indices(tensors: tuple[int, ...]) -> Iterator[int]:
    return (index for index in tensors if index >= 0)
