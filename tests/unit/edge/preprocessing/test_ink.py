import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from liteproof_edge.errors import PictureError
from liteproof_edge.preprocessing.ink import FEWEST, SEARCHED, SHORTER, ZOOM, InkSpec, normalise
from liteproof_edge.preprocessing.paper import EVEN_PAPER, Polarity
from liteproof_edge.preprocessing.prepared import Legibility, Report
from liteproof_edge.preprocessing.spec import preprocess

STRONG = 48  # grey levels: certainly ink, where the strongest is 255
CENTRE = 14.0  # of MNIST's own pictures, counted from pixel 0
# A mark is moved by whole pixels, so its centre of mass can be off by half of one.
HALF_A_PIXEL = 0.5
# The mark is found in a picture averaged down: each edge may be off by one of its pixels, and by
# another where the sides are no multiples of what is averaged.
SEARCHED_PIXELS = 2
# A picture of 12 megapixels decodes to 12 MB of grey; more than a few copies of it, or one of
# 64-bit integers, would not fit beside other work on a small device.
MAX_MEMORY_BYTES = 100_000_000
SIZES = [(8, 8), (9, 31), (28, 28), (64, 200), (333, 97), (640, 480), (1200, 900)]
HORIZONTAL, VERTICAL, ACROSS = (0, 1), (1, 0), (1, 1)
ROOM, SIDE = (400, 300), 100
LARGE_SIZE, LARGE_BOX = (2400, 1800), (1500, 300, 1600, 450)
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


def rectangle(height, width, canvas=(200, 300), at=(40, 90), paper=0, colour=255):
    picture = np.full(canvas, paper, np.uint8)
    picture[at[0] : at[0] + height, at[1] : at[1] + width] = colour
    return picture


def extent(pixels):
    """Return the height and width of the box that holds all ink."""
    rows, columns = np.nonzero(pixels[..., 0])
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def light(size, direction, low, high):
    """Light from `low` to `high` along a direction: float (height, width)."""
    width, height = size
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    share = (down * direction[0] + across * direction[1]) / sum(direction)
    return low + (high - low) * share


def written(digit, side, at, paper, ink):
    """A digit (an MNIST file's bytes) on paper, (height, width) or with colours, uint8.

    Its ink takes the paper's place by its strength; `at` is the digit's left and top.
    """
    large = Image.open(io.BytesIO(digit)).resize((side, side), Image.Resampling.BICUBIC)
    strength = np.zeros(paper.shape[:2])
    strength[at[1] : at[1] + side, at[0] : at[0] + side] = np.asarray(large) / 255
    strength = strength.reshape(strength.shape + (1,) * (paper.ndim - 2))
    return (paper + (np.asarray(ink) - paper) * strength).round().astype(np.uint8)


def below(size, at, rise):
    """Which pixels lie below a line that is `at` pixels from the top, and rises by so many."""
    rows, columns = np.indices(size[::-1])
    return rows >= at + rise * (columns / size[0] - 0.5)


def even(size, colour):
    paper = np.empty((size[1], size[0], *np.shape(colour)))
    paper[:] = colour
    return paper


def large_page():
    left, top, right, bottom = LARGE_BOX
    page = np.full(LARGE_SIZE[::-1], 240, np.uint8)
    page[top:bottom, left:right] = 20
    return page


def written_page():
    """A mark in uneven light."""
    page = light(ROOM, ACROSS, 150, 240).round().astype(np.uint8)
    page[80:180, 150:165] = page[165:180, 120:165] = 30
    return page


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def prepared(picture, spec):
    return preprocess(picture, spec).pixels


def report(picture, spec):
    return preprocess(picture, spec).report


