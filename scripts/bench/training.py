"""Training: seconds until so many of MNIST's test pictures are right, ours and two tutorials'.

Each trains in a process of its own, in turn, on the same machine; evaluation is not timed, tracing
is. The rivals, from their descriptions: keras.io's "Simple MNIST convnet" (two 3x3 convolutions of
32 and 64 filters, each with 2x2 max pooling, dropout 0.5, softmax; Adam at 0.001, batches of 128, a
tenth held out, 15 epochs), and the model of TensorFlow's tutorial on post-training quantization
(one 3x3 convolution of 12 filters, 2x2 max pooling, dense; Adam, batches of 32, a tenth held out).
They are evaluated after each epoch, ours every 25 steps. The test pictures tell when a goal is
reached; nothing is chosen by them.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from bench.quick import repeats
from bench.row import Row, median_row
from liteproof.cluster.strategy import make_strategy
from liteproof.data.dataset import Dataset
from liteproof.recipes.schema import Recipe
from liteproof.tensorflow_setup import Device, available_cores, import_tensorflow, prepare
from liteproof.training.precision import resolve_precision

GOALS = (0.98, 0.99, 0.994)
ROUNDS = 3
BLOCK = 25  # steps between evaluations of ours
KERAS_EPOCHS = 15  # as published for the one, and three times as many as for the other
RECIPES = ("mnist-sprint", "mnist-fast")
WAYS = ("keras.io mnist_convnet", "TensorFlow's PTQ tutorial", *RECIPES)
Reached = dict[float, float]  # goal → seconds


def rows() -> Iterator[Row]:
    """Run each way in turn, several times; yield a row for each goal and way."""
    rounds = repeats(ROUNDS)
    reached: dict[str, list[Reached]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            child = [sys.executable, "-m", "bench.training", way]
            answer = subprocess.run(child, check=True, capture_output=True, text=True).stdout
            found = json.loads(answer.splitlines()[-1])
            reached[way].append({float(goal): seconds for goal, seconds in found.items()})
    for goal in GOALS:
        for way in WAYS:
            seconds = [each[goal] for each in reached[way] if goal in each]
            ours, group = way in RECIPES, f"training to {goal:.1%} of MNIST's test pictures"
            name = f"liteproof {way}" if ours else way
            if 2 * len(seconds) <= rounds:
                note = f"not reached in {rounds - len(seconds)} of {rounds}"
                yield Row(group, name, None, "s", rounds, ours=ours, note=note)
                continue
            late = [float("inf")] * (rounds - len(seconds))
            every = ", ".join(f"{each:.1f}" for each in seconds)
            yield median_row(group, name, seconds + late, "s", ours=ours, note=f"all: {every}")


def run(way: str) -> Reached:
    """Train in one of the ways; return when each goal was reached, in seconds."""
    prepare(Device.CPU, available_cores())
    from liteproof.data.dataset import default_data_dir, load_dataset  # noqa: PLC0415
    from liteproof.progress import say  # noqa: PLC0415
    from liteproof.recipes.reader import load_recipe  # noqa: PLC0415

    recipe = load_recipe(way if way in RECIPES else RECIPES[0]).recipe
    dataset = load_dataset(recipe.dataset, recipe.preprocessing, default_data_dir(), say)
    return liteproof(recipe, dataset) if way in RECIPES else tutorial(dataset, way)


def note_goals(reached: Reached, seconds: float, accuracy: float) -> bool:
    """Note the goals that an accuracy reaches; return whether none is left."""
    for goal in GOALS:
        if accuracy >= goal:
            reached.setdefault(goal, seconds)
    return len(reached) == len(GOALS)


def tutorial(dataset: Dataset, way: str) -> Reached:
    """Train as one of the tutorials does, epoch by epoch."""
    import_tensorflow()
    import keras  # noqa: PLC0415 - takes seconds

    keras.utils.set_random_seed(0)
    layers, is_keras_io = keras.layers, way == WAYS[0]
    hidden = (
        [
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
        ]
        if is_keras_io
        else [layers.Conv2D(12, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()]
    )
    model = keras.Sequential(
        [keras.Input((28, 28, 1)), *hidden, layers.Dense(len(dataset.labels), activation="softmax")]
    )
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    train, test = (
        (part.images.astype("float32") / 255, part.labels) for part in (dataset.train, dataset.test)
    )
    seconds, reached = 0.0, Reached()
    for _ in range(repeats(KERAS_EPOCHS)):
        start = time.monotonic()
        batch = 128 if is_keras_io else 32
        model.fit(*train, batch_size=batch, epochs=1, validation_split=0.1, verbose=0)
        seconds += time.monotonic() - start
        if note_goals(reached, seconds, float(model.evaluate(*test, verbose=0)[1])):
            break
    return reached


def liteproof(recipe: Recipe, dataset: Dataset) -> Reached:
    """Train by the project's own steps."""
    strategy: Any = make_strategy(Device.CPU)
    from liteproof.network.architecture import build  # noqa: PLC0415 - imports TensorFlow
    from liteproof.randomness import Stream, random_stream  # noqa: PLC0415
    from liteproof.training.learner import Learner, Steps  # noqa: PLC0415 - imports TensorFlow

    precision = resolve_precision(recipe.training.precision, Device.CPU)
    training, classes = replace(recipe.training, precision=precision), len(dataset.labels)
    per_epoch = len(dataset.train.labels) // training.batch_size
    steps = per_epoch * training.epochs
    learner = Learner(
        lambda: build(recipe.architecture, dataset.shape, classes),
        training,
        strategy,
        Steps(steps),
        seed=training.seed,
    )
    images, labels = dataset.train
    test = np.arange(len(dataset.test.labels))
    seconds, reached = 0.0, Reached()
    for epoch in range(repeats(training.epochs)):
        order = random_stream(training.seed, Stream.ORDER, epoch).permutation(len(labels))
        batches = order[: per_epoch * training.batch_size].reshape(per_epoch, -1)
        for first in range(0, per_epoch, BLOCK):
            block = batches[first : first + BLOCK]
            start = time.monotonic()
            learner.run_block(images[block], labels[block], epoch * per_epoch + first)
            seconds += time.monotonic() - start
            _, accuracy = learner.evaluate(dataset.test, test)
            if note_goals(reached, seconds, accuracy):
                return reached
    return reached


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1])))
