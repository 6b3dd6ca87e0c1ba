"""Calibrated confidence: the temperature that calibrates a model's probabilities."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.classifier import softmax
from liteproof_edge.preprocessing.prepared import Legibility

# The temperature lies in 1/BOUND..BOUND. A sane one is within a factor of a few of 1; where every
# picture is right the likelihood only grows as it falls, and the bound is what is left of it.
BOUND = 20.0
BISECTIONS = 50  # of BOUND - 1/BOUND, until 2e-14 is left
BINS = 15
# The share of right answers on validation pictures that are called unsure, so that hardly a wrong
# one is not, where the picture shows the mark that well.
DOUBTED = {
    "least_logits": {Legibility.CLEAR: 0.004, Legibility.UNCLEAR: 0.02, Legibility.COARSE: 0.05},
    "least_margins": {Legibility.CLEAR: 0.007, Legibility.UNCLEAR: 0.03, Legibility.COARSE: 0.08},
}


@dataclass(frozen=True, slots=True)
class Confidence:
    """A temperature, and how far the top probabilities are from what comes true.

    Attributes:
        temperature: what logits are divided by before the softmax, fitted on all the pictures.
        n: pictures.
        expected_calibration_error_before: 0 to 1, at temperature 1.
        expected_calibration_error_after: 0 to 1; each half of the pictures at the temperature that
            was fitted on the other half, so that none is judged by what it helped to fit.
    """

    temperature: float
    n: int
    expected_calibration_error_before: float
    expected_calibration_error_after: float

    def to_json(self) -> dict[str, Any]:
        """Return the figures as the manifest holds them."""
        return asdict(self)


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Confidence:
    """Fit the temperature that minimises the labels' negative log-likelihood.

    Args:
        logits: float32 (n, classes), of pictures that the model has not learnt from.
        labels: int64 (n,), the truth.

    Returns:
        The temperature, from 1/BOUND to BOUND, and what it gains.

    Source: Guo et al. 2017, "On calibration of modern neural networks", arXiv:1706.04599, 4.2.
    """
    # Every other picture: where they come in the order of their classes, both halves hold them all.
    even = np.arange(len(labels)) % 2 == 0
    after = np.empty(logits.shape)
    for half in (even, ~even):
        after[half] = softmax(logits[half], _temperature(logits[~half], labels[~half]))
    return Confidence(
        temperature=_temperature(logits, labels),
        n=len(labels),
        expected_calibration_error_before=expected_calibration_error(softmax(logits), labels),
        expected_calibration_error_after=expected_calibration_error(after, labels),
    )


def fit_doubts(
    logits: NDArray[np.float32], labels: NDArray[np.int64]
) -> Mapping[str, Mapping[str, float]]:
    """Return what is asked of an answer, lest it be in doubt: how large, and how far ahead.

    Args:
        logits: float32 (n, classes), of pictures that the model has not learnt from.
        labels: int64 (n,), the truth.

    Returns:
        `least_logits` for the largest logit and `least_margins` for its distance from the second,
        each by legibility: what all right answers but a share reach. Nothing where none is right.

    Source: Hendrycks et al. 2022, "Scaling out-of-distribution detection for real-world settings",
    arXiv:1911.11132 (the maximum logit), which tells pictures of something else; Scheffer et al.
    2001, "Active hidden Markov models for information extraction" (the margin), which tells answers
    that are likely to be wrong.
    """
    right = np.sort(logits[logits.argmax(axis=1) == labels], axis=1)
    if not right.size:
        return {}
    reached = {
        "least_logits": np.sort(right[:, -1]),
        "least_margins": np.sort(right[:, -1] - right[:, -2:][:, 0]),
    }
    return {
        key: {
            legibility.value: float(reached[key][int(share * len(right))])
            for legibility, share in shares.items()
        }
        for key, shares in DOUBTED.items()
    }


def expected_calibration_error(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64]
) -> float:
    """Return the mean distance of confidence from accuracy, 0 to 1.

    Args:
        probabilities: float64 (n, classes); the largest of each row is its confidence, and falls
            into one of BINS bins of equal width, each of which includes its upper end.
        labels: int64 (n,), the truth.

    Source: Guo et al. 2017, arXiv:1706.04599, eq. 3.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    # |accuracy - confidence| of a bin times its share of the pictures is |sum of differences| / n.
    differences = np.bincount(confidence_bins(confidence), correct - confidence)
    return float(np.abs(differences).sum() / len(labels))


def confidence_bins(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return into which of BINS bins of equal width, from 0, top probabilities in (0, 1] fall."""
    bins: NDArray[np.int64] = np.ceil(confidence * BINS).astype(np.int64) - 1
    return bins


def _temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the temperature that minimises the labels' negative log-likelihood.

    That is convex in the inverse temperature b: its derivative, summed over pictures and classes,
    is softmax(b · logits) · (logits - the label's logit), which only rises with b, so that halving
    the way to where it changes its sign finds the minimum. With the label's logit subtracted first,
    all terms of a picture that is right are negative or 0: rounding cannot turn the sign.
    """
    margins = logits - logits[np.arange(len(labels)), labels][:, np.newaxis]
    low, high = 1 / BOUND, BOUND
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if (softmax(margins, 1 / middle) * margins).sum() > 0:
            high = middle
        else:
            low = middle
    return 2 / (low + high)
