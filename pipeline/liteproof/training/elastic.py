"""Elastic distortion: every place of a picture is moved its own way, and its neighbours alike.

Source: Simard, Steinkraus and Platt 2003, "Best practices for convolutional neural networks applied
to visual document analysis". They smooth each pixel's own displacement by a Gaussian; cubic
B-splines over a coarse grid of displacements are nearly that (of 7 pixels: a deviation of 4).
"""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from liteproof.recipes.training import Fill


def stretches(
    normal: Callable[[tuple[int, ...]], tf.Tensor], height: int, width: int, spacing: float
) -> tf.Tensor:
    """Return where each pixel is moved to: smooth over the picture, and of variance 1 everywhere.

    Args:
        normal: draws standard normal numbers of a shape for each picture.
        height: of the pictures, in pixels.
        width: likewise.
        spacing: pixels from one point of the grid to the next.

    Returns:
        float32 (n, height, width, 2): down and to the right.
    """
    down, across = _splines(height, spacing), _splines(width, spacing)
    grid = normal((down.shape[1], across.shape[1], 2))
    return tf.einsum("hi,nijd,wj->nhwd", down, grid, across)


def read_at(images: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor, fill: Fill) -> tf.Tensor:
    """Return what the pictures show at some places, interpolated bilinearly.

    Args:
        images: float32 (n, height, width, channels).
        rows: float32 (n, h, w), where the pixels of the result are read: 0 is the first row's.
        columns: float32 (n, h, w), likewise.
        fill: what lies outside the pictures.

    Returns:
        float32 (n, h, w, channels).
    """
    height, width, channels = images.shape[1:]
    rows, columns = _within(rows, height, fill), _within(columns, width, fill)
    top, left = tf.floor(rows), tf.floor(columns)
    # Each pixel and its neighbours to the right, below and beyond: read by one index.
    padded = tf.pad(images, [[0, 0], [1, 2], [1, 2], [0, 0]])
    fours = tf.concat(
        [padded[:, :-1, :-1], padded[:, :-1, 1:], padded[:, 1:, :-1], padded[:, 1:, 1:]], axis=-1
    )
    flat = tf.reshape(fours, [-1, (height + 2) * (width + 2), 4 * channels])
    at = tf.cast((top + 1.0) * (width + 2.0) + left + 1.0, tf.int32)
    here, right, down, beyond = tf.split(tf.gather(flat, at, axis=1, batch_dims=1), 4, axis=-1)
    part_down, part_right = (rows - top)[..., tf.newaxis], (columns - left)[..., tf.newaxis]
    upper = here + part_right * (right - here)
    lower = down + part_right * (beyond - down)
    return upper + part_down * (lower - upper)


def _within(places: tf.Tensor, length: int, fill: Fill) -> tf.Tensor:
    """Return the places in a row of pixels that show what is shown at places outside it too."""
    if fill is Fill.BLACK:
        return tf.clip_by_value(places, -1.0, length)
    if fill is Fill.REFLECT:
        cycle = tf.math.floormod(places + 0.5, 2.0 * length)
        places = tf.minimum(cycle, 2.0 * length - cycle) - 0.5
    return tf.clip_by_value(places, 0.0, length - 1.0)


def _splines(length: int, spacing: float) -> NDArray[np.float32]:
    """Return how much each grid point moves each pixel; the squares of a pixel's sum to 1."""
    points = spacing * np.arange(-1, math.ceil((length - 1) / spacing) + 2)
    distance = np.abs(np.arange(length)[:, np.newaxis] - points) / spacing
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    weights = np.where(distance < 1, near, far).astype(np.float32)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return weights
