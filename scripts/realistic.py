"""Pictures of handwritten digits as people photograph and scan them, made from MNIST's.

`draw` gives one picture's file; `python scripts/realistic.py MNIST_FOLDER` tells how well they are
classified. What is tuned is tuned on the last 5,000 training pictures; the test split is for the
final figures alone.
"""

import argparse
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from liteproof_edge import Classifier, idx
from liteproof_edge.errors import PictureError
from liteproof_edge.measurement.evaluation import wilson_interval
from liteproof_edge.preprocessing.spec import preprocess

ROOT = Path(__file__).parent.parent
ASIDE, CELL, SHOWN = 120, (240, 134), 5  # pixels of a contact sheet, and its pictures in a row
HELD_OUT = 55_000  # training pictures from here on never trained the model
FINE = 4  # skeletons are made at so many times MNIST's resolution
BICUBIC = Image.Resampling.BICUBIC
Rng: TypeAlias = np.random.Generator
Colour: TypeAlias = tuple[int, ...]
Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom

DARK_INKS: tuple[Colour, ...] = ((25, 25, 30), (45, 42, 40), (20, 30, 95), (35, 50, 120))
# Yellow-orange is hardly darker than white; the last two are no darker than their green papers.
COLOURS: tuple[tuple[Colour, Colour], ...] = (
    ((30, 60, 190), (248, 248, 246)),
    ((205, 35, 40), (250, 248, 244)),
    ((25, 135, 65), (246, 247, 250)),
    ((245, 165, 20), (250, 250, 250)),
    ((235, 195, 40), (248, 248, 250)),
    ((210, 50, 60), (225, 240, 215)),
    ((200, 60, 50), (95, 150, 85)),
    ((225, 70, 60), (80, 140, 90)),
)
PAPERS: tuple[Colour, ...] = (
    (250, 230, 110),  # sticky note
    (150, 195, 235),
    (245, 175, 195),
    (190, 150, 105),  # kraft
    (170, 215, 150),
)
DESKS: tuple[Colour, ...] = ((120, 80, 50), (60, 45, 38), (70, 72, 78), (155, 115, 75))
BOARDS: tuple[Colour, ...] = ((38, 40, 42), (35, 62, 50), (45, 75, 60))


@dataclass(frozen=True, slots=True)
class Shot:
    """How one picture is taken.

    Attributes:
        size: width and height, pixels.
        fill: the mark's share of the picture, in the direction where it fills more of it.
        page: the mark's longer side is so much of the picture's longer side instead.
        centred: near the middle, or anywhere.
        stroke: its width over the mark's longer side; None leaves MNIST's own.
        paper: its colour.
        ink: its colour.
        grainy: share of the ink that the paper's tooth keeps off, as with pencil or chalk.
        texture: grey levels of paper grain.
        fibres: how many per 100x100 pixels.
        ruled: lines or squares on the paper, as strong as this share of black.
        smeared: a board wiped many times.
        desk: sides on which the sheet ends inside the picture.
        bright: of the lighter side; 1 for a scan.
        falloff: brightness of the darker side over the lighter's.
        vignette: what the corners lose.
        shadows: how many.
        blur: radius of the lens's disc over the mark's longer side.
        motion: length of the shake's trace, likewise.
        noise: the sensor's, grey levels.
        quality: JPEG's; None gives PNG.
        orientation: EXIF's.
        transparent: no paper, alpha instead.
    """

    size: tuple[int, int]
    fill: float
    stroke: float | None
    paper: Colour
    ink: Colour
    page: bool = False
    centred: bool = True
    grainy: float = 0.0
    texture: float = 1.5
    fibres: float = 0.0
    ruled: float = 0.0
    smeared: bool = False
    desk: int = 0
    bright: float = 1.0
    falloff: float = 1.0
    vignette: float = 0.0
    shadows: int = 0
    blur: float = 0.0
    motion: float = 0.0
    noise: float = 1.5
    quality: int | None = 88
    orientation: int = 1
    transparent: bool = False


