"""Random changes of training pictures that keep their label, another one for each picture."""

import math

import tensorflow as tf

from liteproof.recipe import Augmentation


def augment(images: tf.Tensor, augmentation: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    """Rotate, scale, shear and shift each picture by its own random amounts.

    Args:
        images: float32 (n, height, width, channels); what comes in from outside is 0.
        augmentation: how much at most, to either side; uniformly distributed.
        seed: int32 (2,); the same seed gives the same pictures.

    Returns:
        float32 of the same shape, bilinearly interpolated.
    """
    if augmentation == Augmentation():
        return images
    n, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
    draws = tf.random.stateless_uniform((6, n), seed, -1.0, 1.0)
    angle = draws[0] * math.radians(augmentation.rotation_degrees)
    scale_x, scale_y = (1.0 + draw * augmentation.scale for draw in (draws[1], draws[2]))
    shear = draws[3] * augmentation.shear
    shift_x, shift_y = (draw * augmentation.shift_pixels for draw in (draws[4], draws[5]))
    # The map from an output pixel to where it is read: rotation · shear · scale about the centre.
    cosine, sine = tf.cos(angle), tf.sin(angle)
    a0, a1 = cosine * scale_x, (cosine * shear - sine) * scale_y
    b0, b1 = sine * scale_x, (sine * shear + cosine) * scale_y
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    a2 = centre_x - a0 * centre_x - a1 * centre_y + shift_x
    b2 = centre_y - b0 * centre_x - b1 * centre_y + shift_y
    zero = tf.zeros_like(a0)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
    )
