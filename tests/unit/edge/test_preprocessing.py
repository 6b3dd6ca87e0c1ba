import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from liteproof_edge.errors import BundleError, PictureError
from liteproof_edge.preprocessing import (
    MAX_PIXELS,
    MAX_SIDE,
    InkSpec,
    RawSpec,
    preprocess,
    spec_from_json,
    spec_to_json,
)

# A mark is moved by whole pixels, so its centre of mass can be off by half of one.
HALF_A_PIXEL = 0.5
# A picture of 12 megapixels decodes to 12 MB of grey; more than a few copies of it, or one of
# 64-bit integers, would not fit beside other work on a small device.
MAX_MEMORY_BYTES = 100_000_000
CENTRE = 14.0  # of MNIST's own pictures, counted from pixel 0
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


def pixels_of(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def encoded(image, file_format="PNG", **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def png_of_size(width, height):
    """Return a small PNG file that claims to be of this size."""

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def rectangle(height, width, canvas=(200, 300), at=(40, 90), paper=0, colour=255):
    picture = np.full(canvas, paper, np.uint8)
    picture[at[0] : at[0] + height, at[1] : at[1] + width] = colour
    return picture


def extent(pixels):
    """Return the height and width of the box that holds all ink."""
    rows, columns = np.nonzero(pixels[..., 0])
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


@pytest.fixture(scope="module")
def seven(golden):
    return golden.pictures[14]


@pytest.fixture(scope="module")
def seven_pixels(seven):
    return pixels_of(seven)


@pytest.fixture(scope="module")
def seven_input(golden):
    return golden.inputs[14]


def test_ink_gives_the_golden_inputs_of_the_golden_pictures(golden, ink):
    for picture, expected in zip(golden.pictures, golden.inputs, strict=True):
        np.testing.assert_array_equal(preprocess(picture, ink), expected)


def test_ink_takes_dark_on_white_as_light_on_black(golden, ink):
    for picture, expected in zip(golden.pictures, golden.inputs, strict=True):
        np.testing.assert_array_equal(preprocess(255 - pixels_of(picture), ink), expected)


def test_ink_finds_a_small_digit_anywhere_in_a_large_picture(golden, ink):
    for picture, expected in zip(golden.pictures, golden.inputs, strict=True):
        large = np.zeros((480, 640), np.uint8)
        large[440:468, 5:33] = pixels_of(picture)
        np.testing.assert_array_equal(preprocess(large, ink), expected)


def test_ink_moves_the_centre_of_mass_to_pixel_14(golden, ink):
    for picture in golden.pictures:
        mass = preprocess(picture, ink)[..., 0].astype(float)
        centre = [mass.sum(axis=axis) @ np.arange(28) / mass.sum() for axis in (1, 0)]
        assert np.abs(np.array(centre) - CENTRE).max() <= HALF_A_PIXEL


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((50, 30), (20, 12)),
        ((30, 50), (12, 20)),
        ((100, 100), (20, 20)),
        ((5, 4), (20, 16)),
        ((50, 27), (20, 11)),
        ((40, 25), (20, 13)),  # half a pixel goes up
        ((1, 1), (20, 20)),
        ((120, 1), (20, 1)),  # nothing becomes thinner than one
    ],
)
def test_ink_scales_the_longer_side_to_20_pixels(ink, size, expected):
    assert extent(preprocess(rectangle(*size), ink)) == expected


def test_ink_scales_to_the_box_of_the_spec():
    spec = InkSpec(height=28, width=28, channels=1, box=10)
    assert extent(preprocess(rectangle(50, 30), spec)) == (10, 6)


def test_ink_gives_the_height_and_width_of_the_spec():
    spec = InkSpec(height=32, width=24, channels=1, box=20)
    assert preprocess(rectangle(50, 30), spec).shape == (32, 24, 1)


def test_ink_keeps_a_lopsided_mark_inside_the_picture(ink):
    # Its mass lies in the bottom bar: centred, the thin upright would stick out at the top.
    picture = np.zeros((100, 100), np.uint8)
    picture[20:70, 40:42] = 255
    picture[70:80, 20:80] = 255
    pixels = preprocess(picture, ink)
    assert extent(pixels) == (20, 20)


