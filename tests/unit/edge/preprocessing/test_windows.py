import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from liteproof_edge.preprocessing.windows import (
    best_split,
    blurred,
    border_of,
    middle,
    pooled,
    slid,
    slid_rows,
    strongest,
)

grey_pictures = arrays.arrays(
    np.uint8, st.tuples(*[st.integers(1, 24)] * 2), elements=st.integers(0, 255)
)


def naively_split(grey):
    """The split that leaves the least variance within the two classes."""
    levels = np.unique(grey)[:-1]
    within = [
        sum(part.size * part.var() for part in (grey[grey <= level], grey[grey > level]))
        for level in levels
    ]
    return levels[int(np.argmin(within))], within


def naively_pooled(extreme, pixels, side):
    height, width = pixels.shape
    return np.array(
        [
            [
                extreme(pixels[top : top + side, left : left + side])
                for left in range(0, width, side)
            ]
            for top in range(0, height, side)
        ]
    )


def naively_blurred(grey, radius):
    """Mean of rows, then of columns, each rounded down; the edge goes on outside."""
    wide = 2 * radius + 1
    for axis in (0, 1):
        padding = [(radius, radius) if axis == a else (0, 0) for a in (0, 1)]
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(grey, padding, "edge"), wide, axis
        )
        grey = windows.sum(axis=-1) // wide
    return grey


@given(grey_pictures, st.integers(1, 30))
def test_slid_maximum_is_that_of_scipy(pixels, reach):
    expected = ndimage.maximum_filter(pixels, 2 * reach + 1, mode="nearest")
    np.testing.assert_array_equal(slid(np.maximum, pixels, reach), expected)


@given(grey_pictures, st.integers(1, 30))
def test_slid_minimum_is_that_of_scipy(pixels, reach):
    expected = ndimage.minimum_filter(pixels, 2 * reach + 1, mode="nearest")
    np.testing.assert_array_equal(slid(np.minimum, pixels, reach), expected)


@pytest.mark.parametrize("reach", [1, 2, 7, 31, 32, 33, 80])
def test_slid_extreme_of_a_large_picture_is_that_of_scipy(reach):
    pixels = np.random.default_rng(1).integers(0, 256, (120, 161)).astype(np.uint8)
    expected = ndimage.maximum_filter(pixels, 2 * reach + 1, mode="nearest")
    np.testing.assert_array_equal(slid(np.maximum, pixels, reach), expected)


def test_slid_leaves_the_pixels_that_it_was_given():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    slid(np.maximum, pixels, 2)
    assert pixels.tolist() == np.arange(12).reshape(3, 4).tolist()


@given(grey_pictures, st.integers(0, 9))
def test_blurred_is_the_mean_of_the_square_around_each_pixel(pixels, radius):
    np.testing.assert_array_equal(blurred(pixels, radius), naively_blurred(pixels, radius))


@pytest.mark.parametrize("grey", [0, 1, 77, 255])
def test_blurred_leaves_an_even_picture_as_it_is(grey):
    pixels = np.full((9, 14), grey, np.uint8)
    np.testing.assert_array_equal(blurred(pixels, 3), pixels)


@given(grey_pictures, st.integers(1, 30))
def test_slid_rows_takes_the_extreme_down_each_column(pixels, reach):
    expected = ndimage.maximum_filter1d(pixels, 2 * reach + 1, axis=0, mode="nearest")
    np.testing.assert_array_equal(slid_rows(np.maximum, pixels, reach), expected)


@given(
    arrays.arrays(np.int16, st.tuples(*[st.integers(1, 20)] * 2), elements=st.integers(0, 255)),
    st.integers(1, 9),
)
def test_pooled_gives_the_extremes_and_sums_of_squares(pixels, side):
    for extreme, naive in ((np.maximum, np.max), (np.minimum, np.min), (np.add, np.sum)):
        np.testing.assert_array_equal(
            pooled(extreme, pixels.astype(np.int32), side), naively_pooled(naive, pixels, side)
        )


@given(grey_pictures)
def test_best_split_leaves_the_least_variance_within_both_classes(grey):
    if np.ptp(grey) == 0:
        assert best_split(grey) == 0
        return
    _, within = naively_split(grey)
    split = best_split(grey)
    parts = [grey[grey <= split], grey[grey > split]]
    left = sum(part.size * part.var() for part in parts)
    assert left == pytest.approx(min(within), rel=1e-9, abs=1e-6)


def test_best_split_is_the_lightest_level_of_the_darker_class():
    grey = np.array([[10, 12, 200], [11, 210, 205]], np.uint8)
    assert best_split(grey) == 12


def test_best_split_of_a_large_picture_does_not_overflow():
    grey = np.zeros((4096, 1024), np.uint8)
    grey[:2048] = 255
    assert best_split(grey) == 0


def test_border_holds_the_corners_twice():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert sorted(border_of(pixels).tolist()) == [0, 0, 1, 2, 3, 3, 4, 7, 8, 8, 9, 10, 11, 11]


def test_middle_is_the_median():
    assert middle(np.array([[5, 1], [9, 7], [3, 2]], np.int16)) == 5


def test_strongest_is_the_maximum_of_a_small_picture():
    assert strongest(np.array([[5, 1, 9]], np.int16)) == 9
