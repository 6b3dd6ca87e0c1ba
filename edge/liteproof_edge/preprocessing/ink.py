"""`ink`: a mark (a digit, a letter, a drawing) in any photo or scan becomes what MNIST's are.

Everything here is integer arithmetic on 8-bit pixels, so that every CPU gives the same bytes.
"""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial, reduce
from operator import and_
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.errors import PictureError
from liteproof_edge.model.affine import Normalisation, normalisation_of
from liteproof_edge.preprocessing.decoded import Decoded
from liteproof_edge.preprocessing.mark import FAINTEST, Mark, find_mark
from liteproof_edge.preprocessing.normalisation import normalise
from liteproof_edge.preprocessing.pictures import WHITE, Picture, decode, flatten
from liteproof_edge.preprocessing.prepared import Legibility, Prepared, Report, doubts

SHORTER = 240  # pixels: a picture's shorter side need not be more for ink to be found
SEARCHED = 512  # pixels: the longer side of the picture that is searched, at most
ZOOM = 48  # pixels: a mark that is smaller in it is looked at again, closer
FEWEST = 5  # pixels: a mark that is smaller even from close by may be dirt
# Grey that is neither a stroke nor its edge: squares of GREY pixels, three to a box of twenty.
GREY_BOX, GREY, LIGHTEST, DARKEST, FLAT = 20, 3, 30, 170, 3


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
    mean: tuple[float, ...] = ()  # one for each channel; none: 0
    scale: tuple[float, ...] = ()  # one for each channel; none: 1

    def __post_init__(self) -> None:
        if self.channels != 1 or self.box > min(self.height, self.width):
            raise ValueError(
                f"ink: box {self.box} in {self.height}x{self.width}x{self.channels}, expected one "
                "channel and a box that fits"
            )
        normalisation_of(self.kind, self.mean, self.scale, self.channels)

    @property
    def normalisation(self) -> Normalisation | None:
        """What the model takes pixels as."""
        return normalisation_of(self.kind, self.mean, self.scale, self.channels)

    def apply(self, picture: Picture, max_megapixels: int | None = None) -> Prepared:
        """Return the mark: ink 255, paper 0.

        Raises:
            PictureError: there is no ink in the picture.
        """
        decoded = decode(picture, SHORTER, max_megapixels)
        opaque = partial(flatten, on=paper_for(decoded))
        mark = afar = find_mark(decoded.reduced(SEARCHED, opaque))
        found = mark.box.scaled(mark.searched, decoded.full_size)
        if mark.box.longer < min(ZOOM, found.longer):
            whole = whole_of(decoded, picture, max_megapixels)
            nearby = found.grown(found.longer).clipped(whole.full_size)
            nearby = nearby.scaled(whole.full_size, whole.size)
            with suppress(PictureError):  # then what was seen from afar is all there is
                mark = find_mark(whole.reduced(SEARCHED, opaque, nearby))
        several = afar.several or mark.several
        pixels, legibility = self.normalised(mark.ink), self.legibility(mark)
        reasons = {
            "several marks": several,
            "hardly any ink": mark.box.longer < FEWEST,
            "shadow or smear in the ink": mark.box.longer >= self.box
            and has_flat_grey(pixels[..., 0], self.box),
        }
        report = Report(self.kind, mark.polarity, found, afar.fraction, legibility, doubts(reasons))
        return Prepared(pixels, report)

    def normalised(self, ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a mark's ink as the model's input."""
        return normalise(ink, self.box, (self.height, self.width))[..., np.newaxis]

    def legibility(self, mark: Mark) -> Legibility:
        """Return how well a picture shows a mark."""
        if 2 * mark.box.longer < self.box:
            return Legibility.COARSE
        clear = mark.even and mark.box.longer >= self.box
        return Legibility.CLEAR if clear else Legibility.UNCLEAR


def has_flat_grey(pixels: NDArray[np.uint8], box: int) -> bool:
    """Return whether a normalised mark holds areas of grey, as shadows that touch it leave.

    A stroke's edge is too narrow for one. Of MNIST's pictures 50,000 to 60,000 none has any.

    Args:
        pixels: uint8 (height, width), ink 255.
        box: pixels: the longer side of the ink.
    """
    side = max(GREY, GREY * box // GREY_BOX)
    height, width = pixels.shape
    # All rows as the bits of one number, apart by so many empty ones that none reaches the next.
    rows = np.zeros((height, width + side - 1), np.uint8)
    rows[:, :width] = pixels
    rows -= LIGHTEST  # what is less becomes more than any grey
    grey = np.packbits(rows <= DARKEST - LIGHTEST)
    squares = int.from_bytes(grey.tobytes(), "big")
    for step in (1, width + side - 1):
        squares = reduce(and_, [squares >> step * shift for shift in range(side)])
    return squares.bit_count() >= FLAT


def whole_of(decoded: Decoded, picture: Picture, max_megapixels: int | None) -> Decoded:
    """Return all of a picture, of which a JPEG may have been decoded smaller."""
    is_whole = decoded.size == decoded.full_size
    return decoded if is_whole else decode(picture, None, max_megapixels)


def paper_for(decoded: Decoded) -> int:
    """Return the paper for a picture in part transparent: white, or black where ink is light."""
    if not decoded.transparent:
        return WHITE
    seen = decoded.reduced(SEARCHED, lambda part: part.convert("LA")).astype(np.int64)
    levels, alpha = seen[..., 0], seen[..., 1]
    light = int((levels * alpha).sum()) * 2 > WHITE * int(alpha.sum())
    opaque = levels[alpha > WHITE // 2]
    # A sheet that shows ink and paper goes on as it is; ink alone gets what it differs from.
    is_sheet = 2 * opaque.size > alpha.size and int(np.ptp(opaque)) >= FAINTEST
    return 0 if light != is_sheet else WHITE
