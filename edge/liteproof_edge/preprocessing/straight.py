"""What runs straight across a picture is no stroke: a scan's border, a form's frame, ruled lines.

The edge of a border or frame runs along all of the side that it is near; a ruled line is thin, and
reaches from one side of the picture to the other, level or slightly turned. Neither needs ink to be
told from paper first: an edge is a step in grey, and a thin line is what a closing or an opening
across it takes away.

Everything here is integer arithmetic on 8-bit pixels, so that every CPU gives the same bytes.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from liteproof_edge.preprocessing.components import Box
from liteproof_edge.preprocessing.windows import middle, slid_rows

FAINTEST = 12  # grey levels: a step that is smaller is none
STEP = 6  # a step is at least this part of the picture's range of greys
BLOCKS = 32  # along a side: steps and lines are looked for in their means, which even out noise
LEAST = 24  # pixels: where the shorter side has fewer, a border cannot be told from a stroke
STRAIGHT, SLANTED = 17, 18  # twentieths of a side that an edge runs along, the latter if turned
TURNED = 12  # a line rises by this part of its length at most: 4.8 degrees


def find_sheet(grey: NDArray[np.uint8], *, turned: bool = False) -> Box:
    """Return the part of a picture that lies inside all straight borders and frames.

    Args:
        grey: uint8 (height, width).
        turned: whether they may be slightly turned.
    """
    height, width = grey.shape
    if min(height, width) < LEAST:
        return Box(0, 0, width, height)
    step = _least_step(grey)
    # A frame is shorter than the picture: at first the corners are left out.
    sheet = Box(width // 8, height // 8, width - width // 8, height - height // 8)
    for _ in range(2):
        left, right = _margins(grey[sheet.top : sheet.bottom].T, step, turned=turned)
        top, bottom = _margins(grey[:, sheet.left : sheet.right], step, turned=turned)
        sheet = Box(left, top, width - right, height - bottom)
    return sheet


def without_lines(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture without the thin lines that span it, across or down.

    A stroke that such a line crosses stays whole if it is thicker, or darker by half. Where there
    are none, the picture itself is returned.

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
            lines = _lines(np.maximum(filled, rows) - np.minimum(filled, rows), step)
            if lines is not None:
                rows = np.where(lines, filled, rows)
                cleaned = rows.T if turned else rows
    return cleaned


def _least_step(grey: NDArray[np.uint8]) -> int:
    return max(FAINTEST, (int(grey.max()) - int(grey.min())) // STEP)


def _margins(rows: NDArray[np.uint8], step: int, *, turned: bool) -> tuple[int, int]:
    """Return how many rows to leave out at either end: up to the innermost straight edge."""
    apart = 1 + len(rows) // 64  # a blurred edge takes several rows
    sums, side = _blocks(rows)
    changes = sums[apart:] - sums[:-apart]
    outer = len(rows) * 2 // 5
    steps = [sign * changes >= step * side for sign in (1, -1)]
    most = rows.shape[1] // TURNED if turned else 0
    first, last = (
        max(_innermost(each[part], most) for each in steps)
        for part in (slice(outer), slice(None, -outer - 1, -1))
    )
    return first + apart if first else 0, last + apart if last else 0


def _innermost(steps: NDArray[np.bool_], most: int) -> int:
    """Return at which row the innermost straight edge ends, and 0 if there is none.

    Args:
        steps: bool (rows, blocks), from the picture's border inwards: where the grey changes.
        most: rows by which an edge may be higher at one end than at the other.
    """
    height, width = steps.shape
    if 20 * np.count_nonzero(steps.any(axis=0)) < STRAIGHT * width:
        return 0
    shifts, along = _turned(steps, most)
    least = np.where(shifts[:, 0] == shifts[:, -1], STRAIGHT, SLANTED) * width
    ends = np.arange(1, height + 1) + shifts.max(axis=1)[:, np.newaxis]
    is_edge = (20 * _count(along) >= least[:, np.newaxis]) & (ends <= height)
    return int(ends[is_edge].max(initial=0))


def _lines(depth: NDArray[np.uint8], step: int) -> NDArray[np.bool_] | None:
    """Return which pixels are a line's, by how deep each is in what a closing fills."""
    sums, side = _blocks(slid_rows(np.maximum, depth, 1))
    deep = sums >= step * side + middle(sums)  # a closing fills noise everywhere
    spanned = _spanned(deep, depth.shape[1] // TURNED)
    if not spanned.any():
        return None
    lines = np.zeros(depth.shape, np.bool_)
    lines[:, : spanned.shape[1] * side] = np.repeat(spanned, side, axis=1)
    lines[:, spanned.shape[1] * side :] = spanned[:, -1:]
    lines &= 2 * side * depth.astype(np.int32) <= 3 * middle(sums[spanned])
    return lines


def _spanned(deep: NDArray[np.bool_], most: int) -> NDArray[np.bool_]:
    """Return which blocks are on a line: deep at both ends, and where no stroke hides it between.

    Args:
        deep: bool (rows, blocks).
        most: rows by which a line may be higher at one end than at the other.
    """
    height, width = deep.shape
    spanned = np.zeros((height + 2 * most, width), np.bool_)
    ends = (slice(0, max(1, width // 8)), slice(-max(1, width // 8), None))
    if all(deep[:, end].any() for end in ends):
        shifts, along = _turned(deep, most)
        lines = 2 * _count(along) >= width
        for end in ends:
            lines &= 4 * _count(along[:, end]) >= 3 * ends[0].stop
        turns, middles = np.nonzero(lines)
        spanned[middles[:, np.newaxis] + shifts[turns] + most, np.arange(width)] = True
    return spanned[most : most + height]


def _turned(blocks: NDArray[np.bool_], most: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the blocks along each line, level or turned.

    Args:
        blocks: bool (rows, columns).
        most: rows by which a line may be higher at one end than at the other.

    Returns:
        int64 (turns, columns), the rows by which each block of a line is below its middle, and bool
        (turns, columns, middles), these blocks; those that lie outside are false.
    """
    height, width = blocks.shape
    columns = np.arange(width)
    turns = np.arange(-(most // 2), most // 2 + 1)[:, np.newaxis]
    shifts = turns * (2 * columns + 1 - width) // width
    windows = sliding_window_view(np.pad(blocks.T, ((0, 0), (most, most))), height, axis=1)
    return shifts, windows[columns, shifts + most]


def _count(along: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how many blocks of each line are set, int64 (turns, middles)."""
    counts: NDArray[np.uint8] = np.add.reduce(along.view(np.uint8), axis=1, dtype=np.uint8)
    return counts.astype(np.int64)


def _blocks(rows: NDArray[np.uint8]) -> tuple[NDArray[np.int32], int]:
    """Return the sum of each block along the rows, int32 (rows, blocks), and a block's pixels."""
    side = -(-rows.shape[1] // BLOCKS)
    whole = rows[:, : rows.shape[1] // side * side]
    return whole.reshape(len(rows), -1, side).sum(axis=2, dtype=np.int32), side
