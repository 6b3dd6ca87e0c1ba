"""A contact sheet: pictures, what the model sees of them, and its answers."""

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from liteproof_edge import idx
from liteproof_edge.errors import PictureError
from liteproof_edge.preprocessing.spec import Spec, preprocess
from realistic.scoring import Answered, taken

SHOWN = 5  # pictures in a row
ASIDE, CELL = 120, (240, 134)  # pixels: the row's name, and one picture with its tensor


def contact_sheet(
    examples: idx.Examples, rows: Mapping[str, list[Answered]], spec: Spec, seed: int
) -> Image.Image:
    """Return a sheet with the first pictures of each condition, drawn again, "RGB"."""
    sheet = Image.new("RGB", (ASIDE + SHOWN * CELL[0], CELL[1] * len(rows)), "white")
    for number, (condition, answers) in enumerate(rows.items()):
        top = CELL[1] * number
        for k, each in enumerate(answers[:SHOWN]):
            file, _ = taken(examples, condition, seed, k)
            at = (ASIDE + CELL[0] * k, top)
            sheet.paste(cell(file, each, spec), at)
        name = condition.replace("_", " ")
        ImageDraw.Draw(sheet).text((4, top + 50), name, fill="black", font_size=16)
    return sheet


def cell(file: bytes, answered: Answered, spec: Spec) -> Image.Image:
    """Return a picture, what the model sees to its right, and the answer below."""
    with Image.open(io.BytesIO(file)) as opened:
        seen = Image.alpha_composite(
            Image.new("RGBA", opened.size, "lightgrey"), opened.convert("RGBA")
        )
    upright = ImageOps.exif_transpose(seen)
    how = Image.Resampling.NEAREST if max(upright.size) < 112 else Image.Resampling.BICUBIC
    upright = ImageOps.contain(upright, (112, 112), how)
    try:
        pixels = preprocess(file, spec).pixels[..., 0]
    except PictureError:
        pixels = np.full((28, 28), 128, np.uint8)
    tensor = Image.fromarray(pixels).resize((112, 112), Image.Resampling.NEAREST)
    whole = Image.new("RGB", CELL, "white")
    whole.paste(upright, (0, 0))
    whole.paste(tensor, (114, 0))
    colour = "black" if answered.answer == answered.label else "red"
    text = f"{answered.label}: {answered.answer}"
    ImageDraw.Draw(whole).text((0, 113), text, fill=colour, font_size=14)
    return whole
