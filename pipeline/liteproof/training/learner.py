"""Taking steps: the model, the average of its weights, the optimizer, and compiled blocks of steps.

Steps run in compiled blocks, so that Python is entered about once a second: often enough to show
progress and to answer an interrupt. A block's pictures are gathered from the decoded arrays, which
may be larger than memory.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from liteproof.data.mapped import gather
from liteproof.network.batching import pictures_at_once
from liteproof.network.layers import KeptNormalization
from liteproof.recipes.training import Precision, Training
from liteproof.training.augmentation import Draws, augment
from liteproof.training.optimization import optimizer
from liteproof_edge.idx import Examples

POLICIES = {
    Precision.FLOAT32: "float32",
    Precision.BFLOAT16: "mixed_bfloat16",
    Precision.FLOAT16: "mixed_float16",
}
# About a second's work on two cores, by the values that the layers give: 2.2 and 3.3 ns for each of
# them with two models of 45,000 and 300,000 a picture (mnist's and a residual one for CIFAR-10).
BLOCK_VALUES = 400_000_000
BLOCK_BYTES = 64 * 2**20
VALIDATION_BATCH = 1000  # at most


@dataclass(frozen=True, slots=True)
class Teacher:
    """A trained model, and how much its answers count."""

    model: keras.Model
    weight: float
    temperature: float


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over a block of steps: the steps' mean losses, and the pictures that were right."""

    loss: float
    correct: float
    stopping: bool  # whether this or another machine was asked to stop


class LossTerms(NamedTuple):
    """What the loss takes into account besides the labels.

    Attributes:
        build_teacher: loads the model whose answers count too, if there is one.
        class_weights: float32 (classes,), what a picture of each class counts; None: 1.
    """

    build_teacher: Callable[[], Teacher] | None = None
    class_weights: NDArray[np.float32] | None = None


class Steps(NamedTuple):
    """How many steps a phase takes, and how many an earlier phase with its own average took."""

    total: int
    before: int = 0


