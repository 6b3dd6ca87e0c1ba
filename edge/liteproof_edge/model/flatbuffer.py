"""Our own reader of a .tflite: bounds-checked, pure Python, safe on damaged and hostile files.

tflite-runtime 2.14 crashed on 43 of 260 damaged models, so a model is read here before it may reach
an interpreter, through the checked accesses of `tables`.

Source of the slots: tensorflow/compiler/mlir/lite/schema/schema.fbs.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, TypeVar

from liteproof_edge.errors import ModelError
from liteproof_edge.model.operators import BUILTIN_OPERATORS, TENSOR_TYPES
from liteproof_edge.model.tables import Buffer, Damaged, Table

IDENTIFIER = b"TFL3"
CUSTOM = BUILTIN_OPERATORS.index("CUSTOM")

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: where a dimension is dynamic, `shape_signature` says -1."""

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...]
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    quantized_dimension: int
    size_bytes: int  # of its constant data; 0 for an activation
    buffer: int = 0  # where that data is; tensors may share it, and 0 means none

    def to_json(self) -> dict[str, Any]:
        """Return plain values; JSON has no infinite scale and no NaN, so these become None."""
        scales = [scale if math.isfinite(scale) else None for scale in self.scales]
        return {**asdict(self), "scales": scales}


class Operator(NamedTuple):
    """One operator; `inputs` and `outputs` are tensor indices, -1 an absent optional input."""

    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Subgraph(NamedTuple):
    """One graph; an ordinary model has exactly one."""

    name: str
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]


class Model(NamedTuple):
    """What a .tflite file says about itself."""

    subgraphs: tuple[Subgraph, ...]
    minimum_runtime: str  # as the converter wrote it, or ""; a hint, never a guarantee

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        subgraphs = [
            {
                **graph._asdict(),
                "tensors": [tensor.to_json() for tensor in graph.tensors],
                "operators": [operator._asdict() for operator in graph.operators],
            }
            for graph in self.subgraphs
        ]
        return {**self._asdict(), "subgraphs": subgraphs}


def read_model(data: bytes, where: str = "model") -> Model:
    """Read a .tflite file.

    Args:
        data: the file's bytes.
        where: what to call it in an error, usually its path.

    Raises:
        ModelError: the bytes are not a complete, consistent TFLite model.
    """
    try:
        return _read_model(data)
    except Damaged as damage:
        raise ModelError(f"{where}: not a sound TFLite model: {damage}") from None


def _read_model(data: bytes) -> Model:
    if data[4:8] != IDENTIFIER:
        raise Damaged(f"it lacks the identifier {IDENTIFIER.decode()} at byte 4")
    buffer = Buffer(data)
    model = Table(buffer, buffer.follow(0))
    operator_codes = [_operator_code(code) for code in model.tables(1)]
    blobs = [_constant(entry) for entry in model.tables(4)]
    subgraphs = tuple(
        _read_subgraph(subgraph, operator_codes, blobs) for subgraph in model.tables(2)
    )
    _check_signatures(model, subgraphs)
    if not subgraphs:
        raise Damaged("it holds no graph")
    metadata = {
        entry.text(0): _element(blobs, entry.integer(1, "I"), "buffer") for entry in model.tables(6)
    }
    runtime = metadata.get("min_runtime_version", b"")
    return Model(subgraphs, runtime.rstrip(b"\0").decode("ascii", "backslashreplace"))


def _check_signatures(model: Table, subgraphs: Sequence[Subgraph]) -> None:
    """Read the names under which others call the graphs: a runtime reads them unasked."""
    for signature in model.tables(7):
        signature.text(2)
        graph = _element(subgraphs, signature.integer(4, "I"), "graph")
        for slot in (0, 1):
            for named in signature.tables(slot):
                named.text(0)
                _element(graph.tensors, named.integer(1, "I"), "tensor")


def _constant(entry: Table) -> bytes:
    """Return a buffer's bytes, which large models keep behind the flatbuffer itself."""
    offset, size = entry.integer(1, "Q"), entry.integer(2, "Q")
    if offset <= 1:  # 0: none; 1: the converter's own placeholder
        return entry.blob(0)
    return entry.buffer.blob(offset, size)


def _operator_code(code: Table) -> tuple[str, int]:
    number = max(code.integer(0, "b"), code.integer(3, "i"))
    version = code.integer(2, "i", default=1)
    if number == CUSTOM:
        return code.text(1), version
    return _element(BUILTIN_OPERATORS, number, "builtin operator"), version


def _read_subgraph(
    subgraph: Table, operator_codes: list[tuple[str, int]], blobs: list[bytes]
) -> Subgraph:
    tensors = tuple(
        _read_tensor(index, tensor, blobs) for index, tensor in enumerate(subgraph.tables(0))
    )
    inputs, outputs = subgraph.integers(1), subgraph.integers(2)
    operators = tuple(_read_operator(operator, operator_codes) for operator in subgraph.tables(3))
    used = [*inputs, *outputs]
    used += [index for operator in operators for index in operator.inputs + operator.outputs]
    for index in used:
        if index != -1:
            _element(tensors, index, "tensor")
    return Subgraph(subgraph.text(4), tensors, inputs, outputs, operators)


def _read_operator(operator: Table, operator_codes: list[tuple[str, int]]) -> Operator:
    name, version = _element(operator_codes, operator.integer(0, "I"), "operator code")
    operator.table(4)  # its options, of which a runtime reads what their table says is there
    operator.blob(5)  # those of a custom one
    return Operator(name, version, operator.integers(1), operator.integers(2))


def _read_tensor(index: int, tensor: Table, blobs: list[bytes]) -> Tensor:
    shape = tensor.integers(0)
    if any(size < 0 for size in shape):
        raise Damaged(f"tensor {index} has the shape {shape}")
    quantization = tensor.table(4)
    buffer = tensor.integer(2, "I")
    return Tensor(
        index=index,
        name=tensor.text(3),
        dtype=_element(TENSOR_TYPES, tensor.integer(1, "b"), "tensor type"),
        shape=shape,
        shape_signature=tensor.integers(7) or shape,
        scales=quantization.floats(2) if quantization else (),
        zero_points=quantization.integers(3, "q") if quantization else (),
        quantized_dimension=quantization.integer(6, "i") if quantization else 0,
        size_bytes=len(_element(blobs, buffer, "buffer")),
        buffer=buffer,
    )


def _element(items: Sequence[_Item], index: int, what: str) -> _Item:
    if not 0 <= index < len(items):
        raise Damaged(f"it refers to {what} {index} of {len(items)}")
    return items[index]