def assert_near(box, expected, full_size):
    pixel = -(-max(full_size) // SEARCHED)
    assert np.abs(np.subtract(box, expected)).max() <= SEARCHED_PIXELS * pixel


@pytest.fixture(scope="module")
def seven(golden):
    return golden.pictures[14]


@pytest.fixture(scope="module")
def seven_pixels(seven):
    return pixels_of(seven)


@pytest.fixture(scope="module")
def seven_input(golden):
    return golden.inputs[14]


@pytest.fixture(scope="module")
def labels(classifier, golden):
    """Return the labels that the released model gives to all golden digits, changed."""

    def classified(change):
        return [classifier.classify(change(digit)).index for digit in golden.pictures]

    return classified


# MNIST's own pictures


def test_ink_gives_the_golden_inputs_of_the_golden_pictures(golden, ink):
    for picture, expected in zip(golden.pictures, golden.inputs, strict=True):
        np.testing.assert_array_equal(prepared(picture, ink), expected)


@pytest.mark.parametrize("seed", range(30))
def test_ink_leaves_a_picture_that_is_normalised_already_as_it_is(ink, seed):
    rng = np.random.default_rng(seed)
    height, width = rng.permutation([20, rng.integers(2, 21)])
    mark = rng.integers(STRONG, 256, (height, width))
    mark[rng.random(mark.shape) < 0.3] = 0
    mark[height // 2] = mark[:, width // 2] = 255  # one piece, over the whole box
    top, left = (
        int(
            np.floor(
                CENTRE - (mark.sum(axis=axis) @ np.arange(mark.shape[1 - axis])) / mark.sum() + 0.5
            )
        )
        for axis in (1, 0)
    )
    picture = np.zeros((28, 28), np.uint8)
    picture[top : top + height, left : left + width] = mark
    np.testing.assert_array_equal(prepared(picture, ink)[..., 0], picture)


def test_ink_leaves_the_golden_inputs_as_they_are(golden, ink):
    for pixels in golden.inputs:
        np.testing.assert_array_equal(prepared(pixels[..., 0], ink), pixels)


def test_ink_takes_dark_on_white_as_light_on_black(golden, ink):
    for picture, expected in zip(golden.pictures, golden.inputs, strict=True):
        np.testing.assert_array_equal(prepared(255 - pixels_of(picture), ink), expected)


def test_ink_finds_a_small_digit_anywhere_in_a_large_picture(golden, ink):
    for picture, expected in zip(golden.pictures, golden.inputs, strict=True):
        large = np.zeros((120, 180), np.uint8)
        large[85:113, 5:33] = pixels_of(picture)
        np.testing.assert_array_equal(prepared(large, ink), expected)


def test_ink_finds_a_small_digit_from_close_by_in_a_picture_that_is_searched_smaller(golden, ink):
    for picture, expected in zip(golden.pictures, golden.inputs, strict=True):
        large = np.zeros((3 * SEARCHED // 2, 2 * SEARCHED), np.uint8)
        large[340:368, 105:133] = pixels_of(picture)
        np.testing.assert_array_equal(prepared(large, ink), expected)


# How a mark is normalised


def test_ink_moves_the_centre_of_mass_to_pixel_14(golden, ink):
    for picture in golden.pictures:
        mass = prepared(picture, ink)[..., 0].astype(float)
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
        ((120, 1), (20, 1)),  # nothing becomes thinner than one
    ],
)
def test_ink_scales_the_longer_side_to_20_pixels(ink, size, expected):
    assert extent(prepared(rectangle(*size), ink)) == expected


def test_ink_scales_a_single_pixel_of_a_small_picture(ink):
    assert extent(prepared(rectangle(1, 1, canvas=(60, 60), at=(30, 30)), ink)) == (20, 20)


def test_ink_scales_to_the_box_of_the_spec():
    spec = InkSpec(height=28, width=28, channels=1, box=10)
    assert extent(prepared(rectangle(50, 30), spec)) == (10, 6)


def test_ink_gives_the_height_and_width_of_the_spec():
    spec = InkSpec(height=32, width=24, channels=1, box=20)
    assert prepared(rectangle(50, 30), spec).shape == (32, 24, 1)


def test_ink_takes_pixels_as_they_are(ink):
    assert ink.normalisation is None


def test_ink_keeps_a_lopsided_mark_inside_the_picture(ink):
    # Its mass lies in the bottom bar: centred, the thin upright would stick out at the top.
    picture = np.zeros((100, 100), np.uint8)
    picture[20:70, 40:42] = 255
    picture[70:80, 20:80] = 255
    assert extent(prepared(picture, ink)) == (20, 20)


@pytest.mark.parametrize(("paper", "colour"), [(0, 100), (200, 90), (120, 240), (255, 0)])
def test_ink_stretches_faint_ink_to_the_full_range(ink, paper, colour):
    pixels = prepared(rectangle(50, 30, paper=paper, colour=colour), ink)
    np.testing.assert_array_equal(pixels, prepared(rectangle(50, 30), ink))


def test_ink_strengthens_strokes_that_scaling_made_faint(ink):
    frame = rectangle(180, 180)
    frame[41:219, 91:269] = 0
    assert prepared(frame, ink).max() == 255


def test_ink_strengthens_a_mark_of_the_models_size_beside_stronger_ink(ink):
    picture = rectangle(20, 12, colour=100)
    picture[0:4, 250:260] = 255  # at the border
    assert prepared(picture, ink).max() == 255


def test_normalise_refuses_a_mark_that_fades_when_it_is_scaled():
    mark = np.zeros((900, 900), np.uint8)
    mark[0, 0] = mark[899, 899] = 255
    with pytest.raises(PictureError, match="no ink found: what there is fades to nothing"):
        normalise(mark, 20, (28, 28))


# What is ink, and what is not


def test_ink_is_the_lighter_mark_where_a_darker_one_differs_as_much(ink):
    picture = rectangle(50, 30, paper=100, colour=200)
    picture[150:180, 10:280] = 0
    assert extent(prepared(picture, ink)) == (20, 12)


def test_ink_ignores_the_grain_of_the_paper(ink):
    picture = rectangle(50, 30)
    grain = np.random.default_rng(1).integers(0, EVEN_PAPER, picture.shape).astype(np.uint8)
    found = report(np.maximum(picture, grain), ink)
    assert (found.box, found.doubts) == ((90, 40, 120, 90), ())


def test_ink_ignores_dirt_far_from_the_mark(ink):
    picture = rectangle(50, 30)
    picture[180, 280] = 255
    found = report(picture, ink)
    assert (found.box, found.doubts) == ((90, 40, 120, 90), ())


def test_ink_ignores_a_desk_beside_the_sheet(ink):
    picture = rectangle(50, 30, paper=255, colour=0)
    picture[:, 260:] = 60
    assert report(picture, ink).box == (90, 40, 120, 90)


def test_ink_takes_both_parts_of_a_broken_mark(ink):
    picture = rectangle(50, 30)
    picture[60:66] = 0
    found = report(picture, ink)
    assert (found.box, found.doubts) == ((90, 40, 120, 90), ())


@pytest.mark.parametrize("grey", [0, 128, 255])
@pytest.mark.parametrize("size", SIZES)
def test_ink_refuses_a_blank_picture(ink, size, grey):
    with pytest.raises(PictureError, match="no ink found: the picture is blank") as refused:
        preprocess(np.full(size[::-1], grey, np.uint8), ink)
    assert refused.value.exit_code == 3


@pytest.mark.parametrize("direction", [HORIZONTAL, VERTICAL, ACROSS])
@pytest.mark.parametrize("size", [(width, height) for width, height in SIZES if height >= 200])
@pytest.mark.parametrize(("low", "high"), [(230, 250), (100, 240), (20, 120)])
def test_ink_refuses_a_blank_sheet_in_uneven_light(ink, size, direction, low, high):
    blank = light(size, direction, low, high).round().astype(np.uint8)
    with pytest.raises(PictureError, match="no ink found"):
        preprocess(blank, ink)


@pytest.mark.parametrize(
    ("size", "sigma"),
    [(size, sigma) for size in SIZES for sigma in (2, 5)]  # stronger noise may look like ink here
    + [(size, sigma) for size in SIZES[-2:] for sigma in (20, 60)],
)
def test_ink_refuses_pure_noise(ink, size, sigma):
    noise = np.random.default_rng(1).normal(128, sigma, size[::-1])
    with pytest.raises(PictureError, match="no ink found"):
        preprocess(noise.round().clip(0, 255).astype(np.uint8), ink)


@pytest.mark.parametrize("size", SIZES)
def test_ink_refuses_ink_that_hardly_differs_from_paper(ink, size):
    picture = np.full(size[::-1], 200, np.uint8)
    picture[2:5, 2:5] = 195
    with pytest.raises(PictureError, match="no ink found"):
        preprocess(picture, ink)


# Digits as people give them


@pytest.mark.parametrize("at", [(5, 5), (295, 5), (5, 195), (295, 195), (150, 100)])
def test_digits_are_read_wherever_they_are(labels, golden, at):
    paper = even(ROOM, 245)
    assert labels(lambda digit: written(digit, SIDE, at, paper, 30)) == golden.classes.tolist()


@pytest.mark.parametrize("side", [28, 40, 80, 160, 290])
def test_digits_are_read_whatever_their_size(labels, golden, side):
    paper = even(ROOM, 245)
    assert labels(lambda digit: written(digit, side, (5, 5), paper, 30)) == golden.classes.tolist()


def test_digits_are_read_on_a_large_page(labels, golden):
    paper = even((2000, 1500), 245)
    page = lambda digit: written(digit, SIDE, (1700, 200), paper, 30)  # noqa: E731
    assert labels(page) == golden.classes.tolist()


@pytest.mark.parametrize("direction", [HORIZONTAL, VERTICAL, ACROSS])
@pytest.mark.parametrize(("low", "high"), [(120, 250), (90, 200)])
def test_digits_are_read_in_light_that_falls_off(labels, golden, direction, low, high):
    paper = light(ROOM, direction, low, high)
    assert (
        labels(lambda digit: written(digit, SIDE, (150, 100), paper, 30)) == golden.classes.tolist()
    )


@pytest.mark.parametrize("edge", [100, 180, 210])
def test_digits_are_read_in_a_shadow(labels, golden, edge):
    paper = light(ROOM, HORIZONTAL, 215, 245)
    penumbra = np.clip((np.arange(ROOM[0]) - edge) / 12, 0, 1)  # 12 pixels wide
    shadow = 1 - 0.45 * penumbra
    assert (
        labels(
            lambda digit: (written(digit, SIDE, (150, 100), paper, 25) * shadow).astype(np.uint8)
        )
        == golden.classes.tolist()
    )


@pytest.mark.parametrize("rise", [-20, 10, 20])
@pytest.mark.parametrize("at", [120, 150, 185])
def test_digits_are_read_across_the_sharp_edge_of_a_shadow(labels, golden, at, rise):
    shadow = np.where(below(ROOM, at, rise), 0.45, 1)
    paper = light(ROOM, HORIZONTAL, 215, 245)
    page = lambda digit: (written(digit, SIDE, (150, 100), paper, 25) * shadow).astype(np.uint8)  # noqa: E731
    assert labels(page) == golden.classes.tolist()


@pytest.mark.parametrize("rise", [-20, -9, 0, 9, 20])
def test_digits_are_read_on_ruled_paper_that_was_turned(labels, golden, rise):
    paper = light(ROOM, VERTICAL, 210, 240)
    for at in range(-20, 320, 40):
        paper[below(ROOM, at, rise) & ~below(ROOM, at + 2, rise)] *= 0.6
    page = lambda digit: written(digit, SIDE, (150, 100), paper, 30)  # noqa: E731
    assert labels(page) == golden.classes.tolist()


@pytest.mark.parametrize("rise", [-20, 0, 20])
def test_digits_are_read_on_a_sheet_that_lies_turned_on_a_desk(labels, golden, rise):
    paper = light(ROOM, HORIZONTAL, 215, 245)
    paper[below(ROOM, 240, rise)] = 60
    page = lambda digit: written(digit, SIDE, (150, 100), paper, 30)  # noqa: E731
    assert labels(page) == golden.classes.tolist()


@pytest.mark.parametrize(("paper", "ink_level"), [(0, 255), (40, 235), (60, 160), (110, 240)])
def test_digits_are_read_light_on_dark(labels, golden, paper, ink_level):
    board = even(ROOM, paper)
    assert (
        labels(lambda digit: written(digit, SIDE, (150, 100), board, ink_level))
        == golden.classes.tolist()
    )


@pytest.mark.parametrize("direction", [HORIZONTAL, VERTICAL, ACROSS])
def test_digits_are_read_light_on_a_board_in_uneven_light(labels, golden, direction):
    board = light(ROOM, direction, 25, 100)
    assert (
        labels(lambda digit: written(digit, SIDE, (150, 100), board, 245))
        == golden.classes.tolist()
    )


@pytest.mark.parametrize(
    ("paper", "colour"),
    [
        ((248, 248, 246), (30, 60, 190)),
        ((250, 248, 244), (205, 35, 40)),
        ((250, 250, 250), (245, 195, 40)),  # yellow is hardly darker than white
        ((250, 230, 110), (35, 50, 120)),
        ((80, 140, 90), (225, 70, 60)),  # as dark as its paper
        ((35, 62, 50), (235, 235, 228)),
    ],
    ids=["blue", "red", "yellow", "on yellow", "red on green", "chalk"],
)
def test_digits_are_read_in_colour(labels, golden, paper, colour):
    sheet = even(ROOM, paper)
    assert (
        labels(lambda digit: written(digit, SIDE, (150, 100), sheet, colour))
        == golden.classes.tolist()
    )


@pytest.mark.parametrize("sigma", [3, 10])
def test_digits_are_read_in_noise(labels, golden, sigma):
    noise = np.random.default_rng(1).normal(0, sigma, ROOM[::-1])
    paper = even(ROOM, 200) + noise
    assert (
        labels(lambda digit: written(digit, SIDE, (150, 100), paper.clip(0, 255), 40))
        == golden.classes.tolist()
    )


@pytest.mark.parametrize("quality", [30, 90])
def test_digits_are_read_from_a_jpeg(labels, golden, encoded, quality):
    paper = light(ROOM, ACROSS, 150, 240)
    assert (
        labels(
            lambda digit: encoded(
                written(digit, SIDE, (150, 100), paper, 30), "JPEG", quality=quality
            )
        )
        == golden.classes.tolist()
    )


# Modes and transparency


def test_ink_lays_transparent_parts_on_white_paper(ink, encoded, seven_pixels, seven_input):
    # Black ink; the paper's hidden colour is black too.
    picture = Image.new("RGBA", (28, 28), (0, 0, 0, 0))
    picture.putalpha(Image.fromarray(seven_pixels))
    np.testing.assert_array_equal(prepared(encoded(picture), ink), seven_input)


def test_ink_lays_light_ink_on_black_paper(ink, encoded, seven_pixels, seven_input):
    picture = Image.new("RGBA", (28, 28), (255, 255, 255, 0))
    picture.putalpha(Image.fromarray(seven_pixels))
    result = preprocess(encoded(picture), ink)
    np.testing.assert_array_equal(result.pixels, seven_input)
    assert result.report.polarity is Polarity.LIGHT_ON_DARK


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 40, 40), (120, 120, 130)])
def test_digits_are_read_on_transparent_paper(labels, golden, encoded, colour):
    def transparent(digit):
        picture = Image.new("RGBA", (300, 200), (*colour, 0))
        layer = written(digit, SIDE, (150, 60), np.zeros((200, 300)), 255)
        picture.putalpha(Image.fromarray(layer))
        return encoded(picture)

    assert labels(transparent) == golden.classes.tolist()


