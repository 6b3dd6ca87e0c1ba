import itertools
import subprocess
import sys
import zlib

import numpy as np
import pytest

from liteproof.evidence.corruption import (
    AMOUNTS,
    STRENGTHS,
    VERSION,
    Kind,
    background,
    damaged,
)
from liteproof_edge.errors import DatasetError

BLACK = (0,)
ALL = [(kind, strength) for kind in Kind for strength in STRENGTHS]


def blob(channels=1, side=28):
    """A soft round spot, brighter on one side, on black."""
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    inside = 220 * np.exp(-(rows**2 + 1.5 * columns**2) / side) * (1 + columns / side)
    picture = np.clip(inside, 0, 255).astype(np.uint8)
    return np.repeat(picture[np.newaxis, :, :, np.newaxis], channels, axis=3)


def digits(n=20):
    return np.random.default_rng(3).integers(0, 256, (n, 28, 28, 1), np.uint8)


@pytest.mark.parametrize(("kind", "strength"), ALL)
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 7, 1), (7, 3, 3), (1, 1, 3), (32, 32, 3)])
@pytest.mark.parametrize("fill", ["colour", None])
def test_shape_and_dtype_are_kept_at_any_size(kind, strength, shape, fill):
    pictures = np.random.default_rng(1).integers(0, 256, (2, *shape), np.uint8)
    before = pictures.copy()

    after = damaged(pictures, kind, strength, fill and (0,) * shape[2])

    assert after.shape == pictures.shape
    assert after.dtype == np.uint8
    np.testing.assert_array_equal(pictures, before)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("channels", [1, 3])
def test_change_grows_with_strength(kind, channels):
    picture = blob(channels)

    changes = [
        np.abs(damaged(picture, kind, each, (0,) * channels).astype(int) - picture).mean()
        for each in STRENGTHS
    ]

    assert changes[0] > 0
    assert all(less < more for less, more in itertools.pairwise(changes))


def test_amounts_grow_with_strength():
    assert {kind: list(amounts) for kind, amounts in AMOUNTS.items()} == {
        kind: sorted(AMOUNTS[kind], reverse=kind is Kind.CONTRAST) for kind in Kind
    }


@pytest.mark.parametrize(("strength", "pixels"), list(zip(STRENGTHS, [1, 2, 3, 4, 6], strict=True)))
def test_shift_moves_by_whole_pixels(strength, pixels):
    pictures = digits()
    paper = np.zeros((20, 28 + 2 * pixels, 28 + 2 * pixels, 1), np.uint8)
    paper[:, pixels:-pixels, pixels:-pixels] = pictures
    starts = (0, pixels, 2 * pixels)

    found = set()
    for before, after in zip(paper, damaged(pictures, Kind.SHIFT, strength, BLACK), strict=True):
        places = {
            (row, column)
            for row in starts
            for column in starts
            if (before[row : row + 28, column : column + 28] == after).all()
        }
        assert len(places) == 1
        found |= places

    assert (pixels, pixels) not in found
    assert len(found) > 4  # of 8 sides, among 20 pictures


def test_shift_without_a_background_reflects_what_is_inside():
    pictures = digits()
    around = np.pad(pictures, ((0, 0), (6, 6), (6, 6), (0, 0)), mode="reflect")

    after = damaged(pictures, Kind.SHIFT, 5, None)

    for wide, moved in zip(around, after, strict=True):
        windows = [
            wide[row : row + 28, column : column + 28]
            for row in (0, 6, 12)
            for column in (0, 6, 12)
        ]
        assert any((window == moved).all() for window in windows)


@pytest.mark.parametrize("kind", [Kind.SHIFT, Kind.ROTATION, Kind.SCALE, Kind.SHEAR])
@pytest.mark.parametrize("fill", [(40, 80, 120), None])
def test_moving_a_picture_of_one_colour_leaves_it_as_it_is(kind, fill):
    pictures = np.full((3, 9, 14, 3), (40, 80, 120), np.uint8)

    np.testing.assert_array_equal(damaged(pictures, kind, 5, fill), pictures)


