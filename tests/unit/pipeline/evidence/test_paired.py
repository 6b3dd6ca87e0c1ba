import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from liteproof.evidence.paired import Paired, paired_interval
from liteproof_edge.measurement.evaluation import Z_95

BISECTION = 1e-9
LIKELIHOOD = 1e-4  # the numeric maximum is found to about the square root of float64's precision

counts = st.tuples(
    st.integers(0, 40), st.integers(0, 40), st.integers(81, 2000)
)  # broken, fixed, n


def score(broken, fixed, n, difference):
    """Tango's statistic, its nuisance parameter by numeric maximum likelihood."""
    same = n - broken - fixed

    def minus_log_likelihood(share):
        cells = ((fixed, share), (broken, share + difference), (same, 1 - 2 * share - difference))
        return -sum(count * math.log(max(p, 1e-300)) for count, p in cells if count)

    low, high = max(0.0, -difference), (1 - difference) / 2
    share = minimize_scalar(
        minus_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    ).x
    variance = n * (2 * share + difference - difference**2)
    return (broken - fixed - n * difference) / math.sqrt(variance)


@given(counts.filter(lambda case: case[0] and case[1]))
def test_interval_ends_where_the_score_is_the_quantile(case):
    low, high = paired_interval(*case)

    assert score(*case, low) == pytest.approx(Z_95, abs=LIKELIHOOD * 100)
    assert score(*case, high) == pytest.approx(-Z_95, abs=LIKELIHOOD * 100)


@given(counts)
def test_interval_holds_the_estimate_and_turns_with_the_sides(case):
    broken, fixed, n = case
    low, high = paired_interval(broken, fixed, n)
    turned = paired_interval(fixed, broken, n)

    assert low < (broken - fixed) / n < high
    assert turned == pytest.approx((-high, -low), abs=BISECTION)


def test_interval_has_a_width_where_nothing_differs():
    """Then the bounds solve n d² = z² d (1 - d): d = z² / (n + z²)."""
    expected = Z_95**2 / (10_000 + Z_95**2)

    assert paired_interval(0, 0, 10_000) == pytest.approx((-expected, expected), abs=BISECTION)


@given(counts)
def test_interval_shrinks_as_pictures_are_added(case):
    broken, fixed, n = case
    low, high = paired_interval(broken, fixed, n)
    tighter = paired_interval(4 * broken, 4 * fixed, 4 * n)

    assert tighter[1] - tighter[0] < high - low


def test_pairs_are_counted():
    labels = np.array([0, 1, 0, 1])
    before, after = np.array([0, 1, 1, 0]), np.array([1, 1, 0, 0])
    pair = Paired.of(before, after, labels)

    assert (pair.n, pair.broken, pair.fixed) == (4, 1, 1)
    assert (pair.agreement, pair.drop) == (0.5, 0.0)
