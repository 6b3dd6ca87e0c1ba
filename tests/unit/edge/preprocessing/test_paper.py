import numpy as np
import pytest
from scipy import ndimage

from liteproof_edge.preprocessing.mark import PAPER
from liteproof_edge.preprocessing.paper import Polarity, _noise, clearest_grey, find_relief

# Measured is the median of whole grey levels, which is as much as half of one off, and the result
# is rounded up; 120,000 pixels leave a statistical error of below 1 %.
NOISE_SHARE, NOISE_LEVELS = 0.01, 1.6
# The paper that is found under ink may be off where the light changes across a window.
PAPER_ERROR = 12
STROKE = (slice(60, 140), slice(95, 105))  # of a picture of 200x200


def gradient(low, high, shape=(200, 200)):
    """Light that falls off from the right to the left."""
    return np.tile(np.linspace(low, high, shape[1]), (shape[0], 1)).round().astype(np.uint8)


def with_stroke(paper, ink):
    picture = paper.copy()
    picture[STROKE] = ink
    return picture


def noisy(picture, sigma, seed=1):
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return (picture + noise).round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("apart", [1, 3, 5])
@pytest.mark.parametrize("sigma", [0, 1, 2, 5, 10, 20, 40])
def test_noise_is_the_standard_deviation_of_gaussian_noise(sigma, apart):
    grey = noisy(np.full((300, 400), 128), sigma).astype(np.int16)
    assert abs(_noise(grey, apart) - sigma) <= NOISE_SHARE * sigma + NOISE_LEVELS


def test_noise_is_not_changed_by_light_and_strokes():
    grey = with_stroke(gradient(100, 200), 30)
    assert _noise(noisy(grey, 8).astype(np.int16), 1) == pytest.approx(8, abs=NOISE_LEVELS)


@pytest.mark.parametrize("shape", [(1, 1), (9, 1), (9, 3)])
def test_noise_is_nought_where_no_pixels_lie_that_far_apart(shape):
    assert _noise(np.arange(np.prod(shape)).reshape(shape).astype(np.int16), 3) == 0


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (200, 120), (90, 60)])
def test_dark_ink_stands_out_from_even_paper_by_what_it_is_darker(paper, ink):
    relief = find_relief(with_stroke(np.full((200, 200), paper, np.uint8), ink))
    assert (relief.polarity, relief.even) == (Polarity.DARK_ON_LIGHT, True)
    expected = np.zeros((200, 200))
    expected[STROKE] = paper - ink
    np.testing.assert_array_equal(relief.ink, expected)


@pytest.mark.parametrize(("paper", "ink"), [(0, 255), (120, 200), (60, 90)])
def test_light_ink_stands_out_from_even_paper_by_what_it_is_lighter(paper, ink):
    relief = find_relief(with_stroke(np.full((200, 200), paper, np.uint8), ink))
    assert (relief.polarity, relief.even) == (Polarity.LIGHT_ON_DARK, True)
    expected = np.zeros((200, 200))
    expected[STROKE] = ink - paper
    np.testing.assert_array_equal(relief.ink, expected)


def test_ink_is_what_differs_more_from_even_paper():
    picture = with_stroke(np.full((200, 200), 100, np.uint8), 160)
    picture[20:30, 20:180] = 50
    relief = find_relief(picture)
    assert relief.polarity is Polarity.LIGHT_ON_DARK
    assert (relief.ink.max(), relief.ink.min()) == (60, -50)


def test_strongest_is_the_ink_itself():
    relief = find_relief(with_stroke(np.full((200, 200), 220, np.uint8), 70))
    assert (relief.strongest, relief.noise) == (150, 0)


def test_strongest_leaves_out_one_pixel_in_32768():
    picture = with_stroke(np.full((200, 200), 220, np.uint8), 70)
    picture[20, 20] = 0
    assert find_relief(picture).strongest == 150


def test_paper_whose_border_varies_is_not_even():
    assert not find_relief(with_stroke(gradient(120, 220), 40)).even