def plain(rng: Rng) -> Shot:
    """Return a flatbed scan: what all others are changed from."""
    white = rng.integers(240, 256)
    return Shot(
        size=shape(rng, 400, 1600),
        fill=rng.uniform(0.4, 0.75),
        stroke=log_uniform(rng, 0.03, 0.13),
        paper=tuple(int(white - cast) for cast in rng.integers(0, 8, 3)),
        ink=pick(rng, DARK_INKS),
        quality=int(rng.integers(75, 96)),
    )


def photo(rng: Rng) -> Shot:
    """Return an ordinary photo in good light."""
    return replace(
        plain(rng),
        bright=rng.uniform(0.75, 0.97),
        falloff=rng.uniform(0.8, 1),
        vignette=rng.uniform(0, 0.12),
        texture=rng.uniform(1, 3),
        noise=rng.uniform(1, 4),
    )


def faint(rng: Rng) -> Shot:
    """Return a pencil's mark, of 12 to 25 % of the range."""
    shot, contrast = plain(rng), int(255 * rng.uniform(0.12, 0.25))
    ink = tuple(max(level - contrast, 0) for level in shot.paper)
    return replace(shot, ink=ink, grainy=rng.uniform(0.1, 0.35), noise=rng.uniform(1, 4))


def blurred(rng: Rng) -> Shot:
    """Return a picture out of focus, or shaken."""
    extent = rng.uniform(0.02, 0.06)
    if rng.random() < 0.5:
        return replace(photo(rng), blur=extent)
    return replace(photo(rng), motion=extent)


def coloured_ink(rng: Rng) -> Shot:
    """Return a mark that may differ from its ground by hue alone."""
    ink, paper = pick(rng, COLOURS)
    return replace(photo(rng), ink=ink, paper=paper)


def inverted(rng: Rng) -> Shot:
    """Return a drawing on a phone's black canvas."""
    shot = replace(plain(rng), size=shape(rng, 280, 1000), paper=(0, 0, 0), ink=(255, 255, 255))
    return replace(shot, stroke=log_uniform(rng, 0.04, 0.14), noise=0, texture=0, quality=None)


def small(rng: Rng) -> Shot:
    """Return a whole page with one small digit on it."""
    size, stroke = shape(rng, 1200, 2400), log_uniform(rng, 0.05, 0.13)
    shot = replace(photo(rng), size=size, stroke=stroke, fill=rng.uniform(0.04, 0.1))
    return replace(shot, page=True, centred=False)


def chalk(rng: Rng) -> Shot:
    """Return a blackboard."""
    shot = replace(photo(rng), paper=pick(rng, BOARDS), ink=(235, 235, 228), smeared=True)
    stroke, grainy = log_uniform(rng, 0.04, 0.11), rng.uniform(0.3, 0.55)
    return replace(shot, stroke=stroke, grainy=grainy, falloff=rng.uniform(0.6, 1), texture=4)


def mixed(rng: Rng) -> Shot:
    """Return the everyday phone photo: a bit of everything."""
    shot = replace(
        photo(rng),
        centred=False,
        fill=log_uniform(rng, 0.15, 0.7),
        bright=rng.uniform(0.5, 0.95),
        falloff=rng.uniform(0.45, 0.9),
        vignette=rng.uniform(0, 0.25),
        noise=rng.uniform(2, 10),
        texture=rng.uniform(1, 6),
        blur=rng.uniform(0, 0.01),
        quality=int(rng.integers(50, 90)),
    )
    if rng.random() < 0.35:
        shot = replace(shot, paper=pick(rng, PAPERS))
    elif rng.random() < 0.3:
        shot = replace(shot, ink=pick(rng, COLOURS[:3])[0])
    if rng.random() < 0.3:
        shot = replace(shot, ruled=rng.uniform(0.1, 0.35))
    if rng.random() < 0.15:  # a pencil
        shot = replace(shot, ink=(95, 95, 98), grainy=rng.uniform(0.1, 0.3))
    return replace(shot, shadows=int(rng.random() < 0.4), desk=int(rng.random() < 0.3))


