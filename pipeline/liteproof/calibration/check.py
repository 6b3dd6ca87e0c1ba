"""The calibration linter: is this the right set of pictures to measure activations' ranges on?"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof.calibration.behaviour import UNKNOWN, Behaviour, check_answers, check_stability
from liteproof.calibration.form import ModelInput, check_form
from liteproof.calibration.report import CalibrationReport, Finding, Rule, Severity, fingerprint
from liteproof.data.mapped import in_parts

# Of pictures that a set does not hold, as many leave the range of some tensor that the set gave:
# 41 to 58 % after 10 pictures, 24 to 35 % after 20, 6 to 10 % after 100, 1 to 2 % after 500 (2,400
# training pictures of MNIST (2 models), Fashion-MNIST and CIFAR-10, 100 draws of each number).
FEWEST, RECOMMENDED = 10, 100
# A few duplicates do no harm: n pictures of which a tenth are duplicates are as good as 0.9 n.
MOST_DUPLICATES = 0.1
# With so many pictures for each class in all, drawn at random from 1,000 classes of one size, all
# classes are there in 95 % of draws (1,000·e⁻¹⁰ = 0.05); below that, chance leaves classes out.
ENOUGH_FOR_ALL = 10
# A tenth of the pictures is left about seven times as often: 100 against 10 of them, above.
LOPSIDED = 10
SHOWN = 5  # examples in a finding


def check_calibration(
    pictures: NDArray[Any],
    takes: ModelInput,
    *,
    labels: NDArray[Any] | None = None,
    classes: Sequence[str] = (),
    held_out: Mapping[str, NDArray[np.uint8]] | None = None,
    behaviour: Behaviour = UNKNOWN,
) -> CalibrationReport:
    """Check a calibration set by every rule that the arguments allow.

    Where the shape is wrong, only it and the values are judged: what a picture is, is unknown.

    Args:
        pictures: any array; expected uint8 (n, height, width, channels), pixels of 0 to 255.
        takes: what the model takes.
        labels: integers (n,), indices of classes; None: there are none.
        classes: their names in the order of the model's outputs, "" for one that there need be no
            pictures of; () where they are unknown.
        held_out: pictures that must not be among these, uint8 (any number, height, width,
            channels), by what they are called: "validation", "test".
        behaviour: the float model's on these pictures; its logits are used with labels only.

    Returns:
        What was found; its `check` refuses a set with errors.
    """
    findings = list(check_form(pictures, takes))
    known = None
    if pictures.shape[1:] == takes.shape and len(pictures) and not pictures.dtype.hasobject:
        digests = digests_of(pictures)
        findings += _number(digests)
        findings += _constant(pictures)
        findings += _overlap(pictures, digests, held_out or {})
        truth = None
        if labels is not None:
            wrong = _labels(labels, len(pictures), len(classes))
            findings += [wrong] if wrong else _classes(labels, classes)
            if not wrong:
                truth = labels.astype(np.int64)
                known = len(np.unique(truth))
        if behaviour.ranges is not None:
            findings += check_stability(behaviour.ranges, digests, truth)
        if behaviour.logits is not None and truth is not None:
            findings += check_answers(behaviour.logits, truth)
    order = list(Rule)
    findings.sort(
        key=lambda finding: (finding.severity is Severity.WARNING, order.index(finding.rule))
    )
    n = len(pictures) if pictures.ndim else 0
    return CalibrationReport(tuple(findings), n, known, fingerprint(pictures))


def digests_of(pictures: NDArray[Any]) -> list[bytes]:
    """Return SHA-256 of each picture's bytes; pictures are equal where their digests are."""
    return [
        hashlib.sha256(picture.tobytes()).digest()
        for part in in_parts(pictures)
        for picture in part
    ]


