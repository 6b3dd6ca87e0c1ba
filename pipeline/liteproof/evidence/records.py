"""What a comparison found, as comparison.json holds it and the report draws it.

Accuracies, shares and drops are 0 to 1 (drops -1 to 1); latencies are microseconds.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from liteproof.recipes.schema import Metric

SCHEMA_VERSION = 2


class Outcome(Enum):
    """What a comparison shows of the candidate against the baseline."""

    SHOWN = "shown"  # it is not worse by more than the margin
    REFUTED = "refuted"  # it is
    INCONCLUSIVE = "inconclusive"  # too few pictures to tell


class ChangeKind(Enum):
    """What became of a picture on which the two differ."""

    BROKEN = "broken"  # the baseline was right, the candidate is wrong
    FIXED = "fixed"  # the other way
    OTHER = "other"  # both are wrong, each in its own way


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome, and what it rests on.

    Attributes:
        margin: how much accuracy the candidate may lose.
        bound: it loses no more than this with 95 % confidence (one-sided).
        n_needed: of an inconclusive one: how many pictures would decide, if they are like these;
            None where no number would, or where it is decided.
        sentence: for a person.
        metric: what the margin and the bound are of.
    """

    outcome: Outcome
    margin: float
    bound: float
    n_needed: int | None
    sentence: str
    metric: Metric = Metric.ACCURACY


@dataclass(frozen=True, slots=True)
class Bin:
    """Pictures whose top probability lies in one range, for a reliability diagram."""

    low: float
    high: float
    n: int
    confidence: float  # mean top probability; 0 where n is 0
    accuracy: float


@dataclass(frozen=True, slots=True)
class Side:
    """The baseline, or the candidate, on all the pictures.

    Attributes:
        name: what it is called.
        correct: pictures that it is right on.
        n: pictures.
        interval: the 95 % Wilson interval of its accuracy.
        top_k: k → the share of pictures whose label is among its k highest logits.
        cross_entropy: mean, in nats, of softmax(logits).
        expected_calibration_error: of its top probability.
        bins: for the reliability diagram.
        confusion: n pictures by [label][answer]; of a label without pictures the row is empty.
    """

    name: str
    correct: int
    n: int
    interval: tuple[float, float]
    top_k: dict[int, float]
    cross_entropy: float
    expected_calibration_error: float
    bins: tuple[Bin, ...]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class ClassChange:
    """One class: how many of its n pictures each side has right, and the drop's 95 % interval."""

    label: str
    n: int
    before: int
    after: int
    broken: int
    fixed: int
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Balanced:
    """Balanced accuracy: the mean of each class's own, so that all classes count the same.

    Attributes:
        classes: how many have pictures; the others do not count.
        before: the baseline's.
        after: the candidate's.
        drop: the first minus the second.
        interval: its 95 % interval (`paired.score_interval`, a stratum for each class).
    """

    classes: int
    before: float
    after: float
    drop: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Change:
    """A picture on which the sides differ.

    Attributes:
        index: into the dataset's test pictures.
        label: index of the class that it is.
        before: index of the class that the baseline answers.
        after: that of the candidate.
        margin_before: the baseline's highest logit minus its second highest.
        margin_after: the candidate's.
    """

    kind: ChangeKind
    index: int
    label: int
    before: int
    after: int
    margin_before: float
    margin_after: float


@dataclass(frozen=True, slots=True)
class MarginBin:
    """Pictures by the baseline's margin, and how many of them the candidate answers otherwise."""

    low: float
    high: float
    n: int
    flipped: int


@dataclass(frozen=True, slots=True)
class Pair:
    """The candidate against the baseline, on the same pictures.

    Attributes:
        drop: accuracy of the baseline minus that of the candidate.
        interval: its 95 % interval (Tango's score interval).
        mcnemar_p: exact, two-sided.
        agreement: share of pictures with the same answer, right or wrong.
        largest_logit_change: in real units.
        margins: margin against flip.
    """

    n: int
    broken: int
    fixed: int
    drop: float
    interval: tuple[float, float]
    mcnemar_p: float
    agreement: float
    largest_logit_change: float
    margins: tuple[MarginBin, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One model, run by one runtime on one machine.

    Attributes:
        model: its name.
        runtime: name and version.
        machine: `x86_64`, or `aarch64 (emulated cortex-a72)`.
        agreement: share of the same labels as the reference cell: the first one.
        largest_difference: from the reference cell's outputs; in codes where both are the same
            quantized model's, else in real logits; None where it was not compared (a device's own
            report has only counts).
        unit: `LSB` or `logits`.
        latency_us: percentile → microseconds; empty where it means nothing (an emulated machine).
    """

    model: str
    runtime: str
    machine: str
    correct: int
    n: int
    interval: tuple[float, float]
    agreement: float | None
    largest_difference: float | None
    unit: str
    latency_us: dict[int, float]


@dataclass(frozen=True, slots=True)
class Damage:
    """Both sides on pictures that were damaged in one way."""

    kind: str
    strength: int  # 1 to 5
    n: int
    before: int
    after: int
    broken: int
    fixed: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A whole comparison.

    Attributes:
        dataset: what the pictures are called.
        total: how many there are; where fewer were compared, the comparison is partial and has no
            verdict.
        labels: of the classes.
        sizes: model → bytes of its file.
        verdict: None where it is partial.
        damages: of the robustness comparison; empty where that was not asked for.
        damage_sentence: what follows from them, or "".
        provenance: name → value, in words: data, model, versions, how to reproduce.
        layers: what `export` found, layer by layer (`diagnosis.layer_error.LayerError.to_json`).
        diagnosis: its sentences.
        calibration: the calibration set's report (`calibration.report`), or None.
        balanced: accuracy with all classes counting the same.
        alone: why there is nothing to compare the candidate with, which then is the baseline too
            and has no verdict; "" where there is.
    """

    dataset: str
    total: int
    labels: tuple[str, ...]
    sizes: dict[str, int]
    baseline: Side
    candidate: Side
    pair: Pair
    classes: tuple[ClassChange, ...]
    changes: tuple[Change, ...]
    cells: tuple[Cell, ...]
    verdict: Verdict | None
    damages: tuple[Damage, ...]
    provenance: dict[str, str]
    layers: list[dict[str, Any]]
    diagnosis: tuple[str, ...]
    calibration: dict[str, Any] | None
    damage_sentence: str = ""
    balanced: Balanced | None = None  # an older file has none: `read_evidence` adds it
    alone: str = ""
