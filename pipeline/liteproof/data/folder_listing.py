"""What an image folder holds, by its names only: classes, parts, and a digest of its files.

Two layouts: `train/<class>/<picture>` with `test/<class>/<picture>`, or `<class>/<picture>`.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from liteproof_edge.errors import DatasetError
from liteproof_edge.preprocessing.pictures import SUFFIXES

TRAIN, TEST = "train", "test"
EXPECTED = (
    "expected <class>/<picture>, or train/<class>/<picture> and test/<class>/<picture>, "
    "or IDX files"
)


class Listed(NamedTuple):
    """A picture's path, relative to the folder, and the index of its class."""

    path: str
    label: int


class Listing(NamedTuple):
    """An image folder's pictures, sorted by path.

    Attributes:
        classes: the folders' names, sorted.
        train: all pictures, where there is no `test` yet.
        test: those of `test/`; None where one folder holds all.
        ignored: how many files and folders are not pictures, or lie too deep.
        state: a digest of every picture's path, size and time of change.
    """

    classes: tuple[str, ...]
    train: tuple[Listed, ...]
    test: tuple[Listed, ...] | None
    ignored: int
    state: str


class _Class(NamedTuple):
    pictures: list[tuple[str, int, int]]  # name, size, time of change in ns
    ignored: int


def list_pictures(folder: Path) -> Listing:
    """Find an image folder's pictures. Hidden files, and folders in a class's, are not looked at.

    Raises:
        DatasetError: it is not an image folder: no folder, no pictures, fewer than two classes, an
            empty one, or others in `train` than in `test`.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: not a folder; expected one of pictures, or of IDX files")
    try:
        return _list(folder)
    except OSError as error:
        raise DatasetError(
            f"{error.filename or folder}: cannot be read: {error.strerror}"
        ) from None


def _list(folder: Path) -> Listing:
    parts = [part for part in (TRAIN, TEST) if _holds_folders(folder / part)]
    if len(parts) == 1:
        (missing,) = {TRAIN, TEST} - set(parts)
        raise DatasetError(
            f"{folder}: holds {parts[0]}/<class> and no {missing}/<class>; expected both, or one "
            "folder for each class"
        )
    found = [_classes(folder, part) for part in parts or [""]]
    ignored = sum(apart for _, apart in found)
    if parts:
        ignored += sum(entry.name not in parts for entry in _entries(folder))
    listed = [classes for classes, _ in found]
    _check(folder, parts, listed)
    names = tuple(sorted(listed[0]))
    digest = hashlib.sha256()
    pictures: list[tuple[Listed, ...]] = []
    for part, classes in zip(parts or [""], listed, strict=True):
        for name in names:
            ignored += classes[name].ignored
            for entry in classes[name].pictures:
                digest.update(repr((part, name, *entry)).encode())
        pictures.append(
            tuple(
                Listed(os.path.join(part, name, entry[0]), label)  # noqa: PTH118 - 60,000 of them
                for label, name in enumerate(names)
                for entry in classes[name].pictures
            )
        )
    test = pictures[1] if parts else None
    return Listing(names, pictures[0], test, ignored, digest.hexdigest())


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:  # it knows each one's kind without asking again
        return list(entries)


def _holds_folders(path: Path) -> bool:
    """Whether it is a part rather than a class that happens to be called `train` or `test`."""
    return path.is_dir() and any(
        entry.is_dir() and not entry.name.startswith(".") for entry in _entries(path)
    )


def _classes(folder: Path, part: str) -> tuple[dict[str, _Class], int]:
    """Return what each class's folder holds, and how many entries are not such folders."""
    classes: dict[str, _Class] = {}
    ignored = 0
    for entry in _entries(folder / part):
        if entry.name.startswith(".") or not entry.is_dir():
            ignored += 1
        else:
            classes[entry.name] = _pictures(Path(entry.path))
    return classes, ignored


def _pictures(folder: Path) -> _Class:
    pictures, ignored = [], 0
    for entry in _entries(folder):
        is_picture = entry.name.lower().endswith(SUFFIXES) and not entry.name.startswith(".")
        if is_picture and entry.is_file():
            status = entry.stat()
            pictures.append((entry.name, status.st_size, status.st_mtime_ns))
        else:
            ignored += 1
    return _Class(sorted(pictures), ignored)


def _check(folder: Path, parts: list[str], listed: list[dict[str, _Class]]) -> None:
    if not any(found.pictures for classes in listed for found in classes.values()):
        raise DatasetError(f"{folder}: holds no pictures; {EXPECTED}")
    for part, classes in zip(parts or [""], listed, strict=True):
        for name, found in sorted(classes.items()):
            if not name.isprintable():
                raise DatasetError(f"{folder / part / name}: expected a printable name of a class")
            if not found.pictures:
                raise DatasetError(f"{folder / part / name}: holds no pictures")
    if parts:
        train, test = listed
        for here, there, names in (
            (TRAIN, TEST, train.keys() - test.keys()),
            (TEST, TRAIN, test.keys() - train.keys()),
        ):
            if names:
                raise DatasetError(
                    f"{folder}: class {min(names)!r} is in {here}/ and not in {there}/; expected "
                    "the same classes in both"
                )
    if len(listed[0]) < 2:
        raise DatasetError(
            f"{folder}: holds one class, {next(iter(listed[0]))!r}; expected two or more"
        )
