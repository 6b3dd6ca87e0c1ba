"""Fitting the weights, epoch by epoch, with the same result however often it is interrupted."""

import math
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from liteproof import progress
from liteproof.data.mapped import gather
from liteproof.errors import RecipeError, StoppedError, TrainingError
from liteproof.randomness import Stream, random_stream
from liteproof.recipes.training import Qat
from liteproof.storage import tensorflow_writing, write_file, writing
from liteproof.training.history import Epoch, log_epoch, read_history, write_history
from liteproof.training.learner import Learner, Steps
from liteproof.training.phases import Phase, fine_tuning, training_proper, unfreezing
from liteproof.training.task import Task

CHECKPOINT_SECONDS = 300  # at least so often, within an epoch


def train(task: Task) -> None:
    """Train the run's recipe, from its last checkpoint if it has one, and write `model.keras`.

    A pretrained backbone is frozen at first, and fine-tuned then. Where the recipe has
    quantization-aware training, that goes on from there to `model-qat.keras`.

    The same run, interrupted anywhere and taken up at the same number of threads, ends in the same
    weights, bit for bit.

    Raises:
        RecipeError: the layers or the batch do not fit the data.
        TrainingError: the loss is no longer finite.
        StoppedError: the process was asked to end (SIGTERM); a checkpoint was saved first.
        StorageError: the run's folder cannot be written.
    """
    with _termination() as asked:
        run, dataset, parts = task.run, task.dataset, task.parts
        done = _Training(task, asked, training_proper(run, dataset))
        done.finish()
        tuning = run.recipe.training.fine_tuning
        if tuning:
            phase = unfreezing(run, dataset, done.learner.average, int(done.epoch), tuning)
            done = _Training(task, asked, phase)
            done.finish()
        qat = run.recipe.training.qat
        if qat:
            phase = fine_tuning(run, dataset, parts, done.learner.average, int(done.epoch), qat)
            del done  # its optimizer, and much else that is no longer needed
            _Training(task, asked, phase).finish()


def fine_tune(task: Task, qat: Qat) -> None:
    """Continue a finished training through the rounding of int8, and write `model-qat.keras`.

    For a recipe that has no quantization-aware training of its own; it is interrupted and taken up
    as `train` is.

    Raises:
        TrainingError: the loss is no longer finite.
        StoppedError: the process was asked to end (SIGTERM); a checkpoint was saved first.
        StorageError: the run's folder cannot be written.
    """
    with _termination() as asked:
        run = task.run
        trained = keras.saving.load_model(run.keras_model, compile=False)
        before = run.recipe.training.epochs
        phase = fine_tuning(run, task.dataset, task.parts, trained, before, qat)
        _Training(replace(task, teacher=None), asked, phase).finish()


