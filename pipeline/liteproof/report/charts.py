"""The report's charts, each an inline SVG."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from liteproof.evidence.records import (
    Balanced,
    Damage,
    Evidence,
    MarginBin,
    Pair,
    Side,
    Verdict,
)
from liteproof.report.drawing import Axis, Mark, box, line, mark, path, picture, text
from liteproof.report.wording import figures, microseconds, name, percent, points

WIDTH = 360  # of a chart: a phone shows it at this size, a screen two side by side
FEW = 20  # pictures in a bin that say little: its point is hollow
MOST_KINDS = 20  # of damage
MOST_NAMES = 10  # of columns, that fit side by side
BAR = (120, 14)  # pixels of a bar in a table


def verdict_chart(verdict: Verdict | None, compared: Pair | Balanced) -> Markup:
    """Draw the drop, its interval and the margin on one line of percentage points."""
    low, high = compared.interval
    margin = verdict.margin if verdict else 0.0
    reach = max(abs(low), abs(high), margin, 1e-6) * 1.15
    across = Axis(min(-reach / 3, low * 1.15), reach, 8, WIDTH - 8)
    y, zero = 40.0, across.at(0)
    shapes = [
        line((8, y), (WIDTH - 8, y), "axis"),
        line((zero, y - 20), (zero, y + 20), "axis"),
    ]
    drop, kind = compared.drop, "Accuracy"
    if isinstance(compared, Balanced):
        kind = "Balanced accuracy"
    lost = f"{'gained' if drop < 0 else 'lost'} {100 * abs(drop):.2f} points"
    words = f"{kind} {lost}; 95 % interval of the loss {points(low)} to {points(high)}"
    anchors, apart = ("middle", "middle"), 0
    if verdict:
        edge = across.at(margin)
        if edge - zero < 80:  # pixels, which the two captions take side by side
            anchors, apart = ("end", "start"), 3
        shapes += [
            box((edge, y - 20), WIDTH - 8 - edge, 40, "forbidden"),
            line((edge, y - 20), (edge, y + 20), "limit"),
            text((edge + apart, y + 33), f"margin {100 * margin:g}", anchors[1]),
        ]
        words += f"; the margin is {100 * margin:g} points"
    shapes += [
        text((zero - apart, y + 33), "equal", anchors[0]),
        line((across.at(low), y), (across.at(high), y), "interval"),
        *(line((across.at(end), y - 6), (across.at(end), y + 6), "whisker") for end in (low, high)),
        mark((across.at(drop), y), Mark.CANDIDATE, radius=5),
        text((min(max(across.at(drop), 64), WIDTH - 64), y - 26), lost, "middle", "strong"),
    ]
    return picture(WIDTH, 80, words, shapes)


def reliability_chart(baseline: Side, candidate: Side, alt: str) -> Markup:
    """Draw how often each side is right against how sure it is, a point for each bin."""
    left, right, top, bottom = 44, WIDTH - 14, 10, 262
    across, up = Axis(0, 1, left, right), Axis(0, 1, bottom, top)
    shapes = _frame(across, up, "confidence", "right", (left, right))
    shapes.append(line((left, bottom), (right, top), "guide"))
    for side, kind in ((baseline, Mark.BASELINE), (candidate, Mark.CANDIDATE)):
        bins = [each for each in side.bins if each.n]
        spots = [(across.at(each.confidence), up.at(each.accuracy)) for each in bins]
        shapes.append(path(spots, f"curve {kind.value}"))
        shapes += [
            mark(spot, kind, "hollow" if each.n < FEW else "")
            for spot, each in zip(spots, bins, strict=True)
        ]
    return picture(WIDTH, 302, alt, shapes)


def margin_chart(bins: Sequence[MarginBin], alt: str) -> Markup:
    """Draw the share of pictures that flip, a column for each range of the baseline's margin."""
    shown = [each for each in bins if each.n]
    left, right, top, bottom = 44, WIDTH - 8, 18, 262
    shares = [each.flipped / each.n for each in shown]
    up = Axis(0, max([*shares, 0.01]) * 1.08, bottom, top)
    shapes = _frame(None, up, "baseline's margin in logits, from", "flipped", (left, right))
    width = (right - left) / max(len(shown), 1)
    every = math.ceil(len(shown) / MOST_NAMES)
    for at, (each, share) in enumerate(zip(shown, shares, strict=True)):
        x, y = left + at * width, up.at(share)
        shapes.append(box((x + 2, y), width - 4, bottom - y, "column"))
        if each.flipped and len(shown) <= 12:
            shapes.append(text((x + width / 2, y - 4), str(each.flipped), "middle", "strong"))
        if at % every == 0:
            shapes.append(text((x + width / 2, bottom + 15), figures(each.low), "middle"))
    return picture(WIDTH, 302, alt, shapes)


