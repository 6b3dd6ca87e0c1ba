"""The optimizer and its learning rate schedule."""

import math
from typing import Any

import keras
import tensorflow as tf

from liteproof.recipes.training import Precision, Schedule, Training


class WarmupThenFall(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Rise linearly to the peak, then fall to 0 at the last step: linearly, or as a cosine.

    Source: Goyal et al. 2017, arXiv:1706.02677 (warm-up); Smith and Topin 2018, arXiv:1708.07120
    (one cycle); Loshchilov and Hutter 2016, arXiv:1608.03983, eq. 5 (cosine).
    """

    def __init__(self, peak: float, steps: int, warmup: float, schedule: str) -> None:
        self.peak, self.steps, self.warmup, self.schedule = peak, steps, warmup, schedule
        self.warmup_steps = max(1, math.ceil(warmup * steps))

    def __call__(self, step: tf.Tensor) -> tf.Tensor:  # noqa: D102 - Keras' own
        done = tf.cast(step, tf.float32) + 1.0
        rising = done / self.warmup_steps
        left = (self.steps + 1.0 - done) / max(1, self.steps + 1 - self.warmup_steps)
        falling = left
        if Schedule(self.schedule) is Schedule.COSINE:
            falling = 0.5 - 0.5 * tf.cos(math.pi * tf.clip_by_value(left, 0.0, 1.0))
        return self.peak * tf.minimum(rising, falling)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this schedule again, for Keras."""
        return {
            "peak": self.peak,
            "steps": self.steps,
            "warmup": self.warmup,
            "schedule": self.schedule,
        }


def optimizer(training: Training, peak: float, steps: int) -> Any:  # noqa: ANN401
    """Return AdamW, without weight decay on offsets and scales. Source: arXiv:1711.05101.

    Args:
        training: of the recipe.
        peak: the largest learning rate.
        steps: after which it is 0.
    """
    course = WarmupThenFall(peak, steps, training.warmup, training.schedule.value)
    adam = keras.optimizers.AdamW(course, weight_decay=training.weight_decay)
    adam.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    if training.precision is Precision.FLOAT16:
        return keras.optimizers.LossScaleOptimizer(adam)
    return adam
