from functools import partial

import numpy as np
import pytest
from PIL import Image

from liteproof_edge.preprocessing import decoded as module
from liteproof_edge.preprocessing.decoded import TURNS, Decoded, GreyArray
from liteproof_edge.preprocessing.pictures import flatten, resized

WIDTH, HEIGHT = 61, 47  # whole numbers of no part and of no factor
PART = 8
AREAS = [None, (0, 0, 40, 47), (7, 3, 50, 44), (46, 40, 47, 41)]
METHODS = [Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS]
MODES = ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(module, "PART", PART)


def random_image(mode, size=(WIDTH, HEIGHT)):
    """Random pixels, as a file would hold them in that mode."""
    rng = np.random.default_rng(3)
    levels = rng.integers(0, 256, (size[1], size[0]), np.uint8)
    if mode == "I;16":
        return Image.fromarray(levels.astype(np.uint16) * np.uint16(257))
    if mode in "IF":
        return Image.fromarray(levels).convert(mode)
    if mode == "P":
        image = Image.fromarray(levels).convert("P")
        image.putpalette(rng.integers(0, 256, 768, np.uint8).tobytes())
        image.info["transparency"] = bytes(range(255, -1, -1))
        return image
    if mode in {"LA", "RGBA"}:
        channels = [Image.fromarray(levels + np.uint8(add)) for add in range(len(mode))]
        return Image.merge(mode, channels)
    return Image.merge(
        "RGB", [Image.fromarray(levels + np.uint8(add)) for add in (0, 85, 170)]
    ).convert(mode)


def whole(image, turn):
    """All of the picture at once: what parts must add up to."""
    full = Decoded(image, None, image.size).image
    return full.transpose(turn.method) if turn else full


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("orientation", [1, *TURNS])
@pytest.mark.parametrize("longest", [500, 30, 9, 2])
def test_reduced_gives_the_bytes_of_the_whole_picture_reduced(orientation, longest, area):
    image, turn = random_image("RGBA"), TURNS.get(orientation)
    picture = Decoded(image, turn, image.size)
    area = area or (0, 0, *picture.size)
    area = tuple(min(side, picture.size[axis % 2]) for axis, side in enumerate(area))
    opaque = partial(flatten, on=90)
    expected = opaque(whole(image, turn).crop(area))
    factor = -(-max(expected.size) // longest)
    expected = expected.reduce(factor) if factor > 1 else expected
    np.testing.assert_array_equal(picture.reduced(longest, opaque, area), np.asarray(expected))


@pytest.mark.parametrize("mode", MODES)
def test_reduced_gives_the_bytes_of_the_whole_picture_of_any_mode(mode):
    image = random_image(mode)
    picture = Decoded(image, None, image.size)
    expected = flatten(picture.image).reduce(3)
    np.testing.assert_array_equal(picture.reduced(21, flatten), np.asarray(expected))


@pytest.mark.parametrize("box", [None, (5, 2, 44, 41)])
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
@pytest.mark.parametrize(
    "method", [Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS]
)
def test_resized_gives_the_bytes_of_the_whole_picture_resized(orientation, method, box):
    image, turn = random_image("RGBA"), TURNS.get(orientation)
    picture = Decoded(image, turn, image.size)
    left, top, right, bottom = box or (0, 0, *picture.size)
    full = flatten(whole(image, turn))
    rows = full.resize((20, full.height), method, (left, 0, right, full.height))
    expected = rows.resize((20, 16), method, (0, top, 20, bottom))
    actual = picture.resized((20, 16), method, flatten, box)
    np.testing.assert_array_equal(np.asarray(actual), np.asarray(expected))


def test_grey_levels_of_16_bits_are_scaled_by_the_highest_of_all_parts():
    levels = np.full((HEIGHT, WIDTH), 300, np.uint16)
    levels[-1, -1] = 65_535
    image = Image.fromarray(levels)
    pixels = np.asarray(Decoded(image, None, image.size).image)
    assert (pixels[0, 0], pixels[-1, -1]) == (1, 255)


@pytest.mark.parametrize("mode", MODES)
def test_mode_is_that_of_its_pixels(mode):
    image = random_image(mode)
    picture = Decoded(image, None, image.size)
    assert picture.mode == picture.image.mode
    assert picture.transparent == (picture.mode == "RGBA")


def test_size_is_upright():
    picture = Decoded(random_image("L"), TURNS[6], (1, 1))
    assert (picture.size, picture.image.size) == ((HEIGHT, WIDTH), (HEIGHT, WIDTH))


def test_resized_mark_has_its_rows_done_first():
    image = random_image("L")
    rows = image.resize((20, HEIGHT), Image.Resampling.BILINEAR)
    expected = rows.resize((20, 16), Image.Resampling.BILINEAR)
    actual = resized(image, (20, 16), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(np.asarray(actual), np.asarray(expected))


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("longest", [500, 30])
def test_a_grey_array_is_read_as_the_same_picture_is(longest, area):
    image = random_image("L")
    picture = GreyArray(np.asarray(image)[::-1][::-1])
    pillows = Decoded(image, None, image.size)
    assert (picture.size, picture.full_size) == (pillows.size, pillows.full_size)
    assert (picture.transparent, picture.mode) == (pillows.transparent, pillows.mode)
    read, expected = (each.reduced(longest, flatten, area) for each in (picture, pillows))
    assert np.array_equal(read, expected)
    assert picture.image.tobytes() == image.tobytes()


def test_a_grey_array_within_size_costs_no_copy():
    pixels = np.asarray(random_image("L"))
    assert GreyArray(pixels).reduced(WIDTH, flatten) is pixels
