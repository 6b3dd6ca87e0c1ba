"""Paired statistics: two models on the same pictures.

Every function takes the truth as int64 (n,), indices of classes, and a model's real outputs as
float32 (n, classes): logits, or probabilities (see `Logits.of`). All of them raise ModelError where
the outputs cannot be compared, and DatasetError where the truth is not theirs.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liteproof.evidence.confidence import BINS, confidence_bins, expected_calibration_error
from liteproof.evidence.logits import Logits, Outputs
from liteproof.evidence.margins import margin_bins
from liteproof.evidence.paired import Paired, paired_interval
from liteproof.evidence.records import Bin, Change, ChangeKind, ClassChange, Pair, Side
from liteproof_edge.classifier import softmax
from liteproof_edge.errors import DatasetError, ModelError
from liteproof_edge.measurement.evaluation import wilson_interval

TOP_K = (2, 3, 5)
BASELINE, CANDIDATE = "the baseline", "the candidate"
# In the order in which they are shown.
KINDS = (ChangeKind.BROKEN, ChangeKind.FIXED, ChangeKind.OTHER)


def side(name: str, truth: NDArray[np.int64], outputs: Outputs) -> Side:
    """Return what one model does on all the pictures.

    Top-k is given for k of 2, 3 and 5 below the number of classes; of equal logits the first
    class's counts as the higher, as in the answer itself. Cross-entropy is stable however large
    logits are.

    Args:
        name: what the model is called.
        truth: of n > 0 pictures.
        outputs: of the model.
    """
    logits = _read(name, truth, outputs)
    values, classes = logits.values, logits.values.shape[1]
    correct, n = int((logits.indices == truth).sum()), len(truth)
    probabilities = softmax(values)
    ranks = _ranks(values, truth)
    # -log softmax(logits) of the label: nothing overflows in a sum of exponentials taken as logs.
    of_label = values[np.arange(n), truth].astype(np.float64)
    losses = np.logaddexp.reduce(values, axis=1, dtype=np.float64) - of_label
    return Side(
        name=name,
        correct=correct,
        n=n,
        interval=wilson_interval(correct, n),
        top_k={k: float((ranks < k).mean()) for k in TOP_K if k < classes},
        cross_entropy=float(losses.mean()),
        expected_calibration_error=expected_calibration_error(probabilities, truth),
        bins=_reliability(probabilities, truth),
        confusion=_confusion(truth, logits.indices, classes),
    )


def _confusion(
    truth: NDArray[np.int64], answers: NDArray[np.int64], classes: int
) -> tuple[tuple[int, ...], ...]:
    """Count answers by label; there may be thousands of classes, and pictures of a few of them."""
    rows: list[tuple[int, ...]] = [()] * classes
    for label in np.unique(truth).tolist():
        rows[label] = tuple(np.bincount(answers[truth == label], minlength=classes).tolist())
    return tuple(rows)


def pair(truth: NDArray[np.int64], before: Outputs, after: Outputs) -> Pair:
    """Return the candidate against the baseline.

    Args:
        truth: of n > 0 pictures.
        before: outputs of the baseline.
        after: of the candidate.
    """
    baseline, candidate = _read_both(truth, before, after)
    flipped = baseline.indices != candidate.indices
    paired = Paired.of(baseline.indices, candidate.indices, truth)
    return Pair(
        n=paired.n,
        broken=paired.broken,
        fixed=paired.fixed,
        drop=paired.drop,
        interval=paired.interval,
        mcnemar_p=mcnemar_p(paired.broken, paired.fixed),
        agreement=paired.agreement,
        largest_logit_change=baseline.largest_change(candidate),
        margins=margin_bins(baseline.margins, flipped),
    )


def mcnemar_p(broken: int, fixed: int) -> float:
    """Return McNemar's exact two-sided p: that of a fair coin; 1 where no picture changed.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated
    proportions or percentages"; the binomial test is scipy's.
    """
    if broken + fixed == 0:
        return 1.0
    from scipy.stats import binomtest  # noqa: PLC0415 - takes most of a second

    return float(binomtest(broken, broken + fixed, 0.5).pvalue)


def class_changes(
    names: Sequence[str],
    truth: NDArray[np.int64],
    before: Outputs,
    after: Outputs,
) -> tuple[ClassChange, ...]:
    """Return every class's own figures; the interval of one without pictures is -1 to 1.

    The intervals are 95 % each, not all together: of a hundred classes, five or so will lie
    outside by chance.

    Args:
        names: of the classes.
        truth: of n > 0 pictures.
        before: outputs of the baseline.
        after: of the candidate.
    """
    baseline, candidate = _read_both(truth, before, after)
    classes = len(names)
    if classes != baseline.values.shape[1]:
        raise DatasetError(
            f"labels: {classes} names, expected {baseline.values.shape[1]}: as many as the models "
            "have classes"
        )
    was_right, is_right = baseline.indices == truth, candidate.indices == truth

    def count(of: NDArray[np.bool_]) -> list[int]:
        counted: list[int] = np.bincount(truth[of], minlength=classes).tolist()
        return counted

    n, before_right, after_right = count(truth >= 0), count(was_right), count(is_right)
    broken, fixed = count(was_right & ~is_right), count(~was_right & is_right)
    return tuple(
        ClassChange(
            label=name,
            n=n[at],
            before=before_right[at],
            after=after_right[at],
            broken=broken[at],
            fixed=fixed[at],
            interval=paired_interval(broken[at], fixed[at], n[at]) if n[at] else (-1.0, 1.0),
        )
        for at, name in enumerate(names)
    )


def changes(
    truth: NDArray[np.int64],
    before: Outputs,
    after: Outputs,
    indices: NDArray[np.int64] | None = None,
) -> tuple[Change, ...]:
    """Return every picture that the two answer differently.

    Broken ones first, then fixed ones, then those that both have wrong; in each, by growing margin
    of the baseline, and of equal ones by index.

    Args:
        truth: of n > 0 pictures.
        before: outputs of the baseline.
        after: of the candidate.
        indices: int64 (n,), which of the dataset's test pictures these are; None where all.
    """
    baseline, candidate = _read_both(truth, before, after)
    at = np.flatnonzero(baseline.indices != candidate.indices)
    label, was, now = truth[at], baseline.indices[at], candidate.indices[at]
    kind = np.select([was == label, now == label], [0, 1], 2)
    margin_before, margin_after = baseline.margins[at], candidate.margins[at]
    index = at if indices is None else indices[at]
    order = np.lexsort((index, margin_before, kind))
    columns = (kind, index, label, was, now, margin_before, margin_after)
    rows = zip(*(column[order].tolist() for column in columns), strict=True)
    return tuple(Change(KINDS[first], *rest) for first, *rest in rows)


def _read(name: str, truth: NDArray[np.int64], outputs: Outputs) -> Logits:
    """Read one model's outputs, and check the truth against them."""
    if not len(truth):
        raise DatasetError("labels: none, expected at least one picture")
    logits = Logits.of(name, outputs)
    n, classes = outputs.shape
    if n != len(truth):
        raise ModelError(f"{name}: answers of {n} pictures, expected {len(truth)}: one for each")
    if truth.min() < 0 or truth.max() >= classes:
        wrong = truth.min() if truth.min() < 0 else truth.max()
        raise DatasetError(f"labels: {wrong}, expected 0 to {classes - 1}: {name}'s classes")
    return logits


