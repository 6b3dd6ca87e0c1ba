"""What a picture of each class counts in the loss, where classes have unlike numbers of them."""

import numpy as np
from numpy.typing import NDArray


def balanced_weights(labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """Return weights by which every class counts the same: n / (classes · n of the class).

    Their mean over the pictures is 1, so that the learning rate keeps its meaning. A class without
    pictures has weight 0, and does not count as a class.

    Args:
        labels: int64 (n,), of the training pictures.
        classes: how many there are.

    Returns:
        float32 (classes,).

    Source: King and Zeng 2001, "Logistic regression in rare events data", Political Analysis 9.
    """
    counts = np.bincount(labels, minlength=classes)
    seen = counts > 0
    weights = np.zeros(classes, np.float32)
    weights[seen] = len(labels) / (seen.sum() * counts[seen])
    return weights
