"""A row of the benchmark, and the ratio that it is read by."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum


class Better(Enum):
    """Which of two values is the better one."""

    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. Only figures of one group, measured in turn on one machine, are comparable.

    Attributes:
        group: what is measured; the rows of a group do the same thing.
        name: who does it.
        value: None where it could not be measured or was not reached; `note` says why.
        unit: of the value.
        better: which of two values is.
        n: of how many measurements it is the median, or how many pictures it rests on.
        ours: whether this is liteproof; all others of the group are rivals.
        ratio: the value over the best rival's; set by `with_ratios`.
        limit: what the ratio is meant to stay within, if anything.
        at: its place on an axis, for what is measured at several sizes.
        note: a source, or a reason.
    """

    group: str
    name: str
    value: float | None
    unit: str
    n: int
    better: Better = Better.LOWER
    ours: bool = False
    ratio: float | None = None
    limit: float | None = None
    at: float | None = None
    note: str = ""


def median_row(group: str, name: str, values: Sequence[float], unit: str, **more: object) -> Row:
    """Return the row of the median of some measurements."""
    return Row(group, name, statistics.median(values), unit, len(values), **more)  # type: ignore[arg-type]


def with_ratios(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows, each of ours with its ratio to the best rival of its group, if it has one."""
    listed = list(rows)
    for row in listed:
        rivals = [
            other.value
            for other in listed
            if not other.ours and other.value and (other.group, other.at) == (row.group, row.at)
        ]
        if not row.ours or row.value is None or not rivals:
            yield row
            continue
        best = min(rivals) if row.better is Better.LOWER else max(rivals)
        yield replace(row, ratio=row.value / best)


def holds(row: Row) -> bool:
    """Whether a row's ratio is within its limit; true where either is missing."""
    if row.ratio is None or row.limit is None:
        return True
    return row.ratio <= row.limit if row.better is Better.LOWER else row.ratio >= row.limit
