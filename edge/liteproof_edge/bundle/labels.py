"""A file of labels: one a line, in the order of a model's outputs."""

from pathlib import Path

from liteproof_edge.bundle.manifest import read_file
from liteproof_edge.errors import BundleError, DatasetError

MAX_BYTES = 1 << 24


def read_labels(path: Path) -> tuple[str, ...]:
    """Return the labels of a text file; empty lines at its end are none.

    A byte order mark and Windows' line ends, which editors add, are no part of a label.

    Raises:
        DatasetError: it cannot be read, is empty, or a line is empty, unprintable or there twice.
    """
    try:
        text = read_file(path, MAX_BYTES, "a text file, one label a line").decode("utf-8-sig")
    except BundleError as error:
        raise DatasetError(str(error)) from None
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not UTF-8 text: {error.reason} at {error.start}") from None
    labels = [line.strip() for line in text.rstrip().splitlines()]
    if not labels:
        raise DatasetError(f"{path}: holds no labels, expected one a line")
    seen: dict[str, int] = {}
    for number, label in enumerate(labels, start=1):
        if not label or not label.isprintable():
            raise DatasetError(f"{path}: line {number}: {label!r}, expected a printable label")
        if first := seen.get(label):
            raise DatasetError(f"{path}: {label!r} stands in lines {first} and {number}")
        seen[label] = number
    return tuple(labels)
