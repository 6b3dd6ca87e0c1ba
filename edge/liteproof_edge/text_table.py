"""Tables of text for a terminal."""

from collections.abc import Collection, Sequence


def aligned(rows: Sequence[Sequence[str]], numbers: Collection[int] = ()) -> list[str]:
    """Return a line for each row, with its cells in columns two spaces apart.

    Args:
        rows: of equally many cells; at least one row.
        numbers: the columns, counted from 0, that are aligned on the right.

    Raises:
        ValueError: a row has more or fewer cells than the first.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
