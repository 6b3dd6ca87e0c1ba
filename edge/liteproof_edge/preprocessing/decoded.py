"""A decoded picture's pixels: upright, in 8 bits and opaque, one part of it at a time.

Pillow holds a picture as its file does: colours as indices, 16 bits, transparency, lying on
its side. To convert or to turn all of it would take several times its memory.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from liteproof_edge.preprocessing.components import Size

HIGHEST = 255  # of 8 bits
PART = 512  # pixels: the side of the squares that are converted at a time
Area = tuple[int, int, int, int]  # left, top, right, bottom in pixels


class Turn(NamedTuple):
    """How a picture comes upright, and where its pixels lie before."""

    method: Image.Transpose
    mirrored: tuple[bool, bool]  # from left to right, and from top to bottom
    on_its_side: bool

    def before(self, area: Area, size: Size) -> Area:
        """Return where an area of the upright picture, which has that size, lies in its file."""
        sides = []
        for axis in (0, 1):
            start, end = area[axis], area[axis + 2]
            if self.mirrored[axis]:
                start, end = size[axis] - end, size[axis] - start
            sides.append((start, end))
        across, down = sides[::-1] if self.on_its_side else sides
        return across[0], down[0], across[1], down[1]


TURNS = {  # by EXIF's orientation
    2: Turn(Image.Transpose.FLIP_LEFT_RIGHT, (True, False), on_its_side=False),
    3: Turn(Image.Transpose.ROTATE_180, (True, True), on_its_side=False),
    4: Turn(Image.Transpose.FLIP_TOP_BOTTOM, (False, True), on_its_side=False),
    5: Turn(Image.Transpose.TRANSPOSE, (False, False), on_its_side=True),
    6: Turn(Image.Transpose.ROTATE_270, (True, False), on_its_side=True),
    7: Turn(Image.Transpose.TRANSVERSE, (True, True), on_its_side=True),
    8: Turn(Image.Transpose.ROTATE_90, (False, True), on_its_side=True),
}


class Decoded:
    """A picture's pixels.

    Args:
        source: as Pillow decoded it.
        turn: what brings it upright.
        full_size: width and height of all of it, upright; `source` may be a JPEG decoded smaller.

    Attributes:
        size: width and height, upright.
    """

    def __init__(self, source: Image.Image, turn: Turn | None, full_size: Size) -> None:
        self._source, self._turn, self.full_size = source, turn, full_size
        width, height = source.size
        self.size: Size = (height, width) if turn and turn.on_its_side else (width, height)
        self._highest = self._highest_level() if source.mode[0] in "IF" else 0

    @property
    def transparent(self) -> bool:
        """Whether its pixels have an alpha."""
        source = self._source
        return source.mode[0] not in "IF" and (
            "A" in source.getbands() or "transparency" in source.info
        )

    @property
    def mode(self) -> str:
        """L, RGB or RGBA."""
        return self.area((0, 0, 1, 1)).mode

    @property
    def image(self) -> Image.Image:
        """All of it: mode L, RGB or RGBA."""
        return self.area((0, 0, *self.size))

    def area(self, area: Area) -> Image.Image:
        """Return a part of it: mode L, RGB or RGBA."""
        part = _eight_bits(self._cut(area), self._highest)
        return part.transpose(self._turn.method) if self._turn else part

    def reduced(
        self,
        longest: int,
        convert: Callable[[Image.Image], Image.Image],
        area: Area | None = None,
    ) -> NDArray[np.uint8]:
        """Return the picture, or an area of it, averaged down by the least whole factor.

        Args:
            longest: pixels that the longer side may have.
            convert: what makes each part opaque; it is not asked about grey that needs no reducing.
            area: which; None is all of it.

        Returns:
            uint8 (height, width) or (height, width, channels).
        """
        left, top, right, bottom = area = area or (0, 0, *self.size)
        factor = -(-max(right - left, bottom - top) // longest)
        if factor <= 1:
            return np.asarray(convert(self.area(area)))
        parts = {
            ((x - left) // factor, (y - top) // factor): convert(self.area(square)).reduce(factor)
            for square in _squares(area, factor * max(1, PART // factor))
            for x, y in (square[:2],)
        }
        size = -(-(right - left) // factor), -(-(bottom - top) // factor)
        return np.asarray(_joined(parts, size))

    def resized(
        self,
        size: Size,
        method: Image.Resampling,
        convert: Callable[[Image.Image], Image.Image],
        area: Area | None = None,
    ) -> Image.Image:
        """Resize the picture, or an area of it, each part converted before; see `resized`."""
        width, height = self.size
        left, top, right, bottom = area or (0, 0, width, height)
        lines = max(1, PART * PART // width)
        strips = {}
        for y in range(0, height, lines):
            strip = convert(self.area((0, y, width, min(y + lines, height))))
            box = (left, 0, right, strip.height)
            strips[0, y] = strip.resize((size[0], strip.height), method, box)
        rows = _joined(strips, (size[0], height))
        return rows.resize(size, method, (0, top, size[0], bottom))

    def _cut(self, area: Area) -> Image.Image:
        """Return an area as the file holds it."""
        if self._turn:
            area = self._turn.before(area, self.size)
        return self._source if area == (0, 0, *self._source.size) else self._source.crop(area)

    def _highest_level(self) -> float:
        squares = _squares((0, 0, *self._source.size), PART)
        return max(float(_from_black(self._source.crop(square)).max()) for square in squares)


class GreyArray(Decoded):
    """Grey pixels that came as an array; Pillow sees them only where there is something to do."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._pixels, self._turn, self._highest = pixels, None, 0
        self.size = self.full_size = (pixels.shape[1], pixels.shape[0])

    @property
    def transparent(self) -> bool:  # noqa: D102
        return False

    @cached_property
    def _source(self) -> Image.Image:  # type: ignore[override]
        return Image.fromarray(self._pixels)

    def reduced(  # noqa: D102
        self,
        longest: int,
        convert: Callable[[Image.Image], Image.Image],
        area: Area | None = None,
    ) -> NDArray[np.uint8]:
        if area is None and max(self.size) <= longest:
            return np.asarray(self._pixels)
        return super().reduced(longest, convert, area)


