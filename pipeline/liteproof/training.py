"""Fitting the weights: one loop for every kind of device, resumable to the bit.

The data stays decoded in memory and the steps run in compiled blocks, so that Python is entered
about once a second: often enough to show progress and to answer Ctrl-C.
"""

import csv
import io
import math
import tempfile
import time
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from liteproof import architectures, progress
from liteproof.augmentation import augment
from liteproof.datasets import Dataset, Parts
from liteproof.errors import RecipeError, TrainingError
from liteproof.randomness import Stream, random_stream
from liteproof.recipe import Training
from liteproof.runs import Run
from liteproof.storage import tensorflow_writing, write_file, writing

BLOCK_STEPS = 50
VALIDATION_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Epoch:
    """One row of history.csv; accuracies 0 to 1, validation by the averaged weights."""

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float

    def __str__(self) -> str:
        return (
            f"loss {self.loss:.4f}  accuracy {self.accuracy:.2%}  "
            f"validation {self.validation_accuracy:.2%}  {self.seconds:.1f} s"
        )


class WarmupThenLinear(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Rise linearly to the peak, then fall linearly to nought at the last step.

    Source: Goyal et al. 2017, arXiv:1706.02677 (warm-up); Smith and Topin 2018, arXiv:1708.07120.
    """

    def __init__(self, peak: float, steps: int, warmup: float) -> None:
        self.peak, self.steps = peak, steps
        self.warmup_steps = max(1, math.ceil(warmup * steps))

    def __call__(self, step: tf.Tensor) -> tf.Tensor:  # noqa: D102 - Keras' own
        done = tf.cast(step, tf.float32) + 1.0
        rising = done / self.warmup_steps
        falling = (self.steps + 1.0 - done) / max(1, self.steps + 1 - self.warmup_steps)
        return self.peak * tf.minimum(rising, falling)

    def get_config(self) -> dict[str, float]:
        """Return the arguments that make this schedule again, for Keras."""
        warmup = self.warmup_steps / self.steps
        return {"peak": self.peak, "steps": self.steps, "warmup": warmup}


def train(run: Run, dataset: Dataset, parts: Parts, strategy: Any) -> None:  # noqa: ANN401
    """Train the run's recipe, from its last checkpoint if it has one, and write `model.keras`.

    The same run, interrupted anywhere and taken up at the same number of threads, ends in the same
    weights, bit for bit.

    Raises:
        RecipeError: the layers or the batch do not fit the data.
        TrainingError: the loss is not finite any more.
        StorageError: the run's folder cannot be written.
    """
    seed = run.settings.seed
    learner = _Learner(run, dataset, parts, strategy)
    manager = tf.train.CheckpointManager(learner.checkpoint, str(run.checkpoints), max_to_keep=2)
    done = 0
    if manager.latest_checkpoint:
        learner.checkpoint.restore(manager.latest_checkpoint).assert_consumed()
        done = int(learner.epoch.numpy())
        progress.say(f"resuming after epoch {done}")
    history = _read_history(run.history, done)
    log = tf.summary.create_file_writer(str(run.tensorboard))
    for number in range(done + 1, run.recipe.training.epochs + 1):
        order = random_stream(seed, Stream.ORDER, number).permutation(learner.training_indices)
        epoch = learner.run_epoch(number, order)
        history.append(epoch)
        progress.say(f"epoch {number}/{run.recipe.training.epochs}  {epoch}")
        with tensorflow_writing(run.path):
            _log(log, epoch)
            # The row first: what a checkpoint does not know of is cut off on resuming.
            _write_history(run.history, history)
            learner.epoch.assign(number)
            manager.save(checkpoint_number=number)
    _save(learner.average, run.keras_model)


class _Learner:
    """The model, its average, the optimizer, and the compiled blocks of steps."""

    def __init__(
        self,
        run: Run,
        dataset: Dataset,
        parts: Parts,
        strategy: Any,  # noqa: ANN401
    ) -> None:
        recipe, training = run.recipe, run.recipe.training
        self.training, self.strategy, self.seed = training, strategy, run.settings.seed
        self.training_indices = parts.training
        self.validation = dataset.train.images[parts.validation]
        self.validation_labels = dataset.train.labels[parts.validation]
        self.steps = len(parts.training) // training.batch_size
        if not self.steps:
            raise RecipeError(
                f"training.batch_size: {training.batch_size}, "
                f"expected at most the {len(parts.training)} training pictures"
            )
        self.images = tf.constant(dataset.train.images)
        self.labels = tf.constant(dataset.train.labels, tf.int32)
        self.classes = len(dataset.labels)
        keras.utils.set_random_seed(run.settings.seed)
        with strategy.scope():
            self.model, self.average = (
                architectures.build(recipe.architecture, dataset.shape, self.classes)
                for _ in range(2)
            )
            self.optimizer = _optimizer(training, self.steps * training.epochs)
            self.optimizer.build(self.model.trainable_variables)
        self.average.set_weights(self.model.get_weights())
        self.epoch = tf.Variable(0, dtype=tf.int64)
        state = [*self.model.variables, *self.average.variables, *self.optimizer.variables]
        self.checkpoint = tf.train.Checkpoint(
            state=[variable.value for variable in state], epoch=self.epoch
        )

    def run_epoch(self, number: int, order: np.ndarray[Any, np.dtype[np.int64]]) -> Epoch:
        """Take every step of an epoch, and measure the average on the validation pictures."""
        start = time.monotonic()
        batch = self.training.batch_size
        batches = order[: self.steps * batch].reshape(self.steps, batch).astype(np.int32)
        loss = correct = 0.0
        with progress.bar(f"epoch {number}/{self.training.epochs}", self.steps) as bar:
            for first in range(0, self.steps, BLOCK_STEPS):
                block = batches[first : first + BLOCK_STEPS]
                first_step = (number - 1) * self.steps + first
                block_loss, block_correct = self._run_block(
                    tf.constant(block), tf.constant(first_step, tf.int32)
                )
                loss, correct = loss + float(block_loss), correct + float(block_correct)
                done = first + len(block)
                if not math.isfinite(loss):
                    raise TrainingError(
                        f"epoch {number}, step {done} of {self.steps}: the loss is {loss}, "
                        "expected a finite number; lower training.learning_rate "
                        f"({self.training.learning_rate:g})"
                    )
                bar.update(
                    len(block), f"loss {loss / done:.4f}  accuracy {correct / done / batch:.2%}"
                )
        validation_loss, validation_accuracy = self._validate()
        return Epoch(
            epoch=number,
            loss=loss / self.steps,
            accuracy=correct / self.steps / batch,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            learning_rate=float(self.optimizer.learning_rate),
            seconds=time.monotonic() - start,
        )

    @tf.function(reduce_retracing=True)
    def _run_block(self, block: tf.Tensor, first_step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Take one step for each row of `block`, int32 (steps, batch) of picture indices."""
        loss, correct = tf.constant(0.0), tf.constant(0.0)
        for row in tf.range(tf.shape(block)[0]):
            step = first_step + row
            losses, corrects = self.strategy.run(self._step, args=(block[row], step))
            loss += self.strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)
            correct += self.strategy.reduce(tf.distribute.ReduceOp.SUM, corrects, axis=None)
            self._update_average(tf.cast(step, tf.float32))
        return loss, correct

    def _step(self, chosen: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Take one step on this replica's share of the (global) batch."""
        context = tf.distribute.get_replica_context()
        share = self.training.batch_size // context.num_replicas_in_sync
        mine = slice(
            context.replica_id_in_sync_group * share,
            (context.replica_id_in_sync_group + 1) * share,
        )
        images = tf.cast(tf.gather(self.images, chosen), tf.float32)
        # Drawn for the whole batch and then shared out: the pictures do not depend on the replicas.
        images = augment(images, self.training.augmentation, tf.stack([self.seed, step]))[mine]
        labels = tf.gather(self.labels, chosen)[mine]
        with tf.GradientTape() as tape:
            logits = self.model(images, training=True)
            loss = tf.nn.compute_average_loss(
                self._cross_entropy(labels, logits, self.training.label_smoothing),
                global_batch_size=self.training.batch_size,
            )
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        hits = tf.argmax(logits, axis=1, output_type=tf.int32) == labels
        return loss, tf.reduce_sum(tf.cast(hits, tf.float32))

    def _update_average(self, step: tf.Tensor) -> None:
        """Move the average towards the weights, quickly at first.

        Source: Polyak and Juditsky 1992; the rising decay is that of tf.train's EMA, num_updates.
        """
        decay = tf.minimum(self.training.weight_averaging, (1.0 + step) / (10.0 + step))
        for average, current in zip(self.average.variables, self.model.variables, strict=True):
            if average.dtype == "float32":
                average.value.assign(decay * average.value + (1.0 - decay) * current.value)

    def _cross_entropy(self, labels: tf.Tensor, logits: tf.Tensor, smoothing: float) -> tf.Tensor:
        """Return each picture's loss. Source: Szegedy et al. 2016, arXiv:1512.00567, section 7."""
        wanted = tf.one_hot(labels, self.classes) * (1.0 - smoothing) + smoothing / self.classes
        return tf.nn.softmax_cross_entropy_with_logits(wanted, logits)

    def _validate(self) -> tuple[float, float]:
        loss = correct = 0.0
        n = len(self.validation)
        for first in range(0, n, VALIDATION_BATCH):
            labels = self.validation_labels[first : first + VALIDATION_BATCH].astype(np.int32)
            logits = self._answer(tf.constant(self.validation[first : first + VALIDATION_BATCH]))
            loss += float(tf.reduce_sum(self._cross_entropy(labels, logits, 0.0)))
            correct += float(np.sum(logits.numpy().argmax(axis=1) == labels))
        return loss / n, correct / n

    @tf.function(reduce_retracing=True)
    def _answer(self, images: tf.Tensor) -> tf.Tensor:
        return self.average(tf.cast(images, tf.float32), training=False)


def _optimizer(training: Training, steps: int) -> Any:  # noqa: ANN401
    """Return AdamW, which leaves offsets and scales alone. Source: arXiv:1711.05101."""
    optimizer = keras.optimizers.AdamW(
        WarmupThenLinear(training.learning_rate, steps, training.warmup),
        weight_decay=training.weight_decay,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return optimizer


def _log(log: Any, epoch: Epoch) -> None:  # noqa: ANN401
    with log.as_default(step=epoch.epoch):
        for field in fields(epoch)[1:]:
            tf.summary.scalar(field.name, getattr(epoch, field.name))
    log.flush()


def _read_history(path: Path, epochs: int) -> list[Epoch]:
    """Return the rows of the epochs that the checkpoint holds."""
    if not epochs or not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [Epoch(int(row[0]), *(float(value) for value in row[1:])) for row in rows[:epochs]]


def _write_history(path: Path, history: list[Epoch]) -> None:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(field.name for field in fields(Epoch))
    rows.writerows(astuple(epoch) for epoch in history)
    write_file(path, text.getvalue())


def _save(model: keras.Model, path: Path) -> None:
    with writing(path), tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.keras")
        model.save(file)
        write_file(path, file.read_bytes())
