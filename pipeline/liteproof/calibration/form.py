"""Whether an array is what a calibration set must be: pixels, 0 to 255, in the model's shape.

The contract: pictures are uint8 pixels as a camera gives them; what the model then makes of a
pixel (`Normalisation`, or a Rescaling layer of its own) is stated separately, and done once.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof.calibration.report import Finding, Rule, Severity
from liteproof_edge.model.affine import Normalisation

HIGHEST = 255
# Half of all pixel values: a photo in dim light spans more; less has usually been scaled.
FEWEST_VALUES = 128
AS_UINT8 = "expected uint8 pixels, 0 to 255"
BEFORE = "give the pixels as they were before that: the model's normalisation is stated separately"


@dataclass(frozen=True, slots=True)
class ModelInput:
    """What a model takes.

    Attributes:
        shape: height, width and channels of one picture.
        normalisation: of pixels before the model; None: they go in unchanged.
        scaled_by: what in the model itself scales pixels first, in words; None: nothing does.
    """

    shape: tuple[int, int, int]
    normalisation: Normalisation | None
    scaled_by: str | None


def check_form(pictures: NDArray[Any], takes: ModelInput) -> Iterator[Finding]:
    """Yield what is wrong with an array's dtype, values and shape, whatever it holds."""
    kind = pictures.dtype.kind
    if pictures.dtype != np.uint8:
        yield _wrong_dtype(pictures)
    if kind == "f" and (broken := _not_finite(pictures)):
        yield broken
    if pictures.size and kind in "iuf":
        yield from _range(pictures)
    yield from _shape(pictures, takes.shape)
    yield from _normalisation(takes)


def _wrong_dtype(pictures: NDArray[Any]) -> Finding:
    remedy = AS_UINT8
    if pictures.dtype.kind in "iuf" and _are_pixels(pictures):
        remedy += "; all values are whole and in that range: `pictures.astype(numpy.uint8)`"
    return Finding(Rule.DTYPE, Severity.ERROR, f"pictures are {pictures.dtype}", remedy)


def _are_pixels(pictures: NDArray[Any]) -> bool:
    """Whether the values, whatever their dtype, are whole, 0 to 255, and seem to be pixels."""
    if not pictures.size or not 1 < pictures.max() <= HIGHEST or pictures.min() < 0:
        return False
    return pictures.dtype.kind in "iu" or bool((np.floor(pictures) == pictures).all())


def _not_finite(pictures: NDArray[Any]) -> Finding | None:
    finite = np.isfinite(pictures)
    n = int(pictures.size - np.count_nonzero(finite))
    if not n:
        return None
    example = tuple(map(int, np.unravel_index(int(finite.argmin()), pictures.shape)))
    return Finding(
        Rule.NOT_FINITE,
        Severity.ERROR,
        f"{n} of {pictures.size} values are NaN or infinite, the first at {list(example)}",
        "look for a division by 0 where the pictures are made",
    )


def _range(pictures: NDArray[Any]) -> Iterator[Finding]:
    finite = pictures[np.isfinite(pictures)] if pictures.dtype.kind == "f" else pictures
    if not finite.size:
        return
    low, high = finite.min().item(), finite.max().item()
    spanned = f"values span {low:g} to {high:g}"
    if pictures.dtype == np.uint8:
        yield from _levels(low, high, spanned)
    elif low >= 0 and high <= 1:
        yield Finding(Rule.RANGE, Severity.ERROR, f"{spanned}: divided by 255 already", BEFORE)
    elif low >= -1 and high <= 1:
        yield Finding(Rule.RANGE, Severity.ERROR, f"{spanned}: normalised to ±1 already", BEFORE)
    elif low < 0:
        yield Finding(
            Rule.RANGE, Severity.ERROR, f"{spanned}: a mean was taken off already", BEFORE
        )
    elif high > HIGHEST:
        remedy = "of 16-bit pictures take the upper 8 bits, `(pictures // 256).astype(numpy.uint8)`"
        yield Finding(Rule.RANGE, Severity.ERROR, f"{spanned}, expected 0 to 255", remedy)


def _levels(low: int, high: int, spanned: str) -> Iterator[Finding]:
    """Yield what looks like wrong scaling; the input's own range is always made 0 to 255."""
    if high - low >= FEWEST_VALUES:
        return
    severity = Severity.WARNING
    remedy = "give pictures as the device will see them, not scaled and not of one subject"
    if high <= 1:
        severity = Severity.ERROR
        remedy = "divided by 255 before they became integers: give the pixels, 0 to 255"
    yield Finding(Rule.RANGE, severity, f"{spanned}, expected 0 to 255", remedy)


def _shape(pictures: NDArray[Any], expected: tuple[int, int, int]) -> Iterator[Finding]:
    shape = pictures.shape
    if shape[1:] == expected:
        if not shape[0]:
            yield Finding(Rule.TOO_FEW, Severity.ERROR, "no pictures", "give some")
        return
    height, width, channels = expected
    each = {  # what a picture's shape may be instead, if there is a first axis of pictures
        (channels, height, width): (
            "channels come first (NCHW)",
            "`pictures.transpose(0, 2, 3, 1)`",
        ),
        (width, height, channels): ("rows and columns swapped", "`pictures.swapaxes(1, 2)`"),
        (1, *expected): ("each picture is a batch of its own", "`pictures[:, 0]`"),
        (math.prod(expected),): ("flattened", f"`pictures.reshape({(-1, *expected)})`"),
    }
    if channels == 1:
        each[height, width] = "no axis of channels", "`pictures[..., numpy.newaxis]`"
    whole = {
        expected: ("a single picture", "`pictures[numpy.newaxis]`, and many more of them"),
        (*expected, *shape[-1:]): ("pictures come last", "`numpy.moveaxis(pictures, -1, 0)`"),
    }
    other = "", "bring each to that shape, or give a folder of pictures instead"
    seen, remedy = whole.get(shape) or each.get(shape[1:]) or other
    told = f"shape {shape}: {seen}" if seen else f"shape {shape}"
    told += f", expected (n, {height}, {width}, {channels})"
    yield Finding(Rule.SHAPE, Severity.ERROR, told, remedy)


def _normalisation(takes: ModelInput) -> Iterator[Finding]:
    if takes.normalisation and takes.scaled_by:
        scale = ", ".join(f"{factor:.3g}" for factor in takes.normalisation.scale)
        yield Finding(
            Rule.NORMALISATION,
            Severity.ERROR,
            f"pixels are normalised (scale {scale}) and the model scales them itself, beginning "
            f"with {takes.scaled_by}: twice",
            "leave one of the two out: the one that training did not have",
        )
    if takes.normalisation is None and takes.scaled_by is None:
        yield Finding(
            Rule.NORMALISATION,
            Severity.WARNING,
            "pixels of 0 to 255 go into a model that does not rescale them",
            "right only if it was trained so; else state its mean and scale",
        )