@pytest.mark.parametrize(("paper", "colour"), [(0, 100), (200, 90), (120, 240), (255, 0)])
def test_ink_stretches_faint_ink_to_the_full_range(ink, paper, colour):
    pixels = preprocess(rectangle(50, 30, paper=paper, colour=colour), ink)
    np.testing.assert_array_equal(pixels, preprocess(rectangle(50, 30), ink))


def test_ink_strengthens_strokes_that_scaling_made_faint(ink):
    frame = rectangle(180, 180)
    frame[41:219, 91:269] = 0
    assert preprocess(frame, ink).max() == 255


def test_ink_is_the_lighter_mark_where_a_darker_one_differs_as_much(ink):
    picture = rectangle(50, 30, paper=100, colour=200)
    picture[150:180, 10:280] = 0
    assert extent(preprocess(picture, ink)) == (20, 12)


def test_ink_ignores_the_grain_of_the_paper(ink):
    picture = rectangle(50, 30)
    rng = np.random.default_rng(1)
    grain = rng.integers(0, InkSpec.paper, picture.shape).astype(np.uint8)
    # What counts is the grain's distance from the median of the border: half of its range.
    assert extent(preprocess(np.maximum(picture, grain), ink)) == (20, 12)


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_ink_refuses_a_blank_picture(ink, grey):
    with pytest.raises(PictureError, match="no ink found") as refused:
        preprocess(np.full((50, 40), grey, np.uint8), ink)
    assert refused.value.exit_code == 3


def test_ink_refuses_specks_that_fade_when_they_are_scaled(ink):
    picture = np.full((900, 900), 255, np.uint8)
    picture[10, 10] = picture[890, 890] = 0
    with pytest.raises(PictureError, match="no ink found: what there is fades to nothing"):
        preprocess(picture, ink)


def test_ink_needs_little_memory_for_a_large_picture(ink):
    data = encoded(Image.fromarray(rectangle(1000, 1000, (4000, 3000), paper=255, colour=0)))
    tracemalloc.start()
    preprocess(data, ink)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MAX_MEMORY_BYTES


def test_ink_lays_transparent_parts_on_white_paper(ink, seven_pixels, seven_input):
    # Black ink; the paper's hidden colour is black too.
    picture = Image.new("RGBA", (28, 28), (0, 0, 0, 0))
    picture.putalpha(Image.fromarray(seven_pixels))
    np.testing.assert_array_equal(preprocess(encoded(picture), ink), seven_input)


def test_ink_lays_a_transparent_grey_level_on_white_paper(ink):
    picture = rectangle(50, 30, paper=255, colour=0)
    picture[150:180, 10:280] = 7
    image = encoded(Image.fromarray(picture), transparency=7)
    assert extent(preprocess(image, ink)) == (20, 12)


@pytest.mark.parametrize("orientation", STORED)
def test_ink_turns_the_picture_as_its_exif_says(ink, seven_pixels, seven_input, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = Image.fromarray(seven_pixels).transpose(STORED[orientation])
    np.testing.assert_array_equal(preprocess(encoded(turned, exif=exif), ink), seven_input)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA"])
def test_ink_gives_the_same_input_whatever_the_mode(ink, seven_pixels, seven_input, mode):
    picture = encoded(Image.fromarray(seven_pixels).convert(mode))
    np.testing.assert_array_equal(preprocess(picture, ink), seven_input)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "F"]
)
def test_ink_finds_the_ink_in_every_mode(ink, seven_pixels, mode):
    pixels = preprocess(Image.fromarray(seven_pixels).convert(mode), ink)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (28, 28, 1))
    assert max(extent(pixels)) == 20


@pytest.mark.parametrize("dtype", [np.uint16, np.int32], ids=["I;16", "I"])
def test_ink_finds_the_ink_of_16_bit_grey_levels(ink, seven_pixels, dtype):
    pixels = preprocess(Image.fromarray(seven_pixels.astype(dtype) * dtype(257)), ink)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (28, 28, 1))
    assert max(extent(pixels)) == 20


