"""Windows that slide over grey pixels, and ranks among these: what paper and ink are told by.

Everything here is integer arithmetic, so that every CPU gives the same bytes.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def slid(extreme: np.ufunc, pixels: NDArray[np.uint8], reach: int) -> NDArray[np.uint8]:
    """Return the maximum or minimum of all pixels within `reach` rows and columns of each."""
    return slid_rows(extreme, slid_rows(extreme, pixels, reach).T, reach).T


def slid_rows(extreme: np.ufunc, pixels: NDArray[np.uint8], reach: int) -> NDArray[np.uint8]:
    """Return the maximum or minimum of all pixels within `reach` rows of each.

    A window grows by doubling: what it has already seen is seen again from a shifted place.
    """
    seen = pixels.copy()
    for forward in (True, False):
        covered = 0
        while covered < min(reach, len(seen) - 1):
            step = min(covered + 1, reach - covered, len(seen) - 1)
            target = seen[:-step] if forward else seen[step:]
            extreme(seen[:-step], seen[step:], out=target)
            covered += step
    return seen


def blurred(grey: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """Return the mean of the square around each pixel; what lies outside is as the edge."""
    if radius == 0:
        return grey
    wide = 2 * radius + 1
    for _ in range(2):
        sums = np.pad(grey, ((radius + 1, radius), (0, 0)), "edge").cumsum(axis=0, dtype=np.int32)
        grey = ((sums[wide:] - sums[:-wide]) // wide).astype(np.uint8).T
    return grey


def pooled(extreme: np.ufunc, pixels: NDArray[Any], side: int) -> NDArray[Any]:
    """Return the maximum, minimum or sum of each square of `side` pixels."""
    if side == 1:
        return pixels
    rows = extreme.reduceat(pixels, np.arange(0, pixels.shape[0], side), axis=0)
    return np.asarray(extreme.reduceat(rows, np.arange(0, pixels.shape[1], side), axis=1))


def border_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the pixels on the border, (n,); those in the corners twice."""
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def middle(values: NDArray[np.integer[Any]]) -> int:
    """Return the median."""
    flat = values.ravel()
    return int(np.partition(flat, flat.size // 2)[flat.size // 2])


def strongest(depth: NDArray[np.int16]) -> int:
    """Return what but one pixel in 32,768 does not exceed."""
    flat = depth.ravel()
    left_out = flat.size // 32768
    return int(np.partition(flat, ~left_out)[~left_out]) if left_out else int(flat.max())


def best_split(grey: NDArray[np.uint8]) -> int:
    """Return the lightest grey level of the darker class, where a picture parts best in two.

    Source: Otsu 1979, "A threshold selection method from gray-level histograms".
    """
    counts = np.bincount(grey.ravel(), minlength=256)
    darker, sums = np.cumsum(counts)[:-1], np.cumsum(counts * np.arange(256))
    (levels,) = np.nonzero((darker > 0) & (darker < grey.size))
    if not levels.size:
        return 0
    darker, total = darker[levels], sums[-1]
    lighter = grey.size - darker
    # The classes' means, each times both their sizes; float64, since the square passes 2^63.
    apart = (total * darker - sums[levels] * grey.size).astype(np.float64)
    return int(levels[np.argmax(apart * apart / (darker * lighter))])
