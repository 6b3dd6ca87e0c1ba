"""What runs straight across a picture is no stroke: a scan's border, a form's frame, ruled lines.

The edge of a border or frame runs along all of the side that it is near; a ruled line is thin, and
reaches from one side of the picture to the other. Neither needs ink to be told from paper first: an
edge is a step in grey, and a thin line is what a closing or an opening across it takes away.

Everything here is integer arithmetic on 8-bit pixels, so that every CPU gives the same bytes.
"""

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.preprocessing.components import Box
from liteproof_edge.preprocessing.windows import middle, slid_rows

FAINTEST = 12  # grey levels: a step that is smaller is none
STEP = 6  # a step is at least this part of the picture's range of greys
BLOCKS = 32  # along a side: steps and lines are looked for in their means, which even out noise
LEAST = 24  # pixels: where the shorter side has fewer, a border cannot be told from a stroke
STRAIGHT = 17  # twentieths of a side that an edge runs along


def find_sheet(grey: NDArray[np.uint8]) -> Box:
    """Return the part of a picture that lies inside all straight borders and frames.

    Args:
        grey: uint8 (height, width).
    """
    height, width = grey.shape
    if min(height, width) < LEAST:
        return Box(0, 0, width, height)
    step = _least_step(grey)
    # A frame is shorter than the picture: at first the corners are left out.
    sheet = Box(width // 8, height // 8, width - width // 8, height - height // 8)
    for _ in range(2):
        left, right = _margins(grey[sheet.top : sheet.bottom].T, step)
        top, bottom = _margins(grey[:, sheet.left : sheet.right], step)
        sheet = Box(left, top, width - right, height - bottom)
    return sheet


def without_lines(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture without the thin lines that span it, across or down.

    A thicker stroke that such a line crosses stays whole. Where there are none, the picture itself
    is returned.

    Args:
        grey: uint8 (height, width).
    """
    if min(grey.shape) < 2 * LEAST:
        return grey
    step = _least_step(grey)
    cleaned = grey
    for turned in (False, True):
        for first, then in ((np.maximum, np.minimum), (np.minimum, np.maximum)):
            rows = cleaned.T if turned else cleaned
            reach = 1 + len(rows) // 64
            # With the picture's edge going on outside: a margin beside a frame is no light line.
            padded = np.pad(rows, ((2 * reach, 2 * reach), (0, 0)), "edge")
            filled = slid_rows(then, slid_rows(first, padded, reach), reach)[2 * reach : -2 * reach]
            lines = _spanned(np.maximum(filled, rows) - np.minimum(filled, rows), step)
            if lines.any():
                rows = np.where(lines[:, np.newaxis], filled, rows)
                cleaned = rows.T if turned else rows
    return cleaned


def _least_step(grey: NDArray[np.uint8]) -> int:
    return max(FAINTEST, (int(grey.max()) - int(grey.min())) // STEP)


def _margins(rows: NDArray[np.uint8], step: int) -> tuple[int, int]:
    """Return how many rows to leave out at either end: up to the innermost straight edge."""
    apart = 1 + len(rows) // 64  # a blurred or slightly turned edge takes several rows
    sums, side = _blocks(rows)
    changes = sums[apart:] - sums[:-apart]
    least = STRAIGHT * changes.shape[1]
    steps = [np.count_nonzero(sign * changes >= step * side, axis=1) for sign in (1, -1)]
    is_straight = 20 * np.maximum(*steps) >= least
    outer = len(rows) * 2 // 5
    first, last = (np.flatnonzero(part[:outer]) for part in (is_straight, is_straight[::-1]))
    return (
        int(first[-1]) + apart if first.size else 0,
        int(last[-1]) + apart if last.size else 0,
    )


def _spanned(depth: NDArray[np.uint8], step: int) -> NDArray[np.bool_]:
    """Return which rows are a line: at both ends, and where no stroke hides it between them."""
    sums, side = _blocks(depth)
    deep = sums >= step * side + middle(sums)  # a closing fills noise everywhere
    end = max(1, deep.shape[1] // 8)
    lines = 2 * np.count_nonzero(deep, axis=1) >= deep.shape[1]
    for part in (deep[:, :end], deep[:, -end:]):
        lines &= 4 * np.count_nonzero(part, axis=1) >= 3 * end
    blurred: NDArray[np.bool_] = lines.copy()
    blurred[1:] |= lines[:-1]
    blurred[:-1] |= lines[1:]
    return blurred


def _blocks(rows: NDArray[np.uint8]) -> tuple[NDArray[np.int32], int]:
    """Return the sum of each block along the rows, int32 (rows, blocks), and a block's pixels."""
    side = -(-rows.shape[1] // BLOCKS)
    whole = rows[:, : rows.shape[1] // side * side]
    return whole.reshape(len(rows), -1, side).sum(axis=2, dtype=np.int32), side
