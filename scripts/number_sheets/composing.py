"""Putting digits on a sheet."""

import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from liteproof_edge.idx import Examples
from liteproof_edge.preprocessing.components import Box
from number_sheets.conditions import CONDITIONS, Sheet
from realistic.chance import Rng

INKED = 60  # a level of MNIST's that is ink to the eye
LINE_HEIGHT = 1.5  # digit heights from one line to the next
RULE = 0.05  # digit heights: how thick a ruled line or a frame is
PART = 0.07  # digit heights: how wide the gap between a digit's parts is


class Written(NamedTuple):
    """A digit on a sheet, and where it is, in pixels."""

    label: str
    box: Box


class Composed(NamedTuple):
    """A sheet's file, and its lines as people read them."""

    file: bytes
    lines: list[list[Written]]


def compose(examples: Examples, condition: str, rng: Rng) -> Composed:
    """Return a sheet of a condition, with digits chosen at random."""
    sheet = CONDITIONS[condition](rng)
    lines = [
        [_digit(examples, int(rng.integers(len(examples.labels))), sheet, rng) for _ in range(n)]
        for n in sheet.lines
    ]
    placed, size = _placed(lines, sheet, rng)
    ink = np.zeros(size[::-1], np.float64)
    for line in placed:
        for (_, box), (_, stroke) in line:
            spot = box.cut(ink)
            np.maximum(spot, stroke, out=spot)
    _draw_lines(ink, [[written for written, _ in line] for line in placed], sheet)
    file = _encoded(_photographed(ink / 255, sheet, rng), sheet)
    return Composed(file, [[written for written, _ in line] for line in placed])


def _digit(examples: Examples, index: int, sheet: Sheet, rng: Rng) -> tuple[str, NDArray[np.uint8]]:
    """Return a digit's label, and its ink at the sheet's size, cut to its box.

    One beside which MNIST shows a part of another is passed over for the next.
    """
    pixels = examples.images[index, ..., 0]
    rows, columns = (np.flatnonzero((pixels > INKED).any(axis=axis)) for axis in (1, 0))
    if max(np.diff(rows).max(initial=1), np.diff(columns).max(initial=1)) > 1:
        return _digit(examples, (index + 1) % len(examples.labels), sheet, rng)
    cut = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = sheet.height / 20 * rng.uniform(1 - sheet.uneven, 1 + sheet.uneven)
    size = (max(2, round(scale * cut.shape[1])), max(2, round(scale * cut.shape[0])))
    ink = np.array(Image.fromarray(cut).resize(size, Image.Resampling.BICUBIC))
    if sheet.parted:
        row = int(len(ink) * rng.uniform(0.25, 0.4))
        ink[row : row + max(2, round(PART * sheet.height))] = 0
    return str(examples.labels[index]), ink


def _placed(
    lines: list[list[tuple[str, NDArray[np.uint8]]]], sheet: Sheet, rng: Rng
) -> tuple[list[list[tuple[Written, tuple[str, NDArray[np.uint8]]]]], tuple[int, int]]:
    """Return each digit with its place, and the sheet's width and height."""
    margin = round(sheet.margin * sheet.height) + 4
    placed, widest = [], 0
    for number, line in enumerate(lines):
        x = margin + round(sheet.height * rng.uniform(0, 0.4))
        middle = margin + sheet.height * (0.7 + LINE_HEIGHT * number)
        row = []
        for label, ink in line:
            height, width = ink.shape
            top = round(middle - height / 2 + sheet.height * rng.uniform(-0.06, 0.06))
            top += round(sheet.slope * x)
            row.append((Written(label, Box(x, top, x + width, top + height)), (label, ink)))
            x += width + round(sheet.height * rng.uniform(*sheet.gap))
        widest = max(widest, row[-1][0].box.right)
        placed.append(row)
    boxes = [written.box for row in placed for written, _ in row]
    down = min(0, min(box.top for box in boxes) - margin)  # a line that rises leaves the sheet
    moved = [
        [
            (Written(label, box._replace(top=box.top - down, bottom=box.bottom - down)), digit)
            for (label, box), digit in row
        ]
        for row in placed
    ]
    bottom = max(written.box.bottom for row in moved for written, _ in row)
    return moved, (widest + margin, bottom + margin)


def _draw_lines(ink: NDArray[np.float64], lines: list[list[Written]], sheet: Sheet) -> None:
    """Rule a line under each line of digits, or a frame around all."""
    thick = max(1, round(RULE * sheet.height))
    if sheet.ruled:
        for line in lines:
            row = max(written.box.bottom for written in line) + 3 * thick
            ink[row : row + thick] = 200
    if sheet.framed:
        away = round(0.3 * sheet.height)
        height, width = ink.shape
        for edge in (away, height - away - thick):
            ink[edge : edge + thick, away : width - away] = 220
        for edge in (away, width - away - thick):
            ink[away : height - away, edge : edge + thick] = 220


def _photographed(coverage: NDArray[np.float64], sheet: Sheet, rng: Rng) -> NDArray[np.uint8]:
    """Return the sheet's pixels: ink on paper, in uneven light, with the sensor's noise."""
    height, width = coverage.shape
    part = coverage[..., np.newaxis]
    pixels = np.array(sheet.paper) * (1 - part) + np.array(sheet.ink) * part
    across = np.linspace(1, sheet.falloff, width)[np.newaxis, :]
    down = np.linspace(1, 1 - (1 - sheet.falloff) * rng.uniform(0, 0.4), height)[:, np.newaxis]
    light = across * down
    pixels *= (light if rng.random() < 0.5 else light[:, ::-1])[..., np.newaxis]
    pixels += rng.normal(0, sheet.noise, pixels.shape) if sheet.noise else 0
    return np.asarray(np.clip(pixels, 0, 255), np.uint8)


def _encoded(pixels: NDArray[np.uint8], sheet: Sheet) -> bytes:
    file = io.BytesIO()
    if sheet.quality is None:
        Image.fromarray(pixels).save(file, "PNG")
    else:
        Image.fromarray(pixels).save(file, "JPEG", quality=sheet.quality)
    return file.getvalue()
