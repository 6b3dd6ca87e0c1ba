"""A list of labels: one a line, in the order of a model's outputs."""

import re
from collections import Counter
from pathlib import Path

from liteproof_edge.bundle.manifest import read_file
from liteproof_edge.errors import BundleError, DatasetError

MAX_BYTES = 1 << 24
NUMBERED = re.compile(r"(\d+)[:\s]\s*(\S.*)")  # "0  background", as Coral's files have it


def read_labels(path: Path, *, unique: bool = True) -> tuple[str, ...]:
    """Return the labels of a text file.

    Args:
        path: of the file.
        unique: refuse a label that is there twice, rather than number it.

    Raises:
        DatasetError: it cannot be read, or as `parse_labels`.
    """
    try:
        text = read_file(path, MAX_BYTES, "a text file, one label a line").decode("utf-8-sig")
    except BundleError as error:
        raise DatasetError(str(error)) from None
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not UTF-8 text: {error.reason} at {error.start}") from None
    return parse_labels(text, str(path), unique=unique)


def parse_labels(text: str, where: str, *, unique: bool = True) -> tuple[str, ...]:
    """Return the labels of a text; empty lines at its end are none.

    A byte order mark and Windows' line ends, which editors add, are no part of a label, and neither
    are numbers that only count the lines. ImageNet's labels have two cranes: the second becomes
    "crane (2)" where they need not be unique.

    Raises:
        DatasetError: there is none, or a line is empty or unprintable, or there twice.
    """
    labels = [line.strip() for line in text.removeprefix("\ufeff").rstrip().splitlines()]
    if not labels:
        raise DatasetError(f"{where}: holds no labels, expected one a line")
    counted = [NUMBERED.fullmatch(label) for label in labels]
    if all(match and int(match[1]) == at for at, match in enumerate(counted)):
        labels = [match[2] for match in counted if match]
    seen: dict[str, int] = {}
    times: Counter[str] = Counter()
    for number, label in enumerate(labels, start=1):
        if not label or not label.isprintable():
            raise DatasetError(f"{where}: line {number}: {label!r}, expected a printable label")
        times[label] += 1
        if times[label] > 1:
            if unique:
                raise DatasetError(f"{where}: {label!r} stands in lines {seen[label]} and {number}")
            labels[number - 1] = f"{label} ({times[label]})"
        seen.setdefault(label, number)
    return tuple(labels)
