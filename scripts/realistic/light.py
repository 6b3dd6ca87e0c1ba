"""Light that falls off to one side and into the corners, and shadows."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from realistic.chance import Rng
from realistic.layers import BICUBIC
from realistic.shot import Shot


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
