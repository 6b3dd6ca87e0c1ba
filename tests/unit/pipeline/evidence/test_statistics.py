import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, top_k_accuracy_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from liteproof.evidence.confidence import expected_calibration_error
from liteproof.evidence.margins import margin_bins
from liteproof.evidence.paired import paired_interval
from liteproof.evidence.records import ChangeKind, MarginBin
from liteproof.evidence.statistics import changes, class_changes, mcnemar_p, pair, side
from liteproof_edge.classifier import softmax
from liteproof_edge.errors import DatasetError, ModelError

ROUNDING = 1e-9  # two float64 evaluations of one formula
# scikit-learn takes probabilities: float64 ones of logits whose label's is e⁻³⁰ at the least.
LOSS = 1e-6

cases = st.tuples(st.integers(0, 10_000), st.integers(1, 120), st.integers(2, 12))


def drawn(seed, n, classes, skill=2.0):
    """A truth, a baseline's logits and a candidate's, which are near those; no two are equal."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, n)
    before = rng.normal(0, 1.5, (n, classes))
    before[np.arange(n), truth] += skill
    after = before + rng.normal(0, 0.5, (n, classes))
    return truth, before.astype(np.float32), after.astype(np.float32)


def one_hot(answers, classes=4):
    return (9 * np.eye(classes) + np.linspace(0, 1, classes)).astype(np.float32)[answers]


@given(cases)
def test_side_is_scikit_learn_s_and_statsmodels_s(case):
    truth, logits, _ = drawn(*case)
    classes, answers = np.arange(case[2]), logits.argmax(axis=1)
    found = side("float", truth, logits)

    assert (found.name, found.n) == ("float", len(truth))
    assert found.correct == accuracy_score(truth, answers, normalize=False)
    expected = proportion_confint(found.correct, found.n, method="wilson")
    assert found.interval == pytest.approx(expected, abs=ROUNDING)
    confusion = [row or (0,) * len(classes) for row in found.confusion]
    assert np.array_equal(confusion, confusion_matrix(truth, answers, labels=classes))
    probabilities = softmax(logits)
    loss = log_loss(truth, probabilities, labels=classes)
    assert found.cross_entropy == pytest.approx(loss, abs=LOSS)


@given(cases)
def test_top_k_is_scikit_learn_s(case):
    truth, logits, _ = drawn(*case, skill=0.5)
    found = side("float", truth, logits)

    assert set(found.top_k) == {k for k in (2, 3, 5) if k < case[2]}
    for k, share in found.top_k.items():
        with warnings.catch_warnings(action="ignore"):  # of the truth's missing classes
            expected = top_k_accuracy_score(truth, logits, k=k, labels=np.arange(case[2]))
        assert share == pytest.approx(expected, abs=ROUNDING)


@given(cases)
def test_pair_is_scikit_learn_s_and_statsmodels_s(case):
    truth, before, after = drawn(*case)
    found = pair(truth, before, after)
    right = before.argmax(axis=1) == truth, after.argmax(axis=1) == truth
    table = confusion_matrix(*right, labels=[True, False])

    assert (found.broken, found.fixed) == (table[0, 1], table[1, 0])
    assert found.mcnemar_p == pytest.approx(mcnemar(table, exact=True).pvalue, abs=ROUNDING)
    accuracies = [accuracy_score(truth, each.argmax(axis=1)) for each in (before, after)]
    assert found.drop == pytest.approx(accuracies[0] - accuracies[1], abs=ROUNDING)
    same = accuracy_score(before.argmax(axis=1), after.argmax(axis=1))
    assert found.agreement == pytest.approx(same, abs=ROUNDING)
    assert found.interval == paired_interval(found.broken, found.fixed, found.n)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_statsmodels_s(broken, fixed):
    expected = mcnemar([[5, broken], [fixed, 5]], exact=True).pvalue

    assert mcnemar_p(broken, fixed) == pytest.approx(expected, abs=ROUNDING)


def test_mcnemar_of_nothing_is_one():
    assert mcnemar_p(0, 0) == 1.0


@given(cases)
def test_classes_and_changes_add_up_to_the_pair(case):
    truth, before, after = drawn(*case)
    found, names = pair(truth, before, after), [f"class {at}" for at in range(case[2])]
    classes = class_changes(names, truth, before, after)
    listed = changes(truth, before, after)
    kinds = [change.kind for change in listed]

    assert [each.label for each in classes] == names
    assert sum(each.n for each in classes) == found.n
    assert sum(each.broken for each in classes) == kinds.count(ChangeKind.BROKEN) == found.broken
    assert sum(each.fixed for each in classes) == kinds.count(ChangeKind.FIXED) == found.fixed
    assert all(each.before - each.after == each.broken - each.fixed for each in classes)
    assert len(listed) == round((1 - found.agreement) * found.n)
    assert sum(each.flipped for each in found.margins) == len(listed)
    assert sum(each.n for each in found.margins) == found.n


@given(cases)
def test_bins_make_up_the_expected_calibration_error(case):
    truth, logits, _ = drawn(*case)
    found = side("float", truth, logits)
    error = sum(each.n * abs(each.accuracy - each.confidence) for each in found.bins) / found.n

    assert sum(each.n for each in found.bins) == found.n
    assert found.expected_calibration_error == expected_calibration_error(softmax(logits), truth)
    assert error == pytest.approx(found.expected_calibration_error, abs=ROUNDING)
    for each in found.bins:
        assert not each.n or each.low < each.confidence <= each.high + ROUNDING


def test_changes_come_by_kind_and_then_by_the_baseline_s_margin():
    truth = np.array([0, 0, 1, 1, 2, 0])
    before = [[3, 0, 0], [2, 0, 0], [5, 0, 0], [0, 4, 0], [1, 0, 0], [1, 0, 0]]
    after = [[0, 1, 0], [0, 0, 1], [0, 1, 0], [0, 4, 0], [0, 7, 0], [0, 0, 2]]
    listed = changes(truth, np.array(before, np.float32), np.array(after, np.float32))

    kinds = [change.kind.value for change in listed]
    assert kinds == ["broken", "broken", "broken", "fixed", "other"]
    assert [change.index for change in listed] == [5, 1, 0, 2, 4]
    assert [change.margin_before for change in listed] == [1, 2, 3, 5, 1]
    assert [change.margin_after for change in listed] == [2, 1, 1, 1, 7]
    assert [(c.label, c.before, c.after) for c in listed[3:]] == [(1, 0, 1), (2, 0, 1)]


def test_changes_of_a_part_name_the_dataset_s_pictures():
    truth = np.array([0, 1, 2])
    chosen = np.array([4, 40, 400])
    (change,) = changes(truth, one_hot([0, 1, 2]), one_hot([0, 3, 2]), chosen)

    assert change.index == 40


def test_a_class_without_pictures_says_nothing():
    empty = class_changes("abcd", np.array([0, 1]), one_hot([0, 1]), one_hot([0, 0]))[2]

    assert (empty.n, empty.before, empty.after, empty.interval) == (0, 0, 0, (-1.0, 1.0))


def test_one_picture_will_do():
    truth = np.array([1])
    found = pair(truth, one_hot([1]), one_hot([2]))

    assert (found.n, found.broken, found.drop, found.mcnemar_p) == (1, 1, 1.0, 1.0)
    assert -1 <= found.interval[0] < found.interval[1] == 1.0
    assert side("float", truth, one_hot([1])).correct == 1


def test_a_thousand_classes_will_do():
    truth, before, after = drawn(0, 300, 1000, skill=5)
    found = side("float", truth, before)
    classes = class_changes([str(at) for at in range(1000)], truth, before, after)

    assert sum(map(sum, found.confusion)) == 300
    assert found.confusion.count(()) == 1000 - len(np.unique(truth))  # rows of nothing but noughts
    assert found.top_k == {
        k: top_k_accuracy_score(truth, before, k=k, labels=np.arange(1000)) for k in (2, 3, 5)
    }
    assert sum(each.before for each in classes) == found.correct


def test_of_equal_logits_the_first_class_ranks_before_the_others():
    logits = np.zeros((4, 4), np.float32)
    found = side("flat", np.array([0, 1, 2, 3]), logits)

    assert (found.correct, found.top_k) == (1, {2: 0.5, 3: 0.75})
    assert found.cross_entropy == pytest.approx(np.log(4))


@pytest.mark.parametrize("size", [1e4, 1e30, 3e38])
def test_cross_entropy_of_large_logits_is_finite(size):
    """Right and sure of it: 0; wrong and sure of it: as much as the logits are apart."""
    logits = np.array([[size, -size, 0]] * 2, np.float32)
    found = side("sure", np.array([0, 1]), logits)

    assert found.cross_entropy == pytest.approx(float(np.float32(size)))
    assert found.expected_calibration_error == 0.5


def test_probabilities_are_worth_the_logits_that_they_come_from():
    truth, before, after = drawn(3, 200, 10)
    softmaxed = softmax(before).astype(np.float32)
    one, other = side("a", truth, before), side("a", truth, softmaxed)

    assert one.correct == other.correct
    assert one.top_k == other.top_k
    assert one.cross_entropy == pytest.approx(other.cross_entropy, abs=LOSS)
    logits, mixed = pair(truth, before, after), pair(truth, softmaxed, after)
    assert (logits.broken, logits.fixed) == (mixed.broken, mixed.fixed)


def test_margins_fall_into_round_bins():
    margins = np.array([0, 0.01, 0.02, 0.5, 7.0, 10.0])
    flipped = np.array([True, False, True, False, False, True])
    bins = margin_bins(margins, flipped)

    edges = [0, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]
    assert [each.low for each in bins][1:] == [0.02, *edges[1:-1]]
    assert (bins[0], bins[1]) == (MarginBin(0, 0.02, 2, 1), MarginBin(0.02, 0.05, 1, 1))
    assert bins[4] == MarginBin(0.2, 0.5, 0, 0)
    assert bins[5] == MarginBin(0.5, 1.0, 1, 0)
    assert bins[-1] == MarginBin(5.0, 10.0, 2, 1)


@given(st.floats(1e-30, 1e38))
def test_margins_end_in_the_least_round_number_that_none_exceeds(largest):
    bins = margin_bins(np.array([0.0, largest]), np.array([False, True]))

    assert bins[-1].low < largest <= bins[-1].high
    assert (bins[0].n, bins[-1].flipped) == (1, 1)
    assert all(one.high == other.low for one, other in pairwise(bins))


def test_margins_of_nought_alone_have_a_bin():
    assert margin_bins(np.zeros(3), np.ones(3, bool))[0].n == 3


@pytest.mark.parametrize(
    ("truth", "after", "error", "message"),
    [
        ([], np.zeros((0, 4)), DatasetError, "labels: none, expected at least one picture"),
        ([0, 4], one_hot([0, 1]), DatasetError, "labels: 4, expected 0 to 3"),
        ([0, -1], one_hot([0, 1]), DatasetError, "labels: -1, expected 0 to 3"),
        ([0], one_hot([0, 1]), ModelError, "answers of 2 pictures, expected 1"),
        ([0, 1], one_hot([0, 1], 5), ModelError, "5 classes, expected the baseline's 4"),
        ([0, 1], one_hot([0, 1]) * np.nan, ModelError, "the candidate: NaN or infinity"),
    ],
)
def test_what_cannot_be_compared_is_refused(truth, after, error, message):
    before = one_hot(np.arange(len(truth)) if len(truth) != 1 else [0, 1])
    with pytest.raises(error, match=message):
        pair(np.array(truth, np.int64), before, after)


def test_names_of_other_classes_are_refused():
    with pytest.raises(DatasetError, match="3 names, expected 4"):
        class_changes("abc", np.array([0]), one_hot([0]), one_hot([0]))
