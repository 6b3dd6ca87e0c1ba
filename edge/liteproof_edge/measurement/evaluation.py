"""Labelled accuracy, measured on the device."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from liteproof_edge import idx
from liteproof_edge.classifier import MODEL_READY, Classifier
from liteproof_edge.errors import DatasetError, PictureError
from liteproof_edge.measurement.latency import Latency
from liteproof_edge.measurement.machine import read_machine

Z_95 = 1.959963984540054  # the standard normal's 97.5 % quantile


@dataclass(frozen=True, slots=True)
class Score:
    """How many of n labelled pictures were classified correctly."""

    correct: int
    n: int

    @property
    def top1_accuracy(self) -> float:
        """The share that is right, 0 to 1."""
        return self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the accuracy."""
        return wilson_interval(self.correct, self.n)


@dataclass(frozen=True, slots=True)
class Evaluation(Score):
    """A score, and what it was measured on and with. A refused picture counts as wrong.

    Attributes:
        labels: of the bundle.
        confusion: numbers of pictures by [true label][answered label]; several evaluations are
            merged by adding them.
        refused: numbers of pictures by true label that got no answer: unreadable, or empty.
        preprocessing: how the pictures went in.
        runtime: its name and version.
        model_sha256: of the flatbuffer that answered, in hexadecimal.
        machine: the architecture, as the kernel calls it, such as `aarch64`.
        board: its name, or its processor's; None if unknown.
        latency: of the model alone; None if no picture got that far.
        pictures_sha256: which pictures were seen: `idx.digest` of model-ready ones, else of every
            file with its label.
    """

    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    refused: tuple[int, ...]
    preprocessing: str
    runtime: str
    model_sha256: str
    machine: str
    board: str | None
    latency: Latency | None
    pictures_sha256: str

    def of_label(self, index: int) -> Score:
        """Return the score of the pictures of one label; its n may be 0."""
        row = self.confusion[index]
        return Score(row[index], sum(row) + self.refused[index])

    def precision(self, index: int) -> float | None:
        """Return the share of right answers among those with a label; None without any."""
        answered = sum(row[index] for row in self.confusion)
        return self.confusion[index][index] / answered if answered else None

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as `--json` prints them; `latency_us` is by percentile."""
        values = asdict(self)
        del values["latency"]
        times = self.latency.by_percentile() if self.latency else {}
        return {
            **values,
            "latency_us": {str(percentile): time for percentile, time in times.items()},
            "top1_accuracy": self.top1_accuracy,
            "interval": self.interval,
        }


def wilson_interval(successes: int, n: int) -> tuple[float, float]:
    """Return the 95 % score interval of a proportion, both ends in 0 to 1; n > 0.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    share, z2 = successes / n, Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # At either end the bound is exactly 0 or 1; only its rounding is not.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return low, high


def evaluate(
    classifier: Classifier,
    folder: Path,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    on_refusal: Callable[[PictureError], None] = lambda _: None,
) -> Evaluation:
    """Classify the labelled pictures of a folder.

    Args:
        classifier: of the bundle to evaluate.
        folder: IDX files (their test part is taken, as model-ready tensors), or one folder of
            pictures for each label (preprocessed as the bundle says).
        on_progress: called with the pictures done and the pictures in all.
        on_refusal: called for each picture that gives no answer.

    Raises:
        DatasetError: no such data, or labels that the bundle does not know.
    """
    try:
        if not folder.is_dir():
            raise DatasetError(f"{folder}: not a folder; expected IDX files, or one for each label")
        read = _answer_idx if idx.is_idx_folder(folder) else _answer_pictures
        answers = read(classifier, folder, on_progress, on_refusal)
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be read: {error.strerror}") from None
    labels, machine = classifier.bundle.labels, read_machine()
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (answers.truth, answers.indices), 1)
    refused = np.zeros(len(labels), np.int64)  # not by bincount: it takes no int64 on 32-bit boards
    np.add.at(refused, answers.refused, 1)
    return Evaluation(
        correct=int(confusion.trace()),
        n=int(confusion.sum() + refused.sum()),
        labels=labels,
        confusion=tuple(map(tuple, confusion.tolist())),
        refused=tuple(refused.tolist()),
        preprocessing=answers.preprocessing,
        runtime=str(classifier.session.runtime),
        model_sha256=hashlib.sha256(classifier.bundle.model).hexdigest(),
        machine=machine.architecture or "unknown",
        board=machine.model,
        latency=Latency.of(answers.latency_us.tolist()) if len(answers.latency_us) else None,
        pictures_sha256=answers.pictures_sha256,
    )


class _Answers(NamedTuple):
    """Indices of labels: the true ones and the answers to them, and those of refused pictures."""

    truth: NDArray[np.int64]
    indices: NDArray[np.int64]
    latency_us: NDArray[np.float64]
    refused: NDArray[np.int64]
    preprocessing: str
    pictures_sha256: str


def _answer_idx(
    classifier: Classifier,
    folder: Path,
    on_progress: Callable[[int, int], None],
    _on_refusal: Callable[[PictureError], None],
) -> _Answers:
    examples = idx.load(folder, idx.Split.TEST)
    images, truth = examples
    shape, expected = images.shape[1:], classifier.session.input_shape
    if shape != expected:
        raise DatasetError(f"{folder}: pictures of shape {shape}, the model takes {expected}")
    classes = len(classifier.bundle.labels)
    if truth.max() >= classes:
        raise DatasetError(f"{folder}: label {truth.max()}, the bundle knows {classes} labels")
    answers = classifier.classify_tensors(images, lambda done: on_progress(done, len(images)))
    none = np.zeros(0, np.int64)
    return _Answers(
        *(truth, answers.indices, answers.latency_us, none, MODEL_READY.kind),
        idx.digest(examples),
    )


def _answer_pictures(
    classifier: Classifier,
    folder: Path,
    on_progress: Callable[[int, int], None],
    on_refusal: Callable[[PictureError], None],
) -> _Answers:
    labelled = _labelled_pictures(classifier.bundle.labels, folder)
    truth: list[int] = []
    indices: list[int] = []
    latency_us: list[float] = []
    refused: list[int] = []
    seen = hashlib.sha256()
    for done, (path, label) in enumerate(labelled, start=1):
        seen.update(f"{label} {_sha256(path)}\n".encode())
        try:
            prediction = classifier.classify(path)
        except PictureError as error:
            on_refusal(error)
            refused.append(label)
        else:
            truth.append(label)
            indices.append(prediction.index)
            latency_us.append(prediction.latency_us)
        on_progress(done, len(labelled))
    return _Answers(
        np.array(truth, np.int64),
        np.array(indices, np.int64),
        np.array(latency_us),
        np.array(refused, np.int64),
        classifier.bundle.preprocessing.kind,
        seen.hexdigest(),
    )


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:  # it is refused as a picture too
        return "unreadable"


def _labelled_pictures(labels: tuple[str, ...], folder: Path) -> list[tuple[Path, int]]:
    labelled: list[tuple[Path, int]] = []
    for label_folder in sorted(folder.iterdir()):
        if label_folder.name.startswith(".") or not label_folder.is_dir():
            continue
        if label_folder.name not in labels:
            raise DatasetError(
                f"{label_folder}: the bundle knows no such label, only {', '.join(labels)}"
            )
        index = labels.index(label_folder.name)
        labelled += [
            (path, index)
            for path in sorted(label_folder.iterdir())
            if path.is_file() and not path.name.startswith(".")
        ]
    if not labelled:
        raise DatasetError(f"{folder}: holds no pictures; expected <label>/<picture> or IDX files")
    return labelled