@pytest.mark.parametrize(("paper", "ink_level"), [(245, 30), (20, 235)])
def test_digits_are_read_on_a_sheet_with_transparent_parts(
    labels, golden, encoded, paper, ink_level
):
    alpha = Image.new("L", ROOM, 255)
    alpha.paste(0, (60, 20, 140, 280))  # a hole in the sheet

    def holed(digit):
        page = written(digit, SIDE, (200, 100), even(ROOM, paper), ink_level)
        picture = Image.fromarray(page).convert("RGBA")
        picture.putalpha(alpha)
        return encoded(picture)

    assert labels(holed) == golden.classes.tolist()


@pytest.mark.parametrize("level", [0, 255])
def test_ink_that_fills_a_transparent_picture_is_found(ink, level):
    picture = np.full((60, 30, 4), (level, level, level, 0), np.uint8)
    picture[1:-1, 4:-4, 3] = 255  # a 1, cropped
    assert report(picture, ink).box == (4, 1, 26, 59)


def test_ink_lays_a_transparent_grey_level_on_white_paper(ink, encoded):
    picture = rectangle(50, 30, paper=255, colour=0)
    picture[150:180, 10:280] = 7
    assert extent(prepared(encoded(picture, transparency=7), ink)) == (20, 12)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "PA", "RGB", "RGBA", "CMYK"])
