import math

import numpy as np
import pytest
from PIL import Image, ImageDraw

from liteproof_edge.preprocessing.straight import LEAST, find_sheet, without_lines

LINE_STEP, LINE_GREY = 20, 150


def sheet(height=120, width=100, paper=235):
    """Paper with a thick stroke down, which reaches neither side."""
    pixels = np.full((height, width), paper, np.uint8)
    pixels[height // 4 : height * 3 // 4, width // 2 - 5 : width // 2 + 5] = 20
    return pixels


def framed(pixels, inset, width, grey=0):
    picture = pixels.copy()
    end = (-inset or None, -inset - width)
    picture[inset : inset + width, inset : end[0]] = grey
    picture[end[1] : end[0], inset : end[0]] = grey
    picture[inset : end[0], inset : inset + width] = grey
    picture[inset : end[0], end[1] : end[0]] = grey
    return picture


def noisy(pixels, sigma):
    noise = np.random.default_rng(1).normal(0, sigma, pixels.shape)
    return (pixels + noise).round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("grey", [0, 60, 128, 190, 255])
@pytest.mark.parametrize("sides", [(9, 5, 12, 7), (0, 0, 14, 0), (0, 10, 0, 0), (3, 0, 0, 16)])
def test_sheet_is_what_lies_inside_a_border(grey, sides):
    top, bottom, left, right = sides
    page = sheet(paper=235 if grey != 255 else 180)
    picture = np.pad(page, ((top, bottom), (left, right)), constant_values=grey)
    found = find_sheet(picture)
    apart = 1 + max(picture.shape) // 64  # rows that an edge may take
    # Nothing of the border is left, and of the sheet at most what an edge may take.
    for actual, exact in zip(
        (found.top, found.left, picture.shape[0] - found.bottom, picture.shape[1] - found.right),
        (top, left, bottom, right),
        strict=True,
    ):
        assert exact <= actual <= (exact + apart if exact else 0)


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("inset", [1, 4, 10])
def test_sheet_is_what_lies_inside_a_frame(inset, width):
    picture = framed(sheet(), inset, width)
    left, top, right, bottom = find_sheet(picture)
    inner = inset + width
    assert inner <= min(left, top, 100 - right, 120 - bottom)
    assert max(left, top, 100 - right, 120 - bottom) <= inner + 1 + 120 // 64


def test_sheet_lies_inside_a_frame_in_a_noisy_picture():
    left, top, right, bottom = find_sheet(noisy(framed(sheet(240, 200), 12, 6), 15))
    assert min(left, top, 200 - right, 240 - bottom) >= 18
    assert max(left, top, 200 - right, 240 - bottom) <= 18 + 1 + 240 // 64


@pytest.mark.parametrize("pixels", [sheet(), sheet(28, 28), noisy(sheet(), 25)])
def test_sheet_without_a_border_is_the_whole_picture(pixels):
    assert find_sheet(pixels) == (0, 0, pixels.shape[1], pixels.shape[0])


def test_sheet_of_a_picture_of_few_pixels_is_the_whole_picture():
    picture = np.pad(sheet(LEAST - 5, LEAST - 5), 2)
    assert find_sheet(picture) == (0, 0, LEAST - 1, LEAST - 1)


def test_golden_digits_are_sheets_without_lines(golden):
    for pixels in golden.inputs[..., 0]:
        assert find_sheet(pixels) == (0, 0, 28, 28)
        assert without_lines(pixels) is pixels


@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize("down", [True, False])
@pytest.mark.parametrize("light_on_dark", [True, False])
def test_lines_are_taken_off_and_strokes_stay(across, down, light_on_dark):
    page = sheet(172, 172)
    picture = page.copy()
    if across:
        picture[7::LINE_STEP] = np.minimum(picture[7::LINE_STEP], LINE_GREY)
    if down:
        picture[:, 5::LINE_STEP] = np.minimum(picture[:, 5::LINE_STEP], LINE_GREY)
    if light_on_dark:
        page, picture = 255 - page, 255 - picture
    np.testing.assert_array_equal(without_lines(picture), page)


def test_noise_has_no_lines():
    picture = noisy(np.full((240, 320), 128), 40)
    assert without_lines(picture) is picture


def test_line_that_ends_inside_the_picture_is_a_stroke():
    picture = sheet(172, 172)
    picture[30:32, 10:120] = 20
    assert without_lines(picture) is picture


def test_thick_stroke_from_side_to_side_is_no_line():
    picture = sheet(172, 172)
    picture[30:45] = 20
    assert without_lines(picture) is picture


def turned_line(picture, angle, grey, width=2, at=0.3):
    """Draw a line from side to side, that share of the height below the top in the middle."""
    height, across = picture.shape
    drawn = Image.fromarray(picture)
    rise = math.tan(math.radians(angle)) * across
    ends = [(-across, at * height - 1.5 * rise), (2 * across, at * height + 1.5 * rise)]
    ImageDraw.Draw(drawn).line(ends, fill=grey, width=width)
    return np.array(drawn)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("light_on_dark", [False, True])
@pytest.mark.parametrize("angle", [-4.5, -3, -1.3, 0.6, 2.2, 4.5])
def test_turned_lines_are_taken_off_and_strokes_stay(angle, light_on_dark, turned):
    page = sheet(300, 240)
    picture = turned_line(turned_line(page, angle, LINE_GREY), angle, LINE_GREY, at=0.62)
    picture[page == 20] = 20
    if light_on_dark:
        page, picture = 255 - page, 255 - picture
    if turned:
        page, picture = page.T, picture.T
    np.testing.assert_array_equal(without_lines(picture), page)


def test_line_turned_too_far_to_be_ruled_stays():
    picture = turned_line(sheet(300, 240), 9, LINE_GREY)
    assert without_lines(picture) is picture


@pytest.mark.parametrize("angle", [-3, 0, 3])
def test_thin_stroke_along_a_fainter_line_stays(angle):
    page = np.full((300, 240), 235, np.uint8)
    page[90:93, 90:150] = 20
    picture = turned_line(page, angle, LINE_GREY)
    picture[page == 20] = 20
    np.testing.assert_array_equal(without_lines(picture), page)


@pytest.mark.parametrize("angle", [-4, -2, 2, 4])
def test_sheet_ends_where_a_turned_edge_begins(angle):
    picture = sheet(300, 240)
    rows, columns = np.indices(picture.shape)
    edge = 40 + math.tan(math.radians(angle)) * (columns - 120)
    picture[rows < edge] = 90
    rise = abs(math.tan(math.radians(angle))) * 120
    left, top, right, bottom = find_sheet(picture, turned=True)
    assert (left, right, bottom) == (0, 240, 300)
    assert 40 + rise * 0.9 <= top <= 40 + rise + 2 * (1 + 300 // 64)