CONDITIONS: Mapping[str, Callable[[Rng], Shot]] = {
    "scan": plain,
    "lit": lambda rng: replace(
        photo(rng), falloff=rng.uniform(0.35, 0.6), vignette=rng.uniform(0.1, 0.3)
    ),
    "shadow": lambda rng: replace(photo(rng), shadows=2),
    "coloured_paper": lambda rng: replace(photo(rng), paper=pick(rng, PAPERS)),
    "coloured_ink": coloured_ink,
    "textured": lambda rng: replace(
        photo(rng), texture=rng.uniform(5, 12), fibres=rng.uniform(2, 8)
    ),
    "ruled": lambda rng: replace(photo(rng), ruled=rng.uniform(0.1, 0.35)),
    "noisy": lambda rng: replace(
        photo(rng),
        bright=rng.uniform(0.35, 0.65),
        noise=rng.uniform(10, 25),
        quality=int(rng.integers(30, 61)),
    ),
    "blurred": blurred,
    "faint": faint,
    "thin": lambda rng: replace(photo(rng), stroke=rng.uniform(0.01, 0.02)),
    "bold": lambda rng: replace(photo(rng), stroke=None),
    "small": small,
    "off_centre": lambda rng: replace(photo(rng), fill=rng.uniform(0.2, 0.4), centred=False),
    "close": lambda rng: replace(photo(rng), fill=rng.uniform(0.85, 0.95)),
    "chalk": chalk,
    "inverted": inverted,
    "desk": lambda rng: replace(
        photo(rng), desk=int(rng.integers(1, 3)), fill=rng.uniform(0.3, 0.6)
    ),
    "rotated_exif": lambda rng: replace(photo(rng), orientation=pick(rng, (3, 6, 8))),
    "transparent": lambda rng: replace(plain(rng), transparent=True, quality=None),
    "mixed": mixed,
}


def draw(digit: NDArray[np.uint8], condition: str, rng: Rng) -> bytes:
    """Return an encoded picture of an MNIST digit, uint8 (28, 28)."""
    shot = CONDITIONS[condition](rng)
    mark = pen(digit, shot, rng)
    if shot.grainy:
        mark = ImageChops.multiply(mark, tooth(mark.size, shot.grainy, rng))
    sheet, room = ground(shot, rng, max(mark.size))
    free = (room[2] - room[0] - mark.width, room[3] - room[1] - mark.height)
    spread = 0.2 if shot.centred else 1.0
    at = [int(room[k] + free[k] * (0.5 + spread * rng.uniform(-0.5, 0.5))) for k in (0, 1)]
    if shot.transparent:
        layer = Image.new("L", shot.size)
        layer.paste(mark, (at[0], at[1]))
        picture = Image.new("RGB", shot.size, shot.ink)
        picture.putalpha(layer)
        return encode(picture, shot)
    sheet.paste(shot.ink, (at[0], at[1]), mark)
    middle = (at[0] + mark.width / 2, at[1] + mark.height / 2)
    picture = ImageChops.multiply(sheet, light(shot, middle, max(mark.size), rng))
    return encode(lens(picture, shot, max(mark.size), rng), shot)


def pen(digit: NDArray[np.uint8], shot: Shot, rng: Rng) -> Image.Image:
    """Return the mark, "L", cropped, of the shot's size and stroke, a little turned and sheared."""
    padded = np.pad(digit, 2)
    fine = Image.fromarray(padded).resize((FINE * 32, FINE * 32), BICUBIC)
    fine = fine.filter(ImageFilter.GaussianBlur(0.5 * FINE))
    angle, shear = math.radians(rng.uniform(-8, 8)), rng.uniform(-0.12, 0.12)
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]]) @ np.array([[1, shear], [0, 1]])
    inside = np.asarray(fine) > 95
    points, links = skeleton(inside)
    outline = np.argwhere(inside)[:, ::-1] if shot.stroke is None else points
    corners = outline @ turn.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    # The stroke's own width counts in the mark's size.
    own = 0.0 if shot.stroke is None else shot.stroke
    extent = high - low + 1
    fits = max(shot.size) / max(extent) if shot.page else min(np.array(shot.size) / extent)
    scale = shot.fill * fits * (1 - own)
    width = max(own * scale * max(extent), 1.5)
    margin = math.ceil(width / 2) + 2
    wide, tall = (int(side) for side in np.ceil(extent * scale) + 2 * margin)
    size = (wide, tall)
    if shot.stroke is None:
        back = np.linalg.inv(turn * scale)
        origin = back @ (low * scale - margin)
        affine = (*back[0], origin[0], *back[1], origin[1])
        mark = fine.transform(size, Image.Transform.AFFINE, affine, BICUBIC)
        steep = max(2.2, 1.2 * scale)  # leaves the edge two pixels wide
        mark = mark.point([int(np.clip(128 + steep * (v - 60), 0, 255)) for v in range(256)])
    else:
        canvas = Image.new("L", (2 * size[0], 2 * size[1]))
        place = 2 * ((corners - low) * scale + margin)
        uneven = 1 + 0.15 * np.sin(points @ rng.uniform(-0.12, 0.12, 2) + rng.uniform(0, 6))
        stroke(ImageDraw.Draw(canvas), place, links, width * uneven)
        mark = canvas.reduce(2)
    box = mark.getbbox()
    return mark.crop(box) if box else mark


