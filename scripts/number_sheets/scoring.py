"""What is found on sheets, set against what is written there."""

from collections.abc import Sequence
from dataclasses import dataclass

from liteproof_edge import Classifier, Prediction
from liteproof_edge.errors import PictureError
from liteproof_edge.measurement.evaluation import wilson_interval
from liteproof_edge.preprocessing.components import Box
from number_sheets.composing import Composed

SAME = 0.5  # of what two boxes cover together, they share at least so much: they are one digit's
COVERED = 0.6  # of a digit's sides: a box that covers so much of two digits reads them as one
HEADING = (
    f"{'condition':10} {'digits':>6}  {'found and right':22}  {'in doubt':>8}  {'invented':>8}  "
    f"{'read as one, in doubt':>21}  {'sheets all right':>16}"
)


@dataclass(frozen=True, slots=True)
class Score:
    """Counts over sheets.

    Attributes:
        digits: written alone, touching no other.
        right: of these, those found and given their label.
        doubted: of the right ones, those in doubt.
        invented: marks where no digit is.
        merged: marks that hold two digits or more.
        doubted_merged: of these, those in doubt.
        sheets: how many.
        exact: of these, those whose every line is as it is written.
    """

    digits: int = 0
    right: int = 0
    doubted: int = 0
    invented: int = 0
    merged: int = 0
    doubted_merged: int = 0
    sheets: int = 0
    exact: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(
            *(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__)
        )

    def row(self, name: str) -> str:
        """Return one row of the table that begins with `HEADING`."""
        low, high = wilson_interval(self.right, self.digits) if self.digits else (0.0, 1.0)
        share = f"{self.right / max(self.digits, 1):7.2%} ({low:.1%}-{high:.1%})"
        merged = f"{self.doubted_merged} of {self.merged}"
        exact = f"{self.exact} of {self.sheets}"
        return (
            f"{name:10} {self.digits:6}  {share:22}  {self.doubted:8}  {self.invented:8}  "
            f"{merged:>21}  {exact:>16}"
        )


def score(classifier: Classifier, sheet: Composed) -> Score:
    """Return what becomes of one sheet."""
    try:
        lines = classifier.classify_each(sheet.file).lines
    except PictureError:
        lines = ()
    written = [digit for line in sheet.lines for digit in line]
    merged = invented = doubted = right = doubted_merged = 0
    alone = set(range(len(written)))
    for mark in (mark for line in lines for mark in line):
        box = Box(*(mark.preprocessing.box or (0, 0, 0, 0)))
        covered = [place for place, digit in enumerate(written) if _covers(box, digit.box)]
        if len(covered) > 1:
            merged += 1
            doubted_merged += bool(mark.doubts)
            alone -= set(covered)
            continue
        same = [digit for digit in written if _shared(box, digit.box) >= SAME]
        invented += not same and not covered
        if same and same[0].label == mark.label:
            right += 1
            doubted += bool(mark.doubts)
    exact = _labels(lines) == [[digit.label for digit in line] for line in sheet.lines]
    return Score(
        len(alone), min(right, len(alone)), doubted, invented, merged, doubted_merged, 1, int(exact)
    )


def _labels(lines: Sequence[Sequence[Prediction]]) -> list[list[str]]:
    return [[mark.label for mark in line] for line in lines]


def _covers(box: Box, digit: Box) -> bool:
    both = _common(box, digit)
    return both.width >= COVERED * digit.width and both.height >= COVERED * digit.height


def _shared(box: Box, other: Box) -> float:
    both = _common(box, other)
    common = max(0, both.width) * max(0, both.height)
    return common / (box.width * box.height + other.width * other.height - common)


def _common(box: Box, other: Box) -> Box:
    return Box(
        max(box.left, other.left),
        max(box.top, other.top),
        min(box.right, other.right),
        min(box.bottom, other.bottom),
    )