def _read_both(truth: NDArray[np.int64], before: Outputs, after: Outputs) -> tuple[Logits, Logits]:
    both = _read(BASELINE, truth, before), _read(CANDIDATE, truth, after)
    if before.shape != after.shape:
        raise ModelError(
            f"{CANDIDATE}: {after.shape[1]} classes, expected the baseline's {before.shape[1]}"
        )
    return both


def _ranks(values: Outputs, truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many classes are ahead of the label's; of equal logits, those before it are."""
    own = values[np.arange(len(truth)), truth][:, np.newaxis]
    is_earlier = np.arange(values.shape[1]) < truth[:, np.newaxis]
    ranks: NDArray[np.int64] = ((values > own) | ((values == own) & is_earlier)).sum(axis=1)
    return ranks


def _reliability(probabilities: NDArray[np.float64], truth: NDArray[np.int64]) -> tuple[Bin, ...]:
    """Return the bins that the expected calibration error is made of."""
    confidence = probabilities.max(axis=1)
    at = confidence_bins(confidence)
    n = np.bincount(at, minlength=BINS)
    right = np.bincount(at, probabilities.argmax(axis=1) == truth, BINS)
    total = np.bincount(at, confidence, BINS)
    shares = zip(n.tolist(), (total / np.maximum(n, 1)), (right / np.maximum(n, 1)), strict=True)
    return tuple(
        Bin(each / BINS, (each + 1) / BINS, count, float(mean), float(accuracy))
        for each, (count, mean, accuracy) in enumerate(shares)
    )