def test_ink_gives_the_input_of_an_8_bit_png_for_its_16_bit_twin(ink, seven_pixels, seven_input):
    deep = encoded(Image.fromarray(seven_pixels.astype(np.uint16) * np.uint16(257)))
    np.testing.assert_array_equal(preprocess(deep, ink), seven_input)


def test_ink_refuses_a_mode_that_pillow_cannot_turn_grey(ink):
    with pytest.raises(PictureError, match="cannot be read"):
        preprocess(Image.new("La", (28, 28)), ink)


def test_preprocess_takes_bytes_paths_images_and_arrays_alike(
    tmp_path, ink, seven, seven_pixels, seven_input
):
    path = tmp_path / "seven.png"
    path.write_bytes(seven)
    as_rgb = np.repeat(seven_pixels[..., np.newaxis], 3, axis=2)
    for picture in (seven, path, str(path), Image.open(path), seven_pixels, as_rgb):
        np.testing.assert_array_equal(preprocess(picture, ink), seven_input)


def test_preprocess_leaves_the_callers_image_open(ink, tmp_path):
    path = tmp_path / "two.tiff"
    first, second = (Image.fromarray(rectangle(50, 30, at=at)) for at in ((1, 1), (9, 9)))
    first.save(path, save_all=True, append_images=[second])
    with Image.open(path) as image:
        preprocess(image, ink)
        image.seek(1)
        np.testing.assert_array_equal(np.asarray(image), np.asarray(second))


@given(
    arrays.arrays(
        np.uint8,
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=40),
        elements=st.integers(0, 255),
    )
)
def test_ink_gives_an_input_or_finds_no_ink_in_any_grey_pixels(pixels):
    spec = InkSpec(height=28, width=28, channels=1, box=20)
    try:
        result = preprocess(pixels, spec)
    except PictureError as error:
        assert "no ink found" in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert (result.dtype, result.shape) == (np.uint8, (28, 28, 1))
        assert result.any()


@pytest.mark.parametrize("array", [np.zeros((2, 3, 4, 5), np.uint8), np.zeros((4, 4), complex)])
def test_preprocess_refuses_an_array_that_is_no_picture(ink, array):
    with pytest.raises(PictureError, match="cannot be read"):
        preprocess(array, ink)


def test_preprocess_refuses_a_folder(tmp_path, ink):
    with pytest.raises(PictureError, match="not a file") as refused:
        preprocess(tmp_path, ink)
    assert refused.value.exit_code == 3
    assert str(refused.value).startswith(f"{tmp_path}: ")


@pytest.mark.parametrize("name", ["missing.png", "a" * 300, "a\0b"])
def test_preprocess_names_the_path_that_it_cannot_open(tmp_path, ink, name):
    with pytest.raises(PictureError, match="cannot be read") as refused:
        preprocess(tmp_path / name, ink)
    assert refused.value.exit_code == 3
    assert str(refused.value).startswith(str(tmp_path / name).replace("\0", r"\x00"))


