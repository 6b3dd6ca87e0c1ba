"""The verdict: is the candidate worse than the baseline by more than a margin?"""

import math
from collections.abc import Sequence

from liteproof.evidence.paired import (
    Counts,
    largest_step,
    mean_drop,
    mean_variance,
    score_interval,
)
from liteproof.evidence.records import Outcome, Verdict
from liteproof.recipes.schema import Metric

# The standard normal's 95 % quantile: the ends of the two-sided 90 % interval are one-sided bounds
# of 95 % each.
Z_ONE_SIDED = 1.6448536269514722
# For continuity: broken - fixed is a whole number. Without it, by exact sums over n = 20 to 5,000,
# margins to 3 points and up to 5 % of fixed pictures, a loss of just the margin is refuted in up to
# 8.8 % of all cases and shown not to be in 6.2 %; with it, in 5.4 and 4.7 %.
CORRECTION = 0.5
MOST_PICTURES = 10_000_000
DECIMALS = (
    2  # of points, in a sentence; more where fewer would put a bound on the margin's far side
)
MOST_DECIMALS = 9
OF = {Metric.ACCURACY: "", Metric.BALANCED: " of balanced accuracy"}
IN = {Metric.ACCURACY: "", Metric.BALANCED: " in balanced accuracy"}


def judge(
    strata: Sequence[Counts],
    margin: float,
    baseline_name: str,
    candidate_name: str,
    metric: Metric = Metric.ACCURACY,
) -> Verdict:
    """Judge by non-inferiority: by one-sided 95 % score bounds of the drop, with CORRECTION.

    It is shown that the candidate is not worse by more than the margin where the upper bound is at
    most the margin, and refuted where the lower bound is above it.

    Args:
        strata: for accuracy one of all pictures, for balanced accuracy one of each class: how many
            only the baseline has right (broken), and only the candidate (fixed).
        margin: how much the candidate may lose, 0 to 1; at 0 only a candidate that is better can be
            shown not to be worse.
        baseline_name: for the sentence.
        candidate_name: for the sentence.
        metric: what the strata are of, for the sentence.

    Source: Tango 1998, "Equivalence test and confidence interval for the difference in proportions
    for the paired-sample design", Statistics in Medicine 17.
    """
    low, high = score_interval(strata, Z_ONE_SIDED, CORRECTION)
    more = f" by more than {100 * margin:g} points{OF[metric]}" if margin else IN[metric]
    claim = f"worse than {baseline_name}{more}"
    drop, n = mean_drop(strata), sum(each.n for each in strata)
    if high <= margin:
        bound = _points(high, margin)
        sentence = f"{candidate_name} is not {claim} (95 % bound {bound}{_unit(margin)})"
        return Verdict(Outcome.SHOWN, margin, high, None, sentence, metric)
    if low > margin:
        sentence = (
            f"{candidate_name} is {claim}: it loses {_points(drop, margin)}{_unit(margin)} "
            f"(95 %: at least {_points(low, margin)})"
        )
        return Verdict(Outcome.REFUTED, margin, high, None, sentence, metric)
    needed = _pictures_to_decide(strata, margin)
    sentence = f"{_pictures(n)} cannot tell whether {candidate_name} is {claim}: "
    if needed is not None:
        sentence += f"about {_roughly(needed):,} would"
    else:
        sentence += (
            f"the loss seen, {_points(drop, drop)} points, lies too close to {100 * margin:g} for "
            "fewer than 10 million to tell"
        )
    return Verdict(Outcome.INCONCLUSIVE, margin, high, needed, sentence, metric)


def _pictures_to_decide(strata: Sequence[Counts], margin: float) -> int | None:
    """Return how many pictures would decide, if their rates are those seen; None if too many.

    A bound passes the margin where the score there passes the quantile: where, of N pictures,
    N · |drop - margin| - correction is z · √(N · variance), a quadratic in √N; drop and variance,
    being rates, stay, and so do the classes' shares of the pictures.
    """
    n = sum(each.n for each in strata)
    distance = abs(mean_drop(strata) - margin)
    spread = Z_ONE_SIDED * math.sqrt(n * mean_variance(strata, margin))
    correction = CORRECTION * n * largest_step(strata)
    root = (spread + math.sqrt(spread**2 + 4 * distance * correction)) / 2
    # Compared before it is divided: the distance may be 0.
    if root >= distance * math.sqrt(MOST_PICTURES):
        return None
    return max(n + 1, math.ceil((root / distance) ** 2))


def _points(share: float, margin: float) -> str:
    """Return a share in points, with the decimals it takes to lie on its side of the margin."""
    for decimals in range(DECIMALS, MOST_DECIMALS):
        text = f"{100 * share:z.{decimals}f}"
        if (float(text) > 100 * margin) == (share > margin):
            break
    return text


def _unit(margin: float) -> str:
    """Name the unit where the margin has not named it already."""
    return "" if margin else " points"


def _pictures(n: int) -> str:
    return "1 picture" if n == 1 else f"{n:,} pictures"


def _roughly(n: int) -> int:
    """Round up to two digits: the rates that it rests on are not known better."""
    unit = int(10 ** max(len(str(n)) - 2, 0))
    return -(-n // unit) * unit
