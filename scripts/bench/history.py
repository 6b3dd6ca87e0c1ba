"""bench.html: the benchmark as one offline page, beside the releases that `docs/bench` keeps."""

import html
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.transforms import Bbox

from bench.table import figure

mpl.rcParams["svg.fonttype"] = "none"  # letters stay letters, in a tenth of the bytes
mpl.rcParams["svg.hashsalt"] = "liteproof"  # the same figures give the same file
KEPT = Path(__file__).parents[2] / "docs" / "bench"
# Where a name may stand: points from its own point, and on which side of that place it begins.
BESIDE = [((7, 0), "left"), ((-7, 0), "right"), ((0, 9), "center"), ((0, -9), "center")]
OURS, THEIRS = "#2f6fde", "#8b949e"
HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>liteproof: benchmark</title>
<meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 1.6rem; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #8885; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.ours { font-weight: 600; } small { opacity: .75; font-weight: 400; display: block; }
.missed { color: #d1242f; } h3 { margin: 1.2rem 0 0; font-size: 1rem; }
svg { max-width: 100%; height: auto; background: #fff; border-radius: 8px; }
</style>
"""


def write_page(record: Mapping[str, Any], path: Path) -> None:
    """Write the page of one record; what was kept of releases is drawn over time."""
    releases = [json.loads(file.read_text("utf-8")) for file in sorted(KEPT.glob("*.json"))]
    machine = record["machine"]
    told = ", ".join(f"{key} {value}" for key, value in machine.items() if value)
    parts = [HEAD, "<h1>liteproof: benchmark</h1>", f"<p>{html.escape(told)}</p>"]
    parts.append(
        "<p>Only rows of one table are comparable: they were measured in turn on one machine. Ours "
        "are bold; the ratio is to the best rival of the table.</p>"
    )
    for name, rows in record["sections"].items():
        parts.append(f"<h2>{html.escape(name.capitalize())}</h2>")
        plots = [plot(group, members) for group, members in placed(rows)]
        if name == "accuracy" and plots:  # which docs/models.md shows, too
            path.with_name("accuracy.svg").write_text(plots[0], encoding="utf-8")
        parts += plots
        parts += [_table(group, members) for group, members in grouped(rows)]
    parts += list(_over_time([*releases, record]))
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")


def grouped(rows: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield each group's rows, in the order in which the groups begin."""
    for group in dict.fromkeys(row["group"] for row in rows):
        yield group, [row for row in rows if row["group"] == group]


def placed(rows: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the groups whose rows have places on an axis."""
    for group, members in grouped(rows):
        drawn = [row for row in members if row["at"] is not None and row["value"] is not None]
        if drawn:
            yield group, drawn


def plot(group: str, rows: list[dict[str, Any]]) -> str:
    """Return the rows of a group as points at their places; lines where one name has several."""
    canvas, axes = plt.subplots(figsize=(8, 4.2), layout="constrained")
    ends = {}
    for name in dict.fromkeys(row["name"] for row in rows):
        points = sorted((r["at"], r["value"]) for r in rows if r["name"] == name)
        colour = OURS if any(r["ours"] for r in rows if r["name"] == name) else THEIRS
        x, y = zip(*points, strict=True)
        axes.plot(x, y, "o-", color=colour)
        ends[name] = points[-1]
    title, _, along = group.rpartition(", at ")
    axes.set(title=title, xlabel=along, ylabel=rows[0]["unit"], xscale="log")
    axes.set_xticks(ticks([row["at"] for row in rows]))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    axes.margins(x=0.25, y=0.1)
    axes.grid(alpha=0.25)
    canvas.draw_without_rendering()  # which gives every point its place
    _name(axes, ends)
    return _svg(canvas)


def _name(axes: Any, ends: Mapping[str, tuple[float, float]]) -> None:  # noqa: ANN401 - no types
    """Write each name next to its point, where it covers neither another name nor a point."""
    spots = [axes.transData.transform(end) for end in ends.values()]
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in spots]
    for name, end in ends.items():
        for offset, side in BESIDE:
            text = axes.annotate(
                name, end, offset, textcoords="offset points", ha=side, va="center", fontsize=8
            )
            box = text.get_window_extent()
            if not box.count_overlaps(taken):
                break
            text.remove()
        else:
            text = axes.annotate(name, end, BESIDE[0][0], textcoords="offset points", fontsize=8)
            box = text.get_window_extent()
        taken.append(box)


def ticks(places: list[float]) -> list[float]:
    """Return the places that are marked on the axis: each that is a fifth above the one before."""
    marked: list[float] = []
    for place in sorted(set(places)):
        if not marked or place > 1.2 * marked[-1]:
            marked.append(place)
    return marked


def _over_time(records: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a plot of our ratios over the releases, for every group that was measured twice."""
    series: dict[str, list[tuple[str, float]]] = {}
    for record in records:
        if record["machine"]["quick"]:
            continue
        for rows in record["sections"].values():
            for row in rows:
                if row["ratio"] is not None and row["at"] is None:
                    label = f"{record['machine']['version']}, {record['machine']['date']}"
                    series.setdefault(row["group"], []).append((label, row["ratio"]))
    several = {group: points for group, points in series.items() if len(points) > 1}
    if not several:
        return
    yield "<h2>Over the releases</h2><p>Ratios to the best rival, since machines differ.</p>"
    for group, points in several.items():
        canvas, axes = plt.subplots(figsize=(8, 2.4), layout="constrained")
        labels, ratios = zip(*points, strict=True)
        axes.plot(range(len(labels)), ratios, "o-", color=OURS)
        axes.set_xticks(range(len(labels)), labels)
        axes.set(title=group, ylabel="× best rival")
        axes.grid(alpha=0.25)
        yield _svg(canvas)


def _table(group: str, rows: list[dict[str, Any]]) -> str:
    unit = f"{html.escape(rows[0]['unit'])}, {rows[0]['better']} is better"
    lines = [
        f"<h3>{html.escape(group)}</h3>",
        f"<table><tr><th><th class=n>{unit}<th class=n>n<th class=n>× best rival",
    ]
    for row in rows:
        value = "-" if row["value"] is None else figure(row["value"])
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
        at = "" if row["at"] is None else f" at {row['at']:g}"
        note = f"<small>{html.escape(row['note'])}</small>" if row["note"] else ""
        lines.append(
            f"<tr{' class=ours' if row['ours'] else ''}><td>{html.escape(row['name'] + at)}{note}"
            f"<td class=n>{value}<td class=n>{row['n']:,}<td class=n>{ratio}{_limit(row)}"
        )
    return "\n".join([*lines, "</table>"])


def _limit(row: dict[str, Any]) -> str:
    if row["ratio"] is None or row["limit"] is None:
        return ""
    lower = row["better"] == "lower"
    held = row["ratio"] <= row["limit"] if lower else row["ratio"] >= row["limit"]
    word = "" if held else ' class="missed"'
    return f" <span{word}>({'≤' if lower else '≥'} {row['limit']:g})</span>"


def _svg(canvas: Any) -> str:  # noqa: ANN401 - matplotlib has no types
    file = io.StringIO()
    canvas.savefig(file, format="svg", metadata={"Date": None})
    plt.close(canvas)
    text = file.getvalue()
    return text[text.index("<svg") :]
