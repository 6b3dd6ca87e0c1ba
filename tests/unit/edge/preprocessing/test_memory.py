import io
import struct

import pytest
from PIL import Image

from liteproof_edge.errors import PictureError
from liteproof_edge.preprocessing.memory import (
    BUDGET,
    MOST_PIXELS,
    Frame,
    check_budget,
    decoding_bytes,
    gif_size,
    read_frame,
)

WIDTH, HEIGHT = 100, 60  # pixels
# 100x60 in whole blocks of 8x8: 104x64; with colours of half the size, in blocks of 16x16: 112x64.
GREY_SAMPLES, FULL_COLOUR, HALF_COLOUR = 104 * 64, 3 * 104 * 64, 112 * 64 * 3 // 2
ROW = 16 * WIDTH
INFO = 3000  # bytes: more than what such a file says of itself


def encoded(mode, file_format, **options):
    file = io.BytesIO()
    Image.new(mode, (WIDTH, HEIGHT)).save(file, file_format, **options)
    return file.getvalue()


def taken(data, scale=1):
    """What decoding takes for each pixel, beside a row of them and the file's information."""
    with Image.open(io.BytesIO(data)) as image:
        needed = decoding_bytes(image, scale)
    return max(0, needed - ROW - INFO) / (WIDTH * HEIGHT), needed / (WIDTH * HEIGHT)


def jpeg(marker, components, in_scan):
    """A JPEG's first segments."""
    frame = struct.pack(">BHHB", 8, HEIGHT, WIDTH, components) + b"".join(
        bytes([number, 0x11, 0]) for number in range(components)
    )
    scan = bytes([in_scan, *(0, 0) * in_scan, 0, 63, 0])
    segments = ((0xE0, b"JFIF\0 \xff\xda"), (marker, frame), (0xDA, scan))
    return b"\xff\xd8" + b"".join(
        struct.pack(">BBH", 0xFF, code, len(body) + 2) + body for code, body in segments
    )


@pytest.mark.parametrize(
    ("mode", "file_format", "options", "pixel_bytes"),
    [
        ("L", "PNG", {}, 1),
        ("1", "PNG", {}, 1),
        ("P", "PNG", {}, 1),
        ("I;16", "PNG", {}, 2),
        ("RGB", "PNG", {}, 4),
        ("LA", "PNG", {}, 4),
        ("P", "GIF", {}, 2),
        ("RGB", "BMP", {}, 4),
        ("RGB", "PPM", {}, 4),
        ("RGB", "JPEG", {}, 4),
        ("L", "JPEG", {}, 1),
        ("RGB", "JPEG", {"progressive": True}, 4 + 2 * HALF_COLOUR / (WIDTH * HEIGHT)),
        ("RGB", "WEBP", {}, 16),
        ("RGB", "TIFF", {}, 4),
        ("RGB", "TIFF", {"compression": "tiff_lzw"}, 8),
        ("F", "TIFF", {"compression": "tiff_lzw"}, 8),
        ("RGB", "TIFF", {"compression": "tiff_lzw", "tiffinfo": {274: 6}}, 12),
    ],
)
def test_decoding_takes_what_the_format_and_mode_take(mode, file_format, options, pixel_bytes):
    least, most = taken(encoded(mode, file_format, **options))
    assert least <= pixel_bytes <= most


def test_decoding_a_pgm_with_other_levels_takes_what_python_collects():
    data = f"P5 {WIDTH} {HEIGHT} 100\n".encode() + bytes(WIDTH * HEIGHT)
    assert taken(data)[1] >= 3


def test_decoding_a_jpeg_smaller_takes_less():
    assert taken(encoded("RGB", "JPEG"), 2)[1] < taken(encoded("RGB", "JPEG"))[1]


@pytest.mark.parametrize(
    ("options", "samples", "streamed"),
    [
        ({}, HALF_COLOUR, True),
        ({"subsampling": 0}, FULL_COLOUR, True),
        ({"progressive": True}, HALF_COLOUR, False),
        ({"exif": b"Exif\0\0\xff\xda"}, HALF_COLOUR, True),
    ],
)
def test_frame_of_a_jpeg_is_read(options, samples, streamed):
    data = encoded("RGB", "JPEG", **options)
    assert read_frame(io.BytesIO(data)) == Frame(samples, streamed)


@pytest.mark.parametrize(
    ("marker", "components", "in_scan", "streamed"),
    [
        (0xC0, 1, 1, True),
        (0xC1, 3, 3, True),
        (0xC0, 3, 1, False),
        (0xC2, 3, 3, False),
        (0xC9, 3, 3, False),
    ],
    ids=["grey", "extended", "one colour after the other", "progressive", "arithmetic"],
)
def test_jpeg_is_streamed_where_its_first_scan_holds_all_of_it(
    marker, components, in_scan, streamed
):
    frame = read_frame(io.BytesIO(jpeg(marker, components, in_scan)))
    assert frame == Frame(components * GREY_SAMPLES, streamed)


@pytest.mark.parametrize("end", range(len(jpeg(0xC0, 1, 1)) - 8))
def test_jpeg_that_ends_before_its_scan_is_not_taken_for_streamed(end):
    assert not read_frame(io.BytesIO(jpeg(0xC0, 1, 1)[:end])).streamed


def test_size_of_a_gif_is_that_of_its_screen_and_first_frame():
    data = bytearray(encoded("P", "GIF", transparency=3, comment=b"x" * 300))
    assert gif_size(io.BytesIO(data)) == (WIDTH, HEIGHT)
    place = data.index(b",\0\0\0\0") + 1
    struct.pack_into("<4H", data, place, 1000, 7, 2000, 9)
    assert gif_size(io.BytesIO(data)) == (3000, HEIGHT)


@pytest.mark.parametrize("end", range(0, 40, 3))
def test_size_of_a_gif_that_ends_early_is_some_size(end):
    width, height = gif_size(io.BytesIO(encoded("P", "GIF")[:end]))
    assert width >= 1
    assert height >= 1


def test_budget_holds_what_just_fits():
    check_budget((10, 10), BUDGET, None)
    with pytest.raises(PictureError, match="10x10 pixels take 121 MiB"):
        check_budget((10, 10), BUDGET + 1, None)


def test_megapixels_that_are_allowed_may_take_more():
    check_budget((1000, 1000), BUDGET + 1, 1)
    with pytest.raises(PictureError, match="--max-megapixels 2 allows them"):
        check_budget((1001, 1000), BUDGET + 1, 1)


def test_more_pixels_than_any_phone_has_are_refused_whatever_is_allowed():
    with pytest.raises(PictureError, match=f"pixels, expected at most {MOST_PIXELS}"):
        check_budget((MOST_PIXELS + 1, 1), 1, 300)
