"""The parts of a training: the training proper, a backbone's, and through the rounding of int8."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from liteproof.data.dataset import Dataset, Parts
from liteproof.network.architecture import build
from liteproof.randomness import Stream, random_stream
from liteproof.recipes.training import FineTuning, Precision, Qat, Training
from liteproof.runs.run import Run
from liteproof.training.qat import quantized_twin

RANGE_PICTURES = 512  # whose extremes are the ranges of quantization-aware training


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the training, with an optimizer, a weight average and checkpoints of its own.

    Attributes:
        build: makes the model that it starts from.
        training: the recipe's, as it holds for this phase.
        key: of `training` in the recipe.
        epochs_before: how many were taken in earlier phases.
        checkpoints: where they are kept.
        product: the model's file.
    """

    build: Callable[[], keras.Model]
    training: Training
    key: str
    epochs_before: int
    checkpoints: Path
    product: Path


def training_proper(run: Run, dataset: Dataset) -> Phase:
    """Return the phase that trains the recipe's layers from nothing, but a pretrained backbone."""
    architecture, classes = run.recipe.architecture, len(dataset.labels)
    is_last = run.recipe.training.fine_tuning is None
    return Phase(
        build=lambda: build(architecture, dataset.shape, classes),
        training=replace(run.recipe.training, precision=run.settings.precision),
        key="training",
        epochs_before=0,
        checkpoints=run.checkpoints,
        product=run.keras_model if is_last else run.checkpoints / "frozen.keras",
    )


def unfreezing(
    run: Run, dataset: Dataset, trained: keras.Model, epochs_before: int, tuning: FineTuning
) -> Phase:
    """Return the phase that trains a backbone's last layers too, at a lower rate.

    Source: Chollet, "Transfer learning and fine-tuning", Keras' developer guides.
    """
    training = run.recipe.training

    def unfrozen() -> keras.Model:
        architecture, classes = run.recipe.architecture, len(dataset.labels)
        model = build(architecture, dataset.shape, classes, fine_tuning=True)
        model.set_weights(trained.get_weights())
        return model

    return Phase(
        build=unfrozen,
        training=replace(
            training,
            epochs=tuning.epochs,
            learning_rate=tuning.learning_rate,
            precision=run.settings.precision,
        ),
        key="training.fine_tuning",
        epochs_before=epochs_before,
        checkpoints=run.checkpoints / "fine-tuning",
        product=run.keras_model,
    )


def fine_tuning(
    run: Run, dataset: Dataset, parts: Parts, trained: keras.Model, epochs_before: int, qat: Qat
) -> Phase:
    """Return the phase that trains through the rounding of int8; it is never stopped early."""
    training = run.recipe.training
    rng = random_stream(run.settings.seed, Stream.CALIBRATION)
    pictures = dataset.train.images[rng.permutation(parts.training)[:RANGE_PICTURES]]
    return Phase(
        build=lambda: quantized_twin(trained, pictures),
        training=replace(
            training,
            epochs=qat.epochs,
            learning_rate=qat.learning_rate,
            early_stopping=0,
            precision=Precision.FLOAT32,  # others cannot represent every code of a value
        ),
        key="training.qat",
        epochs_before=epochs_before,
        checkpoints=run.checkpoints / "qat",
        product=run.qat_model,
    )
