"""Which training pictures the activations' ranges are measured on."""

import numpy as np
from numpy.typing import NDArray


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
