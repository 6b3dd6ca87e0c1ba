"""Dividing labelled pictures: a share of every class is held out."""

import hashlib
import os
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

TEST_SHARE = 0.2
TEST_SEED = 0  # of what is held out for testing: it belongs to the data, never to a training


def held_out(
    labels: NDArray[np.int64], share: float, order: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Choose pictures of every class: the first ones of it in an order.

    Args:
        labels: int64 (n,).
        share: how much of each class, 0 to 1; at least one picture of it is held out, and at least
            one is left, so that of a class with one picture nothing is held out.
        order: int64 (n,), the indices in any order.

    Returns:
        bool (n,): which pictures are held out.
    """
    chosen = np.zeros(len(labels), np.bool_)
    ordered = labels[order]
    for label in np.unique(labels):
        mine = order[ordered == label]
        chosen[mine[: min(max(round(share * len(mine)), 1), len(mine) - 1)]] = True
    return chosen


def fixed_order(names: Iterable[str]) -> NDArray[np.int64]:
    """Return a random order that only the pictures' names decide, by a fixed seed.

    Were it drawn for all of them together, one picture more would carry others over from the test
    part into the training part.

    Args:
        names: of the pictures, all different.

    Returns:
        int64 (n,), their indices.
    """
    digests = [hashlib.sha256(os.fsencode(f"{TEST_SEED}/{name}")).digest() for name in names]
    return np.array(sorted(range(len(digests)), key=digests.__getitem__), np.int64)