def stroke(
    canvas: ImageDraw.ImageDraw,
    points: NDArray[np.float64],
    links: NDArray[np.intp],
    radii: NDArray[np.float64],
) -> None:
    """Draw a skeleton with a round nib."""
    for a, b in links:
        canvas.line([*points[a], *points[b]], fill=255, width=max(1, round(2 * radii[a])))
    for (x, y), radius in zip(points, radii, strict=True):
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)


def skeleton(inside: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return a mark's middle line: points (n, 2) as x, y, and the pairs that touch.

    Source: Zhang and Suen 1984, "A fast parallel algorithm for thinning digital patterns".
    """
    ring = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
    left, before = inside.copy(), -1
    while left.sum() != before:
        before = int(left.sum())
        for first, second in (((0, 2, 4), (2, 4, 6)), ((0, 2, 6), (0, 4, 6))):
            near = np.stack([np.roll(left, (-y, -x), (0, 1)) for y, x in ring])
            count = near.sum(axis=0)
            turns = (~near & np.roll(near, -1, axis=0)).sum(axis=0)
            edge = ~near[list(first)].all(axis=0) & ~near[list(second)].all(axis=0)
            left &= ~((count >= 2) & (count <= 6) & (turns == 1) & edge)
    points = np.argwhere(left)[:, ::-1].astype(np.float64)
    touching = np.abs(points[:, np.newaxis] - points).max(axis=2) <= 1
    reached = touching.astype(np.float32)
    for _ in range(8):
        reached = (reached @ reached > 0).astype(np.float32)
    kept = reached.sum(axis=0) > 0.08 * len(points)  # no specks: a pen would blow them up
    points, touching = points[kept], touching[kept][:, kept]
    links = np.argwhere(np.triu(touching, 1))
    mean = touching / touching.sum(axis=1, keepdims=True)
    ends = touching.sum(axis=1) <= 2
    mean[ends] = np.eye(len(points))[ends]
    for _ in range(6):  # steps of whole pixels become a smooth line
        points = mean @ points
    return points, links


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


def lay(
    sheet: Image.Image, room: list[float], sides: int, rng: Rng
) -> tuple[Image.Image, list[float]]:
    """Return the sheet on a desk, with its edge inside the picture on some sides."""
    width, height = sheet.size
    desk = Image.new("RGB", sheet.size, pick(rng, DESKS))
    for amplitude, share in ((9, 2), (7, 6)):
        grain = rng.normal(128, amplitude, (max(2, height // share), 6)).clip(0, 255)
        desk = added(desk, Image.fromarray(grain.astype(np.uint8)).resize(sheet.size, BICUBIC))
    corners = np.array([[-1, -1], [2, -1], [2, 2], [-1, 2]], float) * (width, height)
    for side in rng.choice(4, sides, replace=False):
        axis, far = int(side) % 2, int(side) >= 2
        length, slope = sheet.size[axis], rng.uniform(-0.05, 0.05) * sheet.size[1 - axis]
        inset = rng.uniform(0.07, 0.2) * length
        line = length - inset if far else inset
        two = {(0, False): (0, 3), (0, True): (1, 2), (1, False): (0, 1), (1, True): (3, 2)}
        for corner, sign in zip(two[axis, far], (-1.5, 1.5), strict=True):
            corners[corner, axis] = line + sign * slope
        inner = abs(slope) / 2 + 0.02 * length
        room[axis + 2 * far] = line - inner if far else line + inner
    mask = Image.new("L", sheet.size)
    ImageDraw.Draw(mask).polygon([tuple(corner) for corner in corners], fill=255)
    cast = ImageChops.offset(mask, 0, 3).reduce(4).filter(ImageFilter.GaussianBlur(2))
    dark = cast.point([int(255 - 0.5 * v) for v in range(256)]).resize(sheet.size)
    desk = ImageChops.multiply(desk, Image.merge("RGB", [dark] * 3))
    desk.paste(sheet, (0, 0), mask.filter(ImageFilter.SMOOTH))
    return desk, room


def smear(board: Image.Image, rng: Rng) -> Image.Image:
    """Return the board with the traces of a duster."""
    width, height = (max(8, side // 4) for side in board.size)
    layer = Image.new("L", (width, height), 128)
    for _ in range(int(rng.integers(3, 8))):
        trace = Image.new("L", (width, height))
        points = rng.uniform(-0.2, 1.2, (3, 2)) * (width, height)
        thick = int(rng.uniform(0.05, 0.2) * height) + 1
        line = [tuple(point) for point in points]
        ImageDraw.Draw(trace).line(line, fill=255, width=thick, joint="curve")
        trace = trace.filter(ImageFilter.GaussianBlur(rng.uniform(1, 5)))
        strength = rng.uniform(0.02, 0.09)
        layer = ImageChops.add(layer, trace.point([int(strength * v) for v in range(256)]))
    return added(board, layer.resize(board.size, BICUBIC))


def light(shot: Shot, middle: tuple[float, float], mark: int, rng: Rng) -> Image.Image:
    """Return what share of the light reaches each pixel."""
    width, height = (max(8, side // 4) for side in shot.size)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * math.pi)
    along = x * math.cos(angle) + y * math.sin(angle)
    along = (along - along.min()) / np.ptp(along)
    level = 1 - (1 - shot.falloff) * along ** rng.uniform(0.7, 1.5)
    level *= shot.bright * (1 - shot.vignette * (x * x + y * y) / 2)
    passed = np.ones_like(level)
    for k in range(shot.shadows):
        mask = Image.new("L", (width, height))
        reach = rng.uniform(0.6, 1.4) * mark / 4
        shade(
            ImageDraw.Draw(mask), (middle[0] / 4, middle[1] / 4), reach, 2 * (width + height), rng
        )
        soft = (rng.uniform(0.02, 0.06), rng.uniform(0.004, 0.012))[k % 2] * max(width, height)
        dark = np.asarray(mask.filter(ImageFilter.GaussianBlur(soft))) / 255
        passed = np.minimum(passed, 1 - dark * (1 - rng.uniform(0.4, 0.65)))
    level *= passed
    grey = Image.fromarray((255 * level + 0.5).astype(np.uint8)).resize(shot.size, BICUBIC)
    return Image.merge("RGB", [grey] * 3)


def shade(
    pencil: ImageDraw.ImageDraw, middle: tuple[float, float], reach: float, far: float, rng: Rng
) -> None:
    """Draw a phone's or a hand's shadow, which comes in from outside up to near the mark."""
    angle = rng.uniform(0, 2 * math.pi)
    ahead, across = np.array([math.cos(angle), math.sin(angle)]), rng.uniform(-0.6, 0.6) * reach
    aside = np.array([-ahead[1], ahead[0]])
    tip = np.array(middle) + ahead * rng.uniform(-0.3, 0.6) * reach + aside * across
    if rng.random() < 0.5:  # a phone
        half = aside * reach * rng.uniform(0.4, 0.9)
        corners = (tip + half, tip - half, tip - half + ahead * far, tip + half + ahead * far)
        pencil.polygon([tuple(corner) for corner in corners], fill=255)
        return
    thick = 0.28 * reach
    for k in range(4):  # fingers, then the arm
        root = tip + ahead * reach + aside * (k - 1.5) * thick
        end = tip + ahead * reach * (0.2, 0.0, 0.08, 0.35)[k] + aside * (k - 1.5) * thick * 1.12
        pencil.line([*end, *root], fill=255, width=max(1, int(thick)))
        radius = thick / 2
        pencil.ellipse([*(end - radius), *(end + radius)], fill=255)
    wrist = tip + ahead * reach
    pencil.line([*wrist, *(wrist + ahead * far)], fill=255, width=max(1, int(4.2 * thick)))


def lens(picture: Image.Image, shot: Shot, mark: int, rng: Rng) -> Image.Image:
    """Return what the camera makes of it."""
    if shot.blur * mark > 0.5:
        picture = picture.filter(ImageFilter.BoxBlur(shot.blur * mark * 0.8))
        picture = picture.filter(ImageFilter.BoxBlur(shot.blur * mark * 0.5))
    if shot.motion:
        length, angle = 2 * shot.motion * mark, rng.uniform(0, math.pi)
        steps = 12
        total = np.zeros((*picture.size[::-1], 3), np.uint16)
        for k in range(steps):
            move = length * (k / (steps - 1) - 0.5)
            data = (1, 0, move * math.cos(angle), 0, 1, move * math.sin(angle))
            total += np.asarray(picture.transform(picture.size, Image.Transform.AFFINE, data))
        picture = Image.fromarray((total // steps).astype(np.uint8))
        trim = math.ceil(length / 2) + 1  # nothing came in there from outside
        picture = picture.crop((trim, trim, picture.width - trim, picture.height - trim))
    if shot.noise:
        grains = rng.standard_normal((256, 256, 4), np.float32) * shot.noise
        grains = (128 + grains[..., 3:] + grains[..., :3] / 2).clip(0, 255)
        picture = added(picture, tiled(Image.fromarray(grains.astype(np.uint8)), picture.size))
    return picture


def encode(picture: Image.Image, shot: Shot) -> bytes:
    """Return the picture's file."""
    file = io.BytesIO()
    if shot.quality is None:
        picture.save(file, "PNG", compress_level=1)
        return file.getvalue()
    exif = Image.Exif()
    turns = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}
    if shot.orientation != 1:
        exif[0x0112] = shot.orientation
        picture = picture.transpose(turns.get(shot.orientation, Image.Transpose.ROTATE_270))
    picture.save(file, "JPEG", quality=shot.quality, exif=exif)
    return file.getvalue()


