"""An MNIST digit → the file of a picture of it."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from realistic.chance import Rng
from realistic.conditions import CONDITIONS
from realistic.crops import CROPS
from realistic.handwriting import pen, tooth
from realistic.lens import lens
from realistic.light import light
from realistic.paper import ground
from realistic.shot import Shot


def draw(digit: NDArray[np.uint8], condition: str, rng: Rng) -> bytes:
    """Return an encoded picture of an MNIST digit, uint8 (28, 28): a photo or a crop."""
    if condition in CROPS:
        file = io.BytesIO()
        Image.fromarray(CROPS[condition](digit, rng)).save(file, "PNG", compress_level=1)
        return file.getvalue()
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