def _number(digests: list[bytes]) -> Iterator[Finding]:
    counts = Counter(digests)
    n, distinct = len(digests), len(counts)
    twins = sum(count for count in counts.values() if count > 1)
    if n - distinct > MOST_DUPLICATES * n:
        most = counts.most_common(1)[0][1]
        same = f"{twins} of {n} pictures are byte-identical to another, one is there {most} times"
        yield Finding(
            Rule.DUPLICATES,
            Severity.ERROR if distinct == 1 else Severity.WARNING,
            f"{n} pictures, and all are the same" if distinct == 1 else same,
            "a picture counts once, however often it is there: give different ones",
        )
    seen = f"{n} pictures, {distinct} different" if distinct < n else f"{n} pictures"
    if distinct < FEWEST:
        remedy = (
            f"give {RECOMMENDED} or more: half of all other pictures exceed some range of {FEWEST}"
        )
        yield Finding(Rule.TOO_FEW, Severity.ERROR, seen, remedy)
    elif distinct < RECOMMENDED:
        remedy = f"give {RECOMMENDED} or more, so that fewer values of other pictures are clipped"
        yield Finding(Rule.TOO_FEW, Severity.WARNING, seen, remedy)


def _constant(pictures: NDArray[Any]) -> Iterator[Finding]:
    if pictures.dtype.kind not in "biuf":
        return
    rows = pictures.reshape(len(pictures), -1)
    constant = np.flatnonzero(rows.min(axis=1) == rows.max(axis=1))
    if constant.size:
        yield Finding(
            Rule.CONSTANT,
            Severity.ERROR if constant.size == len(pictures) else Severity.WARNING,
            f"{constant.size} of {len(pictures)} pictures have only one value: "
            f"{_examples(constant)}",
            "see whether they were read correctly, and take them out",
        )


def _overlap(
    pictures: NDArray[Any], digests: list[bytes], held_out: Mapping[str, NDArray[np.uint8]]
) -> Iterator[Finding]:
    for name, others in held_out.items():
        if others.dtype != pictures.dtype or others.shape[1:] != pictures.shape[1:]:
            continue
        theirs = set(digests_of(others))
        shared = [index for index, digest in enumerate(digests) if digest in theirs]
        if shared:
            yield Finding(
                Rule.OVERLAP,
                Severity.ERROR,
                f"{len(shared)} of {len(pictures)} pictures are {name} pictures too: "
                f"{_examples(shared)}",
                f"take them out, or what is measured on the {name} pictures is flattered",
            )


def _labels(labels: NDArray[Any], n: int, classes: int) -> Finding | None:
    seen = ""
    if labels.dtype.kind not in "iu":
        seen = f"labels are {labels.dtype}"
    elif labels.shape != (n,):
        seen = f"labels of shape {labels.shape} for {n} pictures"
    elif labels.min() < 0 or (classes and labels.max() >= classes):
        seen = f"labels from {labels.min()} to {labels.max()} for {classes} classes"
    if not seen:
        return None
    return Finding(
        Rule.LABELS, Severity.ERROR, seen, "expected a class's index, from 0, for each picture"
    )


def _classes(labels: NDArray[Any], classes: Sequence[str]) -> Iterator[Finding]:
    present, counts = np.unique(labels, return_counts=True)
    wanted = {place for place, name in enumerate(classes) if name}
    missing = sorted(wanted.difference(present.tolist()))
    if missing:
        enough = len(labels) >= ENOUGH_FOR_ALL * len(wanted)
        yield Finding(
            Rule.MISSING,
            Severity.ERROR if enough or len(present) == 1 else Severity.WARNING,
            f"no pictures of {len(missing)} of {len(wanted)} classes: "
            f"{_examples([classes[index] for index in missing])}",
            "add pictures of them, or what only they activate is clipped",
        )
    most, fewest = int(counts.argmax()), int(counts.argmin())
    if counts[most] > LOPSIDED * counts[fewest]:
        common, rare = (
            str(classes[place] if classes else place) for place in present[[most, fewest]].tolist()
        )
        yield Finding(
            Rule.LOPSIDED,
            Severity.WARNING,
            f"{counts[most]} pictures of class {common} and {counts[fewest]} of class {rare}",
            "take about equally many of each",
        )


def _examples(values: Sequence[Any] | NDArray[Any]) -> str:
    shown = ", ".join(str(value) for value in values[:SHOWN])
    return f"{shown}, …" if len(values) > SHOWN else shown
