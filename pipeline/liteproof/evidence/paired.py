"""Two models on the same pictures: what differs, and how sure that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.measurement.evaluation import Z_95


class Counts(NamedTuple):
    """Pairs of one kind, such as of one class: n > 0 of them."""

    broken: int
    fixed: int
    n: int


@dataclass(frozen=True, slots=True)
class Paired:
    """The second of two models against the first.

    Attributes:
        n: pictures.
        broken: the first is right, the second wrong.
        fixed: the first is wrong, the second right.
        agreement: pictures with the same answer, right or wrong, 0 to 1.
    """

    n: int
    broken: int
    fixed: int
    agreement: float

    @classmethod
    def of(
        cls, before: NDArray[np.int64], after: NDArray[np.int64], labels: NDArray[np.int64]
    ) -> "Paired":
        """Compare answers, indices of classes, with the true ones; each is (n,)."""
        return cls(
            n=len(labels),
            broken=int(((before == labels) & (after != labels)).sum()),
            fixed=int(((before != labels) & (after == labels)).sum()),
            agreement=float((before == after).mean()),
        )

    @property
    def drop(self) -> float:
        """Accuracy of the first minus accuracy of the second, -1 to 1."""
        return (self.broken - self.fixed) / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the drop."""
        return paired_interval(self.broken, self.fixed, self.n)


def paired_interval(
    broken: int, fixed: int, n: int, z: float = Z_95, correction: float = 0.0
) -> tuple[float, float]:
    """Return the score interval of two paired proportions' difference, (broken - fixed) / n.

    It holds its level where few pictures differ, as here, and has a width even where none does.

    Args:
        broken: pairs of which only the first succeeds.
        fixed: pairs of which only the second succeeds.
        n: pairs, > 0.
        z: the standard normal's quantile; 95 %, two-sided, by default.
        correction: for continuity, in pairs: what is taken from each distance of broken - fixed.

    Source: Tango 1998, "Equivalence test and confidence interval for the difference in proportions
    for the paired-sample design", Statistics in Medicine 17, eqs. 8 to 12.
    """
    return score_interval([Counts(broken, fixed, n)], z, correction)


def score_interval(
    strata: Sequence[Counts], z: float = Z_95, correction: float = 0.0
) -> tuple[float, float]:
    """Return the score interval of the mean, over the strata, of their paired differences.

    Of one stratum it is Tango's. Each stratum's variance is taken where its own difference is the
    one that is tried. It holds its level, or errs on the safe side, as long as it is corrected.

    Args:
        strata: one or more; each counts the same, however many pairs it has.
        z: the standard normal's quantile; 95 %, two-sided, by default.
        correction: for continuity, in pairs of the smallest stratum, which move the mean the most.

    Source: Miettinen and Nurminen 1985, "Comparative analysis of two rates", Statistics in Medicine
    4 (scores of strata, weighted), with the variance of Tango 1998 in each.
    """
    estimate, least = mean_drop(strata), correction * largest_step(strata)

    def exceeds(difference: float) -> bool:
        """Whether a true difference is further from what was seen than the data allow."""
        return abs(estimate - difference) - least > z * math.sqrt(mean_variance(strata, difference))

    def bound(outside: float) -> float:
        """Halve the way from the estimate to -1 or 1 until only rounding is left."""
        inside = estimate
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if exceeds(middle) else (middle, outside)
        return inside

    return bound(-1.0), bound(1.0)


def mean_drop(strata: Sequence[Counts]) -> float:
    """Return the mean over the strata of (broken - fixed) / n, -1 to 1."""
    return sum((each.broken - each.fixed) / each.n for each in strata) / len(strata)


def largest_step(strata: Sequence[Counts]) -> float:
    """Return by how much one pair can move that mean: one of the smallest stratum."""
    return 1 / (len(strata) * min(each.n for each in strata))


def mean_variance(strata: Sequence[Counts], difference: float) -> float:
    """Return the variance of that mean, if the true difference in each stratum is as given."""
    variances = (score_variance(*each, difference) / each.n for each in strata)
    return sum(variances) / len(strata) ** 2


def score_variance(broken: int, fixed: int, n: int, difference: float) -> float:
    """Return the variance of one pair's difference, if the true difference is as given, -1 to 1.

    What is left open, the share of fixed pairs, is at its maximum likelihood.

    Source: Tango 1998, eqs. 8 to 12.
    """
    a = 2 * n
    b = -broken - fixed + (2 * n - broken + fixed) * difference
    c = -fixed * difference * (1 - difference)
    share = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    return max(2 * share + difference * (1 - difference), 0.0)
