"""Telling ink from paper, however the paper is lit, and whatever the colour of either.

The paper is what is left when everything narrower than a quarter of the picture is taken away: a
grey-scale closing takes dark marks off light paper, an opening takes light marks off a dark board,
and both keep uneven light and the edges of shadows. What differs from the paper is ink.
Source: Serra 1982, "Image Analysis and Mathematical Morphology", chapter XII (top-hat transform).

Everything here is integer arithmetic on 8-bit pixels, so that every CPU gives the same bytes.
"""

from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from liteproof_edge.preprocessing.components import GRID, cell_side, fill_picture, find_pieces
from liteproof_edge.preprocessing.windows import (
    best_split,
    blurred,
    border_of,
    middle,
    pooled,
    slid,
    strongest,
)

EVEN_PAPER = 8  # grey levels: a border that varies less is evenly lit
NOISY = 10  # standard deviations of noise that ink should exceed; if not, the picture is smoothed
BLURS = (0, 1, 2)  # radii in pixels, tried in turn
DARKEST_PAPER = 64  # grey levels, where ink is measured by the share of light that it keeps off
COARSE = 64  # pixels: no uneven light, and no noise, can be told from ink where no side is longer
NARROWER = ((24, 3), (48, 2))  # parts of the longer side; cells of GRID that are broader than both
UNKNOWN_NOISE = 6  # grey levels: what is assumed there where ink reaches the border


class Polarity(Enum):
    """Which of the two is darker."""

    DARK_ON_LIGHT = "dark on light"
    LIGHT_ON_DARK = "light on dark"


class Relief(NamedTuple):
    """How far each pixel stands out from the paper.

    Attributes:
        ink: int16 (height, width), grey levels from the paper towards the ink; negative where the
            paper is on the other side.
        polarity: of ink and paper.
        strongest: grey levels that all but one pixel in 32,768 do not exceed.
        noise: the standard deviation of the paper's noise, grey levels.
        even: whether the paper is of one grey, so that nothing but ink stands out.
    """

    ink: NDArray[np.int16]
    polarity: Polarity
    strongest: int
    noise: int
    even: bool


def find_relief(grey: NDArray[np.uint8]) -> Relief:
    """Tell how far each pixel of a picture stands out from the paper; smooth it if it is noisy.

    Args:
        grey: uint8 (height, width).
    """
    for radius in BLURS:
        smooth, apart = blurred(grey, radius), 2 * radius + 1
        relief = (
            _above_even_paper(smooth, apart)
            or _around_cut_out_mark(smooth, apart)
            or _above_uneven_paper(smooth, apart)
        )
        if relief.strongest >= NOISY * relief.noise or max(grey.shape) < COARSE:
            break
    return relief


