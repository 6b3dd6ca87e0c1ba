import time

import numpy as np
import pytest
from PIL import Image

from liteproof_edge.errors import PictureError
from liteproof_edge.model.affine import Normalisation
from liteproof_edge.preprocessing.photo import ChannelOrder, Fit, PhotoSpec, Resampling
from liteproof_edge.preprocessing.prepared import Report
from liteproof_edge.preprocessing.raw import RawSpec
from liteproof_edge.preprocessing.spec import preprocess

# Pixels are made of blocks, so that `nearest` gives exactly one of each.
BLOCK = 5
# Pillow 13 resizes columns before rows where that is less work, and rounds after the first; the
# filters with negative lobes can add up the rounding of several lines.
ORDER_ERROR = 2
# A JPEG decoded at a quarter of its size mixes 4x4 pixels; the colours are flat.
JPEG_ERROR = 3
# Decoding 48 megapixels in full takes a second or more; an eighth of the size is fast.
HUGE_SECONDS = 5.0


def spec(height, width, channels=1, **options):
    return PhotoSpec(
        height=height, width=width, channels=channels, resampling=Resampling.NEAREST, **options
    )


def blocks(values):
    """Each value of an array as a block of pixels."""
    return np.repeat(np.repeat(np.array(values, np.uint8), BLOCK, 0), BLOCK, 1)


def pixels_of(picture, spec):
    pixels = preprocess(picture, spec).pixels
    assert (pixels.dtype, pixels.shape) == (np.uint8, (spec.height, spec.width, spec.channels))
    return pixels


def random_colours(height, width, channels=3):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)


def assert_alike(pixels, expected):
    assert np.abs(pixels.astype(int) - expected).max() <= ORDER_ERROR


def bordered(values, *, sides):
    """Values with black around them, or on two sides."""
    return np.pad(np.array(values), sides).tolist()


WIDE = [[1, 2, 3, 4, 5, 6], [11, 12, 13, 14, 15, 16]]
TALL = np.transpose(WIDE).tolist()


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("resampling", Resampling)
@pytest.mark.parametrize("channels", [1, 3])
def test_photo_of_the_models_size_stays_as_it_is(fit, resampling, channels):
    pixels = random_colours(9, 7, channels)
    spec = PhotoSpec(height=9, width=7, channels=channels, fit=fit, resampling=resampling)
    np.testing.assert_array_equal(pixels_of(pixels, spec).squeeze(), pixels)


def test_cover_cuts_off_both_sides_of_a_wide_picture():
    result = pixels_of(blocks(WIDE), spec(2, 2, fit=Fit.COVER))
    assert result[..., 0].tolist() == [[3, 4], [13, 14]]


def test_cover_cuts_off_top_and_bottom_of_a_tall_picture():
    result = pixels_of(blocks(TALL), spec(2, 2, fit=Fit.COVER))
    assert result[..., 0].tolist() == [[3, 13], [4, 14]]


def test_cover_cuts_off_one_pixel_more_at_the_end_where_they_are_odd():
    pixels = np.array([[1, 2, 3, 4]], np.uint8)
    assert pixels_of(pixels, spec(1, 1, fit=Fit.COVER)).ravel().tolist() == [2]


def test_cover_keeps_all_of_a_picture_of_the_models_shape():
    result = pixels_of(blocks(WIDE), spec(2, 6, fit=Fit.COVER))
    assert result[..., 0].tolist() == WIDE


def test_cover_fills_a_wide_input_from_a_square_picture():
    square = [[row * 10 + column for column in range(4)] for row in range(4)]
    result = pixels_of(blocks(square), spec(2, 4, fit=Fit.COVER))
    assert result[..., 0].tolist() == square[1:3]


def test_contain_puts_black_above_and_below_a_wide_picture():
    result = pixels_of(blocks(WIDE), spec(6, 6, fit=Fit.CONTAIN))
    assert result[..., 0].tolist() == bordered(WIDE, sides=((2, 2), (0, 0)))


