"""How commands speak to a person: results on standard output, everything else on standard error."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TextIO

from liteproof_edge.text_table import aligned


def complain(message: object) -> None:
    """Print one line to standard error, if it can be written; the exit code tells the rest."""
    if sys.stderr:
        try:
            print(f"liteproof-edge: {message}", file=sys.stderr)
        except OSError:
            silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Discard what an unwritable stream still holds, and everything that follows."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def show_rows(pairs: Iterable[tuple[str, object]]) -> None:
    """Print each name and its value."""
    for line in rows(pairs):
        print(line)


def rows(pairs: Iterable[tuple[str, object]]) -> Iterator[str]:
    """Return a line for each name and its value, with the values aligned."""
    return (f"{name:15} {value}" for name, value in pairs)


def show_table(head: Sequence[str], cells: Iterable[Iterable[object]]) -> None:
    """Print a table."""
    for line in table(head, cells):
        print(line)


def table(head: Sequence[str], cells: Iterable[Iterable[object]]) -> list[str]:
    """Return the lines of a table; columns of numbers are aligned on the right."""
    texts = [[str(value) for value in row] for row in cells]
    columns = enumerate(zip(*texts, strict=True))
    numbers = {at for at, column in columns if all(map(_is_number, column))}
    return aligned([head, *texts], numbers)


def show_progress(done: int, total: int) -> None:
    """Show on a terminal how far a long command has come."""
    if sys.stderr and sys.stderr.isatty() and (done % 16 == 0 or done == total):
        end = "\n" if done == total else ""
        print(f"\r{done} of {total}", end=end, file=sys.stderr, flush=True)


def _is_number(cell: str) -> bool:
    return not cell.rstrip("%").replace(".", "", 1).strip("-0123456789,")
