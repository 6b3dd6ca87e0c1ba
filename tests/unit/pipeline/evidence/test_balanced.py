"""Balanced accuracy: sklearn's value, an interval that holds its level, a verdict on it."""

import json

import numpy as np
import pytest
from evidence_examples import drawn, evidence
from sklearn.metrics import balanced_accuracy_score

from liteproof.evidence.balanced import balanced, strata
from liteproof.evidence.document import read_evidence, to_json
from liteproof.evidence.paired import Counts, paired_interval, score_interval
from liteproof.evidence.records import ClassChange, Outcome
from liteproof.evidence.terminal import MOST_CLASSES, WIDTH, table
from liteproof.evidence.verdict import CORRECTION, Z_ONE_SIDED, judge
from liteproof.recipes.schema import Metric

DRAWS = 2000
SAMPLING = 0.015  # three standard errors of a share of 0.95 among them


def changed(*counts):
    """Classes of (n, before, broken, fixed)."""
    return [
        ClassChange(str(at), n, before, before - broken + fixed, broken, fixed, (0.0, 0.0))
        for at, (n, before, broken, fixed) in enumerate(counts)
    ]


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_value_is_sklearn_s_and_a_class_without_pictures_does_not_count():
    before, after, labels = drawn(300, 4, 0.5, sure=2.0)
    labels = np.where(labels == 3, 0, labels)
    found = evidence(before, after, labels, "abcd").balanced

    assert found.classes == 3
    for value, logits in ((found.before, before), (found.after, after)):
        recalls = balanced_accuracy_score(labels, logits.argmax(axis=1))
        assert value == pytest.approx(recalls)


def test_interval_of_one_class_is_tango_s():
    assert score_interval([Counts(9, 3, 500)]) == paired_interval(9, 3, 500)


def test_classes_of_equal_size_without_a_change_are_as_sure_as_all_pictures_together():
    apart, together = score_interval([Counts(0, 0, 100)] * 10), paired_interval(0, 0, 1000)

    assert apart == pytest.approx(together)


@pytest.mark.parametrize(
    ("sizes", "broken", "fixed"),
    [
        ([900, 100, 50], [0.002, 0.01, 0.06], [0.002, 0.01, 0.01]),  # the rarest loses
        ([900, 100, 50], [0.01, 0.01, 0.01], [0.005, 0.005, 0.005]),
        ([200, 10], [0.02, 0.1], [0.02, 0.05]),
        ([100] * 4, [0.05] * 4, [0.05] * 4),
    ],
)
def test_bounds_hold_the_true_loss_in_95_of_100_cases_or_more(sizes, broken, fixed):
    rng = np.random.default_rng(0)
    truth = float(np.mean(np.subtract(broken, fixed)))
    columns = [
        rng.multinomial(n, [b, f, 1 - b - f], DRAWS)[:, :2].tolist()
        for n, b, f in zip(sizes, broken, fixed, strict=True)
    ]
    below = above = 0
    for row in zip(*columns, strict=True):
        seen = [Counts(*pair, n) for pair, n in zip(row, sizes, strict=True)]
        low, high = score_interval(seen, Z_ONE_SIDED, CORRECTION)
        below, above = below + (high < truth), above + (low > truth)

    assert below / DRAWS < 0.05 + SAMPLING
    assert above / DRAWS < 0.05 + SAMPLING


def test_loss_of_a_rare_class_is_seen_by_balanced_accuracy_alone():
    classes = changed((9900, 9800, 5, 5), (100, 90, 30, 0))
    together = judge([Counts(35, 5, 10_000)], 0.01, "keras", "int8")
    apart = judge(strata(classes), 0.01, "keras", "int8", Metric.BALANCED)

    assert together.outcome is Outcome.SHOWN
    assert apart.outcome is Outcome.REFUTED
    assert apart.metric is Metric.BALANCED
    assert apart.sentence.startswith(
        "int8 is worse than keras by more than 1 points of balanced accuracy: it loses 15.00"
    )
    assert balanced(classes).drop == pytest.approx(0.15)


def test_as_many_pictures_as_are_needed_decide():
    needed = judge(strata(changed(*SHAPE)), 0.02, "keras", "int8", Metric.BALANCED).n_needed
    times = -(-needed // 100)

    def outcome(factor):
        many = changed(*((n * factor, 0, b * factor, f * factor) for n, _, b, f in SHAPE))
        return judge(strata(many), 0.02, "keras", "int8", Metric.BALANCED).outcome

    assert outcome(times) is Outcome.SHOWN
    assert outcome(times - 1) is Outcome.INCONCLUSIVE


SHAPE = ((90, 88, 1, 1), (10, 9, 0, 0))


def test_comparison_of_an_older_version_is_read_and_completed(tmp_path):
    made = evidence(*drawn(200, 4, 0.5), "abcd")
    value = json.loads(to_json(made))
    del value["balanced"], value["verdict"]["metric"]
    (tmp_path / "c.json").write_text(json.dumps(value))

    assert read_evidence(tmp_path / "c.json") == made


def test_table_lists_the_classes_recognised_worst_first():
    names = [f"a class with a name of {number} and many more letters" for number in range(40)]
    lines = table(evidence(*drawn(4000, 40, 0.5, sure=3.0), names)).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("mean of classes"))
    recalls = [
        float(line.split()[-1].rstrip("%")) for line in lines[at + 1 : at + 1 + MOST_CLASSES]
    ]

    assert recalls == sorted(recalls)
    assert lines[at + 1 + MOST_CLASSES] == "  and 28 classes of which more is right"
    assert max(map(len, lines)) <= WIDTH
