import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from liteproof.evidence.confidence import (
    BOUND,
    DOUBTED,
    expected_calibration_error,
    fit_doubts,
    fit_temperature,
)
from liteproof_edge.classifier import softmax

# SciPy finds a minimum to about the square root of float64's precision, 1.5e-8.
MINIMUM = 1e-5
# At n = 100,000 pictures its standard error is 0.3 to 0.6 % (measured, 20 seeds).
N = 100_000
SAMPLING = 0.02
ROUNDING = 1e-6  # of float32 logits of the order of 10


def nll(temperature, logits, labels):
    """The mean negative log-likelihood, by SciPy."""
    return -log_softmax(logits.astype(np.float64) / temperature, axis=1)[
        np.arange(len(labels)), labels
    ].mean()


def drawn(temperature, n=N, classes=5, seed=0):
    """Logits, and labels drawn from their softmax at the temperature: calibrated at it alone."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, classes)).astype(np.float32)
    noise = rng.gumbel(size=logits.shape)  # the largest of logits + Gumbel is a draw (Gumbel 1954)
    return logits, (logits / temperature + noise).argmax(axis=1)


def guesses(seed, n, classes, skill, scale):
    """Logits that favour the right label the more, the larger `skill` is."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    logits = rng.normal(0, 1, (n, classes))
    logits[np.arange(n), labels] += skill
    return (scale * logits).astype(np.float32), labels


