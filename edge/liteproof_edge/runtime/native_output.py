"""What a runtime's native code says on standard error, without its greetings."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STANDARD_ERROR = 2
GREETING = b"INFO: "  # LiteRT announces each delegate so, in every process


@contextmanager
def without_greetings() -> Iterator[None]:
    """Pass on what native code writes to standard error inside the block, except INFO lines."""
    try:
        original = os.dup(STANDARD_ERROR)
    except OSError:  # it is closed: nothing can be said
        yield
        return
    held = _temporary_file()
    try:
        if sys.stderr:
            sys.stderr.flush()
        os.dup2(held, STANDARD_ERROR)
        try:
            yield
        finally:
            os.dup2(original, STANDARD_ERROR)
            _pass_on(held)
    finally:
        os.close(original)
        os.close(held)


def _temporary_file() -> int:
    """Return a descriptor to write to and read back; on Linux, one that never meets a disk."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("liteproof-native-output")
    import tempfile  # noqa: PLC0415 - takes longer than the block itself

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _pass_on(held: int) -> None:
    os.lseek(held, 0, os.SEEK_SET)
    with os.fdopen(os.dup(held), "rb") as file:
        lines = [line for line in file if not line.startswith(GREETING)]
    if lines:
        os.write(STANDARD_ERROR, b"".join(lines))
