"""Labelled pictures to compare with: raw IDX files, or a folder of pictures for each class."""

import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liteproof.data.decoding import decode_into
from liteproof.data.folder_listing import list_pictures
from liteproof.evidence.contender import Contender
from liteproof.storage import writing
from liteproof_edge import idx
from liteproof_edge.errors import DatasetError


class Labelled(NamedTuple):
    """Test pictures.

    Attributes:
        pictures: for each contender uint8 (n, height, width, channels): its own input.
        labels: int64 (n,).
        names: of the classes.
    """

    pictures: tuple[NDArray[np.uint8], ...]
    labels: NDArray[np.int64]
    names: tuple[str, ...]


def read_labelled(folder: Path, contenders: tuple[Contender, ...]) -> Labelled:
    """Read the test part of a dataset, as each contender takes it.

    Args:
        folder: of IDX files, whose test part goes in as it is; or of `<class>/<picture>`, or
            `test/<class>/<picture>`, which each contender's own preprocessing prepares.
        contenders: what is compared.

    Raises:
        DatasetError: it is neither, a picture cannot be read, or the classes are not the
            contenders'.
    """
    known = next((each.labels for each in contenders if each.labels), None)
    if idx.is_idx_folder(folder):
        examples = idx.load(folder, idx.Split.TEST)
        shape = examples.images.shape[1:]
        for each in contenders:
            expected = (each.spec.height, each.spec.width, each.spec.channels)
            if shape != expected:
                raise DatasetError(f"{folder}: pictures of {shape}, {each.name} takes {expected}")
        classes = known or tuple(map(str, range(int(examples.labels.max()) + 1)))
        if int(examples.labels.max()) >= len(classes):
            raise DatasetError(
                f"{folder}: labels up to {examples.labels.max()}, expected {len(classes)} classes"
            )
        labels = examples.labels.astype(np.int64)
        return Labelled((examples.images,) * len(contenders), labels, classes)
    listing = list_pictures(folder)
    listed, names = listing.test or listing.train, listing.classes
    if known and set(names) - set(known):
        unknown = sorted(set(names) - set(known))
        raise DatasetError(f"{folder}: classes {', '.join(unknown[:5])}: not among the labels")
    order = known or names
    labels = np.array([order.index(names[entry.label]) for entry in listed], np.int64)
    paths = [folder / entry.path for entry in listed]
    prepared = {each.spec: _decode(paths, each) for each in reversed(contenders)}
    return Labelled(tuple(prepared[each.spec] for each in contenders), labels, order)


def _decode(paths: list[Path], contender: Contender) -> NDArray[np.uint8]:
    with tempfile.TemporaryDirectory(prefix="liteproof-") as temporary:
        decoded = Path(temporary) / "pictures.npy"
        with writing(decoded):
            failures = decode_into(
                decoded, len(paths), paths, contender.spec, label=f"for {contender.name}"
            )
        if failures:
            first = failures[0]
            raise DatasetError(
                f"{paths[first.place]}: {first.reason} (and {len(failures) - 1} more pictures)"
            )
        array: NDArray[np.uint8] = np.load(decoded)
    return array
