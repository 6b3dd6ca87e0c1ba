"""The representative dataset: the pictures that the activations' ranges are measured on."""

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.errors import DatasetError
from liteproof_edge.idx import Examples

PIXEL_RANGE = (0, 255)


def representative(
    examples: Examples, indices: NDArray[np.int64], n: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Choose pictures, equally many of each class.

    Args:
        examples: the training pictures.
        indices: which of them may be chosen: the training part, never validation or test.
        n: how many, rounded up to a multiple of the number of classes.
        rng: the choice.

    Returns:
        uint8 (at most n rounded up, height, width, channels), classes in turn.

    Raises:
        DatasetError: the pictures do not span 0 to 255, so that pixels could not go in as they are.
    """
    labels = examples.labels[indices]
    classes = np.unique(labels)
    share = -(-n // len(classes))
    chosen = [rng.permutation(indices[labels == label])[:share] for label in classes]
    # In turn, so that any first part of them is balanced too.
    order = [column[row] for row in range(share) for column in chosen if row < len(column)]
    pictures: NDArray[np.uint8] = examples.images[np.array(order)]
    spanned = (int(pictures.min()), int(pictures.max()))
    if spanned != PIXEL_RANGE:
        raise DatasetError(
            f"representative dataset: {len(pictures)} pictures span {spanned}, expected "
            f"{PIXEL_RANGE}; raise quantization.calibration_pictures"
        )
    return pictures
