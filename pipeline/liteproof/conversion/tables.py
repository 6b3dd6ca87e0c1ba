"""Writing a flatbuffer table by table, without code generated from a schema."""

from collections.abc import Iterable
from typing import NamedTuple

import flatbuffers
import numpy as np


class Byte(NamedTuple):
    """A field of the type `byte`: an enumeration's value, or which table of a union follows."""

    value: int


class Unsigned(NamedTuple):
    """A field of the type `uint`."""

    value: int


Offset = int  # of what was written already: a table, a vector or a text
Field = Offset | Byte | Unsigned | None


class TableWriter:
    """Writes tables from the leaves up, since a flatbuffer refers to what was written before."""

    def __init__(self) -> None:
        self._builder = flatbuffers.Builder()

    def text(self, text: str) -> Offset | None:
        """Write a string; "" is left out. Bytes of a file's name that are not UTF-8 become ?."""
        return self._builder.CreateString(text, errors="replace") if text else None

    def floats(self, values: Iterable[float]) -> Offset:
        """Write a vector of float32."""
        return int(self._builder.CreateNumpyVector(np.array(list(values), np.float32)))

    def tables(self, *tables: Offset) -> Offset:
        """Write a vector of tables."""
        self._builder.StartVector(4, len(tables), 4)
        for table in reversed(tables):
            self._builder.PrependUOffsetTRelative(table)
        return int(self._builder.EndVector())

    def table(self, *fields: Field) -> Offset:
        """Write a table.

        Args:
            fields: in the order of the schema, a union as two of them; None is absent.
        """
        self._builder.StartObject(len(fields))
        for slot, field in enumerate(fields):
            match field:
                case Byte(value):
                    self._builder.PrependInt8Slot(slot, value, 0)
                case Unsigned(value):
                    self._builder.PrependUint32Slot(slot, value, 0)
                case int():
                    self._builder.PrependUOffsetTRelativeSlot(slot, field, 0)
        return int(self._builder.EndObject())

    def finish(self, root: Offset, identifier: bytes) -> bytes:
        """Return the flatbuffer, whose root is this table."""
        self._builder.Finish(root, identifier)
        return bytes(self._builder.Output())