def test_contain_puts_black_beside_a_tall_picture():
    result = pixels_of(blocks(TALL), spec(6, 6, fit=Fit.CONTAIN))
    assert result[..., 0].tolist() == bordered(TALL, sides=((0, 0), (2, 2)))


def test_contain_puts_one_black_line_more_at_the_end_where_they_are_odd():
    result = pixels_of(blocks(WIDE), spec(5, 6, fit=Fit.CONTAIN))
    assert result[..., 0].tolist() == bordered(WIDE, sides=((1, 2), (0, 0)))


def test_contain_fills_an_input_of_the_pictures_shape():
    result = pixels_of(blocks(WIDE), spec(2, 6, fit=Fit.CONTAIN))
    assert result[..., 0].tolist() == WIDE


def test_contain_enlarges_a_small_picture():
    result = pixels_of(np.array([[7, 9]], np.uint8), spec(4, 4, fit=Fit.CONTAIN))
    assert result[..., 0].tolist() == [[0] * 4, [7, 7, 9, 9], [7, 7, 9, 9], [0] * 4]


def test_contain_keeps_at_least_a_line_of_a_very_thin_picture():
    result = pixels_of(np.full((1, 300), 9, np.uint8), spec(3, 3, fit=Fit.CONTAIN))
    assert result[..., 0].tolist() == [[0] * 3, [9] * 3, [0] * 3]


@pytest.mark.parametrize(("height", "rows"), [(3, 2), (4, 2), (5, 3)])
def test_contain_rounds_the_smaller_side_to_the_nearest_pixel(height, rows):
    # Halved: 1.5 and 2.5 go up.
    picture = np.full((height, 8), 9, np.uint8)
    result = pixels_of(picture, spec(4, 4, fit=Fit.CONTAIN))
    assert np.count_nonzero(result.any(axis=(1, 2))) == rows


def test_contain_puts_black_beside_a_coloured_picture():
    picture = np.full((2, 4, 3), (9, 8, 7), np.uint8)
    result = pixels_of(picture, spec(4, 4, channels=3, fit=Fit.CONTAIN))
    assert result[:, 0].tolist() == [[0, 0, 0], [9, 8, 7], [9, 8, 7], [0, 0, 0]]


def test_stretch_changes_the_aspect_ratio():
    result = pixels_of(blocks([[1, 2], [3, 4]]), spec(2, 4, fit=Fit.STRETCH))
    assert result[..., 0].tolist() == [[1, 1, 2, 2], [3, 3, 4, 4]]


def test_stretch_keeps_every_column_of_a_wide_picture():
    result = pixels_of(np.repeat(blocks(WIDE), 3, axis=0), spec(2, 6, fit=Fit.STRETCH))
    assert result[..., 0].tolist() == WIDE


@pytest.mark.parametrize("resampling", Resampling)
@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 13), (64, 50), (9, 27), (31, 7)])
def test_stretch_is_pillows_own_resize(resampling, height, width):
    colours = random_colours(31, 27)
    spec = PhotoSpec(height=height, width=width, channels=3, fit=Fit.STRETCH, resampling=resampling)
    method = getattr(Image, resampling.value.upper())
    expected = Image.fromarray(colours).resize((width, height), method)
    assert_alike(pixels_of(colours, spec), np.asarray(expected))


@pytest.mark.parametrize("resampling", Resampling)
@pytest.mark.parametrize(("height", "width"), [(40, 4), (24, 12), (90, 60), (4, 40)])
def test_stretch_resizes_rows_and_then_columns(resampling, height, width):
    colours = random_colours(80, 20)
    direct, rows, columns = (
        PhotoSpec(height=tall, width=wide, channels=3, fit=Fit.STRETCH, resampling=resampling)
        for tall, wide in ((height, width), (80, width), (height, width))
    )
    np.testing.assert_array_equal(
        pixels_of(colours, direct), pixels_of(pixels_of(colours, rows), columns)
    )


@pytest.mark.parametrize("resampling", Resampling)
def test_cover_is_pillows_own_resize_of_the_middle(resampling):
    colours = random_colours(20, 50)
    spec = PhotoSpec(height=8, width=8, channels=3, fit=Fit.COVER, resampling=resampling)
    method = getattr(Image, resampling.value.upper())
    expected = Image.fromarray(colours).resize((8, 8), method, box=(15, 0, 35, 20))
    assert_alike(pixels_of(colours, spec), np.asarray(expected))


