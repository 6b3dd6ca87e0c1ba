"""The page and the table of what `why_measured` measured."""

import math
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from liteproof.explanation.page import render
from liteproof.explanation.tiles import photo
from liteproof.explanation.why_measured import SHIFTS, TURNS, Score, Why
from liteproof.report.drawing import Axis, Mark, line, mark, path, picture, text
from liteproof.report.wording import percent
from liteproof.storage import write_file

WIDTH, HEIGHT = 520, 320


def write_why(why: Why, out: Path) -> None:
    """Write the page, whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    write_file(out, render_why(why))


def render_why(why: Why) -> str:
    """Return the page."""
    worst = min(range(len(SHIFTS)), key=lambda at: why.mlp.shifted[at].share)
    return render(
        "why.html",
        [],
        why=why,
        sides=(why.cnn, why.mlp),
        shifts=SHIFTS,
        turns=TURNS,
        n=why.cnn.shifted[0].n,
        far=SHIFTS[worst],
        far_shares=[percent(side.shifted[worst].share, 1) for side in (why.cnn, why.mlp)],
        shift_chart=_chart(why, SHIFTS, (why.cnn.shifted, why.mlp.shifted), "pixels"),
        turn_chart=_chart(why, TURNS, (why.cnn.turned, why.mlp.turned), "degrees"),
        price_charts=_price_charts(why) if why.cnn.prices and why.mlp.prices else (),
        lost=[(photo(each.pixels, f"a {each.truth}", 112), each) for each in why.lost],
    )


def table(why: Why) -> str:
    """Return the figures as a Markdown table."""
    rows: list[tuple[str, ...]] = [("", why.cnn.name, why.mlp.name), ("---", "---:", "---:")]
    rows += [
        ("parameters", *(f"{side.parameters:,}" for side in (why.cnn, why.mlp))),
        ("multiply-accumulates", *(f"{side.macs:,}" for side in (why.cnn, why.mlp))),
    ]
    for amounts, unit, scores in (
        (SHIFTS, "moved by {} pixels", (why.cnn.shifted, why.mlp.shifted)),
        (TURNS, "turned by {} degrees", (why.cnn.turned, why.mlp.turned)),
    ):
        for at, amount in enumerate(amounts):
            rows.append((unit.format(amount), *(_words(each[at]) for each in scores)))
    for one, other in zip(why.cnn.prices, why.mlp.prices, strict=True):
        said = f"parameters, MACs at {one.side}×{one.side}"
        rows.append((said, *(f"{each.parameters:,}, {each.macs:,}" for each in (one, other))))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _words(score: Score) -> str:
    low, high = score.interval
    return f"{100 * score.share:.2f} % ({100 * low:.2f} to {100 * high:.2f})"


def _chart(
    why: Why, amounts: Sequence[int], scores: tuple[tuple[Score, ...], ...], unit: str
) -> Markup:
    across = Axis(amounts[0], amounts[-1], 52, WIDTH - 16)
    up = Axis(0, 1, HEIGHT - 50, 14)
    shapes = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        shapes += [
            line((52, up.at(share)), (WIDTH - 16, up.at(share)), "grid"),
            text((44, up.at(share) + 5), f"{100 * share:.0f}", "end"),
        ]
    shapes += [text((across.at(amount), HEIGHT - 28), str(amount), "middle") for amount in amounts]
    shapes.append(text(((52 + WIDTH - 16) / 2, HEIGHT - 6), f"{unit}; accuracy in %", "middle"))
    for found, kind in zip(scores, (Mark.CANDIDATE, Mark.BASELINE), strict=True):
        spots = [
            (across.at(amount), up.at(each.share))
            for amount, each in zip(amounts, found, strict=True)
        ]
        shapes.append(path(spots, f"curve {kind.value}"))
        shapes += [mark(spot, kind, radius=5) for spot in spots]
    said = "; ".join(
        f"{side.name} {percent(found[0].share)} to {percent(found[-1].share)}"
        for side, found in zip((why.cnn, why.mlp), scores, strict=True)
    )
    return picture(
        WIDTH, HEIGHT, f"accuracy from {amounts[0]} to {amounts[-1]} {unit}: {said}", shapes
    )


def _price_charts(why: Why) -> tuple[tuple[str, Markup], ...]:
    """Draw parameters and work against the picture's side, each scale in powers of ten."""
    sides = [price.side for price in why.cnn.prices]
    across = Axis(math.log(sides[0]), math.log(sides[-1]), 64, WIDTH - 16)
    found = []
    for name, field in (("parameters", "parameters"), ("multiply-accumulates", "macs")):
        values = [[getattr(each, field) for each in side.prices] for side in (why.cnn, why.mlp)]
        logs = [math.log10(value) for each in values for value in each]
        powers = range(math.floor(min(logs)), math.ceil(max(logs)) + 1)
        up = Axis(powers[0], powers[-1], HEIGHT - 50, 14)
        shapes = [line((64, up.at(each)), (WIDTH - 16, up.at(each)), "grid") for each in powers]
        shapes += [text((56, up.at(each) + 5), _power(each), "end") for each in powers]
        shapes += [
            text((across.at(math.log(side)), HEIGHT - 28), f"{side}×{side}", "middle")
            for side in sides
        ]
        for each, kind in zip(values, (Mark.CANDIDATE, Mark.BASELINE), strict=True):
            spots = [
                (across.at(math.log(side)), up.at(math.log10(value)))
                for side, value in zip(sides, each, strict=True)
            ]
            shapes.append(path(spots, f"curve {kind.value}"))
            shapes += [mark(spot, kind, radius=5) for spot in spots]
        alt = f"{name} by picture size, {sides[0]} to {sides[-1]} pixels"
        found.append((name, picture(WIDTH, HEIGHT - 16, alt, shapes)))
    return tuple(found)


def _power(exponent: int) -> str:
    return f"{10**exponent:,}" if exponent < 6 else f"{10 ** (exponent - 6):,} M"
