"""Which training pictures the activations' ranges are measured on."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liteproof.calibration.check import digests_of
from liteproof.progress import say


def choose(
    labels: NDArray[np.int64], indices: NDArray[np.int64], n: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Choose pictures for the representative dataset, equally many of each class.

    Args:
        labels: of all training pictures.
        indices: which of them may be chosen: the training part, never validation or test.
        n: how many, rounded up to a multiple of the number of classes.
        rng: the choice.

    Returns:
        int64 (at most n rounded up,), indices of the pictures, classes in turn.
    """
    mine = labels[indices]
    classes = np.unique(mine)
    share = -(-n // len(classes))
    chosen = [rng.permutation(indices[mine == label])[:share] for label in classes]
    # In turn, so that any first part of them is balanced too.
    order = [column[row] for row in range(share) for column in chosen if row < len(column)]
    return np.array(order, np.int64)


def without_twins(
    images: NDArray[np.uint8], chosen: NDArray[np.int64], others: Sequence[NDArray[np.uint8]]
) -> NDArray[np.int64]:
    """Leave out pictures that are validation or test pictures too, as a folder of one's own has.

    Where that would leave none, all stay, and the check says what is wrong with them.

    Args:
        images: uint8 (n, height, width, channels), all training pictures.
        chosen: int64 (m,), indices of the representative dataset.
        others: validation and test pictures, as `images`.

    Returns:
        int64, those that are left, in their order.
    """
    theirs = {digest for pictures in others for digest in digests_of(pictures)}
    apart = [digest not in theirs for digest in digests_of(images[chosen])]
    left = chosen[np.array(apart, np.bool_)]
    if len(left) in {0, len(chosen)}:
        return chosen
    say(
        f"export: {len(chosen) - len(left)} calibration pictures left out, which are validation or "
        "test pictures too"
    )
    return left
