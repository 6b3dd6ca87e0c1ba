"""Arrays that are mapped from files, which may be larger than memory: taking a part of them.

What was read of a mapped file counts as this process's memory until it is given back; the system
keeps it at hand all the same, as long as there is room.
"""

import math
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PART_BYTES = 16 * 2**20


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


def in_parts(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield an array's rows in parts of PART_BYTES, letting go of each when the next is asked for.

    Args:
        array: of at least one dimension.
    """
    rows = max(1, PART_BYTES // max(1, math.prod(array.shape[1:]) * array.itemsize))
    for first in range(0, len(array), rows):
        yield array[first : first + rows]
        give_back(array)


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write a .npy file as `numpy.save` does, part by part.

    Args:
        path: of the file.
        array: of at least one dimension; C order.
    """
    with path.open("wb") as file:
        about = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
        np.lib.format.write_array_header_1_0(file, about)  # type: ignore[no-untyped-call]
        for part in in_parts(array):
            file.write(part.tobytes())


def give_back(array: NDArray[Any]) -> None:
    """Let go of what was read of a mapped array; of any other one nothing happens."""
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
