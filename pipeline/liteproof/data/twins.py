"""Test pictures that are training pictures too, byte for byte: they would flatter the accuracy."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

SHOWN = 3  # pairs that are named


class Twins(NamedTuple):
    """The same picture, once to test with and once to learn from; paths as they were given."""

    test: str
    train: str


def find_twins(folder: Path, train: Iterable[str], test: Iterable[str]) -> list[Twins]:
    """Find test pictures whose bytes are those of a training picture, by SHA-256.

    Only files of the same size are read, so that a large folder takes little time.

    Args:
        folder: that the paths are relative to.
        train: paths of pictures to learn from.
        test: of those to test with.

    Raises:
        OSError: one of them cannot be read.
    """
    by_size: defaultdict[int, list[str]] = defaultdict(list)
    for path in train:
        by_size[(folder / path).stat().st_size].append(path)
    digests: dict[str, str] = {}
    read: set[int] = set()
    twins = []
    for path in test:
        size = (folder / path).stat().st_size
        if size not in by_size:
            continue
        if size not in read:
            read.add(size)
            digests |= {_digest(folder / each): each for each in by_size[size]}
        if other := digests.get(_digest(folder / path)):
            twins.append(Twins(path, other))
    return twins


def twins_sentence(twins: Sequence[Twins], test_pictures: int) -> str:
    """Say what was found, naming some of them, and what to do."""
    named = ", ".join(f"{each.test} = {each.train}" for each in twins[:SHOWN])
    more = f" and {len(twins) - SHOWN} more" if len(twins) > SHOWN else ""
    also = "is a training picture" if len(twins) == 1 else "are training pictures"
    return (
        f"{len(twins)} of {test_pictures} test pictures {also} too, byte for byte ({named}{more}): "
        "accuracy will flatter; remove one of each"
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
