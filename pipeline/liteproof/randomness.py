"""Independent random streams of one seed: another draw in one leaves the others as they are."""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What random numbers are drawn for."""

    DIVISION = 0  # into training and validation pictures
    ORDER = 1  # of the training pictures, in each epoch
    CALIBRATION = 2  # which pictures measure the activations' ranges
    DAMAGE = 3  # of test pictures, and which of them are damaged


def random_stream(seed: int, stream: Stream, *more: int) -> np.random.Generator:
    """Return the random numbers of one purpose; `more` divides it further, by epoch perhaps."""
    return np.random.default_rng([seed, stream, *more])
