"""Random changes of training pictures that keep their label, different for each picture."""

import math

import tensorflow as tf

from liteproof.recipes.training import Augmentation, Fill
from liteproof.training.elastic import read_at, stretches

WHITE = 255.0
FILL_MODES = {Fill.BLACK: "CONSTANT", Fill.REFLECT: "REFLECT", Fill.EDGE: "NEAREST"}


class Draws:
    """Random numbers for one batch: drawn for all of it, of which a replica takes its own share.

    So what happens to a picture does not depend on how many devices there are.
    """

    def __init__(self, seed: tf.Tensor, batch: int, first: tf.Tensor | int, n: int) -> None:
        self.seed, self.batch, self.first, self.n = seed, batch, first, n
        self.drawn = 0

    def uniform(self, low: float, high: float) -> tf.Tensor:
        """Return one number for each picture, float32 (n,)."""
        numbers = tf.random.stateless_uniform([self.batch], self._next_seed(), low, high)
        return numbers[self.first : self.first + self.n]

    def normal(self, shape: tuple[int, ...]) -> tf.Tensor:
        """Return standard normal numbers, float32 (n, *shape)."""
        numbers = tf.random.stateless_normal([self.batch, *shape], self._next_seed())
        return numbers[self.first : self.first + self.n]

    def _next_seed(self) -> tf.Tensor:
        self.drawn += 1
        return tf.random.experimental.stateless_fold_in(self.seed, self.drawn)


def augment(images: tf.Tensor, augmentation: Augmentation, draws: Draws) -> tf.Tensor:
    """Change each picture by its own random amounts.

    Args:
        images: float32 (n, height, width, channels), 0 to 255.
        augmentation: what, and how much at most.
        draws: the random numbers; the same give the same pictures.

    Returns:
        float32 of the same shape, 0 to 255.
    """
    if augmentation == Augmentation():
        return images
    if _moves(augmentation):
        images = _move(images, augmentation, draws)
    if augmentation.thickness:
        images = _thicken(images, draws.uniform(-augmentation.thickness, augmentation.thickness))
    if augmentation.cutout_pixels:
        images = _cut_out(images, augmentation.cutout_pixels, draws)
    if augmentation.contrast:
        gain = 1.0 + _each(draws.uniform(-augmentation.contrast, augmentation.contrast))
        mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
        images = mean + (images - mean) * gain
    if augmentation.brightness:
        images += WHITE * _each(draws.uniform(-augmentation.brightness, augmentation.brightness))
    if augmentation.noise:
        deviation = WHITE * _each(draws.uniform(0.0, augmentation.noise))
        images += deviation * draws.normal(tuple(images.shape[1:]))
    return tf.clip_by_value(images, 0.0, WHITE)


def _moves(augmentation: Augmentation) -> bool:
    return bool(
        augmentation.rotation_degrees
        or augmentation.scale
        or augmentation.shear
        or augmentation.shift_pixels
        or augmentation.crop_pixels
        or augmentation.elastic_pixels
        or augmentation.flip
    )


def _move(images: tf.Tensor, augmentation: Augmentation, draws: Draws) -> tf.Tensor:
    """Rotate, scale, shear, shift, flip and stretch, interpolating bilinearly, and once."""
    height, width = images.shape[1], images.shape[2]

    def amount(limit: float) -> tf.Tensor:
        return draws.uniform(-limit, limit)

    angle = amount(math.radians(augmentation.rotation_degrees))
    scale_x, scale_y = 1.0 + amount(augmentation.scale), 1.0 + amount(augmentation.scale)
    shear = amount(augmentation.shear)
    shift_x, shift_y = amount(augmentation.shift_pixels), amount(augmentation.shift_pixels)
    if augmentation.crop_pixels:
        # The half on either side gives the outermost positions their full share.
        shift_x += tf.round(amount(augmentation.crop_pixels + 0.499))
        shift_y += tf.round(amount(augmentation.crop_pixels + 0.499))
    if augmentation.flip:
        scale_x *= tf.sign(amount(1.0))
    # The map from an output pixel to where it is read: rotation · shear · scale about the centre.
    cosine, sine = tf.cos(angle), tf.sin(angle)
    a0, a1 = cosine * scale_x, (cosine * shear - sine) * scale_y
    b0, b1 = sine * scale_x, (sine * shear + cosine) * scale_y
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    a2 = centre_x - a0 * centre_x - a1 * centre_y + shift_x
    b2 = centre_y - b0 * centre_x - b1 * centre_y + shift_y
    if augmentation.elastic_pixels:
        return _stretch(images, ((b0, b1, b2), (a0, a1, a2)), augmentation, draws)
    zero = tf.zeros_like(a0)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=FILL_MODES[augmentation.fill],
    )


def _stretch(
    images: tf.Tensor,
    maps: tuple[tuple[tf.Tensor, ...], ...],
    augmentation: Augmentation,
    draws: Draws,
) -> tf.Tensor:
    """Read the pictures where an affine map and an elastic distortion together lead.

    Args:
        images: the pictures.
        maps: for rows and for columns, the shares of column and row and what is added, each (n,).
        augmentation: how far.
        draws: the random numbers.
    """
    height, width = images.shape[1], images.shape[2]
    amounts = _each(draws.uniform(0.0, augmentation.elastic_pixels))
    moved = amounts * stretches(draws.normal, height, width, augmentation.elastic_spacing)
    row, column = tf.meshgrid(tf.range(float(height)), tf.range(float(width)), indexing="ij")

    def places(map_: tuple[tf.Tensor, ...]) -> tf.Tensor:
        by_column, by_row, added = (part[:, tf.newaxis, tf.newaxis] for part in map_)
        return by_column * column + by_row * row + added

    rows, columns = map(places, maps)
    return read_at(images, rows + moved[..., 0], columns + moved[..., 1], augmentation.fill)


def _thicken(images: tf.Tensor, amounts: tf.Tensor) -> tf.Tensor:
    """Blend with the picture dilated (amount > 0) or eroded (< 0) by a 3x3 square."""
    dilated = tf.nn.max_pool2d(images, 3, 1, "SAME")
    eroded = -tf.nn.max_pool2d(-images, 3, 1, "SAME")
    amounts = _each(amounts)
    return (
        images + tf.nn.relu(amounts) * (dilated - images) + tf.nn.relu(-amounts) * (eroded - images)
    )


def _cut_out(images: tf.Tensor, side: int, draws: Draws) -> tf.Tensor:
    """Paint a square over with the picture's mean. Source: DeVries and Taylor 2017, 1708.04552.

    Its centre lies anywhere in the picture, so that a part of it may lie outside.
    """
    inside = []
    for length in (images.shape[1], images.shape[2]):
        centre = draws.uniform(0.0, float(length))[:, tf.newaxis]
        middles = tf.range(length, dtype=tf.float32)[tf.newaxis] + 0.5
        inside.append(tf.abs(middles - centre) < side / 2)
    square = (inside[0][:, :, tf.newaxis] & inside[1][:, tf.newaxis, :])[..., tf.newaxis]
    return tf.where(square, tf.reduce_mean(images, axis=[1, 2], keepdims=True), images)


def _each(amounts: tf.Tensor) -> tf.Tensor:
    """Bring one number for each picture into the pictures' shape."""
    return tf.reshape(amounts, [-1, 1, 1, 1])