class Learner:
    """What training changes.

    Attributes:
        model: whose weights the steps change.
        average: the same model in float32, with the exponential moving average of those weights.
        optimizer: with its state.
    """

    def __init__(
        self,
        build: Callable[[], keras.Model],
        training: Training,
        strategy: Any,  # noqa: ANN401
        steps: Steps,
        *,
        seed: int,
        terms: LossTerms = LossTerms(),  # noqa: B008 - immutable
    ) -> None:
        self.training, self.strategy, self.seed = training, strategy, seed
        self.steps_before = steps.before
        self.class_weights = terms.class_weights
        keras.utils.set_random_seed(seed)
        with strategy.scope():
            with _precision(training.precision):
                self.model = build()
                self.teacher = terms.build_teacher() if terms.build_teacher else None
            self.average = build()
            self.optimizer = optimizer(training, training.learning_rate, steps.total)
            self.optimizer.build(self.model.trainable_variables)
        self.average.set_weights(self.model.get_weights())
        # What stays as it is: its average would drift by rounding.
        self.kept = {
            id(variable)
            for layer in self.model.layers
            if not layer.trainable or isinstance(layer, KeptNormalization)
            for variable in layer.non_trainable_variables
        }

    @property
    def variables(self) -> list[Any]:
        """Everything that a checkpoint must hold."""
        models = [*self.model.variables, *self.average.variables, *self.optimizer.variables]
        return [variable.value for variable in models]

    @property
    def block_steps(self) -> int:
        """How many steps make a block: about a second's, whose pictures are not too many.

        It follows from the model alone, so that all machines agree.
        """
        batch = self.training.batch_size
        pixels = math.prod(self.model.input_shape[1:])
        values = sum(math.prod(layer.output.shape[1:]) for layer in self.model.layers)
        most = min(BLOCK_VALUES // (values * batch), BLOCK_BYTES // (pixels * batch))
        return max(1, int(most))

    def run_block(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        first_step: int,
        *,
        stopping: bool = False,
    ) -> Totals:
        """Take one step for each batch of pictures.

        Args:
            images: uint8 (steps, batch, height, width, channels).
            labels: int64 (steps, batch).
            first_step: how many were taken before in the whole training.
            stopping: whether this process was asked to stop.
        """
        loss, correct, stops = self._run_block(
            tf.constant(images),
            tf.constant(labels, tf.int32),
            tf.constant(first_step, tf.int32),
            tf.constant(float(stopping)),
        )
        return Totals(float(loss), float(correct), bool(stops > 0))

    def evaluate(self, examples: Examples, pictures: NDArray[np.int64]) -> tuple[float, float]:
        """Return the averaged model's mean cross-entropy, by class weights, and its accuracy.

        Args:
            examples: labelled pictures.
            pictures: int64 (n,), the indices of those to answer.
        """
        loss = correct = 0.0
        batch = pictures_at_once(self.average, VALIDATION_BATCH)
        for first in range(0, len(pictures), batch):
            chosen = pictures[first : first + batch]
            truth = examples.labels[chosen].astype(np.int32)
            logits = self._answer(tf.constant(gather(examples.images, chosen)))
            loss += float(tf.reduce_sum(self._weighted(truth, _cross_entropy(truth, logits, 0.0))))
            correct += float(np.sum(logits.numpy().argmax(axis=1) == truth))
        return loss / len(pictures), correct / len(pictures)

    @tf.function(reduce_retracing=True, autograph=False)
    def _run_block(
        self, images: tf.Tensor, labels: tf.Tensor, first_step: tf.Tensor, stopping: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        def total(per_replica: Any) -> tf.Tensor:  # noqa: ANN401
            return self.strategy.reduce(tf.distribute.ReduceOp.SUM, per_replica, axis=None)

        def take(row: tf.Tensor, loss: tf.Tensor, correct: tf.Tensor) -> tuple[tf.Tensor, ...]:
            step = first_step + row
            losses, corrects = self.strategy.run(self._step, (images[row], labels[row], step))
            self._update_average(tf.cast(step - self.steps_before, tf.float32))
            return row + 1, loss + total(losses), correct + total(corrects)

        steps = tf.shape(labels)[0]
        _, loss, correct = tf.while_loop(
            lambda row, *_: row < steps, take, (tf.constant(0), tf.constant(0.0), tf.constant(0.0))
        )
        return loss, correct, total(self.strategy.run(tf.identity, (stopping,)))

    def _step(
        self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Take one step on this replica's share of the (global) batch."""
        batch, context = self.training.batch_size, tf.distribute.get_replica_context()
        share = batch // context.num_replicas_in_sync
        first = context.replica_id_in_sync_group * share
        images, labels = images[first : first + share], labels[first : first + share]
        draws = Draws(tf.stack([self.seed, step]), batch, first, share)
        images = augment(tf.cast(images, tf.float32), self.training.augmentation, draws)
        with tf.GradientTape() as tape:
            logits = self.model(images, training=True)
            losses = self._weighted(labels, self._losses(images, labels, logits))
            loss = tf.nn.compute_average_loss(losses, global_batch_size=batch)
            scaled = self.optimizer.scale_loss(loss)
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        hits = tf.argmax(logits, axis=1, output_type=tf.int32) == labels
        return loss, tf.reduce_sum(tf.cast(hits, tf.float32))

    def _losses(self, images: tf.Tensor, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return each picture's loss. Source of distillation: Hinton et al. 2015, 1503.02531."""
        losses = _cross_entropy(labels, logits, self.training.label_smoothing)
        if self.teacher is None:
            return losses
        temperature = self.teacher.temperature
        told = tf.nn.softmax(self.teacher.model(images, training=False) / temperature)
        imitation = tf.nn.softmax_cross_entropy_with_logits(told, logits / temperature)
        # Its gradient falls with the temperature's square.
        imitation *= temperature**2
        return (1.0 - self.teacher.weight) * losses + self.teacher.weight * imitation

    def _weighted(self, labels: tf.Tensor, losses: tf.Tensor) -> tf.Tensor:
        """Return each picture's loss by what its class counts."""
        if self.class_weights is None:
            return losses
        return losses * tf.gather(tf.constant(self.class_weights), labels)

    def _update_average(self, step: tf.Tensor) -> None:
        """Move the average towards the weights, quickly at first.

        Source: Polyak and Juditsky 1992; the rising decay is that of tf.train's EMA, num_updates.
        """
        decay = tf.minimum(self.training.weight_averaging, (1.0 + step) / (10.0 + step))
        for average, current in zip(self.average.variables, self.model.variables, strict=True):
            if average.dtype == "float32" and id(current) not in self.kept:
                average.value.assign(decay * average.value + (1.0 - decay) * current.value)

    @tf.function(reduce_retracing=True, autograph=False)
    def _answer(self, images: tf.Tensor) -> tf.Tensor:
        return self.average(tf.cast(images, tf.float32), training=False)


def _cross_entropy(labels: tf.Tensor, logits: tf.Tensor, smoothing: float) -> tf.Tensor:
    """Return each picture's loss. Source: Szegedy et al. 2016, arXiv:1512.00567, section 7."""
    classes = logits.shape[-1]
    wanted = tf.one_hot(labels, classes) * (1.0 - smoothing) + smoothing / classes
    return tf.nn.softmax_cross_entropy_with_logits(wanted, logits)


@contextmanager
def _precision(precision: Precision) -> Iterator[None]:
    """Build layers that compute in a precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
