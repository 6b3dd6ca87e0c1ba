"""The gallery: which of the changed pictures are shown, and each as a PNG in a data URI."""

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from liteproof.evidence.records import Change, ChangeKind, Evidence

MOST_CARDS = 1000  # a phone still scrolls through them
LONGEST_SIDE = 96  # pixels; a larger picture is scaled down
CARD_BYTES = 1000  # about what a card's HTML takes besides its picture
BATCH = 50  # pictures asked for at once

Pictures = Callable[[Sequence[int]], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Card:
    """A changed picture, its data URI, and its size on the screen in pixels."""

    change: Change
    source: str
    width: int
    height: int


def cards(evidence: Evidence, pictures: Pictures, budget: int) -> tuple[Card, ...]:
    """Return the cards that fit.

    Args:
        evidence: its changes are taken in this order: broken and fixed before those that are wrong
            both times, then by the baseline's margin, the smallest first.
        pictures: gives uint8 (n, height, width, channels) for n indices of changes.
        budget: how many bytes they may take in the file.
    """
    shown: list[Card] = []
    for change, picture in _in_order(evidence, pictures):
        card = _card(change, picture)
        budget -= len(card.source) + CARD_BYTES
        if budget < 0:
            break
        shown.append(card)
    return tuple(shown)


def _in_order(evidence: Evidence, pictures: Pictures) -> Iterator[tuple[Change, NDArray[np.uint8]]]:
    ranked = sorted(
        evidence.changes,
        key=lambda change: (change.kind is ChangeKind.OTHER, change.margin_before, change.index),
    )[:MOST_CARDS]
    for start in range(0, len(ranked), BATCH):
        batch = ranked[start : start + BATCH]
        yield from zip(batch, pictures([change.index for change in batch]), strict=True)


def data_uri(image: Image.Image) -> str:
    """Return a picture as a PNG within an address."""
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _card(change: Change, pixels: NDArray[np.uint8]) -> Card:
    """Make a card. Pillow knows 1, 3 and 4 channels: of others the first is shown."""
    plain = pixels if pixels.shape[-1] in {3, 4} else pixels[..., 0]
    image = Image.fromarray(np.ascontiguousarray(plain))
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    longest = max(image.size)
    width, height = (max(1, round(LONGEST_SIDE * side / longest)) for side in image.size)
    return Card(change, data_uri(image), width, height)
