"""How well a bundle reads the pictures."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from liteproof_edge import Classifier, Prediction, idx
from liteproof_edge.errors import PictureError
from liteproof_edge.measurement.evaluation import wilson_interval
from realistic.drawing import draw

HEADING = f"{'condition':15} {'n':>5}  {'as it is':22}  {'classify':22}  refused  doubted"


@dataclass(frozen=True, slots=True)
class Answered:
    """One picture and what became of it.

    Attributes:
        label: the truth.
        plain: the label given to the picture when it is fed as tutorials do.
        prediction: what `classify` answers; None where the picture is refused.
    """

    label: str
    plain: str
    prediction: Prediction | None

    @property
    def answer(self) -> str:
        """The label that `classify` gives, or "refused"."""
        return self.prediction.label if self.prediction else "refused"

    @property
    def doubted(self) -> bool:
        """Whether preprocessing is in doubt about the picture."""
        return bool(self.prediction and self.prediction.preprocessing.doubts)


def taken(examples: idx.Examples, condition: str, seed: int, k: int) -> tuple[bytes, str]:
    """Return the k-th picture of a condition, encoded, and its label."""
    rng = np.random.default_rng([seed, k, *condition.encode()])
    which = int(rng.integers(len(examples.labels)))
    return draw(examples.images[which, ..., 0], condition, rng), str(examples.labels[which])


def answered(classifier: Classifier, file: bytes, label: str) -> Answered:
    """Classify a picture as it is and with the bundle's preprocessing."""
    plain = classifier.classify_tensor(as_it_is(file)).label
    try:
        return Answered(label, plain, classifier.classify(file))
    except PictureError:
        return Answered(label, plain, None)


def as_it_is(file: bytes) -> NDArray[np.uint8]:
    """Return what people feed to a model: grey, shrunk, light on dark; uint8 (28, 28, 1)."""
    grey = Image.open(io.BytesIO(file)).convert("L")
    pixels = np.asarray(grey.resize((28, 28), Image.Resampling.BILINEAR))
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    if np.median(border) > 127:
        pixels = np.invert(pixels)
    return pixels[..., np.newaxis]


def row(name: str, answers: list[Answered]) -> str:
    """Return one row of the table that begins with `HEADING`."""
    n, shares = len(answers), []
    for right in (
        sum(each.plain == each.label for each in answers),
        sum(each.answer == each.label for each in answers),
    ):
        low, high = wilson_interval(right, n)
        shares.append(f"{right / n:6.1%} ({low:6.1%}-{high:6.1%})")
    refused = sum(each.prediction is None for each in answers)
    doubted = sum(each.doubted for each in answers)
    return f"{name:15} {n:5}  {shares[0]:22}  {shares[1]:22}  {refused:7}  {doubted:7}"