class _Training:
    """A training under way, and the state that its checkpoints hold."""

    def __init__(self, task: Task, asked: list[int], phase: Phase) -> None:
        run, parts, team = task.run, task.parts, task.team
        self.run, self.examples, self.parts, self.asked = run, task.dataset.train, parts, asked
        self.team, self.phase, self.recipe = team, phase, phase.training
        self.last_epoch = phase.epochs_before + phase.training.epochs
        self.batch = self.recipe.batch_size
        self.steps = len(parts.training) // self.batch
        if not self.steps:
            raise RecipeError(
                f"training.batch_size: {self.batch}, "
                f"expected at most the {len(parts.training)} training pictures"
            )
        self.learner = Learner(
            phase.build,
            self.recipe,
            team.strategy,
            Steps(self.steps * self.recipe.epochs, self.steps * phase.epochs_before),
            seed=run.settings.seed,
            terms=task.loss_terms(self.recipe),
        )
        # Where training is: finished epochs, steps of the present one, and its sums so far.
        self.epoch = tf.Variable(phase.epochs_before, dtype=tf.int64)
        self.step = tf.Variable(0, dtype=tf.int64)
        self.sums = tf.Variable([0.0, 0.0, 0.0], dtype=tf.float64)  # loss, correct, seconds
        self.best_loss = tf.Variable(math.inf, dtype=tf.float64)
        self.best_epoch = tf.Variable(phase.epochs_before, dtype=tf.int64)
        self.best = [tf.Variable(weights) for weights in self.learner.average.get_weights()]
        self.place = [self.epoch, self.step, self.sums, self.best_loss, self.best_epoch]
        self.checkpoint = tf.train.Checkpoint(
            state=self.learner.variables,
            place=self.place,
            best=self.best if self.recipe.early_stopping else [],
        )
        self.manager = tf.train.CheckpointManager(
            self.checkpoint, str(phase.checkpoints), max_to_keep=2
        )
        if team.is_chief:
            self.log = tf.summary.create_file_writer(str(run.tensorboard))
        self.saved_at = time.monotonic()

    def finish(self) -> None:
        """Train what is left, and write the model."""
        self._restore()
        history = read_history(self.run.history, int(self.epoch))
        while int(self.epoch) < self.last_epoch and not self._has_stalled():
            epoch = self._run_epoch(int(self.epoch) + 1)
            history.append(epoch)
            progress.say(f"epoch {epoch.epoch}/{self.last_epoch}  {epoch}")
            self._remember_best(epoch)
            self.epoch.assign(epoch.epoch)
            self.step.assign(0)
            self.sums.assign([0.0, 0.0, 0.0])
            self._write(history)
            self._save()
        if self.recipe.early_stopping:
            progress.say(f"the weights of epoch {int(self.best_epoch)}, the best on validation")
            self.learner.average.set_weights([weights.numpy() for weights in self.best])
        if self.team.is_chief:
            self._draw(history)
            _write_model(self.learner.average, self.phase.product)

    def _write(self, history: list[Epoch]) -> None:
        """Add an epoch's figures to what is written before the checkpoint that knows of them.

        What a checkpoint does not know of is cut off on resuming.
        """
        if self.team.is_chief:
            with tensorflow_writing(self.run.path):
                log_epoch(self.log, history[-1])
            write_history(self.run.history, history)

    def _draw(self, history: list[Epoch]) -> None:
        from liteproof.training.curves import draw_curves  # noqa: PLC0415 - takes a second, at the end

        title = f"{self.run.recipe.name}, {self.run.settings}"
        write_file(self.run.curves, draw_curves(history, title))

    def _restore(self) -> None:
        if self.team.is_chief and self.manager.latest_checkpoint:
            self.checkpoint.restore(self.manager.latest_checkpoint).assert_consumed()
        self.team.share([*self.learner.variables, *self.place, *self.best])
        if int(self.epoch) == self.phase.epochs_before and not int(self.step):
            return
        within = f", step {int(self.step)} of the next" if int(self.step) else ""
        progress.say(f"resuming after epoch {int(self.epoch)}{within}")

    def _save(self) -> None:
        if self.team.is_chief:
            number = int(self.epoch) * (self.steps + 1) + int(self.step)
            with tensorflow_writing(self.run.path):
                self.manager.save(checkpoint_number=number)
        self.saved_at = time.monotonic()

    def _run_epoch(self, number: int) -> Epoch:
        """Take an epoch's steps, or the rest of them, and validate."""
        before, start = float(self.sums[2]), time.monotonic()
        order = random_stream(self.run.settings.seed, Stream.ORDER, number).permutation(
            self.parts.training
        )
        batches = order[: self.steps * self.batch].reshape(self.steps, self.batch)
        block_steps = self.learner.block_steps
        with progress.bar(f"epoch {number}/{self.last_epoch}", self.steps) as bar:
            bar.update(int(self.step))
            while int(self.step) < self.steps:
                done = int(self.step)
                stopping = self._run_block(number, batches[done : done + block_steps])
                loss, accuracy = self._means()
                self.sums[2].assign(before + time.monotonic() - start)
                bar.update(int(self.step) - done, f"loss {loss:.4f}  accuracy {accuracy:.2%}")
                if stopping:
                    self._save()
                    keeper = self.run.path if self.team.is_chief else "the chief"
                    raise StoppedError(
                        f"asked to stop; {keeper} keeps epoch {number}, step {int(self.step)} of "
                        f"{self.steps}; --resume continues from there"
                    )
                if time.monotonic() - self.saved_at > CHECKPOINT_SECONDS:
                    self._save()
        loss, accuracy = self._means()
        validation_loss, validation_accuracy = self._validate()
        return Epoch(
            epoch=number,
            loss=loss,
            accuracy=accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            learning_rate=float(self.learner.optimizer.learning_rate),
            seconds=before + time.monotonic() - start,
        )

    def _validate(self) -> tuple[float, float]:
        """Return loss and accuracy as the chief finds them: all must stop early, or none."""
        found = self.learner.evaluate(self.examples, self.parts.validation)
        loss, accuracy = np.frombuffer(self.team.from_chief(np.array(found).tobytes()))
        return float(loss), float(accuracy)

    def _means(self) -> tuple[float, float]:
        """Return the present epoch's mean loss and accuracy so far."""
        steps = int(self.step)
        return float(self.sums[0]) / steps, float(self.sums[1]) / steps / self.batch

    def _run_block(self, number: int, batches: NDArray[np.int64]) -> bool:
        """Take a block of steps; return whether any machine was asked to stop."""
        totals = self.learner.run_block(
            gather(self.examples.images, batches),
            self.examples.labels[batches],
            (number - 1) * self.steps + int(self.step),
            stopping=bool(self.asked),
        )
        self.step.assign_add(len(batches))
        self.sums.assign_add([totals.loss, totals.correct, 0.0])
        done, loss = int(self.step), float(self.sums[0])
        if not math.isfinite(loss):
            raise TrainingError(
                f"epoch {number}, step {done} of {self.steps}: the loss is {loss}, "
                f"expected a finite number; lower {self.phase.key}.learning_rate "
                f"({self.recipe.learning_rate:g})"
            )
        return totals.stopping

    def _remember_best(self, epoch: Epoch) -> None:
        if self.recipe.early_stopping and epoch.validation_loss < float(self.best_loss):
            self.best_loss.assign(epoch.validation_loss)
            self.best_epoch.assign(epoch.epoch)
            for kept, weights in zip(self.best, self.learner.average.get_weights(), strict=True):
                kept.assign(weights)

    def _has_stalled(self) -> bool:
        patience = self.recipe.early_stopping
        stalled = bool(patience) and int(self.epoch) - int(self.best_epoch) >= patience
        if stalled:
            progress.say(f"stopping early: no better validation for {patience} epochs")
        return stalled


def _write_model(model: keras.Model, path: Path) -> None:
    with writing(path), tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.keras")
        model.save(file)
        write_file(path, file.read_bytes())


@contextmanager
def _termination() -> Iterator[list[int]]:
    """Note SIGTERM in a list instead of dying, so that a checkpoint can be saved first."""
    asked: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)
