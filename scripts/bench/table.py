"""The benchmark as text."""

from collections.abc import Iterator, Mapping, Sequence

from bench.row import Better, Row, holds


def table(sections: Mapping[str, Sequence[Row]]) -> str:
    """Return every section's rows as text, group by group."""
    return "\n".join(line for name, rows in sections.items() for line in _section(name, rows))


def _section(name: str, rows: Sequence[Row]) -> Iterator[str]:
    yield f"\n{name.upper()}"
    for group in dict.fromkeys(row.group for row in rows):
        yield from _group([row for row in rows if row.group == group])


def _group(rows: Sequence[Row]) -> Iterator[str]:
    yield f"\n{rows[0].group} ({rows[0].unit}; {rows[0].better.value} is better)"
    for row in rows:
        mark = "*" if row.ours else " "
        value = "-" if row.value is None else figure(row.value)
        at = "" if row.at is None else f" at {row.at:g}"
        yield f" {mark} {row.name + at:58}{value:>10}  n = {row.n:<7,}{_ratio(row)}"
        if row.note:
            yield f"     {row.note}"


def _ratio(row: Row) -> str:
    if row.ratio is None:
        return ""
    sign = "<=" if row.better is Better.LOWER else ">="
    limit = "" if row.limit is None else f" ({sign} {row.limit:g})"
    return f"{row.ratio:6.2f} x{limit}{'' if holds(row) else '  MISSED'}"


def figure(value: float) -> str:
    """Return a value with four digits or so."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
