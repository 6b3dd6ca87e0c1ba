"""Which parts of a picture an answer rests on: each part is covered in turn."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_PLACES = 15  # of the cover, down and across
SHARE = 5  # the cover's side is a fifth of the picture's


class Covered(NamedTuple):
    """A picture with one part covered, as often as there are places for the cover.

    Attributes:
        pictures: uint8 (rows · columns, height, width, channels).
        rows: the first pixel row of each place.
        columns: the first pixel column of each.
        side: of the cover, in pixels.
    """

    pictures: NDArray[np.uint8]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    side: int


def covered(pixels: NDArray[np.uint8]) -> Covered:
    """Cover each part of a picture with its median colour, which is the paper of a digit.

    Args:
        pixels: uint8 (height, width, channels).

    Source: Zeiler and Fergus 2014, arXiv:1311.2901, section 4.2.
    """
    height, width, _ = pixels.shape
    side = max(1, round(min(height, width) / SHARE))
    rows, columns = (
        np.unique(np.linspace(0, reach - side, MOST_PLACES).round().astype(np.int64))
        for reach in (height, width)
    )
    colour = np.median(pixels, axis=(0, 1)).astype(np.uint8)
    pictures = np.repeat(pixels[np.newaxis], len(rows) * len(columns), axis=0)
    for at, (row, column) in enumerate((row, column) for row in rows for column in columns):
        pictures[at, row : row + side, column : column + side] = colour
    return Covered(pictures, rows, columns, side)


def loss_map(
    places: Covered, logits: NDArray[np.float32], whole: float, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Return by how much a logit falls where a pixel is covered.

    Args:
        places: from `covered`.
        logits: float32 (rows · columns,), one class's, of the covered pictures.
        whole: the same class's of the picture as it is.
        shape: the picture's height and width.

    Returns:
        float32 (height, width): the mean fall over all covers that hide a pixel; below 0 where the
        logit rises.
    """
    total, count = np.zeros(shape), np.zeros(shape)
    spots = [(row, column) for row in places.rows for column in places.columns]
    for (row, column), logit in zip(spots, logits, strict=True):
        part = np.s_[row : row + places.side, column : column + places.side]
        total[part] += whole - logit
        count[part] += 1
    result: NDArray[np.float32] = (total / np.maximum(count, 1)).astype(np.float32)
    return result
