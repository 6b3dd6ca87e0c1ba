"""The largest picture of each kind that is decoded: what it takes of the whole process."""

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from liteproof_edge.measurement.processes import measure
from liteproof_edge.preprocessing.memory import BUDGET

MOST_MIB = 200  # of the whole process, at its peak
OF_BUDGET = 0.97  # the rest is for the file and a row of pixels
STROKE = (0.45, 0.3, 0.55, 0.7)  # of width and height
PAPER, INK = 230, 20  # grey levels
STRIP_ROWS, ORIENTATION = 278, 274  # TIFF's and EXIF's tags


class Kind(NamedTuple):
    """What is saved: it takes so many bytes for a pixel, or has a size of its own."""

    pixel_bytes: float
    mode: str
    file_format: str
    options: Mapping[str, Any] = MappingProxyType({})
    size: tuple[int, int] | None = None


KINDS = {
    "PNG, RGBA": Kind(4, "RGBA", "PNG"),
    "GIF, animated": Kind(2, "P", "GIF", {"save_all": True, "disposal": 2}),
    "GIF": Kind(2, "P", "GIF", {"transparency": 1}),
    "PNG, palette with transparency": Kind(1, "P", "PNG", {"transparency": b"\xff\x80"}),
    "PNG, grey": Kind(1, "L", "PNG"),
    "PNG, 16-bit grey": Kind(2, "I;16", "PNG"),
    "PNG, grey and alpha": Kind(4, "LA", "PNG"),
    "PNG, black and white": Kind(1, "1", "PNG"),
    "PNG, on its side": Kind(4, "RGB", "PNG", {"exif": 6}),
    "JPEG, a phone's of 200 megapixels": Kind(0, "L", "JPEG", {}, (16_320, 12_240)),
    "JPEG, progressive": Kind(7, "RGB", "JPEG", {"progressive": True}),
    "JPEG, progressive, CMYK": Kind(12, "CMYK", "JPEG", {"progressive": True}),
    "WebP": Kind(16, "RGB", "WEBP", {"method": 0}),
    "WebP, lossless": Kind(16, "RGBA", "WEBP", {"lossless": True, "method": 0, "quality": 0}),
    "TIFF, LZW": Kind(4.1, "RGB", "TIFF", {"compression": "tiff_lzw"}),
    "TIFF, LZW, one strip": Kind(8, "RGB", "TIFF", {"compression": "tiff_lzw", "strip": True}),
    "TIFF, JPEG, one strip": Kind(8, "RGB", "TIFF", {"compression": "jpeg", "strip": True}),
    "TIFF, Zstandard, one strip": Kind(8, "RGB", "TIFF", {"compression": "zstd", "strip": True}),
    "TIFF, LZMA, one strip": Kind(8, "RGB", "TIFF", {"compression": "lzma", "strip": True}),
    "TIFF, fax": Kind(1.1, "1", "TIFF", {"compression": "group4"}),
    "TIFF, float": Kind(4.1, "F", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "TIFF, integers": Kind(4.1, "I", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "TIFF, on its side": Kind(8.1, "RGB", "TIFF", {"compression": "tiff_lzw", "turned": 6}),
    "BMP": Kind(4, "RGB", "BMP"),
    "PPM": Kind(4, "RGB", "PPM"),
}


def drawn(mode, size):
    """A dark stroke on light paper."""
    indexed = mode == "P"
    image = Image.new("P" if indexed else "L", size, PAPER)
    if indexed:
        image.putpalette([level // 3 for level in range(768)][::-1])
    image.paste(INK, tuple(int(share * side) for share, side in zip(STROKE, size * 2, strict=True)))
    if mode == "I;16":
        return Image.fromarray(np.asarray(image).astype(np.uint16) * np.uint16(257))
    return image if indexed else image.convert(mode)


def save(path, image, file_format, options):
    options = dict(options)
    if options.pop("strip", False):
        options["tiffinfo"] = {STRIP_ROWS: image.height}
    if turned := options.pop("turned", None):
        options["tiffinfo"] = {ORIENTATION: turned}
    if orientation := options.pop("exif", None):
        options["exif"] = Image.Exif()
        options["exif"][ORIENTATION] = orientation
    if options.get("save_all"):
        options["append_images"] = [image.transpose(Image.Transpose.ROTATE_90)]
    image.save(path, file_format, **options)


def test_process_stays_within_its_memory_on_the_largest_picture(
    tmp_path, released, record_property, large_picture
):
    pixel_bytes, mode, file_format, options, size = KINDS[large_picture]
    if size is None:
        size = (math.isqrt(int(BUDGET * OF_BUDGET / pixel_bytes)),) * 2
    path = tmp_path / "picture"
    save(path, drawn(mode, size), file_format, options)
    command = [Path(sys.executable).parent / "liteproof-edge", "classify", released, path]
    done = measure([str(part) for part in command])
    kilobytes = path.stat().st_size // 1000
    record_property("decoded", [large_picture, *size, kilobytes, round(done.peak_mib)])
    assert (done.message, done.exit_code) == ("", 0)  # the largest that is decoded, not refused
    assert done.peak_mib <= MOST_MIB
