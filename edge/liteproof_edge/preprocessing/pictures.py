"""Opening a picture: a path, bytes, a Pillow image or an array becomes 8-bit pixels, upright.

Pillow decodes and resizes. With numpy 1.26 and 2.5 and Pillow 12.3 and 13.0 on x86, and numpy 1.24
and Pillow 9.4 on emulated arm64, the 20 pictures of tests/golden become the same bytes.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from liteproof_edge.errors import PictureError

MAX_PIXELS = 64_000_000
MAX_FILE_BYTES = 1 << 28
WHITE = 255
# What Pillow decodes itself: EPS, for one, would start another program. The first are always there.
FORMATS = ("BMP", "GIF", "PNG", "PPM")
RARE_FORMATS = ("TIFF", "WEBP")
JPEG = b"\xff\xd8\xff"  # how its files begin
SUFFIXES = tuple(".bmp .gif .jpeg .jpg .pgm .png .ppm .tif .tiff .webp".split())
ORIENTATION = 0x0112  # EXIF's tag
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
Picture: TypeAlias = "str | Path | bytes | Image.Image | NDArray[np.uint8]"


class Decoded(NamedTuple):
    """A picture's pixels: mode L, RGB or RGBA, and the size that it has when decoded in full."""

    image: Image.Image
    full_size: tuple[int, int]


def decode(picture: Picture, shorter: int | None = None) -> Decoded:
    """Decode a picture (the first frame of an animation), upright and in 8 bits.

    Args:
        picture: a path, an encoded file's bytes, a Pillow image, or uint8 pixels.
        shorter: the shorter side, in pixels, that is enough. A JPEG is decoded at the half, quarter
            or eighth of its size that still has it, which saves time and memory.

    Raises:
        PictureError: it is too large, or not a file.
        Exception: whatever Pillow's decoders raise on a damaged file.
    """
    with _open(picture) as image:
        width, height = image.size
        if not 0 < width * height <= MAX_PIXELS:
            raise PictureError(f"{width}x{height} pixels, expected 1 to {MAX_PIXELS}")
        if shorter and image.format == "JPEG":
            image.draft(None, (shorter, shorter))  # no mode: a colour file stays in colour
        image.load()
        pixels = _eight_bits(image)
        if image.format == "TIFF":  # Pillow turns these itself; 9.4 still tells how they lay
            return Decoded(pixels, pixels.size)
        turn = UPRIGHT.get(_orientation(image))
        if turn is None:
            return Decoded(pixels, (width, height))
        turned = pixels.transpose(turn)
        on_its_side = turn in {UPRIGHT[5], UPRIGHT[6], UPRIGHT[7], UPRIGHT[8]}
        return Decoded(turned, (height, width) if on_its_side else (width, height))


def resized(
    image: Image.Image,
    size: tuple[int, int],
    method: Image.Resampling,
    box: tuple[int, int, int, int] | None = None,
) -> Image.Image:
    """Resize a picture, or the box of it, in mode L or RGB: each row first, then each column.

    Left to itself, Pillow 13 does the columns first where that is less work, which rounds to other
    bytes than older releases give.
    """
    left, top, right, bottom = box or (0, 0, *image.size)
    rows = image.resize((size[0], image.height), method, (left, 0, right, image.height))
    return rows.resize(size, method, (0, top, size[0], bottom))


def flatten(image: Image.Image, *, on: int = WHITE) -> Image.Image:
    """Return a picture with what is transparent laid on paper of a grey level (0 to 255)."""
    if image.mode != "RGBA":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, (on, on, on, WHITE)), image).convert(
        "RGB"
    )


@contextmanager
def _open(picture: Picture) -> Iterator[Image.Image]:
    if isinstance(picture, Image.Image):
        yield picture.copy()
    elif isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or (
            picture.ndim != 2 and picture.shape[2:] not in {(3,), (4,)}
        ):
            raise PictureError(
                f"array of {picture.dtype} {picture.shape}, "
                "expected uint8 (height, width) or (height, width, 3 or 4)"
            )
        yield Image.fromarray(picture)
    elif isinstance(picture, bytes):
        if len(picture) > MAX_FILE_BYTES:
            raise PictureError(f"more than {MAX_FILE_BYTES} bytes")
        yield _opened(io.BytesIO(picture))
    else:
        path = Path(picture)
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise PictureError("not a file")
        with path.open("rb") as file:
            yield _opened(file)


def _opened(file: BinaryIO) -> Image.Image:
    """Open a file of one of the formats, with as few of Pillow's plugins as that takes.

    Importing all five that Pillow starts with shows in the time to a process's first label.
    """
    begins = file.read(len(JPEG))
    file.seek(0)
    if begins == JPEG:
        from PIL.JpegImagePlugin import JpegImageFile  # noqa: PLC0415 - only if needed

        try:
            return JpegImageFile(file)
        except SyntaxError:
            raise UnidentifiedImageError from None
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        from PIL import TiffImagePlugin, WebPImagePlugin  # noqa: F401, PLC0415 - they register

        known = [name for name in RARE_FORMATS if name in Image.OPEN]  # some builds lack WebP
        return Image.open(file, formats=known)


def _orientation(image: Image.Image) -> Any:  # noqa: ANN401
    """Return EXIF's orientation; a picture is no worse for damage there."""
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - Pillow raises many types
        return 1


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode in {"L", "RGB", "RGBA"} and "transparency" not in image.info:
        return image
    if image.mode[0] in "IF":  # 16 or 32 bits, integer or float: Pillow's conversion clips at 255
        return Image.fromarray(_levels(np.asarray(image)))
    if "A" in image.getbands() or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("L" if image.mode == "1" else "RGB")


def _levels(levels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return grey levels of 0 to 1, to 255 or to 65535, whichever they seem to be, as 0 to 255."""
    if levels.dtype.kind == "f":
        levels = np.nan_to_num(levels, posinf=0.0, neginf=0.0)
    levels = np.maximum(levels, 0)
    highest = levels.max()
    if highest <= 1:
        levels = levels * 255
    elif highest > WHITE:
        levels = levels // 256
    return np.clip(levels, 0, WHITE).astype(np.uint8)
