"""A dataset that TFDS has prepared, read without decoding its pictures."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof.data.division import TEST_SHARE, fixed_order, held_out
from liteproof.data.source import Labelled, Part, Pictures
from liteproof.recipes.input_spec import Original
from liteproof.tensorflow_setup import import_tensorflow
from liteproof_edge.errors import DatasetError

BATCH = 256  # pictures that TFDS hands over at once
TRAIN = "train"
TESTS = ("test", "validation")  # the splits that are tested with, whichever is there
TRANSPOSED = {"emnist"}  # stored with rows and columns swapped, as NIST's files are


@dataclass(frozen=True, slots=True)
class Prepared:
    """A folder that TFDS has prepared.

    Attributes:
        name: TFDS's: "mnist", "emnist/letters".
        place: the folder, `data_dir/name/version`.
    """

    name: str
    place: Path

    @property
    def title(self) -> str:
        """The name with the version: "mnist/3.0.1"."""
        return f"{self.name}/{self.place.name}"

    @property
    def state(self) -> str:
        """A digest that changes when the prepared files do."""
        entries = [
            (path.name, path.stat().st_size, path.stat().st_mtime_ns)
            for path in sorted(self.place.iterdir())
        ]
        return hashlib.sha256(json.dumps(entries).encode()).hexdigest()

    def open(self) -> Pictures:
        """Return the pictures; where there are only training ones, a fifth of each class tests.

        Raises:
            DatasetError: it is damaged, or not an image classification dataset.
        """
        import_tensorflow()  # TFDS would do it, and print messages
        import tensorflow_datasets as tfds  # noqa: PLC0415 - takes a second, and TensorFlow to read

        try:
            builder = tfds.builder_from_directory(str(self.place))
            keys = builder.info.supervised_keys or ("image", "label")
            picture, label = (builder.info.features[key] for key in keys)
            shape, names = picture.shape, tuple(label.names)
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            raise DatasetError(
                f"{self.place}: not an image classification dataset: {error}"
            ) from None
        if not isinstance(picture, tfds.features.Image) or picture.np_dtype != np.uint8:
            raise DatasetError(f"{self.place}: {picture}, expected pictures of uint8")
        splits = builder.info.splits
        if TRAIN not in splits:
            raise DatasetError(f"{self.place}: has no split 'train'")
        reader = _Reader(self.place, builder, *keys)
        test = next((split for split in TESTS if split in splits), None)
        if test:
            train_part = reader.part(TRAIN, splits[TRAIN].num_examples)
            test_part = reader.part(test, splits[test].num_examples)
        else:
            labels = reader.labels(TRAIN)
            held = held_out(labels, TEST_SHARE, fixed_order(map(str, range(len(labels)))))
            train_part, test_part = (
                reader.part(TRAIN, int(chosen.sum()), chosen) for chosen in (~held, held)
            )
        fixed = len(shape) == 3 and None not in shape and shape[2] in {1, 3}
        return Pictures(
            labels=names,
            original=Original(
                size=(shape[0], shape[1]) if fixed else None,
                channels=1 if shape[-1] == 1 else 3,
                is_input=fixed,
            ),
            train=train_part,
            test=test_part,
            transposed=self.name.partition("/")[0] in TRANSPOSED,
        )


@dataclass(frozen=True, slots=True)
class _Reader:
    place: Path
    builder: Any
    picture: str  # TFDS's keys
    label: str

    def part(self, split: str, n: int, chosen: NDArray[np.bool_] | None = None) -> Part:
        """Return a split's pictures, or those of them that are chosen."""

        def read() -> Iterator[Labelled]:
            import tensorflow_datasets as tfds  # noqa: PLC0415 - imported by now

            number = 0
            for batch in self._batches(split, {self.picture: tfds.decode.SkipDecoding()}):
                for picture, label in zip(batch[self.picture], batch[self.label], strict=True):
                    if chosen is None or chosen[number]:
                        yield Labelled(picture, int(label))
                    number += 1

        return Part(n, read, lambda index: f"{split} picture {index} of {self.place}")

    def labels(self, split: str) -> NDArray[np.int64]:
        import tensorflow_datasets as tfds  # noqa: PLC0415 - imported by now

        only = tfds.decode.PartialDecoding({self.label: True})
        batches = self._batches(split, only)
        return np.concatenate([np.asarray(batch[self.label], np.int64) for batch in batches])

    def _batches(self, split: str, decoders: Any) -> Iterator[Any]:  # noqa: ANN401
        import tensorflow_datasets as tfds  # noqa: PLC0415 - imported by now

        try:
            yield from tfds.as_numpy(
                self.builder.as_dataset(split=split, batch_size=BATCH, decoders=decoders)
            )
        except Exception as error:  # noqa: BLE001 - TensorFlow's errors, without importing it here
            message = (str(error).splitlines() or [type(error).__name__])[0]
            raise DatasetError(
                f"{self.place}: damaged: {message}; remove it and run `liteproof data` again"
            ) from None
