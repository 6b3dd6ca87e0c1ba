import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from liteproof.evidence.paired import Counts, paired_interval
from liteproof.evidence.records import Outcome
from liteproof.evidence.verdict import CORRECTION, Z_ONE_SIDED, judge

MARGIN = 0.002
# What the constant CORRECTION says of its worst cases.
LEVEL = 0.055
# 20,000 draws: three standard errors of a share of 0.95 are 0.005. What may be seen is whole
# numbers, which puts the share above its level where few pictures differ.
DRAWS = 20_000
SAMPLING = 0.005
WHOLE = 0.015

WORSE = "worse than float by more than 0.2 points"
NEEDED = "about 1,900 would"
NEVER = "the loss seen, 0.20 points, lies too close to 0.2 for fewer than 10 million to tell"

counts = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(121, 20_000))
margins = st.sampled_from([0.0, 0.0005, 0.002, 0.01, 0.05])


def verdict(broken, fixed, n, margin=MARGIN):
    return judge([Counts(broken, fixed, n)], margin, "float", "int8")


def draw(broken_share, fixed_share, n, draws, seed):
    """Pairs as chance gives them: broken, fixed, and how often."""
    shares = [broken_share, fixed_share, 1 - broken_share - fixed_share]
    drawn = np.random.default_rng(seed).multinomial(n, shares, draws)[:, :2]
    cases, times = np.unique(drawn, axis=0, return_counts=True)
    return [(*case, count) for case, count in zip(cases.tolist(), times.tolist(), strict=True)]


def test_z_is_the_quantile():
    assert norm.ppf(0.95) == Z_ONE_SIDED


def test_a_model_that_truly_is_worse_is_refuted():
    """It has 3 of 100 pictures wrong that the float model has right."""
    ((broken, fixed, _),) = draw(0.03, 0.005, 10_000, 1, seed=0)

    assert verdict(broken, fixed, 10_000).outcome is Outcome.REFUTED


def test_a_model_that_truly_is_as_good_is_shown_to_be():
    ((broken, fixed, _),) = draw(0.001, 0.001, 10_000, 1, seed=0)

    assert verdict(broken, fixed, 10_000).outcome is Outcome.SHOWN


@pytest.mark.parametrize("rates", [(0.03, 0.005), (0.001, 0.001)])
def test_too_few_pictures_tell_neither(rates):
    ((broken, fixed, _),) = draw(*rates, 50, 1, seed=0)

    assert verdict(broken, fixed, 50).outcome is Outcome.INCONCLUSIVE


@given(counts, margins)
def test_outcome_is_that_of_the_bounds(case, margin):
    found = verdict(*case, margin)
    low, high = paired_interval(*case, Z_ONE_SIDED, CORRECTION)

    assert found.bound == high
    assert (found.outcome is Outcome.SHOWN) == (high <= margin)
    assert (found.outcome is Outcome.REFUTED) == (low > margin)


@given(counts, margins)
def test_as_many_pictures_as_are_needed_decide_and_fewer_do_not(case, margin):
    needed = verdict(*case, margin).n_needed
    if needed is None:
        return
    # Whole multiples of the pictures: they keep the rates.
    enough = -(-needed // case[2])
    more = [enough * count for count in case]
    fewer = [(enough - 1) * count for count in case]

    assert verdict(*more, margin).outcome is not Outcome.INCONCLUSIVE
    assert verdict(*fewer, margin).outcome is Outcome.INCONCLUSIVE


@given(counts, margins)
def test_none_are_needed_where_it_is_decided(case, margin):
    found = verdict(*case, margin)

    assert found.outcome is Outcome.INCONCLUSIVE or found.n_needed is None


@pytest.mark.parametrize(
    ("broken", "fixed", "margin"),
    [(20, 0, 0.002), (7, 7, 0.0), (0, 0, 0.0), (3, 2, 0.0)],
)
def test_no_number_is_given_where_the_loss_is_the_margin_or_nearly(broken, fixed, margin):
    """The last: one picture in 10 million is 1 / √(5 · 1e7), 0.00014 standard errors, from 0."""
    n = 10_000 if broken != 3 else 10_000_000
    found = verdict(broken, fixed, n, margin)

    assert (found.outcome, found.n_needed) == (Outcome.INCONCLUSIVE, None)
    assert found.sentence.endswith("for fewer than 10 million to tell")


def test_nothing_that_differs_needs_pictures_by_the_margin_alone():
    """As many as solve N d - 1/2 = z √(N d (1 - d))."""
    needed = verdict(0, 0, 150).n_needed
    score = [(n * MARGIN - 0.5) / (n * MARGIN * (1 - MARGIN)) ** 0.5 for n in (needed - 1, needed)]

    assert score[0] < Z_ONE_SIDED <= score[1]


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ((2, 1, 10_000, MARGIN), f"int8 is not {WORSE} (95 % bound 0.06)"),
        ((160, 30, 10_000, MARGIN), f"int8 is {WORSE}: it loses 1.30 (95 %: at least 1.08)"),
        ((0, 0, 150, MARGIN), f"150 pictures cannot tell whether int8 is {WORSE}: {NEEDED}"),
        ((20, 0, 10_000, MARGIN), f"10,000 pictures cannot tell whether int8 is {WORSE}: {NEVER}"),
        ((1, 0, 1, MARGIN), f"1 picture cannot tell whether int8 is {WORSE}: about 4 would"),
        ((0, 40, 10_000, 0), "int8 is not worse than float (95 % bound -0.30 points)"),
        (
            (40, 0, 10_000, 0),
            "int8 is worse than float: it loses 0.40 points (95 %: at least 0.30)",
        ),
        (
            (2, 1, 100, 0),
            "100 pictures cannot tell whether int8 is worse than float: about 910 would",
        ),
    ],
)
def test_sentence_says_the_outcome_and_what_it_rests_on(case, sentence):
    assert verdict(*case).sentence == sentence


