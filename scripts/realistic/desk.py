"""A sheet that ends inside the picture, on a desk."""

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from realistic.chance import Rng, pick
from realistic.layers import BICUBIC, added
from realistic.shot import Colour

DESKS: tuple[Colour, ...] = ((120, 80, 50), (60, 45, 38), (70, 72, 78), (155, 115, 75))


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
