"""What is written on: plain, textured or ruled paper, a board, a sheet on a desk."""

import math
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from realistic.board import smear
from realistic.chance import Rng, pick
from realistic.desk import lay
from realistic.layers import added, mottle
from realistic.shot import Shot

Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom


def ground(shot: Shot, rng: Rng, mark: int) -> tuple[Image.Image, Box]:
    """Return the paper or board, and where there is room to write on it."""
    width, height = shot.size
    edge = 0.012 * min(shot.size)
    room = [edge, edge, width - edge, height - edge]
    sheet = Image.new("RGB", shot.size, shot.paper)
    if shot.ruled:
        sheet = rule(sheet, shot, rng, mark)
    if shot.texture > 2:
        for scale, share in ((1, 0.8), (2.5, 0.7), (8, 0.4), (60, 0.5)):
            sheet = mottle(sheet, shot.texture * share, scale, rng)
    if shot.fibres:
        layer = Image.new("L", shot.size, 128)
        pencil = ImageDraw.Draw(layer)
        for x, y, turn in rng.random((int(shot.fibres * width * height / 1e4), 3)):
            reach, at = rng.uniform(0.005, 0.02) * width, (x * width, y * height)
            bend = [
                (
                    at[0] + reach * k * math.cos(7 * turn + 0.4 * k),
                    at[1] + reach * k * math.sin(7 * turn + 0.4 * k),
                )
                for k in range(3)
            ]
            pencil.line(bend, fill=int(rng.choice((108, 116, 140, 146))))
        sheet = added(sheet, layer)
    if shot.smeared:
        sheet = mottle(smear(sheet, rng), 10, max(shot.size) / 5, rng)
    if shot.desk:
        sheet, room = lay(sheet, room, shot.desk, rng)
    return sheet, (room[0], room[1], room[2], room[3])


def rule(sheet: Image.Image, shot: Shot, rng: Rng, mark: int) -> Image.Image:
    """Return the sheet with lines or squares."""
    reach, gap = sum(sheet.size), max(8, mark * rng.uniform(0.2, 0.8))
    lines = Image.new("L", sheet.size)
    pencil, start = ImageDraw.Draw(lines), rng.uniform(0, gap)
    angle, width = math.radians(rng.uniform(-4, 4)), max(1, round(gap * rng.uniform(0.015, 0.035)))
    directions = (0.0,) if rng.random() < 0.5 else (0.0, math.pi / 2)
    for turn in directions:
        cos, sin = math.cos(angle + turn), math.sin(angle + turn)
        for k in np.arange(start - reach, reach, gap):
            x, y = -sin * k, cos * k
            ends = (x - reach * cos, y - reach * sin, x + reach * cos, y + reach * sin)
            pencil.line(ends, fill=255, width=width)
    lines = lines.filter(ImageFilter.SMOOTH)
    tint = pick(rng, ((0.5, 0.8, 1.3), (1, 1, 1), (0.6, 1, 1.0)))
    ink = tuple(
        int(level * (1 - min(1, shot.ruled / weight)))
        for level, weight in zip(shot.paper, tint, strict=True)
    )
    sheet.paste(ink, (0, 0), lines)
    return sheet
