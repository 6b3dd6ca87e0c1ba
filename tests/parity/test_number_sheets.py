"""Sheets with several digits on them, through the released model."""

import numpy as np
import pytest

from liteproof_edge import Classifier
from number_sheets.composing import compose
from number_sheets.conditions import CONDITIONS
from number_sheets.scoring import Score, score

SHEETS = 4  # of each condition
# 98 % on 40 of each condition (python -m number_sheets); this is what chance may take off.
LEAST_RIGHT = 0.96
TOUCHING = 12
LEAST_DOUBTED = 0.7  # of marks that hold several digits; 93 % of 59


@pytest.fixture(scope="module")
def classifier():
    with Classifier.load("models/mnist") as loaded:
        yield loaded


def scored(classifier, examples, condition, sheets):
    total = Score()
    for number in range(sheets):
        rng = np.random.default_rng([0, number, *condition.encode()])
        total += score(classifier, compose(examples, condition, rng))
    return total


def test_nearly_all_digits_of_a_sheet_are_found_and_right(classifier, mnist_test):
    total = Score()
    for condition in set(CONDITIONS) - {"touching"}:
        total += scored(classifier, mnist_test, condition, SHEETS)
    assert total.right / total.digits >= LEAST_RIGHT
    assert total.merged == 0


def test_digits_that_touch_are_in_doubt(classifier, mnist_test):
    total = scored(classifier, mnist_test, "touching", TOUCHING)
    assert total.doubted_merged / total.merged >= LEAST_DOUBTED
