"""What a picture of each class counts; sklearn is the oracle."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

from liteproof.recipes.training import Training
from liteproof.training.balancing import balanced_weights
from liteproof.training.learner import Learner, LossTerms, Steps
from liteproof_edge.idx import Examples

FLOAT32 = 1e-6
LABELS = np.repeat([0, 1, 2], [90, 9, 1])


def test_weights_are_sklearn_s():
    expected = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)

    assert balanced_weights(LABELS, 3) == pytest.approx(expected, rel=FLOAT32)


def test_mean_over_the_pictures_is_1():
    assert balanced_weights(LABELS, 3)[LABELS].mean() == pytest.approx(1, rel=FLOAT32)


def test_class_without_pictures_has_no_weight_and_does_not_count():
    assert balanced_weights(np.array([0, 0, 2]), 3) == pytest.approx([0.75, 0, 1.5])


def test_loss_counts_each_class_the_same():
    """Of a model that always answers the first class; unweighted it would be that class's loss."""
    weights = balanced_weights(LABELS, 3)
    learner = Learner(
        lambda: constant([2.0, 0.0, 0.0]),
        Training(epochs=1, batch_size=10),
        tf.distribute.get_strategy(),
        Steps(1),
        seed=0,
        terms=LossTerms(class_weights=weights),
    )
    examples = Examples(np.zeros((100, 4, 4, 1), np.uint8), LABELS)
    losses = -np.array([2.0, 0.0, 0.0]) + np.log(np.exp([2.0, 0.0, 0.0]).sum())

    found, accuracy = learner.evaluate(examples, np.arange(100))

    assert found == pytest.approx(losses.mean(), rel=FLOAT32)
    assert accuracy == 0.9


def constant(logits):
    """A model that answers the same whatever it sees."""
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    model.set_weights([np.zeros((16, 3)), np.array(logits)])
    return model
