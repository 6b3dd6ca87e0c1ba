"""Write what preprocessing must give for the pictures in tests/golden, so that a change shows.

Each folder is named after a spec in tests/golden/specs.json; `three.jpg` in it becomes
`three.tensor.png`, the model's input as a picture (BGR channels are stored as if they were RGB).
Look at every tensor that changed before you commit it: the tests only ask for the same bytes.
"""

import argparse
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from liteproof_edge import idx
from liteproof_edge.preprocessing.spec import preprocess, spec_from_json
from realistic.drawing import draw
from realistic.layers import BICUBIC

GOLDEN = Path(__file__).parent.parent / "tests" / "golden"
TENSOR = ".tensor.png"


class Drawn(NamedTuple):
    """A picture of a digit, as `realistic` draws it, made smaller."""

    condition: str
    seed: int
    longer: int = 360  # pixels
    quality: int = 75  # JPEG's
    format: str = "JPEG"


INK = (
    Drawn("lit", 1),
    Drawn("shadow", 2),
    Drawn("coloured_ink", 3),
    Drawn("coloured_paper", 14),
    Drawn("ruled", 5),
    Drawn("faint", 16),
    Drawn("small", 7, 1200, 60),  # decoded at half its size, then looked at again from close by
    Drawn("chalk", 8),
    Drawn("desk", 19),
    Drawn("rotated_exif", 10),
    Drawn("inverted", 11, 280, format="PNG"),
    Drawn("transparent", 12, 320, format="PNG"),
    Drawn("tight", 13, format="PNG"),  # reaches the border all around: paper told by the border
    Drawn("tight_lit", 14, format="PNG"),  # the same, in uneven light
    Drawn("small_8_tight", 15, format="PNG"),  # magnified
    Drawn("frame_rounded", 16, format="PNG"),
    Drawn("border_textured", 17, format="PNG"),
    Drawn("squared_paper", 18, format="PNG"),
    Drawn("blurred", 21),  # in gentle light, where faint strokes count
)


def main() -> None:
    """Write the tensors, and the pictures themselves where they are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--draw", type=Path, metavar="MNIST", help="draw the pictures anew, from MNIST's IDX files"
    )
    options = parser.parse_args()
    if options.draw:
        draw_pictures(options.draw)
    specs = json.loads((GOLDEN / "specs.json").read_bytes())
    for name, manifest in specs.items():
        spec = spec_from_json(manifest, name)
        for path in sorted((GOLDEN / name).iterdir()):
            if not path.name.endswith(TENSOR):
                write_tensor(path, preprocess(path, spec).pixels)


def write_tensor(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write a picture's tensor beside it, and tell what became of the one that was there."""
    target = path.with_name(path.stem + TENSOR)
    change = "new"
    if target.exists():
        with Image.open(target) as image:
            before = np.asarray(image).reshape(pixels.shape)
        differs = int(np.count_nonzero(before != pixels))
        if not differs:
            return
        change = f"{differs} of {pixels.size} values changed"
    Image.fromarray(pixels.squeeze(axis=2) if pixels.shape[2] == 1 else pixels).save(target)
    sys.stdout.write(f"{target.relative_to(GOLDEN)}: {change}\n")


def draw_pictures(mnist: Path) -> None:
    """Draw all pictures, and delete those that were there."""
    for old in GOLDEN.glob("*/*"):
        old.unlink()
    examples = idx.load(mnist, idx.Split.TRAIN)
    for name, data in (*digits(examples), *photos(), *raws(examples)):
        path = GOLDEN / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


def digits(examples: idx.Examples) -> Iterator[tuple[str, bytes]]:
    """Draw digits, 0 to 9 and on; each name begins with the digit."""
    for number, drawn in enumerate(INK):
        label = number % 10
        (of_label,) = np.nonzero(examples.labels == label)
        digit = examples.images[of_label[drawn.seed], ..., 0]
        data = draw(digit, drawn.condition, np.random.default_rng(drawn.seed))
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            exif = image.getexif()
            image.thumbnail((drawn.longer, drawn.longer), BICUBIC)
            suffix = {"JPEG": "jpg", "PNG": "png"}[drawn.format]
            file = encoded(image, drawn.format, exif=exif, quality=drawn.quality)
            yield f"ink/{label}-{drawn.condition}.{suffix}", file


def photos() -> Iterator[tuple[str, bytes]]:
    """Draw pictures of odd sizes and many kinds."""
    scene = coloured(251, 167)
    yield "photo_cover/jpeg.jpg", encoded(scene, "JPEG", quality=85)
    disc = coloured(97, 131).convert("RGBA")
    disc.putalpha(Image.fromarray((circle(97, 131) * 255).astype(np.uint8)))
    yield "photo_cover/transparent.png", encoded(disc, "PNG")
    palette = coloured(153, 77).quantize(16)
    yield "photo_contain/palette.gif", encoded(palette, "GIF")
    levels = (circle(61, 45) * 65535).astype(np.uint16)
    yield "photo_contain/16-bit.png", encoded(Image.fromarray(levels), "PNG")
    yield "photo_stretch/cmyk.jpg", encoded(coloured(93, 120).convert("CMYK"), "JPEG")
    tags = Image.Exif()
    tags[0x0112] = 6
    yield "photo_stretch/on-its-side.webp", encoded(scene, "WEBP", quality=80, exif=tags)


def raws(examples: idx.Examples) -> Iterator[tuple[str, bytes]]:
    """Draw pictures of the models' own sizes."""
    yield "raw_grey/digit.png", encoded(Image.fromarray(examples.images[0, ..., 0]), "PNG")
    yield "raw_colour/colours.bmp", encoded(coloured(30, 20), "BMP")


def coloured(width: int, height: int) -> Image.Image:
    """Draw colour gradients with shapes on them."""
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    colours = np.dstack([across, down, 1 - (across + down) / 2]) * 255
    picture = Image.fromarray(colours.astype(np.uint8))
    pencil = ImageDraw.Draw(picture)
    pencil.ellipse((width // 8, height // 6, width // 3, height // 2), fill=(250, 240, 60))
    pencil.rectangle((width // 2, height // 2, width * 4 // 5, height * 6 // 7), fill=(20, 30, 60))
    for k in range(0, width // 2, 6):
        pencil.line((width // 2 + k, 0, width // 2 + k, height // 4), fill=(255, 255, 255))
    return picture


def circle(width: int, height: int) -> NDArray[np.float64]:
    """Return a disc that fades towards its edge, 0 to 1."""
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    disc: NDArray[np.float64] = np.clip(1.2 - np.hypot(down, across) * 1.3, 0, 1)
    return disc


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    """Return the picture's file."""
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


if __name__ == "__main__":
    main()
