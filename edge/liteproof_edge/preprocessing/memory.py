"""What a picture's file takes to decode, told from its header before any of it is decoded.

A file of a few kilobytes may hold hundreds of megapixels. What Pillow takes for each format was
measured with 24 megapixels (Pillow 13.0); `make fuzz` measures whole processes at the limit.
"""

import os
import sys
from typing import Any, BinaryIO, NamedTuple

from PIL import Image

from liteproof_edge.errors import PictureError
from liteproof_edge.preprocessing.components import Size

BUDGET = 120 << 20  # bytes that a picture may take, so that the whole process stays below 200 MiB
MOST_PIXELS = 256_000_000  # more than any phone's; what a JPEG decoded smaller may have
MEGA = 1_000_000
PIXEL = {"1": 1, "L": 1, "P": 1}  # Pillow's bytes for a pixel; 16-bit modes have 2, all others 4
ROW = 16  # bytes for a pixel of the row that is made opaque: four copies
COLLECTED = {"1": 2, "L": 2, "P": 2, "I": 8}  # bytes for a pixel, where Python decodes; RGB: 6
SKIPPED_ROWS = 512  # of bytes, that one code of a BMP may stand for
COEFFICIENT = 2  # bytes, where a JPEG cannot be decoded from the top down
CANVASES = 12  # bytes for a pixel of what WebP's decoder holds beside the picture: three copies
COPIES = 3  # of a WebP's file
GIF_PIXEL = 2  # bytes: one of the first frame, one of what it leaves for the next
# JPEG's markers
SEQUENTIAL, FRAMES = {0xC0, 0xC1}, {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
SCAN = 0xDA
BARE = {0x00, 0x01, *range(0xD0, 0xDA)}  # nothing follows these
# TIFF's tags
WIDTH, HEIGHT, BITS, ORIENTATION, SAMPLES = 256, 257, 258, 274, 277
STRIP_ROWS, TILE_WIDTH, TILE_HEIGHT = 278, 322, 323


class Frame(NamedTuple):
    """A JPEG's frame: the samples of all its components, and whether it is decoded row by row."""

    samples: int
    streamed: bool


def fits(size: Size, needed: int, max_megapixels: int | None) -> bool:
    """Whether a picture is within the budget, or of few enough pixels to be decoded anyway."""
    return needed <= BUDGET or size[0] * size[1] <= (max_megapixels or 0) * MEGA


def check_budget(size: Size, needed: int, max_megapixels: int | None) -> None:
    """Refuse a picture that takes too much memory.

    Args:
        size: width and height in pixels.
        needed: bytes, to decode it.
        max_megapixels: pictures of up to so many million pixels may take what they take.

    Raises:
        PictureError: it has no pixels, or takes too much.
    """
    width, height = size
    if width * height <= 0:
        raise PictureError(f"{width}x{height} pixels, expected 1 or more")
    if width * height > MOST_PIXELS:
        raise PictureError(f"{width}x{height} pixels, expected at most {MOST_PIXELS}")
    if not fits(size, needed, max_megapixels):
        raise PictureError(
            f"{width}x{height} pixels take {-(-needed >> 20)} MiB to decode, expected at most "
            f"{BUDGET >> 20} MiB: --max-megapixels {-(-width * height // MEGA)} allows them"
        )


def decoding_bytes(image: Image.Image, scale: int = 1) -> int:
    """Return what it takes to decode an opened picture, and to read it row by row.

    Args:
        image: not loaded yet.
        scale: 2, 4 or 8 for a JPEG that is decoded so many times smaller.
    """
    width, height = (-(-side // scale) for side in image.size)
    pixel = 2 if image.mode.startswith("I;16") else PIXEL.get(image.mode, 4)
    said = sum(map(sys.getsizeof, image.info.values()))
    beside = _beside(image, width * height, pixel)
    return width * height * pixel + max(width, height) * ROW + said + beside


def _beside(image: Any, pixels: int, pixel: int) -> int:  # noqa: ANN401 - any of Pillow's files
    """Return what a format's decoder takes beside the picture."""
    if image.format == "JPEG":
        frame = read_frame(image.fp)
        return 0 if frame.streamed else COEFFICIENT * frame.samples
    if image.format == "WEBP":
        return CANVASES * pixels + COPIES * int(image.fp.seek(0, os.SEEK_END))
    if image.format == "TIFF":
        turned = image.tag_v2.get(ORIENTATION, 1) != 1
        return _strip_bytes(image) + (pixels * pixel if turned else 0)
    if image.format == "GIF":
        return pixels * (GIF_PIXEL - pixel)
    if image.format in {"BMP", "PPM"} and image.tile[0][0] != "raw":
        return pixels * COLLECTED.get(str(image.mode), 6) + int(image.width) * SKIPPED_ROWS
    return 0


def read_frame(file: BinaryIO) -> Frame:
    """Read a JPEG's segments up to its first scan.

    Only a sequential frame whose first scan holds all components is decoded row by row; all others'
    coefficients are kept until the last scan.
    """
    file.seek(2)
    frame, components, sequential = 0, b"", True
    while byte := file.read(1):
        if byte != b"\xff":
            continue
        while (code := file.read(1)) == b"\xff":
            pass
        marker = int.from_bytes(code, "big")
        if marker in BARE:
            continue
        segment = file.read(max(int.from_bytes(file.read(2), "big") - 2, 0))
        if marker in FRAMES:
            frame, components, sequential = _samples(segment), segment[5:6], marker in SEQUENTIAL
        elif marker == SCAN:
            return Frame(frame, sequential and segment[:1] == components)
    return Frame(frame, streamed=False)


def _samples(segment: bytes) -> int:
    """Return how many samples the components of a frame have, in whole blocks."""
    height, width = (int.from_bytes(segment[at : at + 2], "big") for at in (1, 3))
    factors = [(factor >> 4, factor & 15) for factor in segment[7::3]]
    across = max((horizontal for horizontal, _ in factors), default=1) or 1
    down = max((vertical for _, vertical in factors), default=1) or 1
    units = -(-width // (8 * across)) * -(-height // (8 * down))
    return sum(64 * units * horizontal * vertical for horizontal, vertical in factors)


def _strip_bytes(image: Any) -> int:  # noqa: ANN401 - Pillow's TIFF
    """Return the bytes of one of a TIFF's strips or tiles, decoded; four channels at least."""
    tags = image.tag_v2
    if image.tile[0][0] == "raw" and len(image.tile) == 1:  # read as it comes
        return 0
    width, height = tags[WIDTH], tags[HEIGHT]  # the image's own may be turned
    width, rows = tags.get(TILE_WIDTH, width), min(tags.get(STRIP_ROWS, height), height)
    rows = tags.get(TILE_HEIGHT, rows)
    bits = max(tags.get(BITS, (1,))) * tags.get(SAMPLES, 1)
    return int(width * rows * max(-(-bits // 8), 4))


def gif_size(file: BinaryIO) -> Size:
    """Return the width and height of a GIF's screen and first frame together.

    Opening one with Pillow already takes memory for these.
    """
    header = file.read(13)
    width, height = (max(1, int.from_bytes(header[at : at + 2], "little")) for at in (6, 8))
    file.seek(_palette_bytes(header[10:11]), os.SEEK_CUR)
    while block := file.read(1):
        if block == b",":
            left, top, wide, tall = (int.from_bytes(file.read(2), "little") for _ in range(4))
            width, height = max(width, left + wide), max(height, top + tall)
            break
        if block == b"!":
            file.read(1)
            while length := file.read(1):
                if length == b"\0":
                    break
                file.seek(length[0], os.SEEK_CUR)
    file.seek(0)
    return width, height


def _palette_bytes(flags: bytes) -> int:
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0