@pytest.mark.parametrize(
    ("low", "high", "ink", "polarity"),
    [
        (120, 220, 40, Polarity.DARK_ON_LIGHT),
        (60, 180, 20, Polarity.DARK_ON_LIGHT),
        (20, 110, 230, Polarity.LIGHT_ON_DARK),
        (60, 140, 250, Polarity.LIGHT_ON_DARK),
    ],
)
def test_ink_stands_out_from_paper_in_uneven_light(low, high, ink, polarity):
    relief = find_relief(with_stroke(gradient(low, high), ink))
    assert relief.polarity is polarity
    stroke = np.zeros((200, 200), bool)
    stroke[STROKE] = True
    beside = ~ndimage.binary_dilation(stroke, iterations=3)
    assert np.abs(relief.ink[beside]).max() <= PAPER_ERROR
    assert relief.ink[stroke].min() > relief.strongest * 3 // 4


def test_edge_of_a_shadow_is_no_ink():
    paper = np.full((200, 200), 220, np.uint8)
    paper[:, 130:] = 120
    relief = find_relief(with_stroke(paper, 40))
    assert relief.polarity is Polarity.DARK_ON_LIGHT
    beyond_the_stroke = relief.ink[:, 115:]
    assert beyond_the_stroke.max() <= relief.strongest * PAPER // 16


@pytest.mark.parametrize("width", [30, 45])
def test_shadows_of_fingers_are_no_ink(width):
    paper = gradient(200, 230, (300, 300))
    shadows = np.zeros((300, 300), bool)
    for left in (20, 110, 200):
        shadows[190:, left : left + width] = True
    shadows[:60, 120:] = True  # of a head
    paper[shadows] = 95
    stroke = np.zeros((300, 300), bool)
    stroke[80:230, 150:158] = stroke[80:88, 90:158] = True
    paper[stroke] = 25
    relief = find_relief(paper)
    assert relief.polarity is Polarity.DARK_ON_LIGHT
    beside = ~ndimage.binary_dilation(stroke, iterations=3)
    assert np.count_nonzero(relief.ink[beside] > relief.strongest * PAPER // 16) <= 30
    assert relief.ink[stroke].min() > relief.strongest * 3 // 4


def test_ink_in_a_shadow_is_as_strong_as_ink_in_the_light():
    paper = np.full((200, 200), 220, np.uint8)
    paper[:, 100:] = 110
    paper[60:140, 40:50] = 44  # a fifth of the light
    paper[60:140, 150:160] = 22
    relief = find_relief(paper)
    assert relief.ink[100, 45] == relief.ink[100, 155] == 255 * 4 // 5


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_ink_is_looked_for_in_the_channel_where_it_is_clearest(channel):
    picture = np.full((200, 200, 3), 128, np.uint8)
    picture[(*STROKE, channel)] = 28
    relief = find_relief(clearest_grey(picture))
    assert (relief.strongest, relief.polarity) == (100, Polarity.DARK_ON_LIGHT)


def test_ink_of_the_papers_own_brightness_is_found_by_its_colour():
    picture = np.full((200, 200, 3), (80, 150, 100), np.uint8)
    picture[STROKE] = (221, 80, 80)  # the same luma
    relief = find_relief(clearest_grey(picture))
    assert (relief.strongest, relief.polarity) == (141, Polarity.LIGHT_ON_DARK)


def test_colours_without_hue_are_as_grey():
    grey = with_stroke(gradient(120, 220), 40)
    np.testing.assert_array_equal(
        find_relief(clearest_grey(np.dstack([grey] * 3))).ink, find_relief(grey).ink
    )


def test_noisy_picture_is_smoothed_until_its_ink_stands_out():
    picture = with_stroke(np.full((200, 200), 180, np.uint8), 80)
    relief = find_relief(noisy(picture, 20))
    assert relief.noise < 20
    assert relief.strongest >= 10 * relief.noise


def test_picture_without_noise_is_not_smoothed():
    picture = with_stroke(np.full((200, 200), 180, np.uint8), 160)
    picture[100, 20] = 160  # would fade
    assert find_relief(clearest_grey(picture)).ink[100, 20] == 20


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 2), (2, 1), (1, 500), (500, 1), (2, 2), (3, 9), (9, 3), (7, 640)]
)
@pytest.mark.parametrize("channels", [(), (3,)])
def test_relief_has_the_shape_of_any_picture(shape, channels):
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, shape + channels).astype(np.uint8)
    relief = find_relief(clearest_grey(picture))
    assert relief.ink.shape == shape
    assert relief.strongest >= 0
