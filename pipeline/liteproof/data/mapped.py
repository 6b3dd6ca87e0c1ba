"""Arrays that are mapped from files, which may be larger than memory: taking a part of them.

What was read of a mapped file counts as this process's memory until it is given back; the system
keeps it at hand all the same, as long as there is room.
"""

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray


def gather(images: NDArray[np.uint8], indices: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return pictures of a mapped array, copied.

    Args:
        images: uint8 (n, height, width, channels).
        indices: int64 of any shape.

    Returns:
        uint8 (*indices.shape, height, width, channels).
    """
    rows: NDArray[np.uint8] = images[indices]
    give_back(images)
    return rows


def give_back(array: NDArray[Any]) -> None:
    """Let go of what was read of a mapped array; of any other one nothing happens."""
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