def _squares(area: Area, side: int) -> Iterator[Area]:
    left, top, right, bottom = area
    for y in range(top, bottom, side):
        for x in range(left, right, side):
            yield x, y, min(x + side, right), min(y + side, bottom)


def _joined(parts: Mapping[tuple[int, int], Image.Image], size: Size) -> Image.Image:
    """Return the parts, by their corners, as one picture."""
    first = next(iter(parts.values()))
    if len(parts) == 1:
        return first
    whole = Image.new(first.mode, size)
    for corner, part in parts.items():
        whole.paste(part, corner)
    return whole


def _eight_bits(image: Image.Image, highest: float) -> Image.Image:
    """Return the picture in mode L, RGB or RGBA; `highest` is the highest of its grey levels."""
    if image.mode in {"L", "RGB", "RGBA"} and "transparency" not in image.info:
        return image
    if image.mode[0] in "IF":  # 16 or 32 bits, integer or float: Pillow's conversion clips at 255
        return Image.fromarray(_levels(image, highest))
    if "A" in image.getbands() or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("L" if image.mode == "1" else "RGB")


def _levels(image: Image.Image, highest: float) -> NDArray[np.uint8]:
    """Return grey levels of 0 to 1, to 255 or to 65535, whichever they seem to be, as 0 to 255."""
    levels = _from_black(image)
    if highest <= 1:
        levels = levels * 255
    elif highest > HIGHEST:
        levels = levels // 256
    return np.clip(levels, 0, HIGHEST).astype(np.uint8)


def _from_black(image: Image.Image) -> NDArray[Any]:
    """Return grey levels, those that are no number or below 0 as 0."""
    levels = np.asarray(image)
    if levels.dtype.kind == "f":
        levels = np.nan_to_num(levels, posinf=0.0, neginf=0.0)
    return np.maximum(levels, 0)
