import io
import os
import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from liteproof_edge.errors import PictureError
from liteproof_edge.preprocessing import memory
from liteproof_edge.preprocessing import pictures as module
from liteproof_edge.preprocessing.pictures import decode, flatten
from liteproof_edge.preprocessing.spec import PhotoSpec, preprocess

WIDTH, HEIGHT = 24, 16
RED, GREEN, BLUE, SAND = (200, 30, 40), (20, 180, 60), (10, 40, 220), (240, 230, 100)
# JPEG at quality 95 without subsampling: the four areas are flat and end at blocks.
JPEG_ERROR = 2
# Eight bits for each of Y, Cb and Cr do not hold all of RGB.
YCBCR_ERROR = 3
# Grey levels through eight-bit L*.
LAB_ERROR = 2
# Next to an edge a JPEG decoded smaller mixes what lies on both sides.
INNER = 0.25
# Reading a header takes milliseconds; decoding what it claims would take minutes.
BOMB_SECONDS = 2.0
BOMB_BYTES = 20_000_000
LONGEST_ROW = 9_000_000  # pixels: the row alone, made opaque, would take more than the budget
# What may be missing at the end: checksums of pixels and chunk, and the end chunk.
BEHIND_THE_PIXELS = 25
# What has to be stored so that each EXIF orientation shows the picture upright.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
PHOTO = PhotoSpec(height=8, width=8, channels=3)
SAVED = [
    *(("PNG", {}), ("BMP", {}), ("PPM", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})),
    *(("TIFF", {"compression": "tiff_deflate"}), ("WEBP", {"lossless": True})),
]
FORMATS = ["PNG", "JPEG", "GIF", "BMP", "PPM", "TIFF", "WEBP"]


