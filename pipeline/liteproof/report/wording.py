"""How the report words numbers and names."""

import unicodedata

from liteproof_edge.errors import one_line

LONGEST_NAME = 48  # characters of a label or model that are shown
LONGEST_TEXT = 1000  # of a value of the provenance, of a sentence
ISOLATE, END_OF_ISOLATE = "\u2068", "\u2069"
SPACE = "\u00a0"  # keeps a number and its unit on one line


def percent(share: float, digits: int = 2) -> str:
    """Return a share of 0 to 1 in per cent."""
    return f"{100 * share:.{digits}f}{SPACE}%"


def points(share: float) -> str:
    """Return a difference of two shares in percentage points, with its sign; `0.00` has none."""
    text = f"{100 * abs(share):.2f}"
    if not float(text):
        return text
    return f"{'+' if share > 0 else '−'}{text}"


def interval(bounds: tuple[float, float]) -> str:
    """Return two shares in per cent, `99.43 to 99.69`."""
    return f"{100 * bounds[0]:.2f} to {100 * bounds[1]:.2f}"


def points_interval(bounds: tuple[float, float]) -> str:
    """Return two differences in percentage points, `−0.02 to +0.05`."""
    return f"{points(bounds[0])} to {points(bounds[1])}"


def count(number: int) -> str:
    """Return a whole number with its thousands parted."""
    return f"{number:,}"


def signed(number: int) -> str:
    """Return a change of a whole number with its sign."""
    return f"{number:+,}".replace("-", "−")


def pictures(number: int) -> str:
    """Return a number of pictures, in words."""
    return f"{number:,} picture{'' if number == 1 else 's'}"


def size(size_bytes: int) -> str:
    """Return a file's size in the unit that suits it."""
    if size_bytes < 1000:
        return f"{size_bytes}{SPACE}bytes"
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1000:.1f}{SPACE}kB"
    return f"{size_bytes / 1_000_000:.2f}{SPACE}MB"


def microseconds(value: float) -> str:
    """Return a time in the unit that suits it."""
    if value < 1000:
        return f"{value:.0f}{SPACE}µs"
    if value < 1_000_000:
        return f"{value / 1000:.1f}{SPACE}ms"
    return f"{value / 1_000_000:.1f}{SPACE}s"


def figures(value: float, digits: int = 3) -> str:
    """Return a number to some significant figures."""
    return f"{value:.{digits}g}"


def name(text: str, longest: int = LONGEST_NAME) -> str:
    """Return a name on one printable line; of a long one its beginning and its end.

    Names are users': a line break, or a mark that turns the direction of writing, is shown as what
    it is and has no effect.
    """
    line = one_line(text[: 2 * longest] + text[2 * longest :][-longest:])
    if len(line) > longest:
        line = f"{line[: longest - longest // 3 - 1]}…{line[-(longest // 3) :]}"
    # Right-to-left letters would carry the comma behind them along: they are isolated.
    if any(unicodedata.bidirectional(character) in {"R", "AL"} for character in line):
        return f"{ISOLATE}{line}{END_OF_ISOLATE}"
    return line


def lines(text: str) -> str:
    """Return a text of several lines with nothing unprintable but its line breaks, cut if huge."""
    cut = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
    return "\n".join(map(one_line, cut.splitlines()))
