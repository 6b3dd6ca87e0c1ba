"""What a user calibrates a model of their own with: a folder of pictures, or a file of arrays."""

import math
import os
import tempfile
import zipfile
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from liteproof.data.decoding import decode_into
from liteproof.data.division import fixed_order
from liteproof.data.folder_listing import Listed, list_pictures
from liteproof.storage import writing
from liteproof_edge.errors import DatasetError, LiteproofError
from liteproof_edge.preprocessing.pictures import SUFFIXES
from liteproof_edge.preprocessing.spec import QUIET, Spec

MOST_PICTURES = (
    1000  # of a folder: more than that change next to nothing, and converting takes long
)
MOST_BYTES = 1 << 30  # of an array
PAIRS = (("x", "y"), ("images", "labels"), ("x_train", "y_train"))  # names in an .npz
ARRAY = npy.MAGIC_PREFIX  # how a .npy begins
EXPECTED = "expected a folder of pictures, or a .npy or .npz file"


class Given(NamedTuple):
    """A calibration set as it was given, not judged yet.

    Attributes:
        pictures: of a folder uint8 (n, height, width, channels) in the model's size; of a file the
            array as it is, of any dtype and shape.
        labels: (n,), a class's index for each picture; of a file as they are; None: there are none.
        classes: names of the folders, in the order of the labels; None: they are unknown.
    """

    pictures: NDArray[Any]
    labels: NDArray[Any] | None = None
    classes: tuple[str, ...] | None = None


def read_calibration(path: Path, spec: Spec, most: int = MOST_PICTURES) -> Given:
    """Read a calibration set.

    Args:
        path: a folder, `<class>/<picture>` or `<picture>` (of `train/` and `test/` the first is
            taken); a .npy file; or an .npz file with `x` and `y`, `images` and `labels`, `x_train`
            and `y_train`, or a single array.
        spec: how a folder's pictures become the model's input, by the device's own code.
        most: how many pictures of a folder are taken, equally many of each class; which ones, their
            names decide.

    Raises:
        DatasetError: it is none of these, is damaged or too large, or not all are pictures.
        StorageError: the temporary folder cannot be written.
    """
    if path.is_dir():
        return _read_folder(path, spec, most)
    if not path.is_file():  # opening a pipe would wait for ever
        raise DatasetError(f"{path}: {'not a file' if path.exists() else 'not there'}; {EXPECTED}")
    try:
        with QUIET, path.open("rb") as file:
            begins = file.read(len(ARRAY))
            file.seek(0)
            if begins == ARRAY:
                return Given(_array(file, path.stat().st_size, str(path)))
            return _read_archive(file, path)
    except LiteproofError:
        raise
    except Exception as error:  # noqa: BLE001 - numpy and zipfile raise many types on damaged files
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DatasetError(f"{path}: cannot be read: {reason}; {EXPECTED}") from None


def _read_folder(folder: Path, spec: Spec, most: int) -> Given:
    listed, classes = _listed(folder)
    chosen = _chosen(listed, most)
    with tempfile.TemporaryDirectory(prefix="liteproof-") as temporary:
        decoded = Path(temporary) / "pictures.npy"
        paths = [folder / entry.path for entry in chosen]
        with writing(decoded):
            failures = decode_into(decoded, len(paths), paths, spec, label="calibration")
        if failures:
            first, others = failures[0], len(failures) - 1
            told = f" (and {others} more pictures)" if others else ""
            raise DatasetError(f"{paths[first.place]}: {first.reason}{told}; fix or remove it")
        pictures = np.load(decoded)
    labels = np.array([entry.label for entry in chosen], np.int64) if classes else None
    return Given(pictures, labels, classes)


def _listed(folder: Path) -> tuple[tuple[Listed, ...], tuple[str, ...] | None]:
    """Return a folder's pictures, and the names of its classes if it has any."""
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
        if any(entry.is_dir() for entry in visible):
            listing = list_pictures(folder)
            return listing.train, listing.classes
        names = [
            entry.name
            for entry in visible
            if entry.name.lower().endswith(SUFFIXES) and entry.is_file()
        ]
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be read: {error.strerror}") from None
    if not names:
        raise DatasetError(f"{folder}: holds no pictures; expected <class>/<picture> or <picture>")
    return tuple(Listed(name, 0) for name in sorted(names)), None


def _chosen(listed: tuple[Listed, ...], most: int) -> list[Listed]:
    """Return at most so many pictures, classes in turn, so that each has its share."""
    columns: dict[int, list[Listed]] = {}
    for index in fixed_order(entry.path for entry in listed):
        columns.setdefault(listed[index].label, []).append(listed[index])
    rows = zip_longest(*(columns[label] for label in sorted(columns)))
    return [entry for row in rows for entry in row if entry is not None][:most]


def _read_archive(file: IO[bytes], path: Path) -> Given:
    with zipfile.ZipFile(file) as archive:
        members = {
            info.filename.removesuffix(".npy"): info
            for info in archive.infolist()
            if info.filename.endswith(".npy")
        }

        def read(name: str) -> NDArray[Any]:
            with archive.open(members[name]) as member:
                return _array(member, members[name].file_size, f"{path}: {name}")

        for pictures, labels in PAIRS:
            if pictures in members:
                known = read(labels) if labels in members else None
                return Given(read(pictures), known)
        if len(members) == 1:
            return Given(read(*members))
    pairs = ", ".join(f"{pictures!r} and {labels!r}" for pictures, labels in PAIRS)
    held = ", ".join(map(repr, sorted(members)[:5])) or "no arrays"
    raise DatasetError(f"{path}: holds {held}; expected {pairs}, or a single array")


def _array(file: IO[bytes], size: int, where: str) -> NDArray[Any]:
    """Read an array whose header is looked at first: it may promise more than memory holds.

    Source of the format: numpy, `numpy.lib.format`, "Format Version 1.0".
    """
    version = npy.read_magic(file)  # type: ignore[no-untyped-call]
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise DatasetError(f"{where}: .npy of version {version}, expected 1.0 or 2.0")
    shape, _, dtype = readers[version](file)  # type: ignore[no-untyped-call]
    if dtype.hasobject:
        raise DatasetError(f"{where}: holds Python objects, expected an array of numbers")
    n_bytes = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or not dtype.itemsize or n_bytes > MOST_BYTES:
        raise DatasetError(
            f"{where}: {dtype} of shape {shape}, expected at most {MOST_BYTES >> 20} MiB"
        )
    if file.tell() + n_bytes != size:
        raise DatasetError(
            f"{where}: {size - file.tell()} bytes of values, expected {n_bytes} for {dtype} of "
            f"shape {shape}"
        )
    file.seek(0)
    array: NDArray[Any] = npy.read_array(file, allow_pickle=False)  # type: ignore[no-untyped-call]
    return array