@pytest.mark.parametrize("broken", range(155, 165))
def test_sentence_never_rounds_a_bound_to_the_other_side_of_the_margin(broken):
    """At two decimals the bound is the margin, and a loss of at least that is not more than it."""
    low, high = paired_interval(broken, 30, 10_000, Z_ONE_SIDED, CORRECTION)
    below, above = low - 1e-6, high + 1e-6
    refuted, shown = verdict(broken, 30, 10_000, below), verdict(broken, 30, 10_000, above)

    assert refuted.outcome is Outcome.REFUTED
    assert float(refuted.sentence.rpartition("at least ")[2].rstrip(")")) > 100 * below
    assert shown.outcome is Outcome.SHOWN
    assert float(shown.sentence.rpartition("bound ")[2].rstrip(")")) <= 100 * above


@pytest.mark.parametrize(
    ("n", "margin", "fixed_share"),
    [(100, 0.03, 0.005), (50, 0.001, 0.05), (2000, 0.002, 0.0005), (100, 0.0, 0.02)],
)
def test_a_loss_of_just_the_margin_is_seldom_misjudged_however_few_pictures_differ(
    n, margin, fixed_share
):
    """Summed over all that may be seen. The first two are the worst without the correction."""
    misjudged = dict.fromkeys(Outcome, 0.0)
    for fixed in range(20):
        chance = binom.pmf(fixed, n, fixed_share)
        of_others = (fixed_share + margin) / (1 - fixed_share)
        for broken in range(25):
            if broken + fixed <= n:
                found = verdict(broken, fixed, n, margin)
                misjudged[found.outcome] += chance * binom.pmf(broken, n - fixed, of_others)

    assert misjudged[Outcome.SHOWN] < LEVEL
    assert misjudged[Outcome.REFUTED] < LEVEL
    assert sum(misjudged.values()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("broken_share", "fixed_share", "n"),
    [(0.01, 0.008, 2000), (0.005, 0.001, 5000), (0.03, 0.03, 500)],
)
def test_bound_holds_the_true_loss_in_95_of_100_cases(broken_share, fixed_share, n):
    truth = broken_share - fixed_share
    covered = sum(
        count * (paired_interval(broken, fixed, n, Z_ONE_SIDED, CORRECTION)[1] >= truth)
        for broken, fixed, count in draw(broken_share, fixed_share, n, DRAWS, seed=1)
    )

    assert 0.95 - SAMPLING <= covered / DRAWS <= 0.95 + WHOLE


def test_a_loss_of_just_the_margin_is_shown_or_refuted_in_one_case_of_ten():
    """Each by mistake in 1 of 20: what is decided is then decided by chance."""
    outcomes = dict.fromkeys(Outcome, 0)
    for broken, fixed, count in draw(0.006, 0.004, 5000, DRAWS, seed=2):
        outcomes[verdict(broken, fixed, 5000).outcome] += count

    for decided in (Outcome.SHOWN, Outcome.REFUTED):
        assert 0.05 - WHOLE <= outcomes[decided] / DRAWS <= 0.05 + SAMPLING