def damage_charts(evidence: Evidence) -> tuple[tuple[str, Markup], ...]:
    """Draw accuracy against the strength of a damage, one chart for each kind of it."""
    kinds = list(dict.fromkeys(damage.kind for damage in evidence.damages))[:MOST_KINDS]
    lowest = min(
        (min(each.before, each.after) / each.n for each in evidence.damages if each.n), default=0.0
    )
    floor = max(0.0, math.floor(10 * lowest - 0.01) / 10)
    sides = (Mark.CANDIDATE,) if evidence.alone else tuple(Mark)
    return tuple(
        (
            kind,
            _damage_chart([each for each in evidence.damages if each.kind == kind], floor, sides),
        )
        for kind in kinds
    )


def _damage_chart(damages: Sequence[Damage], floor: float, sides: Sequence[Mark]) -> Markup:
    ranked = sorted((each for each in damages if each.n), key=lambda each: each.strength)
    across, up = Axis(1, 5, 46, 230), Axis(floor, 1, 128, 10)
    shapes = _frame(None, up, "strength", "", (38, 240))
    shapes += [text((across.at(at), 143), str(at), "middle") for at in range(1, 6)]
    for side in sides:
        spots = [
            (
                across.at(each.strength),
                up.at((each.before if side is Mark.BASELINE else each.after) / each.n),
            )
            for each in ranked
        ]
        shapes.append(path(spots, f"curve {side.value}"))
        shapes += [mark(spot, side, radius=3.2) for spot in spots]
    against = Mark.BASELINE in sides
    told = "; ".join(
        f"at {each.strength} "
        + (f"{percent(each.before / each.n, 1)} against " if against else "")
        + percent(each.after / each.n, 1)
        for each in ranked
    )
    return picture(248, 168, f"Accuracy with {name(ranked[0].kind)}: {told}", shapes)


def drop_bar(drop: float, interval: tuple[float, float], reach: float) -> Markup:
    """Draw a drop and its interval from -reach to reach; to the right is worse."""
    width, height = BAR
    across, middle = Axis(-reach, reach, 3, width - 3), height / 2
    style = "worse" if drop > 0 else "better" if drop < 0 else "same"
    low, high = (across.at(end) for end in interval)
    shapes = [
        line((across.at(0), 0), (across.at(0), height), "axis"),
        line((low, middle), (high, middle), f"range {style}"),
        box((across.at(drop) - 3.5, middle - 3.5), 7, 7, f"dot {style}"),
    ]
    return picture(width, height, f"lost {points(drop)} points", shapes)


def latency_bar(latency_us: dict[int, float], longest: float) -> Markup:
    """Draw the percentiles of a latency on a line from 0 to `longest` microseconds."""
    width, height = 2 * BAR[0], BAR[1]
    across, middle = Axis(0, longest, 3, width - 3), height / 2
    spots = [across.at(latency_us[each]) for each in sorted(latency_us)]
    shapes = [
        line((3, middle), (width - 3, middle), "grid"),
        line((spots[0], middle), (spots[-1], middle), "range same"),
        *(line((x, 2), (x, height - 2), "range same") for x in spots[1:]),
        box((spots[0] - 3.5, middle - 3.5), 7, 7, "dot same"),
    ]
    told = ", ".join(f"{each} %: {microseconds(latency_us[each])}" for each in sorted(latency_us))
    return picture(width, height, told, shapes)


def _frame(
    across: Axis | None, up: Axis, below: str, beside: str, ends: tuple[float, float]
) -> list[Markup]:
    """Draw the grid and the scales in per cent; without `across` the columns are named later."""
    shapes: list[Markup] = []
    left, right = ends
    digits = 0 if up.high - up.low > 0.04 else 1
    for value in up.ticks():
        y = up.at(value)
        shapes += [
            line((left, y), (right, y), "grid"),
            text((left - 6, y + 4), f"{100 * value:.{digits}f}", "end"),
        ]
    for value in across.ticks() if across else ():
        x = across.at(value) if across else 0.0
        shapes.append(text((x, up.start + 15), f"{100 * value:.0f}", "middle"))
    unit = ", %" if across else ""
    shapes.append(line((left, up.start), (right, up.start), "axis"))
    shapes.append(text(((left + right) / 2, up.start + 33), f"{below}{unit}", "middle"))
    if beside:
        shapes.append(
            Markup(
                '<text transform="translate(11 {:.0f}) rotate(-90)" text-anchor="middle">{}</text>'
            ).format((up.start + up.end) / 2, f"{beside}, %")
        )
    return shapes
