"""What a camera sees, frame by frame."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from PIL import Image, ImageDraw

from liteproof_edge.camera.newest import Frame
from liteproof_edge.classifier import Classifier
from liteproof_edge.errors import PictureError

WINDOW = 30  # answers that the rate is measured over
LINE = 3  # pixels
COLOUR = (88, 190, 238)
DARK = (6, 32, 46)


@dataclass(frozen=True, slots=True)
class Sighting:
    """The answer to one frame.

    Attributes:
        time: when it was given, in UTC.
        frame: its number; those that were dropped are counted.
        label: None where nothing was found, or nothing that is sure enough.
        probability: of the label, 0 to 1; None where nothing was found.
        doubts: why the answer may be wrong, or why there is none.
        box: left, top, right, bottom of what was found, in the frame's pixels, or None.
        frames_per_second: answered lately.
        dropped: frames so far that were not looked at.
    """

    time: datetime
    frame: int
    label: str | None
    probability: float | None
    doubts: tuple[str, ...]
    box: tuple[int, int, int, int] | None
    frames_per_second: float | None
    dropped: int

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "time": self.time.isoformat(timespec="milliseconds"),
            "frame": self.frame,
            "label": self.label,
            "confidence": self.probability,
            "doubts": self.doubts,
            "box": self.box,
            "frames_per_second": self.frames_per_second,
            "dropped": self.dropped,
        }


def watch(
    frames: Iterable[Frame],
    classifier: Classifier,
    min_confidence: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[Frame, Sighting]]:
    """Answer frame by frame.

    Args:
        frames: from `newest.frames`.
        classifier: that answers.
        min_confidence: below it, 0 to 1, the label is None.
        clock: seconds from some moment on.

    Raises:
        PictureError: as the frames do.
        ResourceError: the same.
    """
    answered: deque[float] = deque(maxlen=WINDOW)
    for frame in frames:
        answered.append(clock())
        passed = answered[-1] - answered[0]
        rate = round((len(answered) - 1) / passed, 1) if passed > 0 else None
        yield frame, _answer(frame, classifier, min_confidence, rate)


def draw(image: Image.Image, sighting: Sighting) -> Image.Image:
    """Return the frame with the label on it, and a box where it was found."""
    drawn = image.convert("RGB")
    pen = ImageDraw.Draw(drawn)
    if sighting.box:
        pen.rectangle(sighting.box, outline=COLOUR, width=LINE)
    words = sighting.label or "?"
    if sighting.probability is not None:
        words += f"  {sighting.probability:.0%}"
    left, top = sighting.box[:2] if sighting.box else (0, 0)
    corner = left, max(0, top - 14)
    pen.rectangle(pen.textbbox(corner, words), fill=DARK)
    pen.text(corner, words, fill=COLOUR)
    return drawn


def _answer(
    frame: Frame, classifier: Classifier, min_confidence: float, rate: float | None
) -> Sighting:
    now, number = datetime.now(timezone.utc), frame.number
    try:
        found = classifier.classify(frame.image)
    except PictureError as error:
        return Sighting(now, number, None, None, (str(error),), None, rate, frame.dropped)
    sure = found.probability >= min_confidence
    return Sighting(
        time=now,
        frame=number,
        label=found.label if sure else None,
        probability=round(found.probability, 6),
        doubts=found.preprocessing.doubts,
        box=found.preprocessing.box,
        frames_per_second=rate,
        dropped=frame.dropped,
    )
