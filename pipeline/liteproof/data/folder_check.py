"""Checking every picture of an image folder before it becomes a dataset."""

from collections import Counter
from collections.abc import Collection
from pathlib import Path

import numpy as np

from liteproof.data.acquisition import Report
from liteproof.data.decoding import Seen, examine
from liteproof.data.division import TEST_SHARE, fixed_order, held_out
from liteproof.data.folder_listing import TEST, TRAIN, Listed, Listing, list_pictures
from liteproof.data.picture_folder import PictureFolder
from liteproof.data.twins import Twins, find_twins, twins_sentence
from liteproof_edge.errors import DatasetError, one_line

SHOWN = 10  # unreadable pictures that are named


def check_folder(
    name: str, folder: Path, report: Report, *, skip_unreadable: bool = False
) -> PictureFolder:
    """Decode every picture of an image folder, and divide it where it has no `test` yet.

    Args:
        name: what recipes will call it.
        folder: `train/<class>/*` with `test/<class>/*`, or `<class>/*`, of which a fifth of each
            class is held out for testing, always the same pictures.
        report: told which pictures cannot be read, a line each.
        skip_unreadable: leave them out, rather than refuse the folder.

    Raises:
        DatasetError: it is not an image folder, pictures cannot be read, or a class has too few.
    """
    folder = folder.absolute()
    listing = list_pictures(folder)
    listed = listing.train + (listing.test or ())
    seen: dict[str, Seen] = {}
    unreadable: list[str] = []
    report(f"{name}: looking at {len(listed)} pictures in {folder}")
    results = examine([folder / entry.path for entry in listed], name)
    for entry, result in zip(listed, results, strict=True):
        if isinstance(result, Seen):
            seen[entry.path] = result
            continue
        unreadable.append(entry.path)
        if len(unreadable) <= SHOWN:
            report(one_line(f"{folder / entry.path}: {result}"))
    if len(unreadable) > SHOWN:
        report(f"and {len(unreadable) - SHOWN} more")
    if unreadable and not skip_unreadable:
        raise DatasetError(
            f"{folder}: {len(unreadable)} of {len(listed)} pictures cannot be read; fix or remove "
            "them, or leave them out with --skip-unreadable"
        )
    train, test = _divide(folder, listing, seen.keys())
    twins = _twins(folder, train, test)
    if twins:
        report(f"{name}: {one_line(twins_sentence(twins, len(test)))}")
    sizes = [(size.height, size.width) for size in seen.values()]
    return PictureFolder(
        name=name,
        folder=folder,
        state=listing.state,
        labels=listing.classes,
        train=train,
        test=test,
        skipped=tuple(unreadable),
        ignored=listing.ignored,
        smallest=min(sizes, key=_extent),
        largest=max(sizes, key=_extent),
        modes=tuple(sorted(Counter(size.mode for size in seen.values()).items())),
    )


def _twins(folder: Path, train: tuple[Listed, ...], test: tuple[Listed, ...]) -> list[Twins]:
    try:
        return find_twins(folder, (each.path for each in train), (each.path for each in test))
    except OSError as error:
        where = error.filename or folder
        raise DatasetError(f"{where}: cannot be read: {error.strerror or error}") from None


def _extent(size: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    """Order sizes by their pixels; two that are not the same are never equal."""
    return size[0] * size[1], size


def _divide(
    folder: Path, listing: Listing, readable: Collection[str]
) -> tuple[tuple[Listed, ...], tuple[Listed, ...]]:
    """Return the training and the test pictures of those that can be read."""
    train = tuple(entry for entry in listing.train if entry.path in readable)
    if listing.test is None:
        _check_classes(folder, listing.classes, train, 3, "one to learn from, to validate and test")
        labels = np.array([entry.label for entry in train], np.int64)
        order = fixed_order(entry.path for entry in train)
        chosen = held_out(labels, TEST_SHARE, order)
        return (
            tuple(entry for entry, held in zip(train, chosen, strict=True) if not held),
            tuple(entry for entry, held in zip(train, chosen, strict=True) if held),
        )
    test = tuple(entry for entry in listing.test if entry.path in readable)
    _check_classes(folder / TRAIN, listing.classes, train, 2, "one to learn from and to validate")
    _check_classes(folder / TEST, listing.classes, test, 1, "one to test with")
    return train, test


def _check_classes(
    folder: Path, classes: tuple[str, ...], listed: tuple[Listed, ...], fewest: int, why: str
) -> None:
    counts = Counter(entry.label for entry in listed)
    for label, name in enumerate(classes):
        if counts[label] < fewest:
            raise DatasetError(
                f"{folder / name}: {counts[label]} pictures that can be read, expected at least "
                f"{fewest}: {why}"
            )
