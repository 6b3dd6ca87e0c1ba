"""Two models on damaged pictures: whether the candidate loses more there than the baseline."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liteproof.calibration.choice import choose
from liteproof.evidence.corruption import SEED, STRENGTHS, Kind, background, damaged
from liteproof.evidence.records import Damage
from liteproof.randomness import Stream, random_stream
from liteproof_edge.measurement.evaluation import Z_95

PICTURES = 1000  # in 45 ways each: some 10 s for each model, and ±0.04 to 0.14 points

Answer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From uint8 (n, height, width, channels) to logits (n, classes)."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Both models on the same pictures, damaged in one way.

    Attributes:
        strength: 1 to 5.
        before: bool (n,), whether the baseline is right on each picture.
        after: the same of the candidate.
    """

    kind: Kind
    strength: int
    before: NDArray[np.bool_]
    after: NDArray[np.bool_]

    @property
    def damage(self) -> Damage:
        """Its counts."""
        return Damage(
            kind=self.kind.value,
            strength=self.strength,
            n=len(self.before),
            before=int(self.before.sum()),
            after=int(self.after.sum()),
            broken=int((self.before & ~self.after).sum()),
            fixed=int((~self.before & self.after).sum()),
        )


@dataclass(frozen=True, slots=True)
class Robustness:
    """The candidate against the baseline, on all the damaged pictures together.

    Attributes:
        n: pictures.
        ways: in how many ways each was damaged.
        drop: accuracy of the baseline minus that of the candidate, -1 to 1.
        interval: its 95 % interval.
        sentence: for a person.
    """

    n: int
    ways: int
    drop: float
    interval: tuple[float, float]
    sentence: str


def chosen(labels: NDArray[np.int64], n: int = PICTURES) -> NDArray[np.int64]:
    """Choose the pictures to damage: the same ones always, equally many of each class.

    Args:
        labels: of all test pictures.
        n: how many, rounded up to a multiple of the number of classes.

    Returns:
        int64, indices; all there are of a class that has fewer than its share.
    """
    return choose(labels, np.arange(len(labels)), n, random_stream(SEED, Stream.DAMAGE))


def robustness(
    pictures: NDArray[np.uint8],
    labels: NDArray[np.int64],
    answer_before: Answer,
    answer_after: Answer | None,
    on_progress: Callable[[int], None] = lambda _: None,
    done: Collection[tuple[Kind, int]] = (),
) -> Iterator[Trial]:
    """Damage pictures in all ways, and ask both models; yield each trial as it is done.

    The five strengths of a kind are answered in one call: some models take long to load.

    Args:
        pictures: uint8 (n, height, width, 1 or 3).
        labels: int64 (n,), what they are.
        answer_before: the baseline.
        answer_after: the candidate; None where that is the baseline itself.
        on_progress: called with how many pictures more were damaged and answered by both.
        done: trials of an interrupted comparison, which the caller has kept: they are left out.

    Raises:
        DatasetError: the pictures are no such array.
    """
    fill = background(pictures)
    for kind in Kind:
        strengths = [strength for strength in STRENGTHS if (kind, strength) not in done]
        if not strengths:
            continue
        asked = np.concatenate([damaged(pictures, kind, each, fill) for each in strengths])
        truth = np.tile(labels, len(strengths))
        before = answer_before(asked).argmax(axis=1) == truth
        after = answer_after(asked).argmax(axis=1) == truth if answer_after else before
        for row, strength in enumerate(strengths):
            these = slice(row * len(labels), (row + 1) * len(labels))
            yield Trial(kind, strength, before[these], after[these])
        on_progress(len(asked))


def conclude(trials: Sequence[Trial], baseline: str, candidate: str) -> Robustness:
    """Say whether the candidate loses more than the baseline on damaged pictures.

    The damaged forms of one picture are not independent, so it counts once, with the mean of its
    differences; the interval is the normal one of these means, to which an interval by bootstrap
    over pictures converges. Two more pictures, the most extreme one seen in either direction, keep
    it from being too narrow where few pictures differ.

    Args:
        trials: at least one; all on the same pictures.
        baseline: what it is called.
        candidate: what that one is; where it is the baseline itself, nothing is compared.

    Source: the variance for clustered data of Liang and Zeger 1986, "Longitudinal data analysis
    using generalized linear models", Biometrika 73, for a mean.
    """
    lost = np.mean(
        [trial.before.astype(np.int8) - trial.after.astype(np.int8) for trial in trials], axis=0
    )
    n, ways, drop = len(lost), len(trials), float(lost.mean())
    about = f"{n:,} pictures, each damaged in {ways} ways"
    if candidate == baseline:
        right = float(np.mean([trial.after for trial in trials]))
        return Robustness(
            n,
            ways,
            0.0,
            (0.0, 0.0),
            f"{candidate} is right on {right:.2%} of damaged pictures: {about}",
        )
    extreme = float(np.abs(lost).max())
    if extreme == 0:
        same = f"{candidate} and {baseline} are right on the same damaged pictures, all of {about}"
        return Robustness(n, ways, 0.0, (0.0, 0.0), same)
    squares = float(((lost - drop) ** 2).sum()) + 2 * extreme**2
    half = Z_95 * math.sqrt(squares) / n
    low, high = max(drop - half, -1.0), min(drop + half, 1.0)
    if low > 0:
        found, points = "loses more than", f"{100 * drop:z.2f} points more"
    elif high < 0:
        found, points = "loses less than", f"{-100 * drop:.2f} points less"
    else:
        found, points = "cannot be told from", f"a drop of {100 * drop:z.2f} points"
    return Robustness(
        n,
        ways,
        drop,
        (low, high),
        f"{candidate} {found} {baseline} on damaged pictures: {points} "
        f"(95 % interval of the drop {100 * low:z.2f} to {100 * high:z.2f}; {about})",
    )