def test_rotation_turns_both_ways_by_its_angle():
    side = 101
    line = np.zeros((20, side, side, 1), np.uint8)
    line[:, 49:52, 10:91] = 255
    line[:, 0, 0, 0] = np.arange(20)  # to each its own draw

    turned = damaged(line, Kind.ROTATION, 5, BLACK)[..., 0].astype(float)

    rows, columns = np.mgrid[:side, :side] - 50
    slopes = (turned * rows * columns).sum((1, 2)) / (turned * columns**2).sum((1, 2))
    angles = np.degrees(np.arctan(slopes))
    rounding = 0.5  # degrees; the line has a thickness, which flattens the regression a little
    np.testing.assert_allclose(np.abs(angles), 35.0, atol=rounding)
    assert {-1.0, 1.0} == set(np.sign(angles))


def test_scale_enlarges_or_shrinks_by_its_factor():
    square = np.zeros((20, 100, 100, 1), np.uint8)
    square[:, 20:80, 20:80] = 255
    square[:, 0, 0, 0] = np.arange(20)

    widths = {
        round(float(row.sum()) / 255) for row in damaged(square, Kind.SCALE, 4, BLACK)[:, 50, :, 0]
    }

    assert widths == {90, 40}  # 60 pixels · 1.5, and / 1.5


def test_shear_moves_rows_against_each_other():
    line = np.zeros((1, 41, 41, 1), np.uint8)
    line[:, :, 20] = 255

    sheared = damaged(line, Kind.SHEAR, 5, BLACK)[0, :, :, 0]

    moved = [int(row.argmax()) - 20 for row in sheared[[0, 10, 20, 30, 40]]]
    assert moved in ([-10, -5, 0, 5, 10], [10, 5, 0, -5, -10])


def test_brightness_adds_or_takes_a_share_of_white():
    pictures = np.arange(40, dtype=np.uint8).reshape(20, 1, 2, 1) * 6

    changed = damaged(pictures, Kind.BRIGHTNESS, 4, None).astype(int)

    brighter, darker = np.minimum(pictures + 41.0, 255), np.maximum(pictures - 41.0, 0)
    ways = [
        (bool((after == up).all()), bool((after == down).all()))
        for after, up, down in zip(changed, brighter, darker, strict=True)
    ]
    assert set(ways) == {(True, False), (False, True)}


def test_contrast_draws_pixels_to_their_mean():
    picture = np.array([0, 100, 100, 200], np.uint8).reshape(1, 2, 2, 1)

    flat = damaged(picture, Kind.CONTRAST, 3, None)

    assert flat.ravel().tolist() == [40, 100, 100, 160]


def test_noise_has_its_deviation_and_grows_in_place():
    grey = np.full((1, 100, 100, 3), 128, np.uint8)

    weak, strong = (damaged(grey, Kind.NOISE, each, None) - 128.0 for each in (1, 4))

    sampling = 0.03  # of 30,000 numbers: seven standard errors
    assert weak.std() == pytest.approx(0.03 * 255, rel=sampling)
    assert strong.std() == pytest.approx(0.13 * 255, rel=sampling)
    assert np.corrcoef(weak.ravel(), strong.ravel())[0, 1] > 0.99


def test_blur_spreads_a_point_by_its_deviation():
    point = np.zeros((1, 101, 101, 1), np.uint8)
    point[:, 45:56, 45:56] = 255

    blurred = damaged(point, Kind.BLUR, 5, BLACK)[0, :, :, 0].astype(float)

    spread = (blurred.sum(0) * (np.arange(101) - 50.0) ** 2).sum() / blurred.sum()
    own = (11**2 - 1) / 12  # variance of the square itself
    box_filters = 0.03  # three of them, in bytes, are not quite a Gaussian
    assert spread == pytest.approx(own + (0.05 * 101) ** 2, rel=box_filters)


