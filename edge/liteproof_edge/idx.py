"""IDX files, the format of MNIST and its relatives.

Format: two zero bytes, a type code, the number of dimensions, each dimension as a big-endian
uint32, then the values. Source: LeCun, Cortes, Burges, "The MNIST database", "File formats".
"""

import gzip
import hashlib
import math
import zlib
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.errors import DatasetError

UINT8 = 0x08
MAX_DIMENSIONS = 4
GZIP_MAGIC = b"\x1f\x8b"


class Split(Enum):
    """A part of a labelled dataset; the value is how its IDX files begin."""

    TRAIN = "train"
    TEST = "t10k"


class Examples(NamedTuple):
    """Labelled pictures: `images` uint8 (n, height, width, channels), `labels` int64 (n,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes, unpacked when it is gzip.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data.startswith(GZIP_MAGIC) else data
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from None


def parse(data: bytes, where: Path) -> NDArray[np.uint8]:
    """Return the array that an IDX file's (unpacked) bytes hold.

    Raises:
        DatasetError: no IDX header, another type than uint8, or too few or many bytes.
    """
    if len(data) < 4 or data[:2] != b"\0\0" or not 1 <= data[3] <= MAX_DIMENSIONS:
        begins = data[:4].hex() or "nothing"
        raise DatasetError(f"{where}: not an IDX file: it begins with {begins}, expected 0000")
    if data[2] != UINT8:
        raise DatasetError(f"{where}: holds IDX type 0x{data[2]:02x}, expected uint8 (0x08)")
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise DatasetError(f"{where}: truncated: {len(data)} bytes do not hold the header")
    shape = tuple(int.from_bytes(data[offset : offset + 4], "big") for offset in range(4, start, 4))
    if not all(shape):
        raise DatasetError(f"{where}: holds nothing: its shape is {shape}")
    expected = start + math.prod(shape)
    if len(data) != expected:
        kind = "truncated" if len(data) < expected else "too long"
        raise DatasetError(f"{where}: {kind}: {len(data)} bytes, expected {expected} for {shape}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def files(folder: Path, split: Split) -> tuple[Path, Path]:
    """Return the paths of a split's pictures and labels, under any of their usual names.

    Raises:
        DatasetError: one of the two is not there.
    """

    def find(content: str, dimensions: int) -> Path:
        names = [
            f"{split.value}-{content}{separator}idx{dimensions}-ubyte{ending}"
            for separator in "-."
            for ending in ("", ".gz")
        ]
        for name in names:
            if (folder / name).is_file():
                return folder / name
        raise DatasetError(f"{folder}: holds no {names[0]} (nor the same with .gz)")

    def find_any(*dimensions: int) -> Path:
        for number in dimensions:
            with suppress(DatasetError):
                return find("images", number)
        return find("images", dimensions[0])

    return find_any(3, 4), find("labels", 1)


def is_idx_folder(folder: Path) -> bool:
    """Say whether any IDX file lies in `folder`."""
    return any(folder.glob("*idx[134]-ubyte*"))


def load(
    folder: Path,
    split: Split,
    check: Callable[[Path, bytes], None] = lambda _path, _data: None,
) -> Examples:
    """Read one split of an IDX folder.

    Args:
        folder: where the files are.
        split: which of them.
        check: given each file's path and unpacked bytes; raises to refuse them.

    Raises:
        DatasetError: a file is missing or damaged, or pictures and labels do not match.
    """

    def read(path: Path) -> NDArray[np.uint8]:
        data = read_bytes(path)
        array = parse(data, path)
        check(path, data)
        return array

    images_path, labels_path = files(folder, split)
    images, labels = read(images_path), read(labels_path)
    if images.ndim not in {3, 4}:
        raise DatasetError(f"{images_path}: has {images.ndim} dimensions, expected 3 or 4")
    if labels.shape != images.shape[:1]:
        raise DatasetError(
            f"{labels_path}: {labels.size} labels of shape {labels.shape}, "
            f"expected one for each of {len(images)} pictures"
        )
    if images.ndim == 3:
        images = images[..., np.newaxis]
    return Examples(images, labels.astype(np.int64))


def encode(array: NDArray[np.uint8]) -> bytes:
    """Return an array as the bytes of an IDX file; colour pictures have four dimensions."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, UINT8, array.ndim]) + sizes + array.tobytes()


def digest(examples: Examples) -> str:
    """Return a SHA-256 that says which pictures these are, and with which labels; in any order."""
    each = (
        hashlib.sha256(int(label).to_bytes(8, "little") + image.tobytes()).digest()
        for image, label in zip(examples.images, examples.labels, strict=True)
    )
    return hashlib.sha256(b"".join(sorted(each))).hexdigest()
