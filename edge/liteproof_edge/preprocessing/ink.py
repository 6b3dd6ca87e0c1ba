"""`ink`: a mark (a digit, a letter, a drawing) in any photo or scan becomes what MNIST's are.

Everything here is integer arithmetic on 8-bit pixels, so that every CPU gives the same bytes.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from liteproof_edge.errors import PictureError
from liteproof_edge.model.affine import Normalisation
from liteproof_edge.preprocessing.components import Box, Size, choose_mark, find_pieces
from liteproof_edge.preprocessing.paper import Polarity, find_relief
from liteproof_edge.preprocessing.pictures import WHITE, Picture, decode, flatten, resized
from liteproof_edge.preprocessing.prepared import Prepared, Report

SHORTER = 240  # pixels: a picture's shorter side need not be more for ink to be found
SEARCHED = 512  # pixels: the longer side of the picture that is searched, at most
ZOOM = 48  # pixels: a mark that is smaller in it is looked at again, closer
FAINTEST = 12  # grey levels between ink and paper; less is no ink
NOISE = 5  # standard deviations of the paper's noise; less is no ink
# Sixteenths of the strongest ink: what is above INKED is a mark's, what is below PAPER no mark's.
# Shadows, ruled lines and smears lie below; where the paper is even there are none of these, and
# MNIST's own pictures stay what they are.
EVEN_INKED, EVEN_PAPER = 3, 0
INKED, PAPER = 10, 7
FEWEST = 8  # pixels: a mark that is smaller even from close by may be dirt


class Mark(NamedTuple):
    """What was found.

    Attributes:
        ink: uint8, 0 for paper to 255 for full ink, cut to the mark's box.
        box: where it is, in pixels of the picture that was searched.
        searched: that picture's width and height.
        polarity: of ink and paper.
        fraction: of the picture that is this ink, 0 to 1.
        several: whether there is another mark, apart from it and about as large.
    """

    ink: NDArray[np.uint8]
    box: Box
    searched: Size
    polarity: Polarity
    fraction: float
    several: bool


@dataclass(frozen=True, slots=True)
class InkSpec:
    """A digit or other mark, normalised as MNIST's were: light on black, box scaled, mass centred.

    It is found whatever its size, place and colour; see `liteproof_edge.preprocessing.ink`.
    """

    kind: ClassVar[str] = "ink"
    height: int
    width: int
    channels: int
    box: int  # pixels: the longer side of the ink after scaling

    def __post_init__(self) -> None:
        if self.channels != 1 or self.box > min(self.height, self.width):
            raise ValueError(
                f"ink: box {self.box} in {self.height}x{self.width}x{self.channels}, expected one "
                "channel and a box that fits"
            )

    @property
    def normalisation(self) -> Normalisation | None:
        """Pixels go in as they are."""
        return None

    def apply(self, picture: Picture) -> Prepared:
        """Return the mark: ink 255, paper 0.

        Raises:
            PictureError: there is no ink in the picture.
        """
        decoded = decode(picture, SHORTER)
        ground = _other_than(decoded.image)
        image = flatten(decoded.image, on=ground)
        mark = afar = find_mark(_small(image))
        found = mark.box.scaled(mark.searched, decoded.full_size)
        if mark.box.longer < min(ZOOM, found.longer):
            whole = decoded.image if image.size == decoded.full_size else decode(picture).image
            nearby = found.grown(found.longer).clipped(whole.size)
            with suppress(PictureError):  # then what was seen from afar is all there is
                mark = find_mark(_small(flatten(whole.crop(nearby), on=ground)))
        doubts = [
            doubt
            for doubt, holds in (
                ("several marks", afar.several or mark.several),
                ("hardly any ink", mark.box.longer < FEWEST),
            )
            if holds
        ]
        return Prepared(
            normalise(mark.ink, self.box, (self.height, self.width))[..., np.newaxis],
            Report(self.kind, mark.polarity, found, afar.fraction, tuple(doubts)),
        )


def find_mark(pixels: NDArray[np.uint8]) -> Mark:
    """Find the mark in a picture.

    Args:
        pixels: uint8 (height, width) or (height, width, 3).

    Raises:
        PictureError: there is no ink.
    """
    relief = find_relief(pixels)
    strongest = relief.strongest
    if strongest < max(FAINTEST, NOISE * relief.noise):
        raise PictureError("no ink found: the picture is blank")
    inked, paper = (EVEN_INKED, EVEN_PAPER) if relief.even else (INKED, PAPER)
    least = NOISE * relief.noise // 2
    threshold, floor = (max(strongest * share // 16, least) for share in (inked, paper))
    ink = np.maximum(relief.ink, 0)
    size = (ink.shape[1], ink.shape[0])
    around, several = choose_mark(find_pieces(ink, threshold), size)
    inside = around.cut(ink) > threshold
    box = around.tightened(inside)
    levels = _stretched(np.maximum(box.cut(ink) - np.int16(floor), 0), strongest - floor)
    fraction = np.count_nonzero(inside) / ink.size
    return Mark(levels, box, size, relief.polarity, fraction, several)


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
    return _centred(_scaled(mark, box), shape)


def _small(image: Image.Image) -> NDArray[np.uint8]:
    """Return a picture's pixels, averaged down to where ink is looked for."""
    factor = -(-max(image.size) // SEARCHED)
    return np.asarray(image.reduce(factor) if factor > 1 else image)


def _other_than(image: Image.Image) -> int:
    """Return the paper for a picture in part transparent: white, or black where ink is light."""
    if image.mode != "RGBA":
        return WHITE
    seen = np.asarray(image.convert("LA").reduce(-(-max(image.size) // SEARCHED))).astype(np.int64)
    levels, alpha = seen[..., 0], seen[..., 1]
    light = int((levels * alpha).sum()) * 2 > WHITE * int(alpha.sum())
    opaque = levels[alpha > WHITE // 2]
    # A sheet that shows ink and paper goes on as it is; ink alone gets what it differs from.
    is_sheet = 2 * opaque.size > alpha.size and int(np.ptp(opaque)) >= FAINTEST
    return 0 if light != is_sheet else WHITE


def _stretched(ink: NDArray[np.integer[Any]], strongest: int) -> NDArray[np.uint8]:
    """Scale so that the strongest ink is 255; a picture without contrast stays 0."""
    if strongest != WHITE:
        ink = (ink.astype(np.int32) * WHITE + strongest // 2) // max(strongest, 1)
    return np.minimum(ink, WHITE).astype(np.uint8)


def _scaled(mark: NDArray[np.uint8], box: int) -> NDArray[np.uint8]:
    """Return the mark with its longer side `box`, and its strongest ink 255."""
    height, width = mark.shape
    longer = max(height, width)
    if longer == box:  # another mark's ink may have been stronger
        return _stretched(mark, int(mark.max()))

    def side(pixels: int) -> int:
        return max(1, (2 * pixels * box + longer) // (2 * longer))

    size = (side(width), side(height))
    scaled = np.asarray(resized(Image.fromarray(mark), size, Image.Resampling.BILINEAR))
    return _stretched(scaled, int(scaled.max()))


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
