"""The page's own drawings: windows on a grid, bars, and the histogram of codes; inline SVG."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from liteproof.explanation.steps import Window
from liteproof.explanation.words import minus
from liteproof.report.drawing import Axis, box, line, path, picture, text
from liteproof.report.wording import name

GRID = 300  # pixels of a grid's side
MOST_CELLS = 32  # of a side that is drawn whole; of a larger map, the upper left corner
CORNER = 14
WIDTH = 520
BAR = 26
MOST_BARS = 32
COLUMNS = 64  # of a histogram
Box = tuple[float, float, float, float]  # x, y, width and height


def grid(shape: tuple[int, ...], window: Window, alt: str) -> Markup:
    """Draw a map's cells, the zeros around it, and the first windows that are taken.

    Args:
        shape: the map's height and width.
        window: that moves over it.
        alt: what it shows, in words.
    """
    (top, bottom), (left, right) = window.padding(shape)
    rows, columns = shape[0] + top + bottom, shape[1] + left + right
    most = MOST_CELLS if max(rows, columns) <= MOST_CELLS else CORNER
    shown_rows, shown_columns = min(rows, most), min(columns, most)
    cell = GRID / max(shown_rows, shown_columns)
    inside: list[Box] = []
    zeros: list[Box] = []
    for row in range(shown_rows):
        for column in range(shown_columns):
            held = top <= row < top + shape[0] and left <= column < left + shape[1]
            corner = (column * cell + 2, row * cell + 2)
            (inside if held else zeros).append((*corner, cell, cell))
    shapes = [_boxes(inside, "cell"), _boxes(zeros, "cell zero")]
    if zeros and cell >= 12:
        shapes.append(_noughts([(x + cell / 2, y + cell / 2 + 4) for x, y, *_ in zeros]))
    after = window.sides(shape)
    places = [(0, 0), (0, 1), (1, 0)]
    for at, (row, column) in enumerate(places):
        if row >= after[0] or column >= after[1]:
            continue
        corner = (column * window.strides[1] * cell + 2, row * window.strides[0] * cell + 2)
        sides = (window.size[1] * cell, window.size[0] * cell)
        shapes.append(box(corner, *sides, f"window window-{at}"))
    return picture(shown_columns * cell + 4, shown_rows * cell + 4, alt, shapes)


def _boxes(boxes: Sequence[Box], style: str) -> Markup:
    """Draw many boxes as one shape: a page has thousands of them."""
    each = (f"M{x:.4g} {y:.4g}h{wide:.4g}v{high:.4g}h{-wide:.4g}z" for x, y, wide, high in boxes)
    return Markup('<path d="{}" class="{}"/>').format("".join(each), style)


def _noughts(places: Sequence[tuple[float, float]]) -> Markup:
    """Write a 0 at each place, as one text."""
    across, down = (
        " ".join(f"{each:.4g}" for each in along) for along in zip(*places, strict=True)
    )
    return Markup('<text x="{}" y="{}" text-anchor="middle" class="nought">{}</text>').format(
        across, down, "0" * len(places)
    )


def bars(
    values: Sequence[float], names: Sequence[str], alt: str, words: Sequence[str] | None = None
) -> Markup:
    """Draw a bar for each value, from 0 to the left or right; of many, the largest."""
    order = range(len(values))
    chosen = list(order)
    if len(values) > MOST_BARS:
        chosen = sorted(sorted(order, key=lambda at: -abs(values[at]))[:MOST_BARS])
    low = min(0.0, *(values[at] for at in chosen))
    high = max(0.0, *(values[at] for at in chosen)) or 1.0
    longest = max(len(name(names[at], 18)) for at in chosen)
    left, right = 14 + 8.2 * longest, WIDTH - 76
    zero = left + (right - left) * -low / (high - low)
    top = max(chosen, key=lambda at: values[at])
    shapes = []
    for row, at in enumerate(chosen):
        y = row * BAR
        length = (right - left) * abs(values[at]) / (high - low)
        x = zero if values[at] >= 0 else zero - length
        style = "value top" if at == top else "value"
        shapes += [
            text((left - 8, y + 18), name(names[at], 18), "end", "strong" if at == top else ""),
            box((x, y + 4), length, BAR - 8, style if values[at] >= 0 else "value below"),
            text(
                (WIDTH - 4, y + 18),
                words[at] if words else minus(f"{values[at]:.3g}"),
                "end",
                "strong",
            ),
        ]
    shapes.append(line((zero, 0), (zero, len(chosen) * BAR), "axis"))
    return picture(WIDTH, len(chosen) * BAR, alt, shapes)


def histogram(codes: NDArray[np.generic], low: int, high: int, zero_point: int) -> Markup:
    """Draw how often each code is taken, from the lowest to the highest, 64 columns of them."""
    counts, _ = np.histogram(codes, bins=COLUMNS, range=(low, high + 1))
    height, width = 110.0, 512.0
    tallest = max(int(np.sort(counts)[-2]), 1)  # zeros after a relu dwarf all others
    step = width / COLUMNS
    columns = [
        (4 + at * step, 130 - tall, step - 1, tall)
        for at, count in enumerate(counts)
        if (tall := height * min(int(count) / tallest, 1.15)) > 0
    ]
    zero = 4 + (zero_point - low + 0.5) * width / (high + 1 - low)
    anchor = "start" if zero < 60 else "end" if zero > width - 60 else "middle"
    shapes = [
        _boxes(columns, "column"),
        line((4, 130), (4 + width, 130), "axis"),
        line((zero, 130), (zero, 137), "axis"),
        text((zero, 150), minus(f"0 is {zero_point}"), anchor, "strong"),
    ]
    if zero > 130:
        shapes.append(text((4, 150), minus(f"{low:,}"), "start"))
    if zero < width - 130:
        shapes.append(text((width + 4, 150), f"{high:,}", "end"))
    most = int(counts.max())
    used = int((np.unique(codes)).size)
    alt = (
        f"{used:,} of {high - low + 1:,} codes are used; {most:,} values in the fullest "
        f"{(high - low + 1) // COLUMNS:,} codes"
    )
    return picture(WIDTH, 156, alt, shapes)


def curve(points: Sequence[tuple[float, float]], reach: float, alt: str) -> Markup:
    """Draw a function from -reach to reach, both ways."""
    across, up = Axis(-reach, reach, 4, 156), Axis(-reach, reach, 156, 4)
    spots = [(across.at(x), up.at(y)) for x, y in points if abs(y) <= reach]
    shapes = [
        line((4, 80), (156, 80), "axis"),
        line((80, 4), (80, 156), "axis"),
        path(spots, "bend"),
    ]
    return picture(160, 160, f"{alt}, from −{reach:g} to {reach:g}", shapes)
