"""Labelled pictures as arrays: decoded once into files, and mapped from them ever after."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liteproof.data.acquisition import Report
from liteproof.data.decoded import read_decoded, spec_text, write_decoded
from liteproof.data.division import held_out
from liteproof.data.picture_folder import PictureFolder
from liteproof.data.sources import Given, find_source, get_source, lock_file
from liteproof.errors import RecipeError
from liteproof.locking import taking_turns
from liteproof.recipes.input_spec import decoding_spec
from liteproof.recipes.schema import DatasetChoice, Preprocessing, Raw
from liteproof_edge.errors import DatasetError
from liteproof_edge.idx import Examples

MOST_VALIDATION, VALIDATION_SHARE = 5000, 1 / 6  # whichever is fewer


@dataclass(frozen=True, slots=True)
class Dataset:
    """A labelled dataset.

    Attributes:
        name: with TFDS's version if it has one: "mnist/3.0.1".
        labels: the classes' names, in the order of their indices.
        train: pictures to learn from, and to hold out for validation.
        test: pictures that only the comparison may look at.
        fingerprint: SHA-256 over the training pictures and labels.
        test_fingerprint: the same over the test ones.
    """

    name: str
    labels: tuple[str, ...]
    train: Examples
    test: Examples
    fingerprint: str
    test_fingerprint: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """One picture's height, width and channels."""
        height, width, channels = self.train.images.shape[1:]
        return int(height), int(width), int(channels)


@dataclass(frozen=True, slots=True)
class Parts:
    """The training pictures, divided: int64 indices into `Dataset.train`, in ascending order."""

    training: NDArray[np.int64]
    validation: NDArray[np.int64]


def default_data_dir() -> Path:
    """Return TFDS's own folder, without importing TFDS."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def fetch_dataset(name: str, data_dir: Path, report: Report, given: Given | None = None) -> str:
    """Make sure that a dataset is at hand, decoded where that needs no recipe; say what it is.

    Arguments and errors are `get_source`'s.
    """
    try:
        choice = DatasetChoice(name=name)
    except ValueError:
        like = re.sub("[^a-z0-9]+", "_", name.lower()).strip("_") or "leaves_2"
        raise DatasetError(
            f"{name}: not a name of a dataset; expected a to z, 0 to 9 and _, as {like}"
        ) from None
    source = get_source(name, data_dir, report, given)
    if isinstance(source, PictureFolder):
        return source.summary()
    try:
        dataset = load_dataset(choice, Raw(), data_dir, report)
    except RecipeError:  # pictures of many sizes: a recipe must give the model's size
        pictures = source.open()
        return (
            f"{source.title}: {pictures.train.n} training and {pictures.test.n} test pictures of "
            f"many sizes, {len(pictures.labels)} classes"
        )
    height, width, channels = dataset.shape
    return (
        f"{dataset.name}: {len(dataset.train.labels)} training and {len(dataset.test.labels)} test "
        f"pictures of {height}x{width}x{channels}, {len(dataset.labels)} classes"
    )


def load_dataset(
    choice: DatasetChoice, preprocessing: Preprocessing, data_dir: Path, report: Report
) -> Dataset:
    """Return a dataset, getting, preparing and decoding it where that is needed.

    Args:
        choice: the recipe's: name and size.
        preprocessing: the recipe's, by which pictures become the model's input.
        data_dir: TFDS's folder, which holds the decoded arrays too.
        report: told in a line what happens.

    Raises:
        DatasetError: it cannot be obtained, or pictures of it cannot become the model's input.
        RecipeError: the recipe's size is missing, or does not go with the pictures.
        StorageError: `data_dir` cannot be written.
    """
    if dataset := cached_dataset(choice, preprocessing, data_dir):
        return dataset
    source = get_source(choice.name, data_dir, report)
    pictures = source.open()
    spec = decoding_spec(choice, preprocessing, pictures.original)
    with taking_turns(lock_file(choice.name, data_dir), "data"):
        dataset = cached_dataset(choice, preprocessing, data_dir)
        if dataset is None:  # no other process made it while this one waited
            report(f"{choice.name}: decoding {source.place}")
            write_decoded(_caches(choice.name, data_dir), source, pictures, spec, report)
            dataset = cached_dataset(choice, preprocessing, data_dir)
    if dataset is None:
        raise DatasetError(f"{source.place}: changed while it was decoded; try again")
    return dataset


def cached_dataset(
    choice: DatasetChoice, preprocessing: Preprocessing, data_dir: Path
) -> Dataset | None:
    """Return a dataset that is at hand and decoded, its arrays mapped from their files.

    This takes milliseconds, and imports neither TFDS nor TensorFlow.

    Raises:
        DatasetError: it is an image folder that is gone, or has changed since it was checked.
        RecipeError: the recipe's size is missing, or does not go with the pictures.
    """
    source = find_source(choice.name, data_dir)
    if source is None:
        return None
    state = source.state
    for cache in sorted(_caches(choice.name, data_dir).glob("[!.]*")):
        found = read_decoded(cache)
        if found is None or found[0].state != state:
            continue
        decoded, train, test = found
        if decoded.spec == spec_text(decoding_spec(choice, preprocessing, decoded.original)):
            return Dataset(
                name=source.title,
                labels=decoded.labels,
                train=train,
                test=test,
                fingerprint=decoded.fingerprint,
                test_fingerprint=decoded.test_fingerprint,
            )
    return None


def divide(dataset: Dataset, validation_pictures: int | None, rng: np.random.Generator) -> Parts:
    """Hold out some training pictures for validation, at random.

    Where chance leaves a class out of one of the parts, as it does where there are few pictures,
    the same share of each class is held out instead, which may be a few more or less than asked.

    Args:
        dataset: the pictures.
        validation_pictures: how many; None: 5,000 or a sixth of them, whichever is fewer.
        rng: the choice.

    Raises:
        DatasetError: that would leave fewer pictures to learn from than to validate with, or a
            class has only one training picture.
    """
    labels = dataset.train.labels
    n = len(labels)
    wanted = validation_pictures or min(MOST_VALIDATION, round(n * VALIDATION_SHARE))
    if 2 * wanted > n:
        raise DatasetError(
            f"{dataset.name}: {wanted} validation pictures of {n}, expected at most half of them"
        )
    order = rng.permutation(n)
    held = np.zeros(n, np.bool_)
    held[order[:wanted]] = True
    classes = np.unique(labels)
    if any(len(np.unique(labels[part])) < len(classes) for part in (held, ~held)):
        held = held_out(labels, wanted / n, order)
        alone = np.setdiff1d(classes, labels[held])
        if alone.size:
            raise DatasetError(
                f"{dataset.name}: class {dataset.labels[alone[0]]!r} has one training picture, "
                "expected at least 2: one to learn from and one to validate with"
            )
    return Parts(training=np.flatnonzero(~held), validation=np.flatnonzero(held))


def _caches(name: str, data_dir: Path) -> Path:
    """Return the folder of a dataset's decoded arrays: one in it for each way to decode them."""
    return data_dir / ".liteproof" / "decoded" / name.replace("/", "-")