def test_ink_gives_the_same_input_whatever_the_mode(ink, seven_pixels, seven_input, mode):
    picture = Image.fromarray(seven_pixels).convert(mode)
    np.testing.assert_array_equal(prepared(picture, ink), seven_input)


@pytest.mark.parametrize("mode", ["LA", "P", "RGB", "RGBA"])
def test_ink_gives_the_same_report_whatever_the_mode(ink, mode):
    picture = written_page()
    same = Image.fromarray(picture).convert(mode)
    assert report(same, ink) == report(picture, ink)
    np.testing.assert_array_equal(prepared(same, ink), prepared(picture, ink))


@pytest.mark.parametrize("mode", ["1", "YCbCr", "HSV", "F"])
def test_ink_finds_the_ink_in_every_mode(ink, seven_pixels, mode):
    pixels = prepared(Image.fromarray(seven_pixels).convert(mode), ink)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (28, 28, 1))
    assert max(extent(pixels)) == 20


def test_ink_gives_the_input_of_an_8_bit_png_for_its_16_bit_twin(
    ink, encoded, seven_pixels, seven_input
):
    deep = encoded(seven_pixels.astype(np.uint16) * np.uint16(257))
    np.testing.assert_array_equal(prepared(deep, ink), seven_input)


@pytest.mark.parametrize("orientation", STORED)
def test_ink_turns_the_picture_as_its_exif_says(
    ink, encoded, seven_pixels, seven_input, orientation
):
    stored = Image.fromarray(seven_pixels).transpose(STORED[orientation])
    turned = encoded(stored, exif=exif(orientation))
    np.testing.assert_array_equal(prepared(turned, ink), seven_input)


