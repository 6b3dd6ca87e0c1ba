"""Some of the labelled pictures of a folder, as a folder of the same kind."""

import shutil
from itertools import islice, zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liteproof.storage import write_file
from liteproof_edge import idx
from liteproof_edge.errors import DatasetError

UINT8_HEADER = bytes([0, 0, idx.UINT8])


def copy_some(source: Path, target: Path, limit: int, labels: tuple[str, ...]) -> int:
    """Copy the first test pictures of IDX files, or as many of each label as of any other.

    Args:
        source: IDX files, or a folder of pictures for each label.
        target: a folder that is made.
        limit: how many, at most.
        labels: the names of folders that are looked into.

    Returns:
        How many there are now in `target`.

    Raises:
        DatasetError: there are none, or they cannot be read.
        StorageError: `target` cannot be written.
    """
    try:
        if not source.is_dir():
            raise DatasetError(f"{source}: not a folder; expected IDX files, or one for each label")
        if idx.is_idx_folder(source):
            return _copy_idx(source, target, limit)
        return _copy_pictures(source, target, limit, labels)
    except OSError as error:
        raise DatasetError(f"{source}: cannot be copied: {error.strerror or error}") from None


def _copy_idx(source: Path, target: Path, limit: int) -> int:
    images, truth = idx.load(source, idx.Split.TEST)
    write_file(target / "t10k-images-idx3-ubyte", _idx_bytes(images[:limit, ..., 0]))
    write_file(target / "t10k-labels-idx1-ubyte", _idx_bytes(truth[:limit].astype(np.uint8)))
    return min(limit, len(images))


def _idx_bytes(array: NDArray[np.uint8]) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return UINT8_HEADER + bytes([array.ndim]) + sizes + array.tobytes()


def _copy_pictures(source: Path, target: Path, limit: int, labels: tuple[str, ...]) -> int:
    of_label = [
        [path for path in sorted(folder.iterdir()) if path.is_file() and path.name[0] != "."]
        for folder in (source / label for label in labels)
        if folder.is_dir()
    ]
    in_turn = (path for row in zip_longest(*of_label) for path in row if path is not None)
    chosen = list(islice(in_turn, limit))
    if not chosen:
        raise DatasetError(
            f"{source}: holds no pictures; expected IDX files, or <label>/<picture> with the "
            f"labels {', '.join(labels)}"
        )
    for path in chosen:
        folder = target / path.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / path.name)
    return len(chosen)
