"""The mark: MNIST's digit, written by a pen of another width, a little turned and sheared."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from realistic.chance import Rng
from realistic.layers import BICUBIC
from realistic.shot import Shot
from realistic.thinning import skeleton

FINE = 4  # skeletons are made at so many times MNIST's resolution


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


def tooth(size: tuple[int, int], share: float, rng: Rng) -> Image.Image:
    """Return how much ink a rough ground takes."""
    scale = max(1.5, max(size) / 250)
    height, width = (max(2, round(side / scale)) for side in size[::-1])
    rough = rng.standard_normal((height, width), np.float32)
    level = 255 * (1 - share * (0.5 + rough)).clip(0, 1)
    return Image.fromarray(level.astype(np.uint8)).resize(size, BICUBIC)