def test_photo_covers_and_averages_where_nothing_else_is_asked_for():
    assert PhotoSpec(height=8, width=8, channels=3) == PhotoSpec(
        height=8,
        width=8,
        channels=3,
        fit=Fit.COVER,
        resampling=Resampling.BILINEAR,
        order=ChannelOrder.RGB,
        mean=(),
        scale=(),
    )


def test_bgr_has_the_channels_the_other_way_round():
    colours = random_colours(4, 5)
    result = pixels_of(colours, spec(4, 5, channels=3, order=ChannelOrder.BGR))
    np.testing.assert_array_equal(result, colours[..., ::-1])


def test_bgr_pixels_are_contiguous():
    result = pixels_of(random_colours(4, 5), spec(4, 5, channels=3, order=ChannelOrder.BGR))
    assert result.flags.c_contiguous


def test_grey_of_colours_is_their_luma():
    colours = np.array([[(255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 90, 90)]], np.uint8)
    # ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B.
    assert pixels_of(colours, spec(1, 4)).ravel().tolist() == [76, 150, 29, 90]


def test_colours_of_grey_are_three_times_the_same():
    grey = random_colours(4, 5, 1)
    result = pixels_of(grey, spec(4, 5, channels=3))
    np.testing.assert_array_equal(result, np.dstack([grey] * 3))


@pytest.mark.parametrize("alpha", [0, 128, 255])
def test_what_is_transparent_lies_on_white(alpha):
    picture = np.full((4, 4, 4), (0, 0, 0, alpha), np.uint8)
    assert (pixels_of(picture, spec(4, 4, channels=3)) == 255 - alpha).all()


def test_contain_puts_black_beside_a_transparent_picture():
    picture = np.zeros((2, 4, 4), np.uint8)
    result = pixels_of(picture, spec(4, 4, fit=Fit.CONTAIN))
    assert result[:, 0, 0].tolist() == [0, 255, 255, 0]


def test_huge_jpeg_is_decoded_smaller(encoded):
    picture = Image.new("RGB", (8000, 6000), (200, 30, 40))
    picture.paste((10, 40, 220), (4000, 0, 8000, 6000))
    data = encoded(picture, "JPEG")
    start = time.perf_counter()
    result = pixels_of(data, PhotoSpec(height=96, width=128, channels=3))
    assert time.perf_counter() - start < HUGE_SECONDS
    assert np.abs(result[:, :60].astype(int) - (200, 30, 40)).max() <= JPEG_ERROR
    assert np.abs(result[:, 68:].astype(int) - (10, 40, 220)).max() <= JPEG_ERROR


@pytest.mark.parametrize("fit", Fit)
def test_jpeg_is_decoded_with_enough_pixels_to_average(encoded, fit):
    # Fine stripes become grey; were it decoded as small as the input, some would be left.
    stripes = np.tile(np.repeat(np.array([0, 255], np.uint8), 2), (1000, 250))
    spec = PhotoSpec(height=50, width=50, channels=1, fit=fit)
    result = pixels_of(encoded(stripes, "JPEG"), spec)
    assert np.abs(result.astype(int) - 127).max() <= JPEG_ERROR


@pytest.mark.parametrize("shape", [(1, 1), (1, 2000), (2000, 1)])
@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("resampling", Resampling)
def test_photo_of_an_extreme_shape_gives_the_models_input(shape, fit, resampling):
    picture = np.full(shape, 77, np.uint8)
    spec = PhotoSpec(height=5, width=7, channels=1, fit=fit, resampling=resampling)
    result = pixels_of(picture, spec)
    assert set(np.unique(result)) <= {0, 77}
    assert 77 in result


def test_photo_reports_its_kind_alone():
    assert preprocess(random_colours(4, 5), spec(4, 5)).report == Report("photo")


