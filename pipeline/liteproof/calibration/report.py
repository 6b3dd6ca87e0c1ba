"""What the linter says about a calibration set: findings, a table of them, a fingerprint."""

import hashlib
import textwrap
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.errors import DatasetError, one_line

WIDTH = 100  # of the table, in columns
CHUNK = 256  # pictures that are copied at once


class Severity(Enum):
    """An error: a model calibrated so is not to be trusted. A warning: look at it."""

    ERROR = "error"
    WARNING = "warning"


class Rule(Enum):
    """What a calibration set is checked for, in the order of how much a failure explains."""

    SHAPE = "shape"
    NOT_FINITE = "not finite"
    NORMALISATION = "normalisation"
    DUPLICATES = "duplicates"
    CONSTANT = "constant pictures"
    RANGE = "range"
    DTYPE = "dtype"
    LABELS = "labels"
    OVERLAP = "overlap"
    TOO_FEW = "too few"
    MISSING = "missing classes"
    LOPSIDED = "lopsided classes"
    NEAR_CHANCE = "near chance"
    UNSTABLE = "instability"


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that does not hold: what was seen, in numbers, and what to do."""

    rule: Rule
    severity: Severity
    seen: str
    remedy: str

    def __str__(self) -> str:
        """Return the sentence, on one printable line: names of classes and tensors are users'."""
        return one_line(f"{self.seen}; {self.remedy}")


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """What was found in a calibration set.

    Attributes:
        findings: errors first, then warnings, each of them in the order of the rules.
        n: how many pictures.
        classes: how many classes they are of; None where they have no labels.
        fingerprint: SHA-256 over dtype, shape and bytes.
    """

    findings: tuple[Finding, ...]
    n: int
    classes: int | None
    fingerprint: str

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """Return the errors, or the warnings."""
        return tuple(finding for finding in self.findings if finding.severity is severity)

    def table(self) -> str:
        """Return the findings for a terminal, and in the last line what was looked at."""
        rows = [
            (finding.severity.value, finding.rule.value, str(finding)) for finding in self.findings
        ]
        first, second = (max((len(row[column]) for row in rows), default=0) for column in (0, 1))
        lines = [
            textwrap.fill(
                f"{severity:<{first}}  {rule:<{second}}  {sentence}",
                WIDTH,
                subsequent_indent=" " * (first + second + 4),
            )
            for severity, rule, sentence in rows
        ]
        classes = ""
        if self.classes is not None:
            classes = f", {self.classes} class{'es' if self.classes != 1 else ''}"
        return "\n".join([*lines, f"{self.n} pictures{classes}, fingerprint {self.fingerprint}"])

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for a manifest."""
        findings = [
            {
                **asdict(finding),
                "rule": finding.rule.value,
                "severity": finding.severity.value,
            }
            for finding in self.findings
        ]
        return {
            "n": self.n,
            "classes": self.classes,
            "fingerprint": self.fingerprint,
            "findings": findings,
        }

    def check(self, where: str) -> None:
        """Refuse a set with errors.

        Args:
            where: the set: a path, or "representative dataset".

        Raises:
            DatasetError: there are errors; the first one, and how many more there are.
        """
        errors = self.of(Severity.ERROR)
        if errors:
            others = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            raise DatasetError(f"{where}: {errors[0].rule.value}: {errors[0]}{others}")


def fingerprint(pictures: NDArray[Any]) -> str:
    """Return SHA-256 over an array's dtype, shape and bytes in C order; an object has no bytes."""
    total = hashlib.sha256(repr((pictures.dtype.str, pictures.shape)).encode())
    if not pictures.dtype.hasobject:
        rows = np.atleast_1d(pictures)
        for start in range(0, len(rows), CHUNK):
            total.update(rows[start : start + CHUNK].tobytes())
    return total.hexdigest()
