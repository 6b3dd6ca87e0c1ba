import numpy as np
import pytest
import tensorflow as tf

from liteproof.recipes.training import Augmentation, Fill
from liteproof.training.augmentation import FILL_MODES, Draws, augment
from liteproof.training.elastic import read_at, stretches

N = 400
ROUNDING = 0.01  # float32 sums of values up to 255


def drawn(n=N):
    return Draws(tf.constant([1, 2]), n, 0, n)


@pytest.mark.parametrize("spacing", [3.0, 7.0, 40.0])
def test_displacements_have_no_bias_and_variance_1_everywhere(spacing):
    moved = stretches(drawn(4000).normal, 12, 20, spacing).numpy()

    assert moved.shape == (4000, 12, 20, 2)
    assert np.abs(moved.mean(axis=0)).max() < 5 / 4000**0.5  # five standard errors
    assert moved.std(axis=0) == pytest.approx(1, abs=5 / (2 * 4000) ** 0.5)


def test_neighbours_move_alike_and_places_far_apart_on_their_own():
    moved = stretches(drawn().normal, 28, 28, 7.0).numpy()
    rows = moved[:, :, 14, 0]

    def correlation(apart):
        return np.corrcoef(rows[:, :-apart].ravel(), rows[:, apart:].ravel())[0, 1]

    assert correlation(1) > 0.95
    assert correlation(7) == pytest.approx(1191 / 2416, abs=0.1)  # seventh-degree B-spline, 1 and 0
    assert abs(correlation(27)) < 5 / N**0.5


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fill", Fill)
def test_places_are_read_as_tensorflow_s_affine_map_reads_them(fill, channels):
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (20, 12, 16, channels)).astype(np.float32)
    maps = rng.normal([1, 0, 0, 0, 1, 0], [0.3, 0.3, 9, 0.3, 0.3, 9], (20, 6)).astype(np.float32)
    expected = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=np.pad(maps, ((0, 0), (0, 2))),
        output_shape=[12, 16],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=FILL_MODES[fill],
    )
    rows, columns = np.mgrid[:12, :16].astype(np.float32)
    a0, a1, a2, b0, b1, b2 = maps.T[..., np.newaxis, np.newaxis]

    read = read_at(
        tf.constant(images),
        tf.constant(b0 * columns + b1 * rows + b2),
        tf.constant(a0 * columns + a1 * rows + a2),
        fill,
    )

    assert np.abs(read - expected).max() < ROUNDING


def test_stretching_hardly_at_all_leaves_the_affine_map():
    image = np.random.default_rng(0).uniform(0, 255, (1, 28, 28, 1)).astype(np.float32)
    images = tf.constant(np.repeat(image, N, axis=0))
    moves = {"rotation_degrees": 10.0, "scale": 0.1, "shear": 0.15, "shift_pixels": 2.0}

    plain = augment(images, Augmentation(**moves), drawn())
    stretched = augment(images, Augmentation(**moves, elastic_pixels=1e-6), drawn())

    assert np.abs(stretched - plain).max() < ROUNDING


def test_larger_amounts_move_more():
    image = np.zeros((N, 28, 28, 1), np.float32)
    image[:, 6:22, 13:15] = 255

    def change(pixels):
        changed = augment(tf.constant(image), Augmentation(elastic_pixels=pixels), drawn())
        return float(np.abs(changed - image).mean())

    assert 0 < change(0.5) < change(1.0) < change(2.0)
