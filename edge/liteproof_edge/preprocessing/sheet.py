"""Finding every mark on a sheet, and cutting each one out.

Everything here is integer arithmetic on 8-bit pixels, so that every CPU gives the same bytes.
"""

from collections.abc import Iterable
from itertools import count

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.errors import PictureError
from liteproof_edge.preprocessing.components import Box, Piece, cell_side, find_pieces
from liteproof_edge.preprocessing.layout import find_lines
from liteproof_edge.preprocessing.mark import FAINT_INKED, FAINT_PAPER, Ink, Mark, find_ink, placed
from liteproof_edge.preprocessing.paper import clearest_grey, has_gentle_light
from liteproof_edge.preprocessing.straight import find_sheet, without_lines
from liteproof_edge.preprocessing.windows import strongest

GRID = 512  # cells along the longer side: marks that are so far apart are told apart
NOBODY = -1
DIM = 6  # sixteenths of the sheet's strongest ink: what has less is a smear, or a shadow's edge
# Hundredths of its height: a mark wider than the first is taken for several that touch, one wider
# than the second may be two, if each half is read as one.
WIDE, HALVABLE = 150, 80
THIN = 22  # of its height: ink where two marks that touch are cut apart
TALL = 55  # of its height: each half is at least so high
INKED = 96  # a level that is ink to the eye


def find_marks(pixels: NDArray[np.uint8]) -> list[list[Mark]]:
    """Find the marks of a sheet, line by line from the top, each from left to right.

    Args:
        pixels: uint8 (height, width) or (height, width, 3).

    Raises:
        PictureError: there is no ink.
    """
    grey = clearest_grey(pixels)
    size = (grey.shape[1], grey.shape[0])
    cleaned = without_lines(grey)
    for sheet in (find_sheet(cleaned), Box(0, 0, *size)):
        part = sheet.cut(cleaned)
        found = find_ink(part)
        if found:
            if not found.even and has_gentle_light(part):
                found = found._replace(inked=FAINT_INKED, paper=FAINT_PAPER)
            lines = _lines(found)
            if lines:
                return [[placed(mark, sheet, size) for mark in line] for line in lines]
    raise PictureError("no ink found: the picture is blank")


def _lines(found: Ink) -> list[list[Mark]]:
    height, width = found.ink.shape
    cell = cell_side(found.ink.shape, GRID)
    pieces = find_pieces(found.ink, found.faintest, GRID)
    lines = find_lines(pieces, (width, height))
    owners = np.zeros((-(-height // cell), -(-width // cell)), np.int16)
    _own(owners, pieces, NOBODY)
    for number, mark in enumerate((mark for line in lines for mark in line), 1):
        _own(owners, mark.pieces, number)
    numbers = count(1)
    cut = [[_cut(found, mark.box, owners, next(numbers)) for mark in line] for line in lines]
    clear = [[mark for mark in line if mark is not None] for line in cut]
    return [line for line in clear if line]


def _own(owners: NDArray[np.int16], pieces: Iterable[Piece], owner: int) -> None:
    """Write an owner's number into the cells of pieces."""
    for piece in pieces:
        for row, start, end in piece.runs:
            owners[row, start:end] = owner


def _cut(found: Ink, around: Box, owners: NDArray[np.int16], number: int) -> Mark | None:
    """Return a mark, without the ink of others that reaches into its box; None if it is faint."""
    height, width = found.ink.shape
    cell = cell_side(found.ink.shape, GRID)
    around = around.clipped((width, height))
    cells = owners[
        around.top // cell : -(-around.bottom // cell),
        around.left // cell : -(-around.right // cell),
    ]
    owner = np.repeat(np.repeat(cells, cell, axis=0), cell, axis=1)
    owner = owner[: around.height, : around.width]
    ink = np.where((owner == number) | (owner == 0), around.cut(found.ink), 0)
    own = found._replace(strongest=strongest(ink))
    if own.strongest <= found.faintest or 16 * own.strongest < DIM * found.strongest:
        return None
    inside = (owner == number) & (ink > own.threshold)
    within = Box(0, 0, around.width, around.height).tightened(inside)
    return Mark(
        own.levels(within.cut(ink)),
        within.moved(around.left, around.top),
        (width, height),
        found.polarity,
        np.count_nonzero(inside) / found.ink.size,
        several=False,
        even=found.even,
    )


def is_wide(mark: Mark) -> bool:
    """Whether a mark is wider than one is, as several that touch are."""
    return 100 * mark.box.width > WIDE * mark.box.height


def halves(mark: Mark) -> tuple[NDArray[np.uint8], ...]:
    """Return the two that a mark would be, if it were two that touch; none, if it cannot be.

    They are cut apart between a quarter and three quarters of its width, where there is least ink.
    """
    height, width = mark.ink.shape
    if 100 * width < HALVABLE * height or width < 8:
        return ()
    inked = mark.ink > INKED
    ink = np.count_nonzero(inked, axis=0)
    quarter = width // 4
    cut = quarter + int(ink[quarter : width - quarter].argmin())
    parts = (slice(0, cut), slice(cut, width))
    if 100 * ink[cut] > THIN * height or not all(inked[:, part].any() for part in parts):
        return ()
    whole = Box(0, 0, width, height)
    boxes = [
        whole._replace(left=part.start, right=part.stop).tightened(inked[:, part]) for part in parts
    ]
    if any(100 * box.height < TALL * height for box in boxes):
        return ()
    return tuple(box.cut(mark.ink) for box in boxes)
