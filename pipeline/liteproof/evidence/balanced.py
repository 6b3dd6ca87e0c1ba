"""Balanced accuracy: of two models on the same pictures, with all classes counting the same."""

from collections.abc import Sequence

from liteproof.evidence.paired import Counts, mean_drop, score_interval
from liteproof.evidence.records import Balanced, ClassChange
from liteproof.evidence.verdict import CORRECTION


def strata(classes: Sequence[ClassChange]) -> list[Counts]:
    """Return a stratum for each class that has pictures."""
    return [Counts(each.broken, each.fixed, each.n) for each in classes if each.n]


def balanced(classes: Sequence[ClassChange]) -> Balanced:
    """Return the mean of the classes' own accuracies, and how much of it is lost.

    Args:
        classes: of a comparison; at least one has pictures.

    Source: Brodersen et al. 2010, "The balanced accuracy and its posterior distribution"; for more
    than two classes the mean of recalls, as scikit-learn's `balanced_accuracy_score`.
    """
    seen = [each for each in classes if each.n]
    each_class = strata(seen)
    return Balanced(
        classes=len(seen),
        before=sum(each.before / each.n for each in seen) / len(seen),
        after=sum(each.after / each.n for each in seen) / len(seen),
        drop=mean_drop(each_class),
        interval=score_interval(each_class, correction=CORRECTION),
    )
