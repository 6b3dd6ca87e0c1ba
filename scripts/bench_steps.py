"""What makes training steps fast on this machine: each option against the plain way, as ratios.

    python scripts/bench_steps.py

Each row is a process of its own that takes the steps of a recipe on random pictures; the rows of a
recipe are measured in turn, ROUNDS times, and the best time of each counts.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from liteproof.cluster.strategy import make_strategy
from liteproof.recipes.schema import Architecture, Conv, Recipe, Residual
from liteproof.recipes.training import Augmentation, Precision
from liteproof.tensorflow_setup import Device, prepare

ROUNDS = 2
SECONDS = 6.0  # of steps in each process
RECIPES = {"mnist": (28, 28, 1), "cifar10": (32, 32, 3)}


@dataclass(frozen=True)
class Option:
    """One way to take the steps; the defaults are the plain way, which all others differ from."""

    threads: int = 2
    precision: str = "float32"
    batch: int = 0  # 0: the recipe's
    wider: int = 0  # more filters in every convolution
    augmented: bool = True
    one_step: bool = False  # Python is entered for every step
    keras_normalization: bool = False
    xla: bool = False
    onednn: bool = True


OPTIONS = {
    "as it is, float32": Option(),
    "bfloat16": Option(precision="bfloat16"),
    "one thread": Option(threads=1),
    "one thread, bfloat16": Option(threads=1, precision="bfloat16"),
    "Python entered for every step": Option(one_step=True),
    "batch normalisation by Keras": Option(keras_normalization=True),
    "XLA (jit_compile)": Option(xla=True),
    "without oneDNN": Option(onednn=False),
    "batch 64": Option(batch=64),
    "batch 512": Option(batch=512),
    "no augmentation": Option(augmented=False),
    "two filters more in each layer": Option(wider=2),
}


def main() -> None:
    """Print a table for each recipe; or, in a child, measure one row."""
    if len(sys.argv) > 1:
        print(pictures_per_second(sys.argv[1], Option(**json.loads(sys.argv[2]))))
        return
    for recipe in RECIPES:
        best = dict.fromkeys(OPTIONS, 0.0)
        for _ in range(ROUNDS):
            for name, option in OPTIONS.items():
                child = [sys.executable, __file__, recipe, json.dumps(vars(option))]
                environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": str(int(option.onednn))}
                ended = subprocess.run(
                    child, check=True, capture_output=True, text=True, env=environment
                )
                best[name] = max(best[name], float(ended.stdout.splitlines()[-1]))
        plain = best["as it is, float32"]
        print(f"\n{recipe}: pictures a second, best of {ROUNDS}, and the ratio to the first row")
        for name, speed in best.items():
            print(f"  {name:34} {speed:8,.0f}  {speed / plain:5.2f}")


def pictures_per_second(name: str, option: Option) -> float:
    """Take steps for SECONDS after the first block, which is traced."""
    prepare(Device.CPU, option.threads)
    strategy: Any = make_strategy(Device.CPU)
    import keras  # noqa: PLC0415 - takes seconds
    import tensorflow as tf  # noqa: PLC0415

    from liteproof.network import layers  # noqa: PLC0415
    from liteproof.network.architecture import build  # noqa: PLC0415
    from liteproof.recipes.reader import load_recipe  # noqa: PLC0415
    from liteproof.training.learner import Learner, Steps  # noqa: PLC0415

    recipe = widened(load_recipe(name).recipe, option.wider)
    training = replace(recipe.training, precision=Precision(option.precision))
    if option.batch:
        training = replace(training, batch_size=option.batch)
    if not option.augmented:
        training = replace(training, augmentation=Augmentation())
    if option.keras_normalization:
        vars(layers)["BatchNormalization"].call = keras.layers.BatchNormalization.call
    shape = RECIPES[name]
    learner = Learner(
        lambda: build(recipe.architecture, shape, 10),
        training,
        strategy,
        Steps(10_000),
        seed=0,
    )
    if option.xla:  # the model's part: Draws and the pictures' transform have no XLA form
        learner.model.call = tf.function(learner.model.call, jit_compile=True)
    steps = 1 if option.one_step else learner.block_steps
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (steps, training.batch_size, *shape), np.uint8)
    labels = rng.integers(0, 10, (steps, training.batch_size))
    learner.run_block(images, labels, 0)
    done, start = 0, time.monotonic()
    while time.monotonic() - start < SECONDS:
        learner.run_block(images, labels, done)
        done += steps
    return done * training.batch_size / (time.monotonic() - start)


def widened(recipe: Recipe, more: int) -> Recipe:
    """Return the recipe with more filters in every convolution."""

    def widen(layer: Any) -> Any:  # noqa: ANN401 - any of the recipe's layers
        if isinstance(layer, Residual):
            return replace(layer, layers=tuple(widen(inner) for inner in layer.layers))
        return replace(layer, filters=layer.filters + more) if isinstance(layer, Conv) else layer

    layers = tuple(widen(layer) for layer in recipe.architecture.layers)
    return replace(recipe, architecture=Architecture(layers))


if __name__ == "__main__":
    main()
