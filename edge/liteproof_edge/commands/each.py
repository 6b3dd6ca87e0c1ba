"""What `classify --each` prints and draws: every mark of a picture."""

import argparse
import json
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from liteproof_edge.classifier import Classifier
from liteproof_edge.errors import OutputError, one_line
from liteproof_edge.prediction import Prediction, Reading
from liteproof_edge.preprocessing.pictures import Picture, decode, flatten
from liteproof_edge.preprocessing.spec import QUIET

DRAWN = 1600  # pixels: the longer side of what is drawn, at most
SURE, UNSURE = (20, 140, 60), (215, 95, 0)  # red, green, blue
OLDEST_FONT = 10  # pixels: the only size of Pillow's built-in font before Pillow 10.1


def answer(
    classifier: Classifier, name: str, picture: Picture, options: argparse.Namespace
) -> None:
    """Print all marks of a picture, line by line, and draw them where that is asked for.

    Raises:
        PictureError: it is no picture, or there is no ink in it.
        BundleError: the bundle's preprocessing takes a picture as one.
        OutputError: what is drawn cannot be written.
    """
    reading = classifier.classify_each(picture)
    least = options.min_confidence
    if options.json:
        print(json.dumps({"picture": name, **_to_json(reading, least)}))
    else:
        texts = reading.text(least) if least is not None else reading.text()
        width = max(map(len, texts))
        for text, line in zip(texts, reading.lines, strict=True):
            lowest = min(mark.probability for mark in line)
            latency_us = sum(mark.latency_us for mark in line)
            reasons = "".join(f"  {reason}" for reason in _reasons(line, least or 0.0))
            print(f"{one_line(name)}  {text:{width}}  {lowest:6.1%}  {latency_us:5.0f} µs{reasons}")
    if options.draw:
        drawn = draw(picture, reading, least or 0.0, options.max_megapixels)
        _write(drawn, options.draw)


def _reasons(line: tuple[Prediction, ...], least: float) -> list[str]:
    """Return why answers are unsure, each with its place in the line, from 1."""
    return [
        f"{place}: {', '.join(mark.reasons(least))}"
        for place, mark in enumerate(line, 1)
        if mark.is_unsure(least)
    ]


def _to_json(reading: Reading, least: float | None) -> dict[str, object]:
    values = reading.to_json()
    for line, marks in zip(reading.lines, values["lines"], strict=True):
        for mark, value in zip(line, marks, strict=True):
            value["unsure"] = least is not None and mark.is_unsure(least)
            value["reasons"] = mark.reasons(least or 0.0)
            if value["unsure"]:
                value["label"] = None
    return {"text": reading.text() if least is None else reading.text(least), **values}


def draw(
    picture: Picture, reading: Reading, min_confidence: float, max_megapixels: int | None
) -> Image.Image:
    """Return the picture, upright, with a box around each mark and its label above it.

    Args:
        picture: what was read.
        reading: its marks.
        min_confidence: below this probability an answer is drawn as one in doubt.
        max_megapixels: as for `Classifier`.
    """
    with QUIET:
        decoded = decode(picture, DRAWN, max_megapixels)
        pixels = decoded.reduced(DRAWN, lambda part: flatten(part).convert("RGB"))
    drawn = Image.fromarray(np.ascontiguousarray(pixels))
    pen = ImageDraw.Draw(drawn)
    thick = max(1, max(drawn.size) // 400)
    scale = [side / full for side, full in zip(drawn.size, decoded.full_size, strict=True)]
    for mark in reading.marks:
        left, top, right, bottom = mark.preprocessing.box or (0, 0, *decoded.full_size)
        box = [left * scale[0] - thick, top * scale[1] - thick]
        box += [right * scale[0] + thick, bottom * scale[1] + thick]
        colour = UNSURE if mark.is_unsure(min_confidence) else SURE
        pen.rectangle(box, outline=colour, width=thick)
        font = _font(max(OLDEST_FONT, round((box[3] - box[1]) / 3)))
        text = mark.label + ("?" if mark.is_unsure(min_confidence) else "")
        _, _, wide, tall = pen.textbbox((0, 0), text, font=font)
        at = (max(0, min(box[0], drawn.width - wide)), max(0, box[1] - tall - thick))
        pen.text(at, text, fill=colour, font=font)
    return drawn


def _font(pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's built-in font, which older releases have in one size alone."""
    try:
        return ImageFont.load_default(pixels)
    except TypeError:
        return ImageFont.load_default()


def _write(drawn: Image.Image, path: Path) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        drawn.save(partial, "PNG")
        partial.replace(path)
    except (OSError, ValueError) as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{path}: cannot be written: {reason}") from None