@pytest.mark.parametrize(
    ("strength", "area"), list(zip(STRENGTHS, [9, 36, 64, 100, 169], strict=True))
)
def test_occlusion_hides_its_share_in_the_mean_colour(strength, area):
    pictures = np.zeros((20, 28, 28, 1), np.uint8)
    pictures[:, ::2] = 251  # its mean, 125.5, is no colour of the picture
    pictures[:, 0, 0, 0] = 200 + np.arange(20)

    hidden = damaged(pictures, Kind.OCCLUSION, strength, BLACK)

    changed = hidden != pictures
    assert set(hidden[changed].tolist()) <= {125, 126}
    assert set(changed.sum((1, 2, 3)).tolist()) == {area}
    assert len({tuple(np.argwhere(each)[0]) for each in changed}) > 1  # in many places


def test_damage_does_not_depend_on_the_pictures_beside():
    pictures = digits()

    for kind in Kind:
        together = damaged(pictures, kind, 3, BLACK)
        np.testing.assert_array_equal(damaged(pictures[7:8], kind, 3, BLACK)[0], together[7])


CODE = """
import zlib, numpy as np
from liteproof.evidence.corruption import Kind, damaged
pictures = np.random.default_rng(3).integers(0, 256, (20, 28, 28, 1), np.uint8)
print([zlib.crc32(damaged(pictures, kind, 3, (0,)).tobytes()) for kind in Kind])
"""


def test_damage_is_the_same_in_another_process_and_without_tensorflow():
    here = [zlib.crc32(damaged(digits(), kind, 3, BLACK).tobytes()) for kind in Kind]
    check = CODE + "import sys; assert 'tensorflow' not in sys.modules"

    there = subprocess.run(
        [sys.executable, "-c", check], check=True, capture_output=True, text=True
    )

    assert there.stdout.strip() == str(here)


@pytest.mark.parametrize(
    ("shape", "border", "expected"),
    [
        ((28, 28, 1), (0,), (0,)),
        ((28, 28, 1), (255,), (255,)),
        ((32, 32, 3), (250, 240, 230), (250, 240, 230)),
        ((1, 1, 1), (9,), (9,)),
    ],
)
def test_background_is_the_colour_of_the_border(shape, border, expected):
    pictures = np.full((4, *shape), border, np.uint8)
    pictures[:, 3:-3, 3:-3] = 77
    pictures[3] = np.arange(pictures[3].size, dtype=np.int64).reshape(shape) % 251

    assert background(pictures) == expected


def test_background_of_photos_is_none():
    assert background(np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)) is None


def test_background_needs_more_than_half_of_the_border():
    pictures = np.zeros((2, 4, 4, 1), np.uint8)
    pictures[1] = 1

    assert background(pictures) is None


@pytest.mark.parametrize(
    "pictures",
    [
        np.zeros((2, 4, 4), np.uint8),
        np.zeros((2, 4, 4, 2), np.uint8),
        np.zeros((2, 4, 4, 1), np.float32),
    ],
)
def test_damaging_what_is_no_picture_is_refused(pictures):
    with pytest.raises(DatasetError, match=r"expected uint8 \(n, height, width, 1 or 3\)"):
        damaged(pictures, Kind.BLUR, 1, None)


def test_no_pictures_stay_none():
    assert damaged(np.zeros((0, 4, 4, 1), np.uint8), Kind.SHIFT, 1, BLACK).shape == (0, 4, 4, 1)


def test_damages_are_those_of_their_version():
    photos = np.random.default_rng(3).integers(0, 256, (5, 9, 12, 3), np.uint8)

    sums = [
        zlib.crc32(
            b"".join(
                damaged(pictures, kind, strength, fill).tobytes()
                for strength in STRENGTHS
                for pictures, fill in ((digits(), BLACK), (photos, None))
            )
        )
        for kind in Kind
    ]

    # Where they become others, and are to, raise the version.
    assert (VERSION, sums) == (
        1,
        [
            2610019068,
            1569774104,
            31903356,
            3608380156,
            461613654,
            1516920038,
            1377204903,
            141378262,
            131968277,
        ],
    )
