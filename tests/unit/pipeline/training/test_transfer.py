"""A recipe that begins with a backbone, through the whole chain."""

import csv
import json
import os
import re
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format
from PIL import Image

pytestmark = pytest.mark.slow

RECIPE = """
name = "colours"
description = "Red, green, blue"

[dataset]
name = "colours"
size = [32, 32]

[preprocessing]
kind = "photo"

[architecture]
backbone = "MobileNetV2"
alpha = 0.35
weights = "WEIGHTS"
trainable_from = "block_16_project"
layers = [{ type = "global_average_pool" }]

[training]
epochs = 12
batch_size = 16
learning_rate = 0.01
weight_averaging = 0.5

[training.fine_tuning]
epochs = 2
learning_rate = 0.001

[gates]
top1_drop_points = 20.0
"""


def draw_colours(folder, n):
    """Draw so many pictures of red, of green and of blue."""
    rng = np.random.default_rng(0)
    for channel, name in enumerate(("red", "green", "blue")):
        for number in range(n):
            values = rng.integers(0, 60, (40, 44, 3), np.uint8)
            values[..., channel] += np.uint8(rng.integers(60, 190))
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(folder / name / f"{number}.png")
    return folder


def untrained(side, alpha):
    """A MobileNetV2 with random weights, and the statistics of some pictures, lest values fade."""
    keras.utils.set_random_seed(0)
    known = keras.applications.MobileNetV2((side, side, 3), alpha, include_top=False, weights=None)
    for layer in known.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    rng = np.random.default_rng(0)
    known(rng.uniform(-1, 1, (64, 1, 1, 3)).repeat(side, 1).repeat(side, 2), training=True)
    return known


def test_backbone_is_frozen_then_fine_tuned_and_ships_as_int8(liteproof, tmp_path):
    known = untrained(32, 0.35)
    known.save_weights(tmp_path / "known.weights.h5")
    recipe, run, data = tmp_path / "colours.toml", tmp_path / "run", tmp_path / "data"
    recipe.write_text(RECIPE.replace("WEIGHTS", str(tmp_path / "known.weights.h5")))
    liteproof("data", "colours", "--from", draw_colours(tmp_path / "c", 60), "--data-dir", data)

    done = liteproof("run", recipe, "--out", run, "--data-dir", data, "--threads", "1")

    assert done.returncode == 0, done.stderr
    assert len(list(csv.DictReader((run / "history.csv").read_text().splitlines()))) == 14
    evidence = json.loads((run / "comparison.json").read_text())
    assert evidence["balanced"]["after"] > 0.5  # chance is a third; its features are random
    assert "`block_16_project` on" in (run / "bundle" / "MODEL_CARD.md").read_text()
    trained = keras.saving.load_model(run / "model.keras", compile=False)
    for name, kept in (("block_3_project", True), ("block_16_project", False)):
        before, after = (model.get_layer(name).get_weights()[0] for model in (known, trained))
        assert np.array_equal(before, after) is kept
    for layer in known.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert np.array_equal(layer.moving_mean, trained.get_layer(layer.name).moving_mean)


def test_recipe_photos_trains_with_the_file_that_its_error_asks_for(liteproof, tmp_path):
    data = ("--data-dir", tmp_path / "data")
    liteproof("data", "photos", "--from", draw_colours(tmp_path / "c", 30), *data)
    nowhere = "http://127.0.0.1:9"  # nothing is downloaded, wherever this runs
    proxies = {"http_proxy": nowhere, "https_proxy": nowhere}
    environment = {**os.environ, **proxies, "KERAS_HOME": str(tmp_path / "keras")}
    asked = ("train", "photos", "--out", tmp_path / "run", *data, "--threads", "1")

    refused = liteproof(*asked, env=environment)
    said = re.search(r"cannot be downloaded; put (\S+) into (\S+), or name", refused.stderr)
    assert said, refused.stderr
    assert refused.returncode == 2
    Path(said[2]).mkdir(parents=True, exist_ok=True)
    known = untrained(128, 0.5)
    with h5py.File(Path(said[2]) / said[1], "w") as file:  # in the layout of Keras' own downloads
        legacy_h5_format.save_weights_to_hdf5_group(file, known)
    done = liteproof(*asked, "--resume", env=environment)

    assert done.returncode == 0, done.stderr
    trained = keras.saving.load_model(tmp_path / "run" / "model.keras", compile=False)
    before, after = (
        model.get_layer("block_3_project").get_weights()[0] for model in (known, trained)
    )
    assert np.array_equal(before, after)
