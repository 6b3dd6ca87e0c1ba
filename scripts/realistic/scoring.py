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

MIN_CONFIDENCE = 0.9  # below it, and where there is a doubt, an answer is unsure
HEADING = (
    f"{'condition':15} {'n':>5}  {'as it is':22}  {'classify':22}  refused  "
    "right, unsure  wrong, sure"
)


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
    def right(self) -> bool:
        """Whether the answer is the truth."""
        return self.answer == self.label

    @property
    def sure(self) -> bool:
        """Whether the picture is answered, with `MIN_CONFIDENCE` and without a doubt."""
        return self.prediction is not None and not self.prediction.is_unsure(MIN_CONFIDENCE)


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
        sum(each.right for each in answers),
    ):
        low, high = wilson_interval(right, n)
        shares.append(f"{right / n:6.1%} ({low:6.1%}-{high:6.1%})")
    refused = sum(each.prediction is None for each in answers)
    unsure = sum(each.right and not each.sure for each in answers)
    misled = sum(each.sure and not each.right for each in answers)
    return f"{name:15} {n:5}  {shares[0]:22}  {shares[1]:22}  {refused:7}  {unsure:13}  {misled:11}"


def risk_at(answers: list[Answered], coverage: float) -> float:
    """Return the share of wrong answers among those given, if only the surest are given.

    Args:
        answers: of which those without a doubt are surer than any other, and then those of a
            higher probability; a refused picture is the least sure.
        coverage: the share of the pictures that are answered, above 0 and up to 1.

    Source: El-Yaniv and Wiener 2010, "On the foundations of noise-free selective classification".
    """
    surest = sorted(answers, key=_sureness, reverse=True)[: round(coverage * len(answers))]
    return sum(not each.right for each in surest) / max(len(surest), 1)


def _sureness(answered: Answered) -> tuple[bool, float]:
    prediction = answered.prediction
    return (not prediction.doubts, prediction.probability) if prediction else (False, 0.0)
