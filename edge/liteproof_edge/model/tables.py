"""Tables of a flatbuffer, read through checked accesses: safe on damaged and hostile bytes.

Every offset is checked against the buffer, and the number of values that one file may make us read
is bounded by its size, so that no file can make us crash, hang or fill the memory.
"""

import struct
from collections.abc import Iterator

FIRST_FIELD = 4  # the byte of a table that its first field may begin at
# A converted model reads about half as many values as it has bytes; the rest is margin.
VALUES_PER_BYTE = 4


class Damaged(Exception):  # noqa: N818 - it never leaves this package
    """What is wrong with the bytes."""


class Buffer:
    """The file's bytes, read only through checked accesses."""

    __slots__ = ("budget", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.budget = VALUES_PER_BYTE * len(data)

    def unpack(self, form: str, position: int, count: int = 1) -> tuple[int | float, ...]:
        """Return that many numbers of one form."""
        self.spend(count)
        if position < 0 or position + struct.calcsize(form) * count > len(self.data):
            raise Damaged(f"byte {position} is outside its {len(self.data)} bytes")
        return struct.unpack_from(f"<{count}{form}", self.data, position)

    def spend(self, values: int) -> None:
        """Count values that were read."""
        self.budget -= values
        if self.budget < 0:
            raise Damaged("it refers to the same bytes over and over")

    def integer(self, form: str, position: int) -> int:
        """Return one integer."""
        return int(self.unpack(form, position)[0])

    def follow(self, position: int) -> int:
        """Return where an offset leads."""
        return position + self.integer("I", position)

    def vector(self, position: int, form: str) -> tuple[int | float, ...]:
        """Return the numbers of a vector."""
        return self.unpack(form, position + 4, self.integer("I", position))

    def blob(self, position: int, length: int) -> bytes:
        """Return so many bytes."""
        if position + length > len(self.data):
            raise Damaged(f"{length} bytes at {position} run past its {len(self.data)} bytes")
        self.spend(length)
        return self.data[position : position + length]


class Table:
    """One flatbuffer table: slot → field, where an absent field has its default.

    Whatever reads one raises Damaged where the bytes are no such field.
    """

    __slots__ = ("buffer", "fields", "position")

    def __init__(self, buffer: Buffer, position: int) -> None:
        self.buffer = buffer
        self.position = position
        vtable = position - buffer.integer("i", position)
        slots, size = (buffer.integer("H", vtable) - 4) // 2, buffer.integer("H", vtable + 2)
        self.fields = buffer.unpack("H", vtable + 4, max(slots, 0))
        # A runtime believes these: one that led elsewhere crashed tflite-runtime now and then.
        if any(0 < field < FIRST_FIELD or field >= size for field in self.fields):
            raise Damaged(f"the table at byte {position} has fields outside its {size} bytes")

    def _at(self, slot: int) -> int | None:
        offset = int(self.fields[slot]) if slot < len(self.fields) else 0
        return self.position + offset if offset else None

    def integer(self, slot: int, form: str, default: int = 0) -> int:
        """Return a number."""
        at = self._at(slot)
        return default if at is None else self.buffer.integer(form, at)

    def integers(self, slot: int, form: str = "i") -> tuple[int, ...]:
        """Return a vector of integers; none where it is absent."""
        at = self._at(slot)
        if at is None:
            return ()
        return tuple(int(value) for value in self.buffer.vector(self.buffer.follow(at), form))

    def vector_at(self, slot: int) -> int | None:
        """Return where a vector stands; None where it is absent."""
        at = self._at(slot)
        return None if at is None else self.buffer.follow(at)

    def floats(self, slot: int) -> tuple[float, ...]:
        """Return a vector of floats; none where it is absent."""
        at = self._at(slot)
        return () if at is None else self.buffer.vector(self.buffer.follow(at), "f")

    def blob(self, slot: int) -> bytes:
        """Return a vector of bytes; none where it is absent."""
        at = self._at(slot)
        if at is None:
            return b""
        start = self.buffer.follow(at)
        return self.buffer.blob(start + 4, self.buffer.integer("I", start))

    def text(self, slot: int) -> str:
        """Return a string, whatever its bytes."""
        return self.blob(slot).decode("utf-8", "backslashreplace")

    def table(self, slot: int) -> "Table | None":
        """Return a table; None where it is absent."""
        at = self._at(slot)
        return None if at is None else Table(self.buffer, self.buffer.follow(at))

    def tables(self, slot: int) -> Iterator["Table"]:
        """Yield the tables of a vector."""
        at = self._at(slot)
        if at is None:
            return
        start = self.buffer.follow(at)
        for element in range(self.buffer.integer("I", start)):
            yield Table(self.buffer, self.buffer.follow(start + 4 + 4 * element))
