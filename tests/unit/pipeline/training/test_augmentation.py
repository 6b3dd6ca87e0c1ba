import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from liteproof.recipes.training import Augmentation, Fill
from liteproof.training.augmentation import Draws, augment

N = 40
SEED = tf.constant([1, 2])
ALL = Augmentation(
    rotation_degrees=10.0,
    scale=0.1,
    shear=0.15,
    shift_pixels=2.0,
    crop_pixels=2,
    elastic_pixels=1.5,
    fill=Fill.REFLECT,
    flip=True,
    thickness=0.5,
    brightness=0.2,
    contrast=0.2,
    noise=0.1,
    cutout_pixels=6,
)
NO_AMOUNTS = ("elastic_spacing", "fill", "flip")
ROUNDING = 1e-3  # float32 sums of values up to 255


@pytest.fixture
def squares():
    images = np.zeros((N, 28, 28, 1), np.float32)
    images[:, 8:20, 10:18] = 255
    return images


def changed(images, augmentation, first=0, batch=N):
    """The pictures as they come out, of which `images` are a part of a batch."""
    draws = Draws(SEED, batch, first, len(images))
    return augment(tf.constant(images), augmentation, draws).numpy()


def only(**what):
    return Augmentation(**what)


def test_nothing_is_changed_where_nothing_is_asked_for(squares):
    assert augment(squares, Augmentation(), Draws(SEED, N, 0, N)) is squares


def test_same_seed_gives_the_same_pictures(squares):
    assert np.array_equal(changed(squares, ALL), changed(squares, ALL))


def test_share_of_a_batch_is_what_the_whole_batch_gives_there(squares):
    assert np.array_equal(changed(squares[10:25], ALL, first=10), changed(squares, ALL)[10:25])


@pytest.mark.parametrize(
    "name", [field.name for field in dataclasses.fields(ALL) if field.name not in NO_AMOUNTS]
)
def test_each_picture_is_changed_in_its_own_way(squares, name):
    pictures = changed(squares / 2 + 20, only(**{name: getattr(ALL, name)}))

    distinct = {picture.tobytes() for picture in pictures}
    # Whole pixels give few different pictures: 5 columns times 5 rows.
    assert len(distinct) > (10 if name == "crop_pixels" else 30)


def test_range_and_shape_are_kept(squares):
    pictures = changed(squares, ALL)

    assert pictures.shape == squares.shape
    assert pictures.min() >= 0
    assert pictures.max() <= 255


def test_shift_moves_the_centre_by_no_more_than_was_asked(squares):
    pictures = changed(squares, only(shift_pixels=2.0))[..., 0]
    rows = (pictures.sum(axis=2) * np.arange(28)).sum(axis=1) / pictures.sum(axis=(1, 2))

    assert np.abs(rows - 13.5).max() <= 2.0 + ROUNDING
    assert np.ptp(rows) > 2.0  # and to both sides


def test_crop_shifts_by_whole_pixels_to_every_place_that_was_asked(squares):
    pictures = changed(squares, only(crop_pixels=2))
    places = {
        (int(rows.min()) - 8, int(columns.min()) - 10)
        for rows, columns in (np.nonzero(picture[..., 0]) for picture in pictures)
    }

    assert set(np.unique(pictures)) == {0, 255}
    assert {row for row, _ in places} == {column for _, column in places} == {-2, -1, 0, 1, 2}


def test_flip_mirrors_about_half_of_the_pictures_and_nothing_else():
    images = np.zeros((N, 4, 6, 1), np.float32)
    images[:, 1, 1] = 255
    pictures = changed(images, only(flip=True))
    mirrored = (pictures == images[:, :, ::-1]).all(axis=(1, 2, 3))

    assert ((pictures == images).all(axis=(1, 2, 3)) ^ mirrored).all()
    assert N / 4 < mirrored.sum() < 3 * N / 4


@pytest.mark.parametrize(("fill", "brought_in"), [(Fill.BLACK, True), (Fill.EDGE, False)])
def test_fill_says_what_comes_in_over_the_border(fill, brought_in):
    white = np.full((N, 8, 8, 1), 255, np.float32)

    assert (changed(white, only(crop_pixels=2, fill=fill)) == 0).any() == brought_in


def test_rotation_keeps_the_centre_and_the_mass(squares):
    pictures = changed(squares, only(rotation_degrees=10.0))[..., 0]
    rows = (pictures.sum(axis=2) * np.arange(28)).sum(axis=1) / pictures.sum(axis=(1, 2))

    assert np.abs(rows - 13.5).max() < 0.1  # pixels: bilinear interpolation
    assert pictures.sum(axis=(1, 2)) == pytest.approx(squares.sum(axis=(1, 2, 3)), rel=0.02)


@pytest.mark.parametrize("what", [{"scale": 0.2}, {"thickness": 0.5}, {"brightness": 0.2}])
def test_mass_changes_to_both_sides(squares, what):
    mass = changed(squares / 2, only(**what)).sum(axis=(1, 2, 3))

    assert mass.min() < squares[0].sum() / 2 < mass.max()


def test_full_thickness_adds_or_takes_at_most_a_pixel_all_round(squares):
    pictures = changed(squares, only(thickness=1.0))

    assert (pictures[:, 9:19, 11:17] == 255).all()  # what is left of 8:20, 10:18
    assert (pictures[:, 6] == 0).all()
    assert pictures[:, 7].max() > 200  # the strongest of the draws


def test_contrast_keeps_each_pictures_mean():
    images = np.random.default_rng(0).uniform(100, 150, (N, 8, 8, 3)).astype(np.float32)
    pictures = changed(images, only(contrast=0.3))

    assert pictures.mean(axis=(1, 2, 3)) == pytest.approx(images.mean(axis=(1, 2, 3)), rel=1e-5)
    assert pictures.std(axis=(1, 2, 3)).min() < 0.8 * images[0].std()


def test_noise_has_at_most_the_deviation_that_was_asked_and_no_bias():
    grey = np.full((N, 28, 28, 1), 128, np.float32)
    deviations = changed(grey, only(noise=0.1)).std(axis=(1, 2, 3))

    assert deviations.max() < 0.1 * 255 * 1.1  # n = 784 numbers each
    assert deviations.min() < 0.05 * 255
    assert changed(grey, only(noise=0.1)).mean() == pytest.approx(128, abs=0.5)


def test_cutout_paints_one_square_of_the_pictures_mean(squares):
    noisy = squares + np.random.default_rng(0).uniform(0, 1, squares.shape).astype(np.float32)
    painted = (changed(noisy / 2, only(cutout_pixels=6)) != noisy / 2)[..., 0]
    heights, widths = painted.any(axis=2).sum(axis=1), painted.any(axis=1).sum(axis=1)

    assert (painted.sum(axis=(1, 2)) == heights * widths).all()  # a rectangle: it may be cut off
    assert max(heights.max(), widths.max()) == 6
    assert heights.min() >= 3
