"""Scaling and centring a mark as MNIST's were."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from liteproof_edge.errors import PictureError
from liteproof_edge.preprocessing.pictures import WHITE, resized

FINER = 4  # so many times more pixels along each side, for a mark that has few
BEGINS = 3  # sixteenths of the strongest ink: where a stroke's edge is taken to lie


def normalise(mark: NDArray[np.uint8], box: int, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale a mark so that its longer side is `box`, and put its centre of mass into the middle.

    Args:
        mark: uint8 (height, width), 0 for paper.
        box: pixels.
        shape: height and width of what is returned, each at least `box`.

    Returns:
        uint8 of that shape.

    Source: LeCun et al. 1998, "Gradient-based learning applied to document recognition", III.A. The
    centre of mass lies at pixel 14.0, counted from 0, in MNIST's own 28x28 files (measured).
    """
    if max(mark.shape) < box:
        mark = _magnified(mark)
    return _centred(_scaled(mark, box), shape)


def _magnified(mark: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a mark of few pixels as more, cut again to where its ink begins between them.

    Source: Duchon 1979, "Lanczos filtering in one and two dimensions".
    """
    padded = Image.fromarray(np.pad(mark, 2))
    size = (FINER * padded.width, FINER * padded.height)
    fine = np.asarray(resized(padded, size, Image.Resampling.LANCZOS)).astype(np.int32)
    strongest = int(fine.max())
    floor = strongest * BEGINS // 16
    inked = fine > floor
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    cut = fine[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return stretched(np.maximum(cut - floor, 0), strongest - floor)


def stretched(ink: NDArray[np.integer[Any]], strongest: int) -> NDArray[np.uint8]:
    """Scale so that the strongest ink is 255; a picture without contrast stays 0."""
    if strongest != WHITE:
        ink = (ink.astype(np.int32) * WHITE + strongest // 2) // max(strongest, 1)
    return np.minimum(ink, WHITE).astype(np.uint8)


def _scaled(mark: NDArray[np.uint8], box: int) -> NDArray[np.uint8]:
    """Return the mark with its longer side `box`, and its strongest ink 255."""
    height, width = mark.shape
    longer = max(height, width)
    if longer == box:  # another mark's ink may have been stronger
        return stretched(mark, int(mark.max()))

    def side(pixels: int) -> int:
        return max(1, (2 * pixels * box + longer) // (2 * longer))

    size = (side(width), side(height))
    scaled = np.asarray(resized(Image.fromarray(mark), size, Image.Resampling.BILINEAR))
    return stretched(scaled, int(scaled.max()))


def _centred(mark: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the mark on a canvas, its centre of mass in the middle as far as it has room."""
    canvas = np.zeros(shape, np.uint8)
    rows, columns = (mark.sum(axis=axis, dtype=np.int64) for axis in (1, 0))
    total = int(rows.sum())
    if not total:
        raise PictureError("no ink found: what there is fades to nothing when it is scaled")

    def start(moment: int, side: int, room: int) -> int:
        # room // 2 - moment / total, rounded half up, kept inside the canvas.
        wanted = (2 * ((room // 2) * total - moment) + total) // (2 * total)
        return min(max(wanted, 0), room - side)

    height, width = mark.shape
    top = start(int(rows @ np.arange(height)), height, shape[0])
    left = start(int(columns @ np.arange(width)), width, shape[1])
    canvas[top : top + height, left : left + width] = mark
    return canvas
