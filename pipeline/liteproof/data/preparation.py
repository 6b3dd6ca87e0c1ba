"""Putting a dataset into TFDS's folder: whole, or not at all."""

import contextlib
import hashlib
import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from liteproof.storage import new_folder
from liteproof.tensorflow_setup import import_tensorflow
from liteproof_edge import idx
from liteproof_edge.errors import DatasetError

# SHA-256 of the unpacked IDX files, by the start of their names.
KNOWN_FILES = {
    "mnist": {
        "train-images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    "fashion_mnist": {
        "train-images": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
}


def make_builder(make: Callable[..., Any], **options: object) -> Any:  # noqa: ANN401
    """Call what makes a TFDS builder, and remove the temporary folder that it forgets.

    TFDS 4.9.10 makes one for each builder whose dataset is not prepared yet.
    """
    usual = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="liteproof-tfds-") as scratch:
        tempfile.tempdir = scratch
        try:
            return make(**options)
        finally:
            tempfile.tempdir = usual


def _check_known(name: str, path: Path, data: bytes) -> None:
    for start, expected in KNOWN_FILES.get(name, {}).items():
        if path.name.startswith(start):
            actual = hashlib.sha256(data).hexdigest()
            if actual != expected:
                raise DatasetError(f"{path}: sha256 {actual}, {name}'s own is {expected}")


def prepare_idx(name: str, folder: Path, data_dir: Path) -> Path:
    """Prepare a dataset from raw IDX files, under the definition that TFDS has of it, if any."""
    import tensorflow_datasets as tfds  # noqa: PLC0415 - takes a second

    if not folder.is_dir():
        raise DatasetError(f"{folder}: not a folder; expected one that holds IDX files")
    parts = {
        split: idx.load(folder, part, lambda path, data: _check_known(name, path, data))
        for split, part in (("train", idx.Split.TRAIN), ("test", idx.Split.TEST))
    }
    shape = parts["train"].images.shape[1:]
    if parts["test"].images.shape[1:] != shape:
        raise DatasetError(
            f"{folder}: training pictures {shape}, test pictures {parts['test'].images.shape[1:]}"
        )
    classes = int(max(part.labels.max() for part in parts.values())) + 1
    try:
        known = tfds.builder_cls(name.partition("/")[0])
    except tfds.core.registered.DatasetNotFoundError:
        known = tfds.core.GeneratorBasedBuilder

    with tfds.core.registered.skip_registration():

        class FromIdx(known):  # type: ignore[misc, valid-type]
            VERSION = getattr(known, "VERSION", None) or tfds.core.Version("1.0.0")

            def _info(self) -> Any:  # noqa: ANN401
                if known is not tfds.core.GeneratorBasedBuilder:
                    return super()._info()
                features = {
                    "image": tfds.features.Image(shape=shape),
                    "label": tfds.features.ClassLabel(num_classes=classes),
                }
                return self.dataset_info_from_configs(
                    features=tfds.features.FeaturesDict(features),
                    supervised_keys=("image", "label"),
                )

            def _split_generators(self, dl_manager: object) -> dict[str, Any]:
                del dl_manager  # nothing to download
                return {split: self._generate_examples(part) for split, part in parts.items()}

            def _generate_examples(self, part: idx.Examples) -> Iterator[tuple[int, Any]]:
                for key, (image, label) in enumerate(zip(*part, strict=True)):
                    yield key, {"image": image, "label": int(label)}

        FromIdx.name = name.partition("/")[0]
        return prepare(FromIdx, name, data_dir)


def prepare(builder_class: Any, name: str, data_dir: Path) -> Path:  # noqa: ANN401
    """Let TFDS prepare a dataset next to its place, and move it there when it is whole."""
    import tensorflow_datasets as tfds  # noqa: PLC0415 - takes a second

    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    import_tensorflow()  # TFDS would do it, and print messages
    config = name.partition("/")[2] or None
    target = Path(make_builder(builder_class, config=config, data_dir=data_dir).data_dir)
    with new_folder(target) as folder:
        beside = folder / "beside"
        builder = make_builder(builder_class, config=config, data_dir=beside)
        with contextlib.redirect_stdout(io.StringIO()):  # its news names a place that moves
            builder.download_and_prepare()
        for file in Path(builder.data_dir).iterdir():
            file.rename(folder / file.name)
        shutil.rmtree(beside)
    return target
