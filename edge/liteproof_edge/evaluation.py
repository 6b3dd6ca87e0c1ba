"""Labelled accuracy, measured on the device."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from liteproof_edge import idx
from liteproof_edge.classifier import Classifier, Prediction
from liteproof_edge.errors import DatasetError

Z_95 = 1.959963984540054  # the standard normal's 97.5 % quantile
Case = tuple[Callable[[], Prediction], int]  # how to classify a picture, and its label's index


@dataclass(frozen=True, slots=True)
class Score:
    """How many of n labelled pictures were classified rightly."""

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
    """A score, how the pictures went in, and what answered."""

    preprocessing: str
    runtime: str
    median_latency_us: float


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
) -> Evaluation:
    """Classify the labelled pictures of a folder.

    Args:
        classifier: of the bundle in question.
        folder: IDX files (their test part is taken, as model-ready tensors), or one folder of
            pictures for each label (preprocessed as the bundle says).
        on_progress: called with the pictures done and the pictures in all.

    Raises:
        DatasetError: no such data, or labels that the bundle does not know.
        PictureError: a file in a label's folder is no picture.
    """
    try:
        if not folder.is_dir():
            raise DatasetError(f"{folder}: not a folder; expected IDX files, or one for each label")
        read = _idx_cases if idx.is_idx_folder(folder) else _folder_cases
        cases = read(classifier, folder)
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be read: {error.strerror}") from None
    correct = 0
    latencies_us = []
    for done, (predict, label) in enumerate(cases, start=1):
        prediction = predict()
        correct += prediction.index == label
        latencies_us.append(prediction.latency_us)
        on_progress(done, len(cases))
    return Evaluation(
        correct=correct,
        n=len(cases),
        preprocessing=prediction.preprocessing,
        runtime=str(classifier.session.runtime),
        median_latency_us=statistics.median(latencies_us),
    )


def _idx_cases(classifier: Classifier, folder: Path) -> Sequence[Case]:
    examples = idx.load(folder, idx.Split.TEST)
    shape, expected = examples.images.shape[1:], classifier.session.input_shape
    if shape != expected:
        raise DatasetError(f"{folder}: pictures of shape {shape}, the model takes {expected}")
    classes = len(classifier.bundle.labels)
    if examples.labels.max() >= classes:
        raise DatasetError(
            f"{folder}: label {examples.labels.max()}, the bundle knows {classes} labels"
        )
    return [
        (partial(classifier.classify_tensor, image), int(label))
        for image, label in zip(*examples, strict=True)
    ]


def _folder_cases(classifier: Classifier, folder: Path) -> Sequence[Case]:
    labels = classifier.bundle.labels
    cases: list[Case] = []
    for label_folder in sorted(folder.iterdir()):
        if label_folder.name.startswith(".") or not label_folder.is_dir():
            continue
        if label_folder.name not in labels:
            raise DatasetError(
                f"{label_folder}: the bundle knows no such label, only {', '.join(labels)}"
            )
        index = labels.index(label_folder.name)
        cases += [
            (partial(classifier.classify, path), index)
            for path in sorted(label_folder.iterdir())
            if path.is_file() and not path.name.startswith(".")
        ]
    if not cases:
        raise DatasetError(f"{folder}: holds no pictures; expected <label>/<picture> or IDX files")
    return cases
