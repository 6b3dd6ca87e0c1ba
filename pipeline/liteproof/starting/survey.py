"""What a folder of pictures holds, as far as a recipe for it depends on that."""

import random
import statistics
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from liteproof.data.picture_folder import PictureFolder
from liteproof.data.twins import Twins, find_twins
from liteproof_edge.errors import DatasetError

SAMPLE = 200  # pictures whose pixels are looked at
LOOKED_AT = 64  # pixels of each side, for that
# Mean difference of a pixel's channels, of 255, that a grey picture may have: JPEG's rounding.
GREY_DIFFERENCE = 3.0
GREY_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Class:
    """A class, and how many pictures of it there are to learn from, and to test with."""

    name: str
    train: int
    test: int


@dataclass(frozen=True, slots=True)
class Survey:
    """A folder of pictures.

    Attributes:
        folder: where it is.
        classes: each, in the order of the model's outputs.
        smallest: height and width of the picture with the fewest pixels.
        largest: of the one with the most.
        typical_side: the median of the shorter sides of a sample.
        is_grey: whether nearly all pictures of the sample are, however they are stored.
        is_divided: whether it has a test part of its own.
        twins: test pictures that are training pictures too.
    """

    folder: Path
    classes: tuple[Class, ...]
    smallest: tuple[int, int]
    largest: tuple[int, int]
    typical_side: int
    is_grey: bool
    is_divided: bool
    twins: tuple[Twins, ...]

    @property
    def imbalance(self) -> float:
        """How many times the pictures of the rarest class the most frequent one has."""
        counts = [each.train for each in self.classes]
        return max(counts) / min(counts)


def survey(pictures: PictureFolder) -> Survey:
    """Look at a folder whose pictures can all be read.

    Raises:
        DatasetError: a picture has gone meanwhile.
    """
    try:
        return _survey(pictures)
    except OSError as error:
        where = error.filename or pictures.folder
        raise DatasetError(f"{where}: cannot be read: {error.strerror or error}") from None


def _survey(pictures: PictureFolder) -> Survey:
    train, test = (
        Counter(entry.label for entry in part) for part in (pictures.train, pictures.test)
    )
    paths = [entry.path for entry in (*pictures.train, *pictures.test)]
    chosen = random.Random(0).sample(paths, min(SAMPLE, len(paths)))  # noqa: S311 - a sample
    looks = [_look(pictures.folder / path) for path in chosen]
    grey = sum(is_grey for _, is_grey in looks)
    return Survey(
        folder=pictures.folder,
        classes=tuple(
            Class(name, train[label], test[label]) for label, name in enumerate(pictures.labels)
        ),
        smallest=pictures.smallest,
        largest=pictures.largest,
        typical_side=round(statistics.median(side for side, _ in looks)),
        is_grey=grey >= GREY_SHARE * len(looks),
        is_divided=any(entry.path.startswith("test/") for entry in pictures.test),
        twins=tuple(
            find_twins(
                pictures.folder,
                (entry.path for entry in pictures.train),
                (entry.path for entry in pictures.test),
            )
        ),
    )


def _look(path: Path) -> tuple[int, bool]:
    """Return a picture's shorter side, and whether it is grey."""
    with Image.open(path) as image:
        side = min(image.size)
        if image.mode in {"1", "L", "LA", "I;16"}:
            return side, True
        image.draft("RGB", (LOOKED_AT, LOOKED_AT))
        small = np.asarray(image.convert("RGB").resize((LOOKED_AT, LOOKED_AT)), np.int16)
    spread = small.max(axis=2) - small.min(axis=2)
    return side, float(spread.mean()) <= GREY_DIFFERENCE