def quadrants(width=WIDTH, height=HEIGHT):
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = RED
    pixels[: height // 2, width // 2 :] = GREEN
    pixels[height // 2 :, : width // 2] = BLUE
    pixels[height // 2 :, width // 2 :] = SAND
    return pixels


def random_pixels(*shape, dtype=np.uint8):
    info = np.iinfo(dtype)
    return np.random.default_rng(1).integers(0, info.max, shape, dtype, endpoint=True)


def decoded(picture, **options):
    return np.asarray(decode(picture, **options).image)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, rows):
    """A PNG file of rows as they are packed; `colour` is PNG's own type."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    body = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def claiming(data, width, height, *, at, packed):
    """The file with another width and height in its header."""
    changed = bytearray(data)
    struct.pack_into(packed, changed, at, width, height)
    return bytes(changed)


def turned(pixels, orientation):
    image = Image.fromarray(pixels)
    return image if orientation == 1 else image.transpose(STORED[orientation])


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def assert_refused(picture, match, spec=PHOTO):
    with pytest.raises(PictureError, match=match) as refused:
        preprocess(picture, spec)
    message = str(refused.value)
    assert message.isprintable()
    assert not message.endswith(": ")
    assert refused.value.exit_code == 3
    return message


def assert_quadrants(pixels, error):
    """Assert that the middle of each quarter has its colour."""
    height, width = pixels.shape[:2]
    rows, columns = int(height / 2 * INNER), int(width / 2 * INNER)
    for top, left, colour in (
        (0, 0, RED),
        (0, width // 2, GREEN),
        (height // 2, 0, BLUE),
        (height // 2, width // 2, SAND),
    ):
        inner = pixels[
            top + rows : top + height // 2 - rows, left + columns : left + width // 2 - columns
        ]
        assert np.abs(inner.astype(int) - colour).max() <= error


# Modes and formats


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF", "PPM"])
def test_decode_gives_black_and_white_of_one_bit(encoded, file_format):
    bits = random_pixels(HEIGHT, WIDTH) > 127
    pixels = decoded(encoded(bits, file_format))
    np.testing.assert_array_equal(pixels, np.where(bits, 255, 0))


@pytest.mark.parametrize(("file_format", "options"), SAVED[:-1])
def test_decode_gives_grey_levels_as_they_are(encoded, file_format, options):
    grey = random_pixels(HEIGHT, WIDTH)
    np.testing.assert_array_equal(decoded(encoded(grey, file_format, **options)), grey)


@pytest.mark.parametrize("file_format", ["GIF", "WEBP"])
def test_decode_gives_grey_levels_in_three_channels_where_the_file_has_colours(
    encoded, file_format
):
    grey = random_pixels(HEIGHT, WIDTH)
    options = {"lossless": True} if file_format == "WEBP" else {}
    pixels = decoded(encoded(grey, file_format, **options))
    np.testing.assert_array_equal(pixels, np.dstack([grey] * 3))


@pytest.mark.parametrize(("file_format", "options"), SAVED)
def test_decode_gives_colours_as_they_are(encoded, file_format, options):
    colours = random_pixels(HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(decoded(encoded(colours, file_format, **options)), colours)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_decode_gives_colours_and_alpha_as_they_are(encoded, file_format):
    pixels = random_pixels(HEIGHT, WIDTH, 4)
    options = {"lossless": True, "exact": True} if file_format == "WEBP" else {}
    np.testing.assert_array_equal(decoded(encoded(pixels, file_format, **options)), pixels)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_decode_gives_grey_and_alpha_as_colours_and_alpha(encoded, file_format):
    grey, alpha = random_pixels(2, HEIGHT, WIDTH)
    image = Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)])
    np.testing.assert_array_equal(
        decoded(encoded(image, file_format)), np.dstack([grey, grey, grey, alpha])
    )


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "GIF", "TIFF"])
def test_decode_gives_the_colours_of_a_palette(encoded, file_format):
    image = Image.fromarray(quadrants()).convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    np.testing.assert_array_equal(decoded(encoded(image, file_format)), quadrants())


@pytest.mark.parametrize(
    ("transparency", "alphas"),
    [(1, [255, 0, 255]), (bytes([9, 128]), [9, 128, 255])],
    ids=["one index", "a table"],
)
def test_decode_gives_the_alpha_of_a_palette(encoded, transparency, alphas):
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([*RED, *GREEN, *BLUE])
    pixels = decoded(encoded(image, transparency=transparency))
    np.testing.assert_array_equal(pixels[0, :, 3], alphas)
    np.testing.assert_array_equal(pixels[0, :, :3], [RED, GREEN, BLUE])


def test_decode_gives_the_alpha_of_a_transparent_gif(encoded):
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([*RED, *GREEN, *BLUE])
    pixels = decoded(encoded(image, "GIF", transparency=2))
    np.testing.assert_array_equal(pixels[0, :, 3], [255, 255, 0])


def test_decode_makes_the_transparent_grey_level_of_a_png_transparent(encoded):
    grey = np.array([[0, 7, 255]], np.uint8)
    pixels = decoded(encoded(grey, transparency=7))
    np.testing.assert_array_equal(pixels[0, :, 3], [255, 0, 255])


def test_decode_makes_the_transparent_colour_of_a_png_transparent(encoded):
    colours = np.array([[RED, GREEN, BLUE]], np.uint8)
    pixels = decoded(encoded(colours, transparency=GREEN))
    np.testing.assert_array_equal(pixels[0, :, 3], [255, 0, 255])


def test_decode_makes_the_transparent_bit_of_a_png_transparent(encoded):
    pixels = decoded(encoded(np.array([[True, False]]), transparency=0))
    np.testing.assert_array_equal(pixels[0, :, 3], [255, 0])


@pytest.mark.parametrize(("depth", "levels"), [(1, 2), (2, 4), (4, 16)])
def test_decode_spreads_the_grey_levels_of_fewer_bits(depth, levels):
    values = np.arange(8) % levels
    bits = "".join(f"{value:0{depth}b}" for value in values)
    row = int(bits, 2).to_bytes(depth, "big")
    expected = values * 255 // (levels - 1)
    np.testing.assert_array_equal(decoded(png(8, 1, depth, 0, [row]))[0], expected)


@pytest.mark.parametrize(
    ("colour", "channels", "kept"),
    [(2, 3, [0, 1, 2]), (4, 2, [0, 3]), (6, 4, [0, 1, 2, 3])],
    ids=["RGB", "LA", "RGBA"],
)
def test_decode_gives_the_high_byte_of_16_bit_colours(colour, channels, kept):
    levels = random_pixels(4, 5, channels, dtype=np.uint16)
    rows = [row.astype(">u2").tobytes() for row in levels]
    np.testing.assert_array_equal(decoded(png(5, 4, 16, colour, rows))[..., kept], levels >> 8)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_decode_gives_the_high_byte_of_16_bit_grey_levels(encoded, file_format):
    levels = random_pixels(HEIGHT, WIDTH, dtype=np.uint16)
    np.testing.assert_array_equal(decoded(encoded(levels, file_format)), levels >> 8)


def test_decode_gives_the_high_byte_of_a_16_bit_pgm():
    levels = random_pixels(HEIGHT, WIDTH, dtype=np.uint16)
    data = f"P5 {WIDTH} {HEIGHT} 65535\n".encode() + levels.astype(">u2").tobytes()
    np.testing.assert_array_equal(decoded(data), levels >> 8)


def test_decode_gives_the_high_byte_of_16_bit_grey_levels_in_the_other_byte_order(encoded):
    levels = random_pixels(HEIGHT, WIDTH, dtype=np.uint16)
    image = Image.frombytes("I;16B", (WIDTH, HEIGHT), levels.astype(">u2").tobytes())
    np.testing.assert_array_equal(decoded(encoded(image, "TIFF")), levels >> 8)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([0, 1, 128, 255], [0, 1, 128, 255]),
        ([0, 255, 256, 65535], [0, 0, 1, 255]),
        ([0, 1, 1, 0], [0, 255, 255, 0]),
        ([0, 1, 2, 0], [0, 1, 2, 0]),
        ([0, 1 << 30, 65535, 511], [0, 255, 255, 1]),
        ([-5, 255, 7, -(2**31)], [0, 255, 7, 0]),
        ([-(2**24), 1, 0, -3], [0, 255, 0, 0]),  # would overflow
    ],
    ids=["to 255", "to 65535", "to 1", "to 2", "beyond", "negative", "negative, to 1"],
)
def test_decode_gives_32_bit_grey_levels_as_eight_bits(encoded, levels, expected):
    image = np.array([levels], np.int32)
    np.testing.assert_array_equal(decoded(encoded(image, "TIFF"))[0], expected)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([0, 0.25, 0.5, 1], [0, 63, 127, 255]),
        ([0, 1.9, 128, 255], [0, 1, 128, 255]),
        ([0, 255, 256, 65535], [0, 0, 1, 255]),
        ([np.nan, 10, 255, -4], [0, 10, 255, 0]),
        ([np.inf, 10, 255, -np.inf], [0, 10, 255, 0]),
        ([np.nan, np.nan, np.inf, -np.inf], [0, 0, 0, 0]),
        ([3e38, -3e38, 0, 512], [255, 0, 0, 2]),
        ([-3e38, 1, 0, 0], [0, 255, 0, 0]),
    ],
    ids=["to 1", "to 255", "to 65535", "nan", "inf", "nothing finite", "huge", "huge negative"],
)
def test_decode_gives_float_grey_levels_as_eight_bits(encoded, levels, expected):
    image = np.array([levels], np.float32)
    np.testing.assert_array_equal(decoded(encoded(image, "TIFF"))[0], expected)


def test_decode_turns_cmyk_into_colours(encoded):
    image = encoded(Image.fromarray(quadrants()).convert("CMYK"), "TIFF")
    np.testing.assert_array_equal(decoded(image), quadrants())


def test_decode_turns_a_cmyk_jpeg_into_colours(encoded):
    image = Image.fromarray(quadrants()).convert("CMYK")
    pixels = decoded(encoded(image, "JPEG", quality=95, subsampling=0))
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert_quadrants(pixels, JPEG_ERROR)


def test_decode_turns_ycbcr_into_colours(encoded):
    image = Image.fromarray(quadrants()).convert("YCbCr")
    pixels = decoded(encoded(image, "TIFF", compression="tiff_lzw"))
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert_quadrants(pixels, YCBCR_ERROR)


def test_decode_turns_lab_into_opaque_colours(encoded):
    grey = np.dstack([np.arange(0, 250, 10, dtype=np.uint8)[np.newaxis]] * 3)
    profiles = (ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"))
    to_lab = ImageCms.buildTransform(*profiles, "RGB", "LAB")
    pixels = decoded(encoded(ImageCms.applyTransform(Image.fromarray(grey), to_lab), "TIFF"))
    assert np.abs(pixels[..., :3].astype(int) - grey).max() <= LAB_ERROR
    assert (pixels[..., 3:] == 255).all()


def test_decode_keeps_a_grey_jpeg_grey(encoded):
    grey = np.full((HEIGHT, WIDTH), 90, np.uint8)
    np.testing.assert_array_equal(decoded(encoded(grey, "JPEG")), grey)


@pytest.mark.parametrize("mode", ["1", "P", "PA", "CMYK", "YCbCr", "HSV", "RGBX", "RGBa", "I", "F"])
def test_decode_gives_eight_bits_of_an_image_of_any_mode(mode):
    colours = Image.fromarray(quadrants())
    given = colours.convert("RGBA").convert(mode) if mode == "RGBa" else colours.convert(mode)
    image = decode(given).image
    assert image.mode in {"L", "RGB", "RGBA"}
    assert image.size == (WIDTH, HEIGHT)


def test_mode_that_pillow_cannot_convert_is_refused():
    assert_refused(Image.new("La", (8, 8)), "cannot be read: conversion from La")


@pytest.mark.parametrize(("file_format", "options"), [("GIF", {}), ("WEBP", {"lossless": True})])
def test_decode_gives_the_first_frame_of_an_animation(encoded, file_format, options):
    first = Image.fromarray(quadrants())
    others = [Image.new("RGB", first.size, colour) for colour in (RED, BLUE)]
    data = encoded(first, file_format, save_all=True, append_images=others, **options)
    np.testing.assert_array_equal(decoded(data)[..., :3], quadrants())


@pytest.mark.parametrize("file_format", ["TIFF", "PNG"])
def test_decode_gives_the_first_of_several_pages(encoded, file_format):
    first, second = random_pixels(2, HEIGHT, WIDTH, 3)
    pages = {"save_all": True, "append_images": [Image.fromarray(second)]}
    np.testing.assert_array_equal(decoded(encoded(first, file_format, **pages)), first)


# Orientation and size


@pytest.mark.parametrize("orientation", [1, *STORED])
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_decode_turns_the_picture_as_its_exif_says(encoded, file_format, orientation):
    colours = random_pixels(HEIGHT, WIDTH, 3)
    options = {"lossless": True} if file_format == "WEBP" else {}
    result = decode(
        encoded(turned(colours, orientation), file_format, exif=exif(orientation), **options)
    )
    np.testing.assert_array_equal(np.asarray(result.image), colours)
    assert result.full_size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("orientation", [1, *STORED])
@pytest.mark.parametrize(
    ("shorter", "size"), [(None, (480, 320)), (80, (120, 80))], ids=["full", "draft"]
)
def test_decode_turns_a_jpeg_as_its_exif_says(encoded, orientation, shorter, size):
    stored = turned(quadrants(480, 320), orientation)
    data = encoded(stored, "JPEG", quality=95, subsampling=0, exif=exif(orientation))
    result = decode(data, shorter)
    assert (result.image.size, result.full_size) == (size, (480, 320))
    assert_quadrants(np.asarray(result.image), JPEG_ERROR)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_decode_leaves_a_picture_of_an_unknown_orientation_as_it_is(encoded, orientation):
    colours = random_pixels(HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(decoded(encoded(colours, exif=exif(orientation))), colours)


@pytest.mark.parametrize(
    ("file_format", "options"),
    [("PNG", {}), ("WEBP", {"lossless": True}), ("JPEG", {"quality": 95, "subsampling": 0})],
)
@pytest.mark.parametrize(
    "damaged",
    [
        b"Exif\0\0garbage",
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0abc\0",  # a text
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x05\0\x01\0\0\0\x1a\0\0\0" + bytes(12),  # 0/0
    ],
    ids=["no header", "nothing", "offset", "count", "text", "fraction"],
)
def test_picture_with_damaged_exif_is_read_as_it_is(encoded, file_format, options, damaged):
    data = encoded(quadrants(), file_format, exif=damaged, **options)
    result = preprocess(data, PhotoSpec(height=HEIGHT, width=WIDTH, channels=3))
    assert_quadrants(result.pixels, JPEG_ERROR)


def test_decode_turns_an_open_image_as_its_exif_says(encoded):
    colours = random_pixels(HEIGHT, WIDTH, 3)
    with Image.open(io.BytesIO(encoded(turned(colours, 6), exif=exif(6)))) as image:
        np.testing.assert_array_equal(decoded(image), colours)


@pytest.mark.parametrize("file_format", ["JPEG", "MPO"])
@pytest.mark.parametrize(
    ("shorter", "side"), [(None, 600), (600, 600), (301, 600), (300, 300), (75, 75), (9, 75)]
)
def test_decode_reads_a_jpeg_as_small_as_is_enough(encoded, file_format, shorter, side):
    pages = {"save_all": True, "append_images": [Image.new("RGB", (800, 600))]}
    data = encoded(quadrants(800, 600), file_format, **(pages if file_format == "MPO" else {}))
    result = decode(data, shorter)
    assert (result.image.height, result.full_size) == (side, (800, 600))


def test_decode_reads_other_files_in_full(encoded):
    colours = random_pixels(HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(decoded(encoded(colours), shorter=2), colours)


def test_decode_keeps_the_colour_of_a_jpeg_that_it_reads_smaller(encoded):
    data = encoded(quadrants(480, 320), "JPEG", quality=95, subsampling=0)
    assert_quadrants(decoded(data, shorter=40), JPEG_ERROR)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 20_000), (20_000, 1)])
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF", "BMP"])
def test_decode_reads_pictures_of_extreme_shapes(encoded, file_format, width, height):
    pixels = np.full((height, width), 77, np.uint8)
    np.testing.assert_array_equal(decoded(encoded(pixels, file_format)), pixels)


# Transparency


@pytest.mark.parametrize(("alpha", "level"), [(0, 255), (255, 0), (128, 127)])
def test_flatten_lays_black_ink_on_white_paper(alpha, level):
    image = Image.new("RGBA", (2, 1), (0, 0, 0, alpha))
    np.testing.assert_array_equal(np.asarray(flatten(image)), np.full((1, 2, 3), level))


def test_flatten_lays_ink_on_paper_of_the_given_grey():
    image = Image.new("RGBA", (2, 1), (255, 255, 255, 0))
    np.testing.assert_array_equal(np.asarray(flatten(image, on=10)), np.full((1, 2, 3), 10))


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_flatten_leaves_an_opaque_picture_as_it_is(mode):
    image = Image.new(mode, (2, 1))
    assert flatten(image) is image


# What a picture may be given as


def test_preprocess_takes_bytes_paths_text_images_and_arrays_alike(tmp_path, encoded):
    colours = random_pixels(HEIGHT, WIDTH, 3)
    data = encoded(colours)
    path = tmp_path / "colours.png"
    path.write_bytes(data)
    with Image.open(path) as opened:
        results = [
            preprocess(picture, PHOTO).pixels
            for picture in (path, str(path), opened, Image.fromarray(colours), colours)
        ]
    for result in results:
        np.testing.assert_array_equal(result, preprocess(data, PHOTO).pixels)


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3), (5, 4, 4)])
def test_decode_takes_pixels_of_an_array_as_they_are(shape):
    pixels = random_pixels(*shape)
    np.testing.assert_array_equal(decoded(pixels), pixels)


def test_decode_takes_an_array_that_is_not_contiguous():
    pixels = random_pixels(10, 8, 3)[::2, ::-1]
    np.testing.assert_array_equal(decoded(pixels), pixels)


@pytest.mark.parametrize("shape", [(), (5,), (5, 4, 1), (5, 4, 2), (5, 4, 5), (1, 5, 4, 3)])
def test_array_of_another_shape_is_refused(shape):
    message = assert_refused(np.zeros(shape, np.uint8), "array of uint8")
    assert "expected uint8 (height, width)" in message


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.int64, np.float32, complex, object])
def test_array_of_another_dtype_is_refused(dtype):
    assert_refused(np.zeros((5, 4), dtype), f"array of {np.dtype(dtype)}")


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (5, 0)])
def test_array_without_pixels_is_refused(shape):
    assert_refused(np.zeros(shape, np.uint8), "expected 1 or more")


def test_image_without_pixels_is_refused():
    assert_refused(Image.new("L", (0, 0)), "0x0 pixels, expected 1 or more")


@pytest.mark.parametrize("picture", [None, 3, [1], bytearray(b"x"), io.BytesIO(b"x")])
def test_what_no_picture_can_be_is_refused(picture):
    assert_refused(picture, "cannot be read")


def test_preprocess_leaves_the_callers_image_as_it_is(encoded):
    data = encoded(Image.new("P", (WIDTH, HEIGHT)), transparency=0)
    with Image.open(io.BytesIO(data)) as image:
        before = (image.mode, image.size, dict(image.info))
        preprocess(image, PHOTO)
        assert (image.mode, image.size, image.info) == before


def test_preprocess_leaves_the_callers_image_open(tmp_path, encoded):
    first, second = random_pixels(2, HEIGHT, WIDTH)
    pages = {"save_all": True, "append_images": [Image.fromarray(second)]}
    path = tmp_path / "two.tiff"
    path.write_bytes(encoded(first, "TIFF", **pages))
    with Image.open(path) as image:
        preprocess(image, PHOTO)
        image.seek(1)
        np.testing.assert_array_equal(np.asarray(image), second)


def test_preprocess_leaves_the_callers_array_as_it_is():
    pixels = random_pixels(HEIGHT, WIDTH, 4)
    before = pixels.copy()
    preprocess(pixels, PHOTO)
    np.testing.assert_array_equal(pixels, before)


def test_image_that_was_closed_is_refused(encoded):
    with Image.open(io.BytesIO(encoded(quadrants()))) as image:
        pass
    assert_refused(image, "cannot be read: [^ ]")


def test_preprocess_closes_the_file_that_it_opens(tmp_path, encoded):
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(quadrants()))
    before = os.listdir("/proc/self/fd")
    preprocess(path, PHOTO)
    assert len(os.listdir("/proc/self/fd")) == len(before)


# Files that are no pictures, or are damaged


@pytest.mark.parametrize("file_format", FORMATS)
def test_truncated_file_is_refused(encoded, file_format):
    data = encoded(random_pixels(HEIGHT, WIDTH, 3), file_format)
    for length in np.linspace(1, len(data) - BEHIND_THE_PIXELS, 60).astype(int):
        assert_refused(data[:length], "cannot be read|not a picture")


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", "jpeg"])
def test_truncated_tiff_is_refused_however_it_is_compressed(encoded, compression):
    data = encoded(random_pixels(HEIGHT, WIDTH, 3), "TIFF", compression=compression)
    for length in np.linspace(1, len(data) - BEHIND_THE_PIXELS, 30).astype(int):
        assert_refused(data[:length], "cannot be read|not a picture")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(1000),
        b"this is a text\n",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"\xff\xd8\xff",
        b"P5",
    ],
    ids=["empty", "zeros", "text", "PNG's start", "GIF's start", "JPEG's start", "PPM's start"],
)
def test_file_that_is_no_picture_is_refused_by_name(tmp_path, data):
    path = tmp_path / "odd.png"
    path.write_bytes(data)
    message = assert_refused(path, "not a picture that Pillow can read|cannot be read")
    assert message.startswith(f"{path}: ")


@pytest.mark.parametrize("file_format", ["EPS", "ICO", "PCX", "TGA", "SGI"])
def test_file_of_another_format_is_refused(encoded, file_format):
    data = encoded(Image.new("RGB", (16, 16)), file_format)
    assert_refused(data, "not a picture that Pillow can read")


def test_folder_is_refused(tmp_path):
    assert assert_refused(tmp_path, "not a file").startswith(f"{tmp_path}: ")


def test_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert_refused(tmp_path / "pipe", "pipe: not a file")


def test_device_is_refused():
    assert_refused("/dev/zero", "/dev/zero: not a file")


def test_missing_file_is_refused(tmp_path):
    message = assert_refused(tmp_path / "gone.png", "cannot be read: No such file or directory")
    assert message.startswith(f"{tmp_path}/gone.png: ")


def test_link_to_nothing_is_refused(tmp_path):
    (tmp_path / "link.png").symlink_to("nothing.png")
    assert_refused(tmp_path / "link.png", "link.png: cannot be read: No such file")


def test_link_to_itself_is_refused(tmp_path):
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert_refused(
        tmp_path / "loop.png", "loop.png: cannot be read: (Too many levels|Symlink loop)"
    )


def test_link_to_a_picture_is_followed(tmp_path, encoded):
    colours = random_pixels(HEIGHT, WIDTH, 3)
    (tmp_path / "colours.png").write_bytes(encoded(colours))
    (tmp_path / "link").symlink_to("colours.png")
    np.testing.assert_array_equal(decoded(tmp_path / "link"), colours)


def test_path_through_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert_refused(tmp_path / "file" / "picture.png", "cannot be read: Not a directory")


def test_file_without_permission_is_refused(tmp_path, encoded):
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(quadrants()))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user, root perhaps, may read every file")
    assert_refused(path, "cannot be read: Permission denied")


@pytest.mark.parametrize(
    "name", [b"\xff\xfe.png", b"a\nb.png", "ä ö.png".encode(), b"-x", b"\x1b[1m"]
)
def test_picture_whose_name_holds_any_byte_is_read(tmp_path, encoded, name):
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(encoded(np.full((9, 9), 90, np.uint8)))
    assert (preprocess(path, PHOTO).pixels == 90).all()


@pytest.mark.parametrize("name", ["\udcff.png", "a\nb.png", "a" * 300, "a\0b", "\x1b[1m"])
def test_path_that_cannot_be_opened_is_named_printably(tmp_path, name):
    message = assert_refused(tmp_path / name, "cannot be read")
    assert message.startswith(f"{tmp_path}/")


# What is too large


@pytest.mark.parametrize(
    ("width", "height"),
    [(12_000, 12_000), (50_000, 50_000), (2**31 - 1, 2**31 - 1), (LONGEST_ROW, 1)],
)
def test_png_that_claims_too_many_pixels_is_refused_at_once(width, height):
    tracemalloc.start()
    start = time.perf_counter()
    assert_refused(png(width, height, 8, 0, [bytes(100)]), "pixels")
    assert time.perf_counter() - start < BOMB_SECONDS
    assert tracemalloc.get_traced_memory()[1] < BOMB_BYTES
    tracemalloc.stop()


def test_refusal_says_what_a_picture_takes_what_it_may_take_and_what_would_allow_it():
    assert_refused(
        png(6000, 6000, 8, 2, [bytes(9)]),
        "^6000x6000 pixels take 138 MiB to decode, expected at most 120 MiB: "
        "--max-megapixels 36 allows them$",
    )


def test_picture_of_max_megapixels_may_take_more_than_the_budget():
    data = png(6000, 6000, 8, 2, [bytes(9)])
    with pytest.raises(PictureError, match="truncated"):
        preprocess(data, PHOTO, max_megapixels=36)
    with pytest.raises(PictureError, match="138 MiB"):
        preprocess(data, PHOTO, max_megapixels=35)


def test_picture_that_fits_the_budget_is_not_refused_for_its_size():
    message = assert_refused(png(10_000, 10_000, 8, 0, [bytes(9)]), "truncated")
    assert "pixels" not in message


def test_jpeg_that_does_not_fit_the_budget_is_decoded_smaller(monkeypatch, encoded):
    data = encoded(quadrants(800, 600), "JPEG", quality=95, subsampling=0)
    monkeypatch.setattr(memory, "BUDGET", 4 * 800 * 600 // 4)
    result = decode(data)
    assert (result.size, result.full_size) == ((200, 150), (800, 600))
    assert_quadrants(np.asarray(result.image), JPEG_ERROR)
    assert decode(data, max_megapixels=1).size == (800, 600)


def test_progressive_jpeg_that_does_not_fit_the_budget_is_refused(monkeypatch, encoded):
    data = encoded(quadrants(800, 600), "JPEG", progressive=True)
    monkeypatch.setattr(memory, "BUDGET", 4 * 800 * 600 // 4)
    assert_refused(data, "800x600 pixels take 2 MiB to decode")


def test_jpeg_of_more_pixels_than_any_phone_has_is_refused(encoded):
    data = claiming(
        encoded(np.zeros((3, 5), np.uint8), "JPEG"), 16_001, 16_000, at=94, packed=">HH"
    )
    assert_refused(data, "pixels, expected at most 256000000$")


def test_file_given_as_bytes_counts_them(monkeypatch, encoded):
    data = encoded(quadrants(100, 100))
    monkeypatch.setattr(memory, "BUDGET", 4 * 100 * 100 + len(data))
    assert_refused(data, "100x100 pixels take")


@pytest.mark.parametrize(
    ("file_format", "at", "packed"),
    [("BMP", 18, "<ii"), ("GIF", 6, "<HH"), ("JPEG", 94, ">HH"), ("WEBP", 26, "<HH")],
)
def test_file_that_claims_too_many_pixels_is_refused_at_once(encoded, file_format, at, packed):
    options = {"quality": 50} if file_format == "WEBP" else {}
    data = encoded(np.zeros((3, 5), np.uint8), file_format, **options)
    sides = struct.unpack_from(packed, data, at)
    assert set(sides) == {3, 5}  # it is the width and height that are changed
    largest = 16383 if file_format == "WEBP" else 60_000
    start = time.perf_counter()
    assert_refused(claiming(data, largest, largest, at=at, packed=packed), "pixels")
    assert time.perf_counter() - start < BOMB_SECONDS


def test_file_of_too_many_bytes_is_refused(monkeypatch, encoded):
    data = encoded(quadrants())
    monkeypatch.setattr(module, "MAX_FILE_BYTES", len(data) - 1)
    assert_refused(data, f"more than {len(data) - 1} bytes")


def test_file_of_as_many_bytes_as_may_be_is_read(monkeypatch, encoded):
    data = encoded(quadrants())
    monkeypatch.setattr(module, "MAX_FILE_BYTES", len(data))
    np.testing.assert_array_equal(decoded(data), quadrants())


def test_array_of_too_many_pixels_is_refused():
    row = np.zeros((1, 1), np.uint8)
    assert_refused(np.broadcast_to(row, (2, 1 << 26)), "pixels take")
