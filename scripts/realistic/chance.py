"""Numbers and choices drawn at random."""

import math
from typing import Any, TypeAlias

import numpy as np

Rng: TypeAlias = np.random.Generator


def shape(rng: Rng, least: int, most: int) -> tuple[int, int]:
    """Return a picture's width and height, the longer side within the bounds."""
    longer = log_uniform(rng, least, most)
    shorter = longer * pick(rng, (1, 0.75, 0.75, 0.5625, 0.667))
    sides = (int(longer), int(shorter))
    return sides if rng.random() < 0.4 else sides[::-1]


def log_uniform(rng: Rng, least: float, most: float) -> float:
    """Return a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(math.log(least), math.log(most))))


def pick(rng: Rng, choices: Any) -> Any:  # noqa: ANN401
    """Return one of them."""
    return choices[int(rng.integers(len(choices)))]
