"""Our own reader of a .tflite: bounds-checked, pure Python, safe on damaged and hostile files.

tflite-runtime 2.14 crashed on 43 of 260 damaged models, so a model is read here before it may reach
an interpreter. Every offset is checked against the buffer, and the number of values that one file
may make us read is bounded by its size, so that no file can make us crash, hang or fill the memory.

Source of the slots: tensorflow/compiler/mlir/lite/schema/schema.fbs.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, TypeVar

from liteproof_edge.errors import ModelError
from liteproof_edge.model.operators import BUILTIN_OPERATORS, TENSOR_TYPES

IDENTIFIER = b"TFL3"
CUSTOM = BUILTIN_OPERATORS.index("CUSTOM")
FIRST_FIELD = 4  # the byte of a table that its first field may begin at
# A converted model reads about half as many values as it has bytes; the rest is margin.
VALUES_PER_BYTE = 4

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
    except _Damaged as damage:
        raise ModelError(f"{where}: not a sound TFLite model: {damage}") from None


class _Damaged(Exception):  # noqa: N818 - private: it never leaves this module
    """What is wrong with the bytes."""


class _Buffer:
    """The file's bytes, read only through checked accesses."""

    __slots__ = ("budget", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.budget = VALUES_PER_BYTE * len(data)

    def unpack(self, form: str, position: int, count: int = 1) -> tuple[int | float, ...]:
        self.spend(count)
        if position < 0 or position + struct.calcsize(form) * count > len(self.data):
            raise _Damaged(f"byte {position} is outside its {len(self.data)} bytes")
        return struct.unpack_from(f"<{count}{form}", self.data, position)

    def spend(self, values: int) -> None:
        self.budget -= values
        if self.budget < 0:
            raise _Damaged("it refers to the same bytes over and over")

    def integer(self, form: str, position: int) -> int:
        return int(self.unpack(form, position)[0])

    def follow(self, position: int) -> int:
        return position + self.integer("I", position)

    def vector(self, position: int, form: str) -> tuple[int | float, ...]:
        return self.unpack(form, position + 4, self.integer("I", position))

    def blob(self, position: int, length: int) -> bytes:
        if position + length > len(self.data):
            raise _Damaged(f"{length} bytes at {position} run past its {len(self.data)} bytes")
        self.spend(length)
        return self.data[position : position + length]


class _Table:
    """One flatbuffer table: slot → field, where an absent field has its default."""

    __slots__ = ("buffer", "fields", "position")

    def __init__(self, buffer: _Buffer, position: int) -> None:
        self.buffer = buffer
        self.position = position
        vtable = position - buffer.integer("i", position)
        slots, size = (buffer.integer("H", vtable) - 4) // 2, buffer.integer("H", vtable + 2)
        self.fields = buffer.unpack("H", vtable + 4, max(slots, 0))
        # A runtime believes these: one that led elsewhere crashed tflite-runtime now and then.
        if any(0 < field < FIRST_FIELD or field >= size for field in self.fields):
            raise _Damaged(f"the table at byte {position} has fields outside its {size} bytes")

    def _at(self, slot: int) -> int | None:
        offset = int(self.fields[slot]) if slot < len(self.fields) else 0
        return self.position + offset if offset else None

    def integer(self, slot: int, form: str, default: int = 0) -> int:
        at = self._at(slot)
        return default if at is None else self.buffer.integer(form, at)

    def integers(self, slot: int, form: str = "i") -> tuple[int, ...]:
        at = self._at(slot)
        if at is None:
            return ()
        return tuple(int(value) for value in self.buffer.vector(self.buffer.follow(at), form))

    def floats(self, slot: int) -> tuple[float, ...]:
        at = self._at(slot)
        return () if at is None else self.buffer.vector(self.buffer.follow(at), "f")

    def blob(self, slot: int) -> bytes:
        at = self._at(slot)
        if at is None:
            return b""
        start = self.buffer.follow(at)
        return self.buffer.blob(start + 4, self.buffer.integer("I", start))

    def text(self, slot: int) -> str:
        return self.blob(slot).decode("utf-8", "backslashreplace")

    def table(self, slot: int) -> "_Table | None":
        at = self._at(slot)
        return None if at is None else _Table(self.buffer, self.buffer.follow(at))

    def tables(self, slot: int) -> Iterator["_Table"]:
        at = self._at(slot)
        if at is None:
            return
        start = self.buffer.follow(at)
        for element in range(self.buffer.integer("I", start)):
            yield _Table(self.buffer, self.buffer.follow(start + 4 + 4 * element))


def _read_model(data: bytes) -> Model:
    if data[4:8] != IDENTIFIER:
        raise _Damaged(f"it lacks the identifier {IDENTIFIER.decode()} at byte 4")
    buffer = _Buffer(data)
    model = _Table(buffer, buffer.follow(0))
    operator_codes = [_operator_code(code) for code in model.tables(1)]
    blobs = [_constant(entry) for entry in model.tables(4)]
    subgraphs = tuple(
        _read_subgraph(subgraph, operator_codes, blobs) for subgraph in model.tables(2)
    )
    _check_signatures(model, subgraphs)
    if not subgraphs:
        raise _Damaged("it holds no graph")
    metadata = {
        entry.text(0): _element(blobs, entry.integer(1, "I"), "buffer") for entry in model.tables(6)
    }
    runtime = metadata.get("min_runtime_version", b"")
    return Model(subgraphs, runtime.rstrip(b"\0").decode("ascii", "backslashreplace"))


def _check_signatures(model: _Table, subgraphs: Sequence[Subgraph]) -> None:
    """Read the names under which others call the graphs: a runtime reads them unasked."""
    for signature in model.tables(7):
        signature.text(2)
        graph = _element(subgraphs, signature.integer(4, "I"), "graph")
        for slot in (0, 1):
            for named in signature.tables(slot):
                named.text(0)
                _element(graph.tensors, named.integer(1, "I"), "tensor")


def _constant(entry: _Table) -> bytes:
    """Return a buffer's bytes, which large models keep behind the flatbuffer itself."""
    offset, size = entry.integer(1, "Q"), entry.integer(2, "Q")
    if offset <= 1:  # 0: none; 1: the converter's own placeholder
        return entry.blob(0)
    return entry.buffer.blob(offset, size)


def _operator_code(code: _Table) -> tuple[str, int]:
    number = max(code.integer(0, "b"), code.integer(3, "i"))
    version = code.integer(2, "i", default=1)
    if number == CUSTOM:
        return code.text(1), version
    return _element(BUILTIN_OPERATORS, number, "builtin operator"), version


def _read_subgraph(
    subgraph: _Table, operator_codes: list[tuple[str, int]], blobs: list[bytes]
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


def _read_operator(operator: _Table, operator_codes: list[tuple[str, int]]) -> Operator:
    name, version = _element(operator_codes, operator.integer(0, "I"), "operator code")
    operator.table(4)  # its options, of which a runtime reads what their table says is there
    operator.blob(5)  # those of a custom one
    return Operator(name, version, operator.integers(1), operator.integers(2))


def _read_tensor(index: int, tensor: _Table, blobs: list[bytes]) -> Tensor:
    shape = tensor.integers(0)
    if any(size < 0 for size in shape):
        raise _Damaged(f"tensor {index} has the shape {shape}")
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
        raise _Damaged(f"it refers to {what} {index} of {len(items)}")
    return items[index]
