"""A comparison for a terminal of 80 columns, whatever the paths of the models are."""

import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby, takewhile
from pathlib import PurePath

from liteproof.evidence.records import Cell, ClassChange, Evidence
from liteproof_edge.errors import one_line
from liteproof_edge.text_table import aligned

WIDTH = 80
HEAD = ("model", "runs on", "accuracy", "95 %", "same", "kB", "µs")
MOST_CLASSES = 12  # in the table of recalls: those that are recognised worst
LONGEST_CLASS, LONGEST_SIDE = 24, 16  # characters of their names there
FEWEST = 8  # characters that a model's name keeps, however wide the other columns are


def table(evidence: Evidence) -> str:
    """Return the figures of a comparison: every execution, and the verdict.

    Names of models that are paths are shortened to what tells them apart.
    """
    names = short_names([cell.model for cell in evidence.cells])
    pair, (low, high) = evidence.pair, evidence.pair.interval
    is_part = evidence.verdict is None and not evidence.alone
    part = f" of {evidence.total:,}: partial, so no verdict" if is_part else ""
    baseline, candidate = evidence.baseline.name, evidence.candidate.name
    data = (
        f"{evidence.dataset}, n = {pair.n:,}{part}. Same: the share of answers that are "
        f"{baseline}'s too. µs: latency on this machine, in one thread."
    )
    if evidence.alone:
        data = data.replace(f"{baseline}'s", "the first line's")
        shown = [data, alone(evidence), *_damaged(evidence)]
        return "\n".join([*_figures(evidence, names), "", *map(_wrapped, shown)])
    drop = (
        f"{candidate} against {baseline}: drop {100 * pair.drop:+.2f} points, 95 % interval "
        f"{100 * low:+.2f} to {100 * high:+.2f}; {pair.broken} broken, {pair.fixed} fixed, "
        f"McNemar p = {pair.mcnemar_p:.3g}; same label on {pair.agreement:.2%}."
    )
    sentences = [data, drop]
    if evidence.balanced:
        low, high = evidence.balanced.interval
        sentences.append(
            f"Balanced: drop {100 * evidence.balanced.drop:+.2f} points, 95 % interval "
            f"{100 * low:+.2f} to {100 * high:+.2f}."
        )
    sentences += _damaged(evidence)
    if evidence.verdict:
        sentences.append(f"{evidence.verdict.outcome.value}: {evidence.verdict.sentence}.")
    told = (_wrapped(_with_short(sentence, names)) for sentence in sentences)
    return "\n".join([*_figures(evidence, names), "", *_recalls(evidence, names), "", *told])


def _damaged(evidence: Evidence) -> list[str]:
    return [f"damaged: {evidence.damage_sentence}."] if evidence.damage_sentence else []


def alone(evidence: Evidence) -> str:
    """Say how right a model is that there is nothing to compare with, and why there is not."""
    side = evidence.candidate
    low, high = (100 * bound for bound in side.interval)
    return (
        f"{side.name}: right on {side.correct / side.n:.2%} of {side.n:,} pictures (95 % interval "
        f"{low:.2f} to {high:.2f}). No verdict: {evidence.alone}."
    )


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Return what to call models: of paths as many of the last parts as tell them apart."""
    different = list(dict.fromkeys(names))
    parts = {name: PurePath(name).parts or (name,) for name in different}
    longest = max(map(len, parts.values()), default=1)
    for kept in range(1, longest + 1):
        short = {name: "/".join(parts[name][-kept:]) for name in different}
        if len(set(short.values())) == len(different):
            return {name: _without_same_ends(text, short.values()) for name, text in short.items()}
    return {name: name for name in different}


def _without_same_ends(text: str, others: Iterable[str]) -> str:
    """Return a name without the last parts that all names share, if more than its first is left."""
    ends = zip(*(reversed(PurePath(other).parts) for other in others), strict=False)
    shared = len(list(takewhile(lambda parts: len(set(parts)) == 1, ends)))
    parts = PurePath(text).parts
    return "/".join(parts[: len(parts) - shared]) or text


def _figures(evidence: Evidence, names: dict[str, str]) -> list[str]:
    """Return a line for each execution; those on other machines stand below their machine's."""
    rows = [HEAD, *(_row(cell, evidence, names) for cell in evidence.cells)]
    others = [max(map(len, column)) for column in list(zip(*rows, strict=True))[1:]]
    room = max(WIDTH - sum(others) - 2 * len(others), FEWEST)
    cut = [(_cut(row[0], room), *row[1:]) for row in rows]
    head, *lines = aligned(cut, range(2, len(HEAD)))
    shown, at = [head], 0
    first = evidence.cells[0]
    for (machine, n), cells in groupby(evidence.cells, key=lambda cell: (cell.machine, cell.n)):
        if (machine, n) != (first.machine, first.n):
            shown.append(f"on {machine}{'' if n == first.n else f', {n:,} pictures'}:")
        count = len(list(cells))
        shown += lines[at : at + count]
        at += count
    return shown


def _recalls(evidence: Evidence, names: dict[str, str]) -> list[str]:
    """Return a line for all pictures, one for all classes, and one for each class, worst first."""
    sides = (evidence.baseline, evidence.candidate)
    n = f"{evidence.pair.n:,}"
    rows = [
        ("right", "n", *(_cut(names[side.name], LONGEST_SIDE) for side in sides)),
        ("of all pictures", n, *(f"{side.correct / side.n:.2%}" for side in sides)),
    ]
    if evidence.balanced:
        means = (evidence.balanced.before, evidence.balanced.after)
        rows.append(("mean of classes (balanced)", n, *(f"{mean:.2%}" for mean in means)))
    seen = sorted((each for each in evidence.classes if each.n), key=_recall)
    rows += [
        (
            f"  {_cut(one_line(each.label), LONGEST_CLASS)}",
            f"{each.n:,}",
            f"{each.before / each.n:.2%}",
            f"{each.after / each.n:.2%}",
        )
        for each in seen[:MOST_CLASSES]
    ]
    lines = list(aligned(rows, range(1, 4)))
    if len(seen) > MOST_CLASSES:
        lines.append(f"  and {len(seen) - MOST_CLASSES:,} classes of which more is right")
    return lines


def _recall(each: ClassChange) -> float:
    return each.after / each.n


def _row(cell: Cell, evidence: Evidence, names: dict[str, str]) -> tuple[str, ...]:
    low, high = cell.interval
    size, latency = evidence.sizes.get(cell.model), cell.latency_us.get(50)
    return (
        names[cell.model],
        cell.runtime,
        f"{cell.correct / cell.n:.2%}",
        f"{100 * low:.2f}–{100 * high:.2f}",  # noqa: RUF001 - a dash between two numbers
        "" if cell.agreement is None else f"{cell.agreement:.2%}",
        f"{size / 1000:,.1f}" if size else "",
        f"{latency:,.0f}" if latency else "",
    )


def _cut(name: str, room: int) -> str:
    """Return a name's beginning and end, where it is longer than its column."""
    if len(name) <= room:
        return name
    return f"{name[: (room - 1) // 2]}…{name[-(room // 2) :]}"


def _with_short(sentence: str, names: dict[str, str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        if name != names[name]:
            sentence = sentence.replace(name, names[name])
    return sentence


def _wrapped(sentence: str) -> str:
    return textwrap.fill(sentence, WIDTH, break_on_hyphens=False, break_long_words=False)