@pytest.mark.parametrize(
    ("mean", "scale", "expected"),
    [
        ((), (), None),
        ((1.0, 2.0, 3.0), (), Normalisation((1.0, 2.0, 3.0), (1.0, 1.0, 1.0))),
        ((), (0.5, 0.25, 2.0), Normalisation((0.0, 0.0, 0.0), (0.5, 0.25, 2.0))),
        ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), Normalisation((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))),
    ],
)
def test_photo_normalises_as_its_mean_and_scale_say(mean, scale, expected):
    spec = PhotoSpec(height=4, width=4, channels=3, mean=mean, scale=scale)
    assert spec.normalisation == expected


def test_photo_leaves_pixels_to_be_normalised_by_the_session():
    colours = random_colours(4, 5)
    normalised = spec(4, 5, channels=3, mean=(127.5,) * 3, scale=(1 / 127.5,) * 3)
    np.testing.assert_array_equal(pixels_of(colours, normalised), colours)


@pytest.mark.parametrize("channels", [0, 2, 4])
def test_photo_spec_refuses_other_channels(channels):
    with pytest.raises(ValueError, match=f"photo: {channels} channels"):
        PhotoSpec(height=4, width=4, channels=channels)


@pytest.mark.parametrize("key", ["mean", "scale"])
@pytest.mark.parametrize(("channels", "values"), [(3, (1.0,)), (1, (1.0,) * 3), (3, (1.0,) * 4)])
def test_photo_spec_refuses_numbers_for_other_channels(key, channels, values):
    with pytest.raises(ValueError, match=f"photo: {key}: {len(values)} values"):
        PhotoSpec(height=4, width=4, channels=channels, **{key: values})


# `raw`


def test_raw_gives_the_pixels_as_they_are(raw):
    grey = random_colours(28, 28, 1)
    np.testing.assert_array_equal(pixels_of(grey, raw)[..., 0], grey)


def test_raw_gives_three_channels_of_an_rgb_picture(encoded):
    colours = random_colours(6, 5)
    result = pixels_of(encoded(colours), RawSpec(height=6, width=5, channels=3))
    np.testing.assert_array_equal(result, colours)


def test_raw_gives_three_channels_of_a_grey_picture():
    grey = random_colours(28, 28, 1)
    result = pixels_of(grey, RawSpec(height=28, width=28, channels=3))
    np.testing.assert_array_equal(result, np.dstack([grey] * 3))


def test_raw_gives_the_grey_of_a_coloured_picture():
    colours = np.full((28, 28, 3), (255, 0, 0), np.uint8)
    assert (pixels_of(colours, RawSpec(height=28, width=28, channels=1)) == 76).all()


def test_raw_takes_a_transparent_palette_picture_without_a_warning(encoded, recwarn):
    image = Image.new("P", (28, 28))
    image.putpalette(bytes(768))
    data = encoded(image, transparency=bytes([0, 128]))
    assert (pixels_of(data, RawSpec(height=28, width=28, channels=3)) == 255).all()
    assert not list(recwarn)


@pytest.mark.parametrize("shape", [(27, 28), (28, 29), (56, 56), (1, 1)])
def test_raw_refuses_another_size(raw, shape):
    message = f"{shape[1]}x{shape[0]} picture, expected the model's own 28x28"
    with pytest.raises(PictureError, match=message):
        preprocess(np.zeros(shape, np.uint8), raw)


def test_raw_reads_a_jpeg_in_full(encoded):
    grey = np.full((400, 400), 90, np.uint8)
    result = pixels_of(encoded(grey, "JPEG"), RawSpec(height=400, width=400, channels=1))
    assert (result == 90).all()


def test_raw_reports_its_kind_alone(raw):
    assert preprocess(np.zeros((28, 28), np.uint8), raw).report == Report("raw")


def test_raw_takes_pixels_as_they_are(raw):
    assert raw.normalisation is None


@pytest.mark.parametrize("channels", [0, 2, 4])
def test_raw_spec_refuses_other_channels(channels):
    with pytest.raises(ValueError, match=f"raw: {channels} channels"):
        RawSpec(height=4, width=4, channels=channels)
