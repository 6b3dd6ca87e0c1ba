"""Values of command-line options: read and checked."""

import argparse
import re
from collections.abc import Callable

from liteproof_edge.runtime.loading import Runtime

MOST = 1e6  # of a mean or a scale: far above any


def runtime(name: str) -> Runtime:
    """Return the runtime of that name."""
    try:
        return Runtime(name)
    except ValueError:
        names = ", ".join(runtime.value for runtime in Runtime)
        raise argparse.ArgumentTypeError(f"{name!r}, expected one of {names}") from None


def up_to(most: int, least: int = 1) -> Callable[[str], int]:
    """Return what reads an integer from `least` to `most`."""

    def parse(text: str) -> int:
        # Python itself refuses to read a number of thousands of digits.
        if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(
            f"{text!r}, expected a whole number from {least} to {most}"
        )

    return parse


def probability(text: str) -> float:
    """Read a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a number from 0 to 1")
    return value


def size(text: str) -> tuple[int, int]:
    """Read HEIGHTxWIDTH."""
    match = re.fullmatch(r"([1-9][0-9]{0,3})x([1-9][0-9]{0,3})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r}, expected HEIGHTxWIDTH, such as 28x28")
    return int(match[1]), int(match[2])


def numbers(text: str) -> tuple[float, ...]:
    """Read a number, or three with commas between."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) not in {1, 3} or not all(abs(each) <= MOST for each in values):
        raise argparse.ArgumentTypeError(f"{text!r}, expected a number, or three with commas")
    return values
