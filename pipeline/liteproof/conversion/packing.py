"""A .tflite as its schema's tables, and as bytes again, with data aligned as the schema says."""

import flatbuffers
import numpy as np
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema

from liteproof.errors import ConversionError
from liteproof_edge.errors import ModelError

FILE_IDENTIFIER = b"TFL3"
METADATA = "TFLITE_METADATA"
# `data:[ubyte] (force_align: 16)` of the schema's Buffer.
DATA_ALIGNMENT = 16


def unpacked(flatbuffer: bytes) -> schema.ModelT:
    """Return a model's tables.

    Args:
        flatbuffer: a .tflite that the converter or we ourselves have just written, never one of a
            stranger: the generated reader checks no bounds.

    Raises:
        ConversionError: it carries metadata already, whose files stand behind the tables and would
            be lost in writing these again.
    """
    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    if any(entry.name == METADATA.encode() for entry in model.metadata or ()):
        raise ConversionError(f"model: holds {METADATA} already, expected one without it")
    return model


def without_metadata(flatbuffer: bytes) -> bytes:
    """Return a model without its metadata and the files behind it: what it computes is the same.

    Args:
        flatbuffer: a .tflite that `read_model` has read.

    Raises:
        ModelError: the generated reader finds something else in it than ours did.
    """
    try:
        model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    except Exception as error:  # noqa: BLE001 - it checks no bounds, and raises many types
        raise ModelError(f"model: its tables cannot be read: {error!r:.200}") from None
    model.metadata = [each for each in model.metadata or () if each.name != METADATA.encode()]
    return packed(model)


def packed(model: schema.ModelT) -> bytes:
    """Return the bytes of a model: the same ones for the same tables."""
    builder = _Builder()
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """Aligns data, which the generated `Pack` forgets: runtimes copy what is not aligned.

    Equal vectors besides data, such as the zero points of weights, are written once and referred to
    from wherever they stand, as flatbuffers allow: a tenth of a small model's bytes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, values: NDArray[np.generic]) -> int:  # noqa: N802 - its own name
        """Write a vector; those of bytes are the model's data."""
        if values.dtype == np.uint8:
            self.Prep(DATA_ALIGNMENT, values.nbytes)
            return int(super().CreateNumpyVector(values))
        key = values.dtype.str, values.tobytes()
        if key not in self.written:
            self.written[key] = int(super().CreateNumpyVector(values))
        return self.written[key]
