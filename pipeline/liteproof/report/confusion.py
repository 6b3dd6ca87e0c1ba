"""Confusion matrices for the report: which classes are shown, and what each cell says."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from liteproof.evidence.records import Change, Evidence

MOST_CLASSES = 20  # of a matrix that a person still reads; beyond, those that changed most
LEVELS = 4  # shades of a cell


class View(Enum):
    """Whose answers a matrix counts."""

    BASELINE = "baseline"
    CANDIDATE = "candidate"
    DIFFERENCE = "difference"


@dataclass(frozen=True, slots=True)
class Entry:
    """One cell.

    Attributes:
        answer: index of the class.
        value: pictures, or their change.
        good: whether more of these is better.
        level: of the shade, 0 to LEVELS.
        changed: how many of the gallery's pictures are in it.
    """

    answer: int
    value: int
    good: bool
    level: int
    changed: int


@dataclass(frozen=True, slots=True)
class Row:
    """The pictures of one class."""

    label: int
    entries: tuple[Entry, ...]


def shown_classes(evidence: Evidence) -> tuple[int, ...]:
    """Return the classes that the matrices show: all, or those in which most pictures changed."""
    number = len(evidence.labels)
    if number <= MOST_CLASSES:
        return tuple(range(number))
    changed = [0] * number
    for change in evidence.changes:
        for at in {change.label, change.before, change.after}:
            changed[at] += 1
    seen = [each.n > 0 for each in evidence.classes]
    most = sorted(range(number), key=lambda at: (-changed[at], not seen[at], at))[:MOST_CLASSES]
    return tuple(sorted(most))


def matrix(evidence: Evidence, view: View, pictures: Sequence[Change]) -> tuple[Row, ...]:
    """Return a matrix of the shown classes: rows are the truth, columns the answers.

    Args:
        evidence: holds the counts.
        view: whose.
        pictures: the changes that the gallery shows.
    """
    shown = shown_classes(evidence)
    changed = _changed(pictures, view)
    greatest: dict[bool, int] = {}  # right answers dwarf wrong ones: each has its own shades
    for label in shown:
        for answer in shown:
            apart = label == answer and view is not View.DIFFERENCE
            value = abs(_value(evidence, view, label, answer))
            greatest[apart] = max(greatest.get(apart, 1), value)
    return tuple(
        Row(
            label,
            tuple(
                Entry(
                    answer=answer,
                    value=(value := _value(evidence, view, label, answer)),
                    good=(label == answer) == (value > 0),
                    level=_level(
                        abs(value), greatest[label == answer and view is not View.DIFFERENCE]
                    ),
                    changed=changed[label, answer],
                )
                for answer in shown
            ),
        )
        for label in shown
    )


def _value(evidence: Evidence, view: View, label: int, answer: int) -> int:
    rows = evidence.baseline.confusion[label], evidence.candidate.confusion[label]
    before, after = (row[answer] if row else 0 for row in rows)
    return {View.BASELINE: before, View.CANDIDATE: after, View.DIFFERENCE: after - before}[view]


def _changed(pictures: Sequence[Change], view: View) -> Counter[tuple[int, int]]:
    """Count the changed pictures of each cell; in the difference they are in two."""
    counts: Counter[tuple[int, int]] = Counter()
    for change in pictures:
        if view is not View.CANDIDATE:
            counts[change.label, change.before] += 1
        if view is not View.BASELINE:
            counts[change.label, change.after] += 1
    return counts


def _level(value: int, greatest: int) -> int:
    """Shade by the logarithm: one picture must be visible next to a hundred."""
    return math.ceil(LEVELS * math.log1p(value) / math.log1p(greatest)) if value else 0
