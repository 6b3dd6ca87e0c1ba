"""What the camera adds: out-of-focus and motion blur, and noise."""

import math

import numpy as np
from PIL import Image, ImageFilter

from realistic.chance import Rng
from realistic.layers import added, tiled
from realistic.shot import Shot


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