@pytest.mark.parametrize(
    "data", [b"", b"this is a text", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff"]
)
def test_preprocess_names_the_file_that_is_no_picture(tmp_path, ink, data):
    path = tmp_path / "odd.png"
    path.write_bytes(data)
    with pytest.raises(PictureError) as refused:
        preprocess(path, ink)
    assert refused.value.exit_code == 3
    assert str(refused.value).startswith(f"{path}: ")


def test_preprocess_refuses_every_png_that_lacks_pixels(ink, seven):
    behind_the_pixels = 20  # the checksums of pixels and chunk, and the end chunk
    for length in range(len(seven) - behind_the_pixels):
        with pytest.raises(PictureError):
            preprocess(seven[:length], ink)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_preprocess_reads_or_refuses_every_damaged_picture(ink, seven_pixels, file_format):
    data = encoded(Image.fromarray(seven_pixels).convert("RGB"), file_format)
    rng = np.random.default_rng(1)
    for position in rng.integers(0, len(data), 50):
        damaged = bytearray(data)
        damaged[position] ^= int(rng.integers(1, 256))
        try:
            pixels = preprocess(bytes(damaged), ink)
        except PictureError:
            continue
        assert pixels.shape == (28, 28, 1)


def test_preprocess_refuses_more_pixels_than_it_promises(ink):
    with pytest.raises(PictureError, match=f"9000x9000 pixels, expected at most {MAX_PIXELS}"):
        preprocess(png_of_size(9000, 9000), ink)


@pytest.mark.parametrize("side", [10_000, 100_000, 2**31 - 1])
def test_preprocess_refuses_a_decompression_bomb(ink, side):
    with pytest.raises(PictureError, match="pixels"):
        preprocess(png_of_size(side, side), ink)


def test_raw_gives_the_pixels_as_they_are(raw, seven, seven_pixels):
    np.testing.assert_array_equal(preprocess(seven, raw)[..., 0], seven_pixels)


def test_raw_gives_three_channels_of_an_rgb_picture():
    colours = np.random.default_rng(1).integers(0, 256, (6, 5, 3)).astype(np.uint8)
    pixels = preprocess(encoded(Image.fromarray(colours)), RawSpec(height=6, width=5, channels=3))
    np.testing.assert_array_equal(pixels, colours)


def test_raw_gives_three_channels_of_a_grey_picture(seven, seven_pixels):
    pixels = preprocess(seven, RawSpec(height=28, width=28, channels=3))
    np.testing.assert_array_equal(pixels, np.repeat(seven_pixels[..., np.newaxis], 3, axis=2))


def test_raw_takes_a_transparent_palette_picture_without_a_warning(recwarn):
    image = Image.new("P", (28, 28))
    image.putpalette(bytes(768))
    data = encoded(image, transparency=bytes([0, 128]))
    pixels = preprocess(data, RawSpec(height=28, width=28, channels=3))
    assert (pixels == 255).all()
    assert not list(recwarn)


@pytest.mark.parametrize("shape", [(27, 28), (28, 29), (56, 56)])
def test_raw_refuses_another_size(raw, shape):
    message = f"{shape[1]}x{shape[0]} picture, expected the model's own 28x28"
    with pytest.raises(PictureError, match=message):
        preprocess(np.zeros(shape, np.uint8), raw)


def test_spec_is_written_as_the_manifest_stores_it(ink, raw):
    sizes = {"height": 28, "width": 28, "channels": 1}
    assert spec_to_json(ink) == {"kind": "ink", **sizes, "box": 20}
    assert spec_to_json(raw) == {"kind": "raw", **sizes}


def test_spec_survives_being_written_and_read(ink, raw):
    for spec in (ink, raw):
        assert spec_from_json(spec_to_json(spec), "manifest") == spec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "photo"}, "kind 'photo', expected one of raw, ink"),
        ({"kind": None}, "kind None"),
        ({"box": 20}, "keys"),
        ({"height": 0}, "height: 0, expected an integer from 1"),
        ({"height": -28}, "height: -28"),
        ({"height": MAX_SIDE + 1}, f"height: {MAX_SIDE + 1}"),
        ({"width": 28.0}, r"width: 28\.0"),
        ({"width": True}, "width: True"),
        ({"channels": "1"}, "channels: '1'"),
        ({"channels": 2}, "raw: 2 channels"),
        ({"kind": "ink", "box": 20, "channels": 2}, "ink: .* expected one channel"),
        ({"kind": "ink", "box": 20, "channels": 3}, "ink: .* expected one channel"),
        ({"kind": "ink", "box": 29}, "ink: box 29 in 28x28x1, .* a box that fits"),
    ],
)
def test_spec_from_json_refuses(raw, change, message):
    with pytest.raises(BundleError, match=message) as refused:
        spec_from_json(spec_to_json(raw) | change, "some/manifest.json")
    assert refused.value.exit_code == 4
    assert str(refused.value).startswith("some/manifest.json")