# The report


def test_report_tells_what_was_found_on_even_paper(ink):
    found = report(rectangle(50, 30), ink)
    fraction = 50 * 30 / (200 * 300)
    assert found == Report(
        "ink", Polarity.LIGHT_ON_DARK, (90, 40, 120, 90), fraction, Legibility.CLEAR
    )


@pytest.mark.parametrize(("paper", "colour"), [(255, 0), (130, 90)])
def test_report_tells_of_dark_ink(ink, paper, colour):
    found = report(rectangle(50, 30, paper=paper, colour=colour), ink)
    assert found.polarity is Polarity.DARK_ON_LIGHT


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_report_gives_the_box_in_the_pixels_of_the_picture_in_full(ink, encoded, file_format):
    found = report(encoded(large_page(), file_format), ink)
    assert_near(found.box, LARGE_BOX, LARGE_SIZE)


@pytest.mark.parametrize("orientation", STORED)
def test_report_gives_the_box_in_the_pixels_of_the_upright_picture(ink, encoded, orientation):
    stored = Image.fromarray(large_page()).transpose(STORED[orientation])
    assert min(stored.size) // 2 >= SHORTER  # it is decoded at half its size, or less
    found = report(encoded(stored, "JPEG", exif=exif(orientation)), ink)
    assert_near(found.box, LARGE_BOX, LARGE_SIZE)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_report_gives_the_share_of_the_whole_picture_that_is_ink(ink, encoded, file_format):
    found = report(encoded(large_page(), file_format), ink)
    pixel = -(-max(LARGE_SIZE) // SEARCHED)
    assert 150 / pixel < ZOOM  # so that it is looked at again, from close by
    # Two searched pixels on each side, as for the box.
    least, most = ((100 + grown) * (150 + grown) for grown in (-4 * pixel, 4 * pixel))
    assert least <= found.ink_fraction * LARGE_SIZE[0] * LARGE_SIZE[1] <= most


def test_report_gives_a_box_that_lies_inside_the_picture(ink):
    picture = np.full((701, 1999), 255, np.uint8)
    picture[-40:, -90:] = 0
    assert report(picture, ink).box[2:] == (1999, 701)


@pytest.mark.parametrize("side", [28, 100, 200])
@pytest.mark.parametrize("size", [(640, 480), (1600, 1200)])
def test_one_digit_raises_no_doubt(golden, ink, size, side):
    for digit in golden.pictures[::2]:
        page = written(digit, side, (size[0] // 2, size[1] // 3), even(size, 245), 30)
        assert report(page, ink).doubts == ()


@pytest.mark.parametrize("side", [28, 100, 200])
@pytest.mark.parametrize("size", [(640, 480), (1600, 1200)])
def test_two_digits_far_apart_are_several_marks(golden, ink, size, side):
    for digit in golden.pictures[::5]:
        page = written(digit, side, (size[0] // 10, size[1] // 10), even(size, 245), 30)
        page = written(digit, side, (size[0] * 2 // 3, size[1] // 2), page, 30)
        assert report(page, ink).doubts == ("several marks",)


def test_hardly_any_ink_is_doubted(ink):
    assert report(rectangle(4, 3), ink).doubts == ("hardly any ink",)


def test_enough_ink_is_not_doubted(ink):
    assert report(rectangle(8, 8), ink).doubts == ()


def test_shadow_that_touches_the_ink_is_doubted(ink):
    picture = rectangle(120, 30)
    picture[60:140, 120:170] = 100
    assert "shadow or smear in the ink" in report(picture, ink).doubts


def test_mark_that_is_small_from_afar_alone_is_not_doubted(ink):
    page = np.full((1500, 2000), 255, np.uint8)
    page[500:516, 1000:1012] = 0
    assert 16 / (2000 / SEARCHED) < FEWEST < 16
    assert report(page, ink).doubts == ()


# Large pictures


def test_ink_finds_a_digit_in_48_megapixels(classifier, golden, encoded):
    page = Image.new("RGB", (8000, 6000), (240, 238, 230))
    digit = Image.open(io.BytesIO(golden.pictures[14])).resize((600, 600))
    page.paste((30, 30, 90), (5000, 1000), digit)
    found = classifier.classify(encoded(page, "JPEG"))
    assert (found.index, found.preprocessing.doubts) == (7, ())
    left, top, right, bottom = found.preprocessing.box
    assert 5000 <= left < right <= 5600
    assert 1000 <= top < bottom <= 1600


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_ink_needs_little_memory_for_a_large_picture(ink, encoded, file_format):
    data = encoded(rectangle(1000, 1000, (4000, 3000), paper=255, colour=0), file_format)
    tracemalloc.start()
    preprocess(data, ink)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MAX_MEMORY_BYTES


# The spec


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_ink_spec_refuses_several_channels(channels):
    with pytest.raises(ValueError, match="expected one channel"):
        InkSpec(height=28, width=28, channels=channels, box=20)


def test_mark_may_fill_the_whole_input():
    spec = InkSpec(height=28, width=28, channels=1, box=28)
    assert extent(prepared(rectangle(50, 25), spec)) == (28, 14)


@pytest.mark.parametrize(("height", "width"), [(19, 28), (28, 19)])
def test_ink_spec_refuses_a_box_that_does_not_fit(height, width):
    with pytest.raises(ValueError, match=f"ink: box 20 in {height}x{width}x1, .* a box that fits"):
        InkSpec(height=height, width=width, channels=1, box=20)
