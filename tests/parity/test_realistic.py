"""Digits as people photograph and scan them, through the released model."""

import numpy as np
import pytest

from liteproof_edge import Classifier, PictureError
from realistic.conditions import CONDITIONS
from realistic.crops import CROPS
from realistic.drawing import draw

PICTURES = 6  # of each condition: with all of them, the share that is right is known to 4 points
# 97 % on 200 of each condition (python -m realistic); this is what chance may take off.
LEAST_RIGHT = 0.92

CROPPED = 30  # pictures of each kind of crop
COARSE = {"small_8", "small_8_tight"}  # kinds that have lost much of the digit
# Of 200 training digits, 98 % or more of each kind are right, and 92 % of the coarse ones
# (python -m realistic MNIST_FOLDER --crops); chance may take off three pictures of 30.
MOST_WRONG, MOST_WRONG_COARSE = 3, 6
MOST_MISLED = 1  # wrong, with a probability of 0.9 or more and without a doubt


@pytest.fixture(scope="module")
def classifier():
    with Classifier.load("models/mnist") as loaded:
        yield loaded


def test_most_realistic_pictures_of_test_digits_are_read_rightly(classifier, mnist_test):
    rng = np.random.default_rng(0)
    right = []
    for condition in CONDITIONS:
        for index in rng.integers(0, len(mnist_test.labels), PICTURES):
            file = draw(mnist_test.images[index, ..., 0], condition, rng)
            try:
                right.append(classifier.classify(file).index == mnist_test.labels[index])
            except PictureError:
                right.append(False)

    assert np.mean(right) >= LEAST_RIGHT


@pytest.mark.parametrize("kind", CROPS)
def test_crops_of_test_digits_are_read_rightly_or_doubted(classifier, mnist_test, kind):
    rng = np.random.default_rng(1)
    wrong = misled = 0
    for index in rng.choice(len(mnist_test.labels), CROPPED, replace=False):
        prediction = classifier.classify(draw(mnist_test.images[index, ..., 0], kind, rng))
        is_wrong = prediction.index != mnist_test.labels[index]
        wrong += is_wrong
        misled += is_wrong and not prediction.is_unsure(0.9)

    assert wrong <= (MOST_WRONG_COARSE if kind in COARSE else MOST_WRONG)
    assert misled <= MOST_MISLED
