"""Finding the mark in a picture: what is the sheet, what on it is ink, what of that is meant.

Everything here is integer arithmetic on 8-bit pixels, so that every CPU gives the same bytes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.errors import PictureError
from liteproof_edge.preprocessing.components import GRID, Box, Piece, Size, choose_mark, find_pieces
from liteproof_edge.preprocessing.normalisation import stretched
from liteproof_edge.preprocessing.paper import (
    Polarity,
    clearest_grey,
    find_relief,
    has_gentle_light,
)
from liteproof_edge.preprocessing.straight import find_sheet, without_lines

FAINTEST = 12  # grey levels between ink and paper; less is no ink
NOISE = 5  # standard deviations of the paper's noise; less is no ink
# Sixteenths of the strongest ink: what is above INKED is a mark's, what is below PAPER no mark's.
# Shadows, ruled lines and smears lie below; where the paper is even there are none of these, and
# MNIST's own pictures stay what they are.
EVEN_INKED, EVEN_PAPER = 3, 0
INKED, PAPER = 10, 7
FAINT_INKED, FAINT_PAPER = 6, 3  # where there are none of these either: strokes of a shaken hand
FAINT = 4  # of a mark beside another whose ink is the strongest


class Ink(NamedTuple):
    """What of a picture is ink.

    Attributes:
        ink: int16 (height, width), grey levels from the paper towards the ink.
        strongest: grey levels of the strongest ink.
        noise: the standard deviation of the paper's noise, grey levels.
        polarity: of ink and paper.
        even: whether the paper is of one grey.
        inked: sixteenths of the strongest ink: what is above is a mark's.
        paper: sixteenths of it: what is below is no mark's.
    """

    ink: NDArray[np.int16]
    strongest: int
    noise: int
    polarity: Polarity
    even: bool
    inked: int
    paper: int

    @property
    def threshold(self) -> int:
        """What is above it is a mark's."""
        return self._share(self.inked)

    @property
    def floor(self) -> int:
        """What is below it is no mark's."""
        return self._share(self.paper)

    @property
    def faintest(self) -> int:
        """What is above it may be a mark's, where another mark's ink is the strongest."""
        return self._share(EVEN_INKED if self.even else FAINT)

    def _share(self, sixteenths: int) -> int:
        return max(self.strongest * sixteenths // 16, NOISE * self.noise // 2)

    def levels(self, cut: NDArray[np.int16]) -> NDArray[np.uint8]:
        """Return a part of the ink as 0 for paper to 255 for full ink."""
        return stretched(np.maximum(cut - np.int16(self.floor), 0), self.strongest - self.floor)


class Mark(NamedTuple):
    """What was found.

    Attributes:
        ink: uint8, 0 for paper to 255 for full ink, cut to the mark's box.
        box: where it is, in pixels of the picture that was searched.
        searched: that picture's width and height.
        polarity: of ink and paper.
        fraction: of the picture that is this ink, 0 to 1.
        several: whether there is another mark, apart from it and about as large.
        even: whether the paper is of one grey.
    """

    ink: NDArray[np.uint8]
    box: Box
    searched: Size
    polarity: Polarity
    fraction: float
    several: bool
    even: bool


class _Reading(NamedTuple):
    """A part of a picture, read: the mark, and all ink that is there, in pixels of that part."""

    mark: Mark
    pieces: list[Piece]

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing but a mark of thin strokes, on even paper around it."""
        width, height = self.mark.searched
        longer = self.mark.box.longer
        return (
            self.mark.even
            and 4 * longer <= 3 * max(width, height)
            and 2 * self.mark.fraction * width * height <= longer**2
            and not any(piece.contact for piece in self.pieces)
        )

    @property
    def is_alone(self) -> bool:
        """Whether the mark is all the ink that there is, but for specks, and off the border."""
        box = self.mark.box
        others = sum(piece.mass for piece in self.pieces if piece.box.gap(box))
        total = sum(piece.mass for piece in self.pieces)
        return 32 * others <= total and not any(piece.contact for piece in self.pieces)

    @property
    def is_cut_out(self) -> bool:
        """Whether the ink reaches all four sides, and covers no more than half of the border."""
        largest, size = self.pieces[0], self.mark.searched
        return largest.box.clipped(size) == (0, 0, *size) and largest.contact <= sum(size)

    def shows_more(self, sheet: Box, within: "_Reading") -> bool:
        """Whether its mark, if it is one, has ink on a sheet that the sheet by itself has lost."""
        box, mark = self.mark.box, within.mark
        on_sheet = Box(*map(max, box[:2], sheet[:2]), *map(min, box[2:], sheet[2:]))
        ink = on_sheet.moved(-box.left, -box.top).cut(self.mark.ink)
        return (
            self.pieces[0].contact <= sum(self.mark.searched)  # half of the border
            and self.mark.polarity is mark.polarity
            and 4 * int(mark.ink.sum()) < 3 * int(ink.sum())
        )


def find_mark(pixels: NDArray[np.uint8]) -> Mark:
    """Find the mark in a picture.

    Args:
        pixels: uint8 (height, width) or (height, width, 3).

    Raises:
        PictureError: there is no ink.
    """
    grey = clearest_grey(pixels)
    size = (grey.shape[1], grey.shape[0])
    reading = _read(grey)
    if reading is None or not reading.is_plain:
        cleaned = without_lines(grey)
        if cleaned is not grey:
            reading = _read(cleaned) or reading
        # A shadow may end aslant on what is otherwise a mark alone on its sheet.
        sheet = find_sheet(cleaned, turned=not (reading and reading.is_alone))
        if sheet != (0, 0, *size) and not (reading and reading.is_cut_out):
            within = _read(sheet.cut(cleaned))
            if within and not (reading and reading.shows_more(sheet, within)):
                return placed(within.mark, sheet, size)
    if reading is None:
        raise PictureError("no ink found: the picture is blank")
    return reading.mark


def _read(grey: NDArray[np.uint8]) -> _Reading | None:
    """Return what a picture says, if it has ink."""
    found = find_ink(grey)
    if found is None:
        return None
    if not found.even and has_gentle_light(grey):
        reading = _cut(found._replace(inked=FAINT_INKED, paper=FAINT_PAPER))
        if reading.is_alone:
            return reading
    return _cut(found)


def _cut(found: Ink) -> _Reading:
    """Return the mark that is above the threshold."""
    ink = found.ink
    size = (ink.shape[1], ink.shape[0])
    pieces = find_pieces(ink, found.threshold)
    around, several = choose_mark(pieces, size)
    inside = around.cut(ink) > found.threshold
    # Pieces of a small picture are told apart pixel by pixel, so that their boxes are tight.
    box = around if max(size) <= GRID else around.tightened(inside)
    fraction = np.count_nonzero(inside) / ink.size
    levels = found.levels(box.cut(ink))
    mark = Mark(levels, box, size, found.polarity, fraction, several, found.even)
    return _Reading(mark, pieces)


def find_ink(grey: NDArray[np.uint8]) -> Ink | None:
    """Return the ink of a picture, uint8 (height, width), if it has some."""
    relief = find_relief(grey)
    strongest = relief.strongest
    if strongest < max(FAINTEST, NOISE * relief.noise):
        return None
    inked, paper = (EVEN_INKED, EVEN_PAPER) if relief.even else (INKED, PAPER)
    ink = np.maximum(relief.ink, 0)
    return Ink(ink, strongest, relief.noise, relief.polarity, relief.even, inked, paper)


def placed(mark: Mark, sheet: Box, size: Size) -> Mark:
    """Return a mark on a sheet as a mark in the picture of that size that the sheet is part of."""
    share = mark.searched[0] * mark.searched[1] / (size[0] * size[1])
    return mark._replace(
        box=mark.box.moved(sheet.left, sheet.top), searched=size, fraction=mark.fraction * share
    )
