"""Margin against flip: how sure the baseline was of what the candidate answers otherwise."""

import math

import numpy as np
from numpy.typing import NDArray

from liteproof.evidence.records import MarginBin

MOST_BINS = 9
ROUND = (1, 2, 5)  # times a power of ten: each about twice the one before it


def margin_bins(margins: NDArray[np.float64], flipped: NDArray[np.bool_]) -> tuple[MarginBin, ...]:
    """Count pictures, and flips among them, by the baseline's margin.

    The bins' ends are round numbers, each about twice the one before it, since flips crowd where
    margins are small: from 0 to the least that no margin exceeds, MOST_BINS bins. Each includes its
    lower end, the last its upper one too.

    Args:
        margins: float64 (n,), at least 0.
        flipped: bool (n,): whether the candidate answers otherwise.
    """
    edges = _edges(float(margins.max()))
    at = np.clip(np.searchsorted(edges, margins, side="right") - 1, 0, MOST_BINS - 1)
    n = np.bincount(at, minlength=MOST_BINS).tolist()
    changed = np.bincount(at[flipped], minlength=MOST_BINS).tolist()
    return tuple(map(MarginBin, edges[:-1], edges[1:], n, changed))


def _edges(largest: float) -> list[float]:
    """Return 0 and MOST_BINS round numbers, the last of them the least that is not exceeded."""
    exponent = math.floor(math.log10(largest)) if largest else 0
    last = 3 * exponent
    # By decimal text, which gives the nearest float: 5e-3, not 5 times 1e-3.
    while _round_number(last) < largest:
        last += 1
    return [0.0, *(_round_number(each) for each in range(last - MOST_BINS + 1, last + 1))]


def _round_number(place: int) -> float:
    """Return the number at a place in …, 0.5, 1, 2, 5, 10, …, where 1 is at 0."""
    exponent, which = divmod(place, len(ROUND))
    return float(f"{ROUND[which]}e{exponent}")
