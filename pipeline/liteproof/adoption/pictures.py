"""The labelled pictures of an adopted model, their classes in the order of its outputs."""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from liteproof.adoption.label_matching import match
from liteproof.data.dataset import Dataset, load_dataset
from liteproof.data.folder_listing import TEST, TRAIN
from liteproof.data.sources import Given, get_source
from liteproof.progress import say
from liteproof.recipes.schema import DatasetChoice, Preprocessing
from liteproof.storage import make_folder, writing
from liteproof_edge import idx
from liteproof_edge.errors import DatasetError
from liteproof_edge.idx import Examples

JOINED = "pictures"  # the folder of links to two folders


def dataset_name(folder: Path) -> str:
    """Return a name for the pictures of a folder, as recipes call datasets."""
    return re.sub(r"[^a-z0-9]+", "_", folder.absolute().name.lower()).strip("_") or JOINED


def record_pictures(
    data: Path, test: Path | None, data_dir: Path, *, skip_unreadable: bool = False
) -> None:
    """Look at every picture, and make them the dataset of that name in a folder for datasets.

    Args:
        data: `<class>/<picture>`, or `train/` and `test/` with these, or IDX files.
        test: another such folder, whose pictures the comparison takes; None: those of `test/`, else
            a fifth of each class.
        data_dir: the folder.
        skip_unreadable: leave out pictures that cannot be read.

    Raises:
        DatasetError: they cannot be read, or are not labelled.
        StorageError: `data_dir` cannot be written.
    """
    if test is None:
        get_source(dataset_name(data), data_dir, say, Given(data, skip_unreadable))
        return
    joined = _joined(data, test, data_dir)
    given = {TRAIN: data, TEST: test}

    def as_given(text: str) -> str:
        """Name a person's folders, where a text names the links to them."""
        for folder in {joined, joined.absolute()}:
            for part, own in given.items():
                text = text.replace(f"{folder / part}", f"{own}")
            text = text.replace(f"{folder}", f"{data} with {test}")
        return text

    try:
        given_pair = Given(joined, skip_unreadable)
        get_source(dataset_name(data), data_dir, lambda line: say(as_given(line)), given_pair)
    except DatasetError as error:
        raise DatasetError(as_given(str(error))) from None


def _joined(data: Path, test: Path, data_dir: Path) -> Path:
    """Return a folder that holds links: two folders look like one with `train` and `test` in it."""
    for folder in (data, test):
        if not folder.is_dir():
            raise DatasetError(f"{folder}: not a folder; expected one of pictures")
        if idx.is_idx_folder(folder):
            raise DatasetError(f"{folder}: IDX files have a test part; expected no --test")
    joined = make_folder(data_dir / JOINED)
    for name, folder in ((TRAIN, data), (TEST, test)):
        link, inner = joined / name, folder / name
        with writing(link):
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.abspath(inner if inner.is_dir() else folder))  # noqa: PTH100 - a link stays one
    return joined


def load_pictures(
    choice: DatasetChoice,
    preprocessing: Preprocessing,
    data_dir: Path,
    labels: Sequence[str],
    *,
    bgr: bool = False,
) -> Dataset:
    """Return recorded pictures, decoded, with a class's index that of the model's output.

    Args:
        choice: of the run's recipe.
        preprocessing: the same.
        data_dir: where they were recorded.
        labels: the classes, in the order of the outputs; () where the folders' own are. There may
            be some without pictures.
        bgr: give blue first.

    Raises:
        DatasetError: the pictures' classes are not among the labels.
    """
    dataset = load_dataset(choice, preprocessing, data_dir, say)
    ordered = _in_order(dataset, tuple(labels)) if labels else dataset
    return _blue_first(ordered) if bgr else ordered


def _blue_first(dataset: Dataset) -> Dataset:
    def turned(examples: Examples) -> Examples:
        return Examples(examples.images[..., ::-1], examples.labels)  # a view: nothing is read

    return replace(
        dataset,
        train=turned(dataset.train),
        test=turned(dataset.test),
        fingerprint=_marked(dataset.fingerprint, "BGR"),
        test_fingerprint=_marked(dataset.test_fingerprint, "BGR"),
    )


def _marked(fingerprint: str, *marks: str) -> str:
    return hashlib.sha256("\n".join((fingerprint, *marks)).encode()).hexdigest()


def _in_order(dataset: Dataset, labels: tuple[str, ...]) -> Dataset:
    found = dataset.labels
    if found == labels:
        return dataset
    places = match(found, labels)
    for name, place in zip(found, places, strict=True):
        if place is None:
            raise DatasetError(
                f"{dataset.name}: class {name!r} is not among the {len(labels)} labels; expected "
                f"folders of such names as {', '.join(labels[:5])}{', …' if labels[5:] else ''}"
            )
        if places.count(place) > 1:
            raise DatasetError(f"{dataset.name}: two folders are the label {labels[place]!r}")
    order = np.array(places, np.int64)

    def ordered(examples: Examples) -> Examples:
        return Examples(examples.images, order[examples.labels])

    return replace(
        dataset,
        labels=labels,
        train=ordered(dataset.train),
        test=ordered(dataset.test),
        fingerprint=_marked(dataset.fingerprint, *labels),
        test_fingerprint=_marked(dataset.test_fingerprint, *labels),
    )
