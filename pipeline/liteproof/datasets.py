"""Labelled pictures as arrays, read from TFDS once and cached decoded."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof.acquisition import Report, acquire, prepared_folder
from liteproof.distribution import import_tensorflow
from liteproof.storage import new_folder
from liteproof_edge.errors import DatasetError
from liteproof_edge.idx import Examples

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A labelled dataset.

    Attributes:
        name: TFDS's, with the version: "mnist/3.0.1".
        labels: the classes' names, in the order of their indices.
        train: pictures to learn from, and to hold out for validation.
        test: pictures that only the comparison may look at.
        fingerprint: SHA-256 over the training pictures and labels.
    """

    name: str
    labels: tuple[str, ...]
    train: Examples
    test: Examples
    fingerprint: str

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


def load_dataset(name: str, data_dir: Path, report: Report, source: Path | None = None) -> Dataset:
    """Return a dataset, getting and preparing it where that is needed.

    Args:
        name: TFDS's name of it.
        data_dir: TFDS's folder, which holds the decoded arrays too.
        report: told in a line what happens.
        source: a folder of raw IDX files that replaces what is prepared.

    Raises:
        DatasetError: it is not to be had, or is not one of pictures of one size with labels.
        StorageError: `data_dir` cannot be written.
    """
    if source is None and (dataset := cached_dataset(name, data_dir)):
        return dataset
    prepared = acquire(name, data_dir, source, report)
    report(f"{name}: decoding {prepared}")
    _write_cache(_cache(name, prepared, data_dir), prepared)
    dataset = cached_dataset(name, data_dir)
    if dataset is None:
        raise DatasetError(f"{prepared}: changed while it was decoded; try again")
    return dataset


def cached_dataset(name: str, data_dir: Path) -> Dataset | None:
    """Return a dataset that is prepared and decoded, its arrays mapped from their files.

    This takes milliseconds, and imports neither TFDS nor TensorFlow.
    """
    prepared = prepared_folder(name, data_dir)
    if prepared is None:
        return None
    cache = _cache(name, prepared, data_dir)
    try:
        about = json.loads((cache / "dataset.json").read_text())
        arrays = [np.load(cache / f"{array}.npy", mmap_mode="r") for array in ARRAYS]
    except (OSError, ValueError):
        return None
    if about["state"] != _state(prepared):
        return None
    return Dataset(
        name=f"{name}/{prepared.name}",
        labels=tuple(about["labels"]),
        train=Examples(*arrays[:2]),
        test=Examples(*arrays[2:]),
        fingerprint=about["fingerprint"],
    )


def divide(dataset: Dataset, validation_pictures: int, rng: np.random.Generator) -> Parts:
    """Hold out some training pictures for validation, at random.

    Raises:
        DatasetError: that would leave fewer pictures to learn from than to validate with.
    """
    n = len(dataset.train.labels)
    if 2 * validation_pictures > n:
        raise DatasetError(
            f"{dataset.name}: {validation_pictures} validation pictures of {n}, "
            "expected at most half of them"
        )
    order = rng.permutation(n)
    return Parts(
        training=np.sort(order[validation_pictures:]),
        validation=np.sort(order[:validation_pictures]),
    )


def _state(prepared: Path) -> str:
    """Return a digest that changes when the prepared files do."""
    entries = [
        (path.name, path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(prepared.iterdir())
    ]
    return hashlib.sha256(json.dumps(entries).encode()).hexdigest()


def _cache(name: str, prepared: Path, data_dir: Path) -> Path:
    return data_dir / ".liteproof" / f"{name.replace('/', '-')}-{prepared.name}"


def _write_cache(cache: Path, prepared: Path) -> None:
    state = _state(prepared)
    labels, train, test = _read_tfds(prepared)
    fingerprint = hashlib.sha256(train.images.tobytes() + train.labels.tobytes()).hexdigest()
    about = {"state": state, "labels": labels, "fingerprint": fingerprint}
    with new_folder(cache) as folder:
        arrays: list[NDArray[Any]] = [*train, *test]
        for name, array in zip(ARRAYS, arrays, strict=True):
            np.save(folder / f"{name}.npy", array)
        (folder / "dataset.json").write_text(json.dumps(about, indent=1))


def _read_tfds(prepared: Path) -> tuple[list[str], Examples, Examples]:
    import tensorflow_datasets as tfds  # noqa: PLC0415 - takes a second, and TensorFlow to read

    import_tensorflow()  # TFDS would do it, and let it chatter
    try:
        builder = tfds.builder_from_directory(str(prepared))
        keys = builder.info.supervised_keys or ("image", "label")
        features = builder.info.features
        shape, names = features[keys[0]].shape, features[keys[1]].names
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise DatasetError(f"{prepared}: not an image classification dataset: {error}") from None
    missing = {"train", "test"} - set(builder.info.splits)
    if missing:
        raise DatasetError(f"{prepared}: has no split {missing.pop()!r}, expected train and test")
    if len(shape) != 3 or None in shape:
        raise DatasetError(f"{prepared}: pictures of shape {shape}, expected one fixed size")

    def read(split: str) -> Examples:
        try:
            examples: Any = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
        except Exception as error:  # noqa: BLE001 - TensorFlow's errors, without importing it here
            message = str(error).splitlines()[0]
            raise DatasetError(
                f"{prepared}: damaged: {message}; remove it and run `liteproof data` again"
            ) from None
        return Examples(examples[keys[0]], examples[keys[1]].astype(np.int64))

    return list(names), read("train"), read("test")
