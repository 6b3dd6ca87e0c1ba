"""A dataset's decoded arrays on disk: written with bounded memory, mapped when they are used."""

import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liteproof.data.acquisition import Report
from liteproof.data.decoding import Encoded, Failure, decode_into
from liteproof.data.mapped import give_back
from liteproof.data.source import Part, Pictures, Source
from liteproof.recipes.input_spec import Original
from liteproof.storage import new_folder, remove_leftovers
from liteproof_edge.errors import DatasetError, one_line
from liteproof_edge.idx import Examples
from liteproof_edge.preprocessing.spec import Spec, spec_to_json

ABOUT = "dataset.json"
TRAIN, TEST = "train", "test"
HASHED_BYTES = 16 * 2**20  # of pictures that are in memory at once
SHOWN = 10  # pictures that are named because the preprocessing refuses them


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a folder of arrays holds, and what it was made from and how.

    Attributes:
        state: of the source, when it was decoded.
        spec: how pictures were decoded, as JSON.
        original: what the pictures were before.
        labels: the classes' names, in the order of their indices.
        fingerprint: SHA-256 over the training pictures and labels.
        test_fingerprint: the same over the test ones.
    """

    state: str
    spec: str
    original: Original
    labels: tuple[str, ...]
    fingerprint: str
    test_fingerprint: str


def spec_text(spec: Spec) -> str:
    """Return a spec as text that is the same for the same spec."""
    return json.dumps(spec_to_json(spec), sort_keys=True)


def read_decoded(folder: Path) -> tuple[Decoded, Examples, Examples] | None:
    """Return what a folder holds, and its training and test pictures, mapped from their files.

    None where it is damaged, or holds no such arrays.
    """
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        original = about.pop("original")
        size = tuple(original.pop("size") or ()) or None
        labels = tuple(about.pop("labels"))
        decoded = Decoded(**about, labels=labels, original=Original(size=size, **original))
        train, test = (
            Examples(*(np.load(path, mmap_mode="r") for path in _arrays(folder, part)))
            for part in (TRAIN, TEST)
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return decoded, train, test


def write_decoded(
    caches: Path, source: Source, pictures: Pictures, spec: Spec, report: Report
) -> None:
    """Decode a dataset into a folder of its own, and remove what was decoded from another state.

    What was decoded from the same pictures by other specs stays.

    Args:
        caches: where the dataset's folders are, one for each spec.
        source: the dataset.
        pictures: what it holds.
        spec: how they become the model's input.
        report: told which pictures the spec refuses, and which classes are left out.

    Raises:
        DatasetError: the spec refuses pictures, or there are fewer than two classes.
        StorageError: the folder cannot be written.
    """
    state = source.state
    digest = hashlib.sha256(spec_text(spec).encode()).hexdigest()[:8]
    name = f"{spec.height}x{spec.width}x{spec.channels}-{spec.kind}-{digest}"
    with new_folder(caches / name) as folder:
        train = _write_images(folder, TRAIN, source, pictures, spec, report)
        test = _write_images(folder, TEST, source, pictures, spec, report)
        used = _used_classes(source, pictures.labels, train, test, report)
        for part, labels in ((TRAIN, train), (TEST, test)):
            np.save(_arrays(folder, part)[1], np.searchsorted(used, labels).astype(np.int64))
        decoded = Decoded(
            state=state,
            spec=spec_text(spec),
            original=pictures.original,
            labels=tuple(pictures.labels[index] for index in used),
            fingerprint=_fingerprint(folder, TRAIN),
            test_fingerprint=_fingerprint(folder, TEST),
        )
        (folder / ABOUT).write_text(json.dumps(asdict(decoded), indent=1))
    remove_leftovers(caches)
    for other in caches.glob("[!.]*"):
        found = read_decoded(other)
        if found is None or found[0].state != state:
            shutil.rmtree(other, ignore_errors=True)


def _arrays(folder: Path, part: str) -> tuple[Path, Path]:
    return folder / f"{part}_images.npy", folder / f"{part}_labels.npy"


def _write_images(
    folder: Path, name: str, source: Source, pictures: Pictures, spec: Spec, report: Report
) -> NDArray[np.int64]:
    """Decode the pictures of a part; return their labels."""
    part = pictures.train if name == TRAIN else pictures.test
    if not part.n:
        raise DatasetError(f"{source.place}: no {name} pictures")
    labels = np.full(part.n, -1, np.int64)

    def encoded() -> Iterator[Encoded]:
        for index, (picture, label) in enumerate(part.read()):
            labels[index] = label
            yield picture

    failures = decode_into(
        _arrays(folder, name)[0],
        part.n,
        encoded(),
        spec,
        label=f"{source.title} {name}",
        transposed=pictures.transposed,
    )
    if failures:
        _refuse(failures, part, source, spec, report)
    if labels.min() < 0:
        raise DatasetError(f"{source.place}: {name} pictures without a label")
    return labels


def _refuse(
    failures: list[Failure], part: Part, source: Source, spec: Spec, report: Report
) -> None:
    for failure in failures[:SHOWN]:
        report(one_line(f"{part.name(failure.place)}: {failure.reason}"))
    if len(failures) > SHOWN:
        report(f"and {len(failures) - SHOWN} more")
    raise DatasetError(
        f"{source.place}: preprocessing '{spec.kind}' refuses {len(failures)} of {part.n} "
        "pictures; remove them, or choose another preprocessing"
    )


def _used_classes(
    source: Source,
    names: tuple[str, ...],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    report: Report,
) -> NDArray[np.int64]:
    """Return the classes that have training pictures; a dataset may declare more of them."""
    used = np.unique(train)
    unknown = np.setdiff1d(test, used)
    if unknown.size:
        raise DatasetError(
            f"{source.place}: class {names[unknown[0]]!r} has test pictures but no training ones"
        )
    if len(used) < 2:
        raise DatasetError(
            f"{source.place}: all pictures are of one class, {names[used[0]]!r}; expected two or "
            "more"
        )
    left_out = [name for index, name in enumerate(names) if index not in used]
    if left_out:
        report(f"{source.title}: left out, having no pictures: class {', '.join(left_out)}")
    return used


def _fingerprint(folder: Path, part: str) -> str:
    images, labels = (np.load(path, mmap_mode="r") for path in _arrays(folder, part))
    total = hashlib.sha256()
    chunk = max(1, HASHED_BYTES // math.prod(images.shape[1:]))
    for start in range(0, len(images), chunk):
        total.update(images[start : start + chunk].tobytes())
        give_back(images)
    total.update(labels.tobytes())
    return total.hexdigest()
