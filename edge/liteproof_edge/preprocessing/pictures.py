"""Opening a picture: a path, bytes, a Pillow image or an array, decoded within a budget of memory.

Pillow decodes and resizes. With numpy 1.26 and 2.5 and Pillow 12.3 and 13.0 on x86, and numpy 1.24
and Pillow 9.4 on emulated arm64, the 20 pictures of tests/golden become the same bytes.
"""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
from PIL import Image, UnidentifiedImageError

from liteproof_edge.errors import PictureError
from liteproof_edge.preprocessing.decoded import TURNS, Decoded, GreyArray
from liteproof_edge.preprocessing.memory import (
    GIF_PIXEL,
    ROW,
    check_budget,
    decoding_bytes,
    fits,
    gif_size,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_FILE_BYTES = 1 << 27  # of a file given as bytes
# How a file begins → its module and class in Pillow, which are imported when they are needed. EPS,
# for one, is not here: it would start another program.
PLUGINS = {
    b"\xff\xd8\xff": ("JpegImagePlugin", "JpegImageFile"),
    b"\x89PNG": ("PngImagePlugin", "PngImageFile"),
    b"GIF8": ("GifImagePlugin", "GifImageFile"),
    b"BM": ("BmpImagePlugin", "BmpImageFile"),
    b"P": ("PpmImagePlugin", "PpmImageFile"),
    b"II": ("TiffImagePlugin", "TiffImageFile"),
    b"MM": ("TiffImagePlugin", "TiffImageFile"),
    b"RIFF": ("WebPImagePlugin", "WebPImageFile"),
}
NOT_OF_THE_FORMAT = (SyntaxError, IndexError, TypeError, struct.error)  # as Image.open has it
WHITE = 255
PNG = b"\x89PNG\r\n\x1a\n"
JPEG_SCALES = (1, 2, 4, 8)
SUFFIXES = tuple(".bmp .gif .jpeg .jpg .pgm .png .ppm .tif .tiff .webp".split())
ORIENTATION = 0x0112  # EXIF's tag
Picture: TypeAlias = "str | Path | bytes | Image.Image | NDArray[np.uint8]"


def decode(
    picture: Picture, shorter: int | None = None, max_megapixels: int | None = None
) -> Decoded:
    """Decode a picture (the first frame of an animation).

    Args:
        picture: a path, an encoded file's bytes, a Pillow image, or uint8 pixels.
        shorter: the shorter side, in pixels, that is enough; None asks for all. A JPEG is decoded
            at the half, quarter or eighth of its size that still has it, which saves time and
            memory, or at the largest that fits the budget.
        max_megapixels: pictures of up to so many million pixels may take more than `memory.BUDGET`.

    Raises:
        PictureError: it takes too much memory, or is not a file.
        Exception: whatever Pillow's decoders raise on a damaged file.
    """
    if isinstance(picture, np.ndarray) and picture.dtype == np.uint8 and picture.ndim == 2:
        height, width = picture.shape
        check_budget((width, height), picture.size + max(height, width) * ROW, max_megapixels)
        return GreyArray(picture)
    with _open(picture, max_megapixels) as image:
        size = image.size
        scale = _scale(image, shorter, max_megapixels) if image.format == "JPEG" else 1
        held = len(picture) if isinstance(picture, bytes) else 0
        check_budget(size, held + decoding_bytes(image, scale), max_megapixels)
        if scale > 1:  # no mode: a colour file stays in colour
            image.draft(None, (max(1, size[0] // scale), max(1, size[1] // scale)))
        image.load()
        if image.format == "TIFF":  # Pillow turns these itself; 9.4 still tells how they lay
            return Decoded(image, None, image.size)
        turn = TURNS.get(_orientation(image))
        return Decoded(image, turn, size[::-1] if turn and turn.on_its_side else size)


def _scale(image: Image.Image, shorter: int | None, max_megapixels: int | None) -> int:
    """Return how many times smaller a JPEG is decoded."""
    enough = min(image.size) // shorter if shorter else 1
    at_least = max(scale for scale in JPEG_SCALES if scale == 1 or scale <= enough)
    for scale in JPEG_SCALES[JPEG_SCALES.index(at_least) :]:
        if fits(image.size, decoding_bytes(image, scale), max_megapixels):
            break
    return scale


def resized(
    image: Image.Image,
    size: tuple[int, int],
    method: Image.Resampling,
) -> Image.Image:
    """Resize a picture in mode L or RGB: each row first, then each column.

    Left to itself, Pillow 13 does the columns first where that is less work, which rounds to other
    bytes than older releases give.
    """
    return image.resize((size[0], image.height), method).resize(size, method)


def flatten(image: Image.Image, *, on: int = WHITE) -> Image.Image:
    """Return a picture with what is transparent laid on paper of a grey level (0 to 255)."""
    if image.mode != "RGBA":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, (on, on, on, WHITE)), image).convert(
        "RGB"
    )


def size_of(data: bytes) -> tuple[int, int]:
    """Return the width and height that an encoded picture's header states; it is not decoded.

    Raises:
        Exception: whatever Pillow raises on a damaged header.
    """
    if data.startswith(PNG):  # what programs send most, and what takes Pillow the longest
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    with _opened(io.BytesIO(data), None) as image:
        return image.size


@contextmanager
def _open(picture: Picture, max_megapixels: int | None) -> Iterator[Image.Image]:
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
        yield _opened(io.BytesIO(picture), max_megapixels)
    else:
        path = Path(picture)
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise PictureError("not a file")
        with path.open("rb") as file:
            yield _opened(file, max_megapixels)


def _opened(file: BinaryIO, max_megapixels: int | None) -> Image.Image:
    """Open a file by its format's class in Pillow.

    Pillow's own way to open one imports five plugins, which shows in the time to a process's first
    label.
    """
    begins = file.read(4)
    file.seek(0)
    found = [plugin for magic, plugin in PLUGINS.items() if begins.startswith(magic)]
    if not found:
        raise UnidentifiedImageError
    module, plugin = found[0]
    if module == "GifImagePlugin":
        width, height = gif_size(file)
        check_budget((width, height), GIF_PIXEL * width * height, max_megapixels)
    try:
        image: Image.Image = getattr(import_module(f"PIL.{module}"), plugin)(file)
    except NOT_OF_THE_FORMAT:
        raise UnidentifiedImageError from None
    return image


def _orientation(image: Image.Image) -> Any:  # noqa: ANN401
    """Return EXIF's orientation; a picture is no worse for damage there."""
    if not image.info:  # where Pillow would look, which takes it a while
        return 1
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - Pillow raises many types
        return 1