def added(picture: Image.Image, change: Image.Image) -> Image.Image:
    """Return the picture with a layer's distance from 128 added."""
    layer = change if change.mode == "RGB" else Image.merge("RGB", [change] * 3)
    return ImageChops.add(picture, layer, 1.0, -128)


def tiled(tile: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a picture of that size, full of tiles."""
    whole = Image.new(tile.mode, size)
    for top in range(0, size[1], tile.height):
        for left in range(0, size[0], tile.width):
            whole.paste(tile, (left, top))
    return whole


def mottle(picture: Image.Image, amplitude: float, scale: float, rng: Rng) -> Image.Image:
    """Return the picture with spots of so many grey levels and pixels."""
    height, width = (max(2, round(side / scale)) for side in picture.size[::-1])
    spots = rng.standard_normal((height, width), np.float32) * amplitude + 128
    layer = Image.fromarray(spots.clip(0, 255).astype(np.uint8))
    return added(picture, layer.resize(picture.size, BICUBIC))


def tooth(size: tuple[int, int], share: float, rng: Rng) -> Image.Image:
    """Return how much ink a rough ground takes."""
    scale = max(1.5, max(size) / 250)
    height, width = (max(2, round(side / scale)) for side in size[::-1])
    rough = rng.standard_normal((height, width), np.float32)
    level = 255 * (1 - share * (0.5 + rough)).clip(0, 1)
    return Image.fromarray(level.astype(np.uint8)).resize(size, BICUBIC)


def shape(rng: Rng, least: int, most: int) -> tuple[int, int]:
    """Return a picture's width and height, the longer side within the bounds."""
    longer = log_uniform(rng, least, most)
    shorter = longer * pick(rng, (1, 0.75, 0.75, 0.5625, 0.667))
    sides = (int(longer), int(shorter))
    return sides if rng.random() < 0.4 else sides[::-1]


def log_uniform(rng: Rng, least: float, most: float) -> float:
    """Return a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(math.log(least), math.log(most))))


def pick(rng: Rng, choices: Any) -> Any:  # noqa: ANN401
    """Return one of them."""
    return choices[int(rng.integers(len(choices)))]


def as_it_is(file: bytes) -> NDArray[np.uint8]:
    """Return what people feed to a model: grey, shrunk, light on dark; uint8 (28, 28, 1)."""
    grey = Image.open(io.BytesIO(file)).convert("L")
    pixels = np.asarray(grey.resize((28, 28), Image.Resampling.BILINEAR))
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    if np.median(border) > 127:
        pixels = np.invert(pixels)
    return pixels[..., np.newaxis]


def main() -> None:
    """Print each condition's accuracy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="MNIST's IDX files")
    parser.add_argument("--bundle", type=Path, default=ROOT / "models" / "mnist")
    parser.add_argument("--split", choices=("train", "test"), default="train")
    parser.add_argument("--per-condition", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    parser.add_argument("--sheet", type=Path, help="where to write a contact sheet")
    options = parser.parse_args()
    examples = idx.load(options.folder, idx.Split[options.split.upper()])
    first = HELD_OUT if options.split == "train" else 0
    images, labels = examples.images[first:, ..., 0], examples.labels[first:]
    classifier = Classifier.load(options.bundle)
    sheet = Image.new("RGB", (ASIDE + SHOWN * CELL[0], CELL[1] * len(options.only)), "white")
    print(f"{'condition':15} {'n':>5}  {'as it is':22}  {'classify':22}  refused  doubted")
    totals = np.zeros(5, int)
    for row, condition in enumerate(options.only):
        counts = np.zeros(5, int)
        for k in range(options.per_condition):
            rng = np.random.default_rng([options.seed, k, *condition.encode()])
            which = int(rng.integers(len(labels)))
            file, label = draw(images[which], condition, rng), str(labels[which])
            plain_right = classifier.classify_tensor(as_it_is(file)).label == label
            try:
                prediction = classifier.classify(file)
                answer, doubted = prediction.label, bool(prediction.preprocessing.doubts)
            except PictureError:
                answer, doubted = "refused", False
            counts += (1, plain_right, answer == label, answer == "refused", doubted)
            if k < SHOWN:
                at = (ASIDE + CELL[0] * k, CELL[1] * row)
                contact(sheet, at, file, f"{label}: {answer}", classifier)
        name = condition.replace("_", " ")
        ImageDraw.Draw(sheet).text((4, CELL[1] * row + 50), name, fill="black", font_size=16)
        totals += counts
        show(condition, counts)
    show("all", totals)
    if options.sheet:
        sheet.save(options.sheet)


def contact(
    sheet: Image.Image, at: tuple[int, int], file: bytes, text: str, classifier: Classifier
) -> None:
    """Put a picture on the contact sheet, beside it what the model sees, and the answer below."""
    with Image.open(io.BytesIO(file)) as opened:
        seen = Image.alpha_composite(
            Image.new("RGBA", opened.size, "lightgrey"), opened.convert("RGBA")
        )
    upright = ImageOps.exif_transpose(seen)
    upright.thumbnail((112, 112))
    sheet.paste(upright, at)
    try:
        pixels = preprocess(file, classifier.bundle.preprocessing).pixels[..., 0]
    except PictureError:
        pixels = np.full((28, 28), 128, np.uint8)
    sheet.paste(
        Image.fromarray(pixels).resize((112, 112), Image.Resampling.NEAREST), (at[0] + 114, at[1])
    )
    colour = "black" if text[0] == text[-1] else "red"
    ImageDraw.Draw(sheet).text((at[0], at[1] + 113), text, fill=colour, font_size=14)


def show(name: str, counts: NDArray[np.int_]) -> None:
    """Print one row."""
    n, *right, refused, doubted = (int(count) for count in counts)
    shares = []
    for count in right:
        low, high = wilson_interval(count, n)
        shares.append(f"{count / n:6.1%} ({low:6.1%}-{high:6.1%})")
    print(f"{name:15} {n:5}  {shares[0]:22}  {shares[1]:22}  {refused:7}  {doubted:7}", flush=True)


if __name__ == "__main__":
    main()
