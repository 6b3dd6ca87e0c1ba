import numpy as np
import pytest
import tensorflow as tf

from liteproof.augmentation import augment
from liteproof.recipe import Augmentation

SEED = tf.constant([1, 2])
ALL = Augmentation(rotation_degrees=10.0, scale=0.1, shear=0.15, shift_pixels=2.0)


@pytest.fixture
def squares():
    images = np.zeros((40, 28, 28, 1), np.float32)
    images[:, 8:20, 10:18] = 255
    return images


def test_nothing_is_changed_where_nothing_is_asked_for(squares):
    assert augment(squares, Augmentation(), SEED) is squares


def test_same_seed_gives_the_same_pictures(squares):
    first, second = (augment(squares, ALL, SEED).numpy() for _ in range(2))

    assert np.array_equal(first, second)


def test_each_picture_is_changed_in_its_own_way(squares):
    changed = augment(squares, ALL, SEED).numpy()

    assert len({picture.tobytes() for picture in changed}) == len(squares)


def test_range_and_shape_are_kept(squares):
    changed = augment(squares, ALL, SEED).numpy()

    assert changed.shape == squares.shape
    assert changed.min() >= 0
    assert changed.max() <= 255


def test_shift_moves_the_centre_by_no_more_than_was_asked(squares):
    changed = augment(squares, Augmentation(shift_pixels=2.0), SEED).numpy()[..., 0]
    rows = (changed.sum(axis=2) * np.arange(28)).sum(axis=1) / changed.sum(axis=(1, 2))

    assert np.abs(rows - 13.5).max() <= 2.0 + 1e-3  # float32 sums
    assert np.ptp(rows) > 2.0  # and to both sides


def test_rotation_keeps_the_centre_and_the_mass(squares):
    changed = augment(squares, Augmentation(rotation_degrees=10.0), SEED).numpy()[..., 0]
    rows = (changed.sum(axis=2) * np.arange(28)).sum(axis=1) / changed.sum(axis=(1, 2))

    assert np.abs(rows - 13.5).max() < 0.1  # pixels: bilinear interpolation
    assert changed.sum(axis=(1, 2)) == pytest.approx(squares.sum(axis=(1, 2, 3)), rel=0.02)


def test_scale_changes_the_mass_to_both_sides(squares):
    mass = augment(squares, Augmentation(scale=0.2), SEED).numpy().sum(axis=(1, 2, 3))

    assert mass.min() < squares[0].sum() < mass.max()
