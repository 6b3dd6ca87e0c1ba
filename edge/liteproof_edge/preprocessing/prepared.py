"""What preprocessing gives: the model's input, and what was done to get it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.preprocessing.paper import Polarity


class Legibility(Enum):
    """How well a picture shows a mark: the worse, the surer the model must be of its answer."""

    CLEAR = "clear"  # as the model's own pictures do
    UNCLEAR = "unclear"  # on uneven paper, or in fewer pixels than the model's own
    COARSE = "coarse"  # in fewer than half of these


@dataclass(frozen=True, slots=True)
class Report:
    """What preprocessing did; fields that do not apply to its kind are None.

    Attributes:
        kind: of the spec, or that there was none.
        polarity: whether ink was dark on light or light on dark.
        box: left, top, right, bottom of the mark that was found, in the upright picture's pixels.
        ink_fraction: the share of the picture that is ink, 0 to 1.
        legibility: how well the picture shows the mark.
        doubts: why the answer may be wrong; empty if all is well.
    """

    kind: str
    polarity: Polarity | None = None
    box: tuple[int, int, int, int] | None = None
    ink_fraction: float | None = None
    legibility: Legibility | None = None
    doubts: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what applies."""
        values: dict[str, Any] = {
            "kind": self.kind,
            "polarity": self.polarity and self.polarity.value,
            "box": self.box,
            "ink_fraction": self.ink_fraction,
            "doubts": self.doubts,
            "legibility": self.legibility and self.legibility.value,
        }
        return {key: value for key, value in values.items() if value is not None}


def doubts(holds: Mapping[str, bool]) -> tuple[str, ...]:
    """Return those that hold."""
    return tuple(doubt for doubt, is_so in holds.items() if is_so)


class Prepared(NamedTuple):
    """The model's input, uint8 (height, width, channels), and how it came about."""

    pixels: NDArray[np.uint8]
    report: Report


class PreparedMark(NamedTuple):
    """One of several marks: as it is, and as the two it would be if they touched; uint8 each."""

    prepared: Prepared
    halves: tuple[NDArray[np.uint8], ...]