def has_gentle_light(grey: NDArray[np.uint8]) -> bool:
    """Whether light falls off by less than a quarter along the border, as no shadow lets it."""
    border = border_of(grey)
    border.sort()
    low, high = (int(border[border.size * eighth // 8]) for eighth in (1, 7))
    return 4 * (high - low) < high


def clearest_grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture's grey; of colours luma, red, green or blue, where ink differs most.

    Args:
        pixels: uint8 (height, width) or (height, width, 3).
    """
    if pixels.ndim == 2:
        return pixels
    luma = np.asarray(Image.fromarray(pixels).convert("L"))
    red, green, blue = (np.ascontiguousarray(pixels[..., channel]) for channel in range(3))
    return max((luma, red, green, blue), key=_contrast)


def _contrast(grey: NDArray[np.uint8]) -> int:
    """Return how much more a few places of the picture vary than most do."""
    side = -(-max(grey.shape) // GRID)
    ranges = (pooled(np.maximum, grey, side) - pooled(np.minimum, grey, side)).ravel()
    few, most = ranges.size * 63 // 64, ranges.size // 2
    ordered = np.partition(ranges, (most, few))
    # Their sum: a small mark is in fewer places than these.
    return int(ordered[few:].sum(dtype=np.int64)) - int(ordered[most]) * len(ordered[few:])


def _above_even_paper(grey: NDArray[np.uint8], apart: int) -> Relief | None:
    """Return the relief if most of the border is of one grey."""
    border = border_of(grey)
    border.sort()
    low, paper, high = (int(border[border.size * eighth // 8]) for eighth in (1, 4, 7))
    if high - low > EVEN_PAPER:
        return None
    lighter = grey.astype(np.int16) - np.int16(paper)
    is_light = int(lighter.max()) < -int(lighter.min())
    # Dense strokes look like noise; even paper has no more of it than its border shows.
    noise = min(high - low, _noise(lighter, apart)) if high > low else 0
    return _from_even_paper(lighter, noise, is_light=is_light)


def _around_cut_out_mark(grey: NDArray[np.uint8], apart: int) -> Relief | None:
    """Return the relief if a mark was cut out so closely that it reaches the border all around.

    It does so here and there: less of the border is ink, and what is most of it is paper.
    """
    border = border_of(grey)
    border.sort()
    dark = int(np.searchsorted(border, best_split(grey), "right"))
    is_light = 2 * dark <= border.size
    paper = border[dark:] if is_light else border[dark - 1 :: -1]  # the farther from ink the later
    level, farthest = (int(paper[paper.size * eighth // 8]) for eighth in (4, 7))
    signed = grey.astype(np.int16)
    if max(grey.shape) < COARSE:
        lighter = signed - np.int16(farthest)
        noise = min(UNKNOWN_NOISE, _noise(lighter, apart))
        return _from_even_paper(lighter, noise, is_light=is_light)
    reliefs = []
    if abs(farthest - level) <= EVEN_PAPER:
        lighter = signed - np.int16(level)
        reliefs = [_from_even_paper(lighter, _noise(lighter, apart), is_light=is_light)]
    reliefs.append(_against_uneven_paper(grey, apart, is_light=is_light))
    contrast = int(grey.max()) - int(grey.min())
    for relief in reliefs:
        # Ink and paper are the two ends of what there is; a shadow's edge is neither.
        is_full = 4 * relief.strongest >= 3 * contrast and fill_picture(
            find_pieces(np.maximum(relief.ink, 0), relief.strongest // 2),
            (grey.shape[1], grey.shape[0]),
            relief.strongest,
        )
        if is_full and not _is_shadowed(relief, 3):
            return relief
    return None


def _from_even_paper(lighter: NDArray[np.int16], noise: int, *, is_light: bool) -> Relief:
    """Return the relief above paper of one grey, than which each pixel is that much lighter."""
    ink = -lighter if is_light else lighter
    polarity = Polarity.DARK_ON_LIGHT if is_light else Polarity.LIGHT_ON_DARK
    return Relief(ink, polarity, strongest(ink), noise, even=True)


def _against_uneven_paper(grey: NDArray[np.uint8], apart: int, *, is_light: bool) -> Relief:
    """Return the relief of a mark that fills the picture: its strokes are narrower than half."""
    reach = max(grey.shape) // 4
    inside = (slice(reach, -reach),) * 2
    first, then, outside = (
        (np.maximum, np.minimum, 0) if is_light else (np.minimum, np.maximum, 255)
    )
    padded = np.pad(grey, reach, constant_values=outside)
    paper = slid(then, slid(first, padded, reach), reach)[inside]
    if is_light:
        ink = _share_of_light(paper, np.subtract(paper, grey, dtype=np.int16))
        polarity = Polarity.DARK_ON_LIGHT
    else:
        ink, polarity = grey.astype(np.int16) - paper, Polarity.LIGHT_ON_DARK
    return Relief(ink, polarity, strongest(ink), _noise(ink, apart), even=False)


def _above_uneven_paper(grey: NDArray[np.uint8], apart: int) -> Relief:
    """Return how far each pixel is from the paper that would be there without ink.

    Where there are shadows with sharp edges, only what is narrower than these is ink.
    """
    reach = max(1, max(grey.shape) // 8)
    smooth = blurred(grey, max(grey.shape) // 128)
    spread = {is_dark: _spread(smooth, reach, is_dark=is_dark) for is_dark in (True, False)}
    # Ink is what there is less of, wherever there are both.
    inside = (slice(reach, -reach),) * 2
    both = sum(int(extreme[inside].sum(dtype=np.int64)) for extreme in spread.values())
    is_dark = 2 * int(smooth.sum(dtype=np.int64)) >= both
    relief = _above_spread(grey, spread[is_dark], reach, apart, is_dark=is_dark)
    for part, cells in NARROWER if max(grey.shape) >= COARSE else ():
        if _is_shadowed(relief, cells):
            reach = max(grey.shape) // part
            narrow = _spread(smooth, reach, is_dark=is_dark)
            narrower = _above_spread(grey, narrow, reach, apart, is_dark=is_dark)
            strokes, kept = (4 * each.ink > 3 * relief.strongest for each in (relief, narrower))
            if 4 * np.count_nonzero(kept) > 3 * np.count_nonzero(strokes):
                relief = narrower
    return relief


def _spread(smooth: NDArray[np.uint8], reach: int, *, is_dark: bool) -> NDArray[np.uint8]:
    """Return paper spread over dark ink, or over light, with a margin of so many pixels.

    What lies outside is neither the lightest nor the darkest of a window that reaches over.
    """
    extreme, outside = (np.maximum, 0) if is_dark else (np.minimum, 255)
    return slid(extreme, np.pad(smooth, reach, constant_values=outside), reach)


def _above_spread(
    grey: NDArray[np.uint8], spread: NDArray[np.uint8], reach: int, apart: int, *, is_dark: bool
) -> Relief:
    """Return how far each pixel is from the paper that was spread over ink by so many pixels."""
    back = np.minimum if is_dark else np.maximum
    paper = slid(back, spread, reach)[reach:-reach, reach:-reach]
    if is_dark:
        depth = np.subtract(paper, grey, dtype=np.int16)
        ink, polarity = _share_of_light(paper, depth - middle(depth)), Polarity.DARK_ON_LIGHT
    else:
        depth = np.subtract(grey, paper, dtype=np.int16)
        ink, polarity = depth - np.int16(middle(depth)), Polarity.LIGHT_ON_DARK
    return Relief(ink, polarity, strongest(ink), _noise(ink, apart), even=False)


def _is_shadowed(relief: Relief, cells: int) -> bool:
    """Return whether a broad and flat area stands out from the paper, but less than ink does.

    Args:
        relief: of a picture whose longer side has `COARSE` pixels or more.
        cells: of `GRID`: what reaches so far to all sides of a cell is broad.
    """
    side = cell_side(relief.ink.shape, GRID)
    faintest = slid(np.minimum, pooled(np.minimum, relief.ink, side), cells)
    darkest = slid(np.maximum, pooled(np.maximum, relief.ink, side), cells)
    dim = (8 * faintest > 3 * relief.strongest) & (8 * darkest < 6 * relief.strongest)
    return bool((dim & (6 * (darkest - faintest) < relief.strongest)).any())


def _share_of_light(paper: NDArray[np.uint8], depth: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return how much of the light on the paper ink keeps off, in 255ths.

    Ink that keeps off a share of the light is deeper where there is more light.
    """
    share: NDArray[np.int32] = depth.astype(np.int32) * 255 // np.maximum(paper, DARKEST_PAPER)
    return share.astype(np.int16)


def _noise(ink: NDArray[np.int16], apart: int) -> int:
    """Return the standard deviation of the noise, which at pixels that far apart is independent.

    It is 1.05 times the median difference of such pixels (1.4826 / √2), rounded up, which neither
    light nor a few strokes change.
    """
    if ink.shape[1] <= apart:
        return 0
    return -(-21 * middle(np.abs(ink[:, apart:] - ink[:, :-apart])) // 20)
