import math

import numpy as np
import pytest

from liteproof.evidence.logits import SMALLEST, Logits
from liteproof_edge.classifier import softmax
from liteproof_edge.errors import ModelError

FLOAT32 = 1e-6  # logarithms of float32 probabilities of the order of 0.1


def quantized(probabilities, step):
    """Probabilities as an integer softmax gives them."""
    return (np.clip(np.rint(probabilities / step), 0, 1 / step - 1) * step).astype(np.float32)


def drawn(n=50, classes=10, scale=3.0):
    return np.random.default_rng(0).normal(0, scale, (n, classes)).astype(np.float32)


def test_logits_are_taken_as_they_are():
    outputs = drawn()
    logits = Logits.of("m", outputs)

    assert logits.values is outputs
    assert logits.lowest == -math.inf


def test_probabilities_become_their_logarithms():
    outputs = drawn()
    logits = Logits.of("m", softmax(outputs).astype(np.float32))

    expected = outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))
    assert logits.values == pytest.approx(expected, abs=FLOAT32 * 10)
    assert logits.lowest == pytest.approx(math.log(SMALLEST))


@pytest.mark.parametrize("step", [2.0**-8, 2.0**-15])
@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_probabilities_of_an_integer_softmax_are_told_by_their_steps(step, classes):
    outputs = quantized(softmax(drawn(classes=classes)), step)
    logits = Logits.of("m", outputs)

    assert logits.lowest == math.log(step / (2 * classes))
    assert (logits.indices == outputs.argmax(axis=1)).all()
    assert np.exp(logits.values[outputs > 0]) == pytest.approx(outputs[outputs > 0], rel=FLOAT32)


def test_zeros_of_an_integer_softmax_weigh_half_a_step_at_most():
    outputs = np.zeros((1, 1000), np.float32)
    outputs[0, 7] = 1 - 2.0**-8

    assert softmax(Logits.of("m", outputs).values).max() > 1 - 2.0**-8


@pytest.mark.parametrize(
    "outputs",
    [[[0.5, 0.6]], [[0.5, -0.1]], [[0.2, 0.8], [0.2, 0.9]], [[1.5, -0.5]], [[0.0, 0.0]], [[2, 0]]],
)
def test_rows_that_are_no_probabilities_are_logits(outputs):
    assert Logits.of("m", np.array(outputs, np.float32)).lowest == -math.inf


def test_probabilities_that_differ_by_a_bit_keep_their_order():
    """Their logarithms in float32 are often the same number: the first would be the answer."""
    high = np.random.default_rng(0).uniform(0.34, 0.49, 1000).astype(np.float32)
    low = np.nextafter(high, np.float32(0))
    outputs = np.stack([low, high, 1 - high - low], axis=1)

    assert (np.log(low) == np.log(high)).any()
    assert (Logits.of("m", outputs).indices == 1).all()


def test_of_equal_logits_the_first_is_the_answer_and_the_margin_is_nought():
    logits = Logits.of("m", np.array([[1, 5, 5], [5, 1, 5], [7, 5, 4]], np.float32))

    assert logits.indices.tolist() == [1, 0, 0]
    assert logits.margins.tolist() == [0, 0, 2]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_are_refused(value):
    outputs = drawn()
    outputs[[3, 8], 2] = value

    with pytest.raises(ModelError) as caught:
        Logits.of("int8", outputs)
    assert str(caught.value) == (
        "int8: NaN or infinity in the outputs of 2 of 50 pictures, the first of them picture 3; "
        "expected finite ones"
    )


@pytest.mark.parametrize("shape", [(5,), (5, 1), (5, 2, 2), (5, 0)])
def test_outputs_of_another_shape_are_refused(shape):
    with pytest.raises(ModelError, match="expected \\(pictures, classes\\) with two classes"):
        Logits.of("m", np.zeros(shape, np.float32))


def test_largest_change_is_that_of_logits():
    before = np.array([[1, 2], [3, -4]], np.float32)
    after = np.array([[1.5, 2], [3, -6.25]], np.float32)

    assert Logits.of("a", before).largest_change(Logits.of("b", after)) == 2.25


def test_largest_change_does_not_overflow():
    largest = np.float32(np.finfo(np.float32).max)
    before = Logits.of("a", np.array([[largest, 0]], np.float32))

    assert before.largest_change(Logits.of("b", -before.values)) == 2 * float(largest)


def test_largest_change_between_logits_and_probabilities_is_nought_for_one_model():
    outputs = drawn()
    before = Logits.of("a", outputs)
    after = Logits.of("b", softmax(outputs).astype(np.float32))

    assert before.largest_change(after) == pytest.approx(0, abs=FLOAT32 * 10)
    assert after.largest_change(before) == pytest.approx(0, abs=FLOAT32 * 10)


def test_largest_change_leaves_out_what_a_coarse_softmax_cannot_hold():
    """The float model's 1e-30 and the int8 model's 0 are one and the same."""
    before = Logits.of("a", np.array([[1, 1e-30]], np.float32))
    after = Logits.of("b", np.array([[1 - 2.0**-8, 0]], np.float32))

    # Scaled to a sum of 1, int8's smallest is a little more than its floor; nothing is 60 away.
    assert before.largest_change(after) < 0.01