def least(logits, labels):
    """Where SciPy finds the least negative log-likelihood: the temperature, and how much it is."""
    found = minimize_scalar(
        lambda inverse: nll(1 / inverse, logits, labels),
        bounds=(1 / BOUND, BOUND),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return 1 / found.x, found.fun


seeds, counts, classes = st.integers(0, 1000), st.integers(1, 200), st.integers(2, 12)


@given(seeds, counts, classes, st.floats(-2, 8), st.floats(0.01, 100))
def test_temperature_has_the_least_negative_log_likelihood_wherever_it_lies(
    seed, n, classes, skill, scale
):
    logits, labels = guesses(seed, n, classes, skill, scale)

    fitted = fit_temperature(logits, labels).temperature

    assert 1 / BOUND <= fitted <= BOUND
    assert nll(fitted, logits, labels) <= least(logits, labels)[1] + ROUNDING


@given(seeds, classes, st.floats(0.5, 1.5), st.floats(0.3, 5))
def test_temperature_is_scipy_s_where_some_are_right_and_some_wrong(seed, classes, skill, scale):
    logits, labels = guesses(seed, 500, classes, skill, scale)

    fitted = fit_temperature(logits, labels).temperature

    assert fitted == pytest.approx(least(logits, labels)[0], rel=MINIMUM)


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_temperature_is_the_true_one_where_the_labels_were_drawn_by_it(true):
    fitted = fit_temperature(*drawn(true))

    assert fitted.temperature == pytest.approx(true, rel=SAMPLING)
    assert fitted.expected_calibration_error_after < 0.005
    assert fitted.n == N


@pytest.mark.parametrize("true", [0.5, 2.5])
def test_error_falls_where_the_logits_are_not_calibrated(true):
    fitted = fit_temperature(*drawn(true))

    assert fitted.expected_calibration_error_before > 0.05
    assert fitted.expected_calibration_error_after < fitted.expected_calibration_error_before / 10


def test_two_pictures_of_three_right_at_one_margin_have_two_thirds_probability():
    logits = np.array([[3, 0], [3, 0], [3, 0]], np.float32)

    fitted = fit_temperature(logits, np.array([0, 0, 1]))

    assert fitted.temperature == pytest.approx(3 / np.log(2), rel=ROUNDING)


@pytest.mark.parametrize(("label", "expected"), [(1, 1 / BOUND), (0, BOUND)])
def test_temperature_is_a_bound_where_every_picture_is_right_or_wrong(label, expected):
    logits = np.array([[0.1, 9.3]] * 7, np.float32)

    fitted = fit_temperature(logits, np.full(7, label))

    assert fitted.temperature == pytest.approx(expected)


def test_doubled_logits_have_a_doubled_temperature_and_the_same_error():
    logits, labels = drawn(1.3, n=1000)

    once, twice = fit_temperature(logits, labels), fit_temperature(2 * logits, labels)

    assert twice.temperature == pytest.approx(2 * once.temperature, rel=ROUNDING)
    assert twice.expected_calibration_error_after == pytest.approx(
        once.expected_calibration_error_after, abs=ROUNDING
    )


def test_error_after_judges_no_picture_by_what_it_helped_to_fit():
    """Even pictures are all right and odd ones all wrong: each half takes the other's bound."""
    logits = np.array([[0, 10]] * 10, np.float32)
    labels = np.array([1, 0] * 5)
    even, odd = softmax(np.array([[0, 10 / BOUND], [0, 10 * BOUND]], np.float32))[:, 1]

    fitted = fit_temperature(logits, labels)

    expected = ((1 - even) + odd) / 2
    assert fitted.expected_calibration_error_after == pytest.approx(expected)


def test_fit_gives_the_same_figures_again():
    logits, labels = drawn(0.7, n=500)

    assert fit_temperature(logits, labels) == fit_temperature(logits.copy(), labels.copy())


def test_fit_leaves_the_logits_as_they_are():
    logits, labels = drawn(0.7, n=500)
    before = logits.copy()

    fit_temperature(logits, labels)

    assert np.array_equal(logits, before)


def test_json_holds_every_figure():
    fitted = fit_temperature(*drawn(0.7, n=500))

    assert fitted.to_json() == {
        "temperature": fitted.temperature,
        "n": 500,
        "expected_calibration_error_before": fitted.expected_calibration_error_before,
        "expected_calibration_error_after": fitted.expected_calibration_error_after,
    }


@pytest.mark.parametrize(
    ("confidences", "right", "expected"),
    [
        ([1.0, 1.0], [1, 1], 0.0),
        ([1.0, 1.0], [0, 0], 1.0),
        ([0.75, 0.75, 0.75, 0.75], [1, 1, 1, 0], 0.0),  # one bin, as often right as it says
        ([0.72, 0.72, 0.68, 0.68], [1, 1, 1, 0], 0.05),  # one bin, 0.70 against 0.75
        ([0.9, 0.6], [0, 1], 0.65),  # two bins do not make up for one another: (0.9 + 0.4) / 2
        ([0.5], [1], 0.5),
    ],
)
def test_error_is_the_mean_distance_of_confidence_from_accuracy(confidences, right, expected):
    probabilities = np.array([[value, 1 - value] for value in confidences])

    found = expected_calibration_error(probabilities, 1 - np.array(right))

    assert found == pytest.approx(expected)


def test_error_is_that_of_its_definition():
    """Guo et al.'s equation 3, bin by bin."""
    logits, labels = drawn(0.6, n=2000)
    probabilities = softmax(logits)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    total = 0.0
    for number in range(15):
        inside = (number / 15 < confidence) & (confidence <= (number + 1) / 15)
        if inside.any():
            total += inside.sum() / 2000 * abs(right[inside].mean() - confidence[inside].mean())

    assert expected_calibration_error(probabilities, labels) == pytest.approx(total)


def test_what_is_asked_leaves_out_the_share_of_right_answers_that_is_doubted():
    logits, labels = drawn(1.0, n=20_000)
    asked = fit_doubts(logits, labels)
    right = np.sort(logits[logits.argmax(axis=1) == labels], axis=1)
    reached = {"least_logits": right[:, -1], "least_margins": right[:, -1] - right[:, -2]}
    assert list(asked) == list(DOUBTED)
    for key, shares in DOUBTED.items():
        assert list(asked[key]) == [legibility.value for legibility in shares]
        for legibility, share in shares.items():
            doubted = np.mean(reached[key] < asked[key][legibility.value])
            assert doubted == pytest.approx(share, abs=1e-3)


def test_what_is_asked_does_not_depend_on_wrong_answers():
    logits = np.array([[3.0, 1.0], [0.0, 5.0], [-9.0, -8.0]], np.float32)
    asked = fit_doubts(logits, np.array([0, 0, 0]))
    assert [set(each.values()) for each in asked.values()] == [{3.0}, {2.0}]


def test_nothing_is_asked_where_no_answer_is_right():
    assert fit_doubts(np.array([[3.0, 0.0]], np.float32), np.array([1])) == {}


def test_one_class_has_no_margin():
    asked = fit_doubts(np.array([[3.0], [4.0]], np.float32), np.array([0, 0]))
    assert set(asked["least_margins"].values()) == {0.0}
