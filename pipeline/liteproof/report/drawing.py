"""Inline SVG: an axis, and the few shapes that the report's charts are made of.

Colours come from the page's style sheet, by class; every text is escaped.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from markupsafe import Markup

Point = tuple[float, float]
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


class Mark(Enum):
    """The baseline's points are round, the candidate's square: colour is not the only cue."""

    BASELINE = "baseline"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Axis:
    """Values from `low` to `high`, drawn from pixel `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return a value's pixel; a value outside lands on the nearer end."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return self.start + (self.end - self.start) * min(max(share, 0.0), 1.0)

    def ticks(self, most: int = 5) -> tuple[float, ...]:
        """Return round values within the axis, `most` at the most."""
        if not self.high > self.low:
            return (self.low,)
        rough = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(step for each in STEPS if (step := each * power) >= rough)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return tuple(step * number for number in range(first, last + 1))


def picture(width: float, height: float, alt: str, shapes: Iterable[Markup]) -> Markup:
    """Return a whole SVG that a screen reader reads as one picture, `alt`."""
    return Markup(
        '<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}" class="chart">{}</svg>'
    ).format(width, height, alt, Markup().join(shapes))


def line(start: Point, end: Point, style: str) -> Markup:
    """Return a straight line."""
    return Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>').format(
        *start, *end, style
    )


def path(points: Sequence[Point], style: str) -> Markup:
    """Return a line through points."""
    steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Markup('<polyline points="{}" class="{}"/>').format(steps, style)


def box(corner: Point, width: float, height: float, style: str) -> Markup:
    """Return a rectangle, given its upper left corner."""
    return Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="{}"/>').format(
        *corner, max(width, 0.0), max(height, 0.0), style
    )


def mark(point: Point, kind: Mark, style: str = "", radius: float = 4) -> Markup:
    """Return a point of the baseline's or of the candidate's."""
    x, y = point
    names = f"mark {kind.value} {style}".strip()
    if kind is Mark.BASELINE:
        return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="{:g}" class="{}"/>').format(
            x, y, radius, names
        )
    side = 1.7 * radius
    return box((x - side / 2, y - side / 2), side, side, names)


def text(point: Point, words: str, anchor: str = "start", style: str = "") -> Markup:
    """Return words; `anchor` says which end of them stands at the point: start, middle or end."""
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}" class="{}">{}</text>').format(
        *point, anchor, style, words
    )
