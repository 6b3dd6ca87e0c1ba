"""Backbones: where weights come from, what of them is trained, what is said when they lack."""

from dataclasses import replace
from unittest.mock import patch

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.utils import file_utils

from liteproof.errors import RecipeError
from liteproof.network.architecture import build
from liteproof.network.first_layers import own_arithmetic
from liteproof.recipes.pretrained import download_name, weights_file
from liteproof.recipes.schema import IMAGENET, Architecture, Backbone, GlobalPool
from liteproof.recipes.training import Training
from liteproof.training.learner import Learner, Steps

SHAPE = (32, 32, 3)
SMALLEST = Architecture(
    (GlobalPool(type="global_average_pool"),), backbone=Backbone.MOBILENET_V2, alpha=0.35
)
KINDS = {
    Backbone.MOBILENET_V2: 0.35,
    Backbone.MOBILENET_V3_SMALL: 0.75,
    Backbone.EFFICIENTNET_B0: 1.0,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The smallest backbone in a model of other classes, as a run's model.keras."""
    keras.utils.set_random_seed(1)
    model = build(SMALLEST, SHAPE, 7)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(layer.moving_mean + 0.01)
    path = tmp_path_factory.mktemp("trained") / "model.keras"
    model.save(path)
    return path


@pytest.fixture(autouse=True)
def no_download(monkeypatch, tmp_path):
    """Have Keras look for weights in an empty folder, and never ask the network."""
    asked = []

    def get_file(name, *_, **__):
        asked.append(name)
        raise OSError("URL fetch failure on https://example.org/x: None")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(file_utils, "get_file", get_file)
    return asked


@pytest.mark.parametrize(("backbone", "alpha"), KINDS.items())
@pytest.mark.parametrize("side", [96, 128, 100])
def test_weights_that_are_missing_are_named_with_their_folder(
    no_download, tmp_path, backbone, alpha, side
):
    architecture = replace(SMALLEST, backbone=backbone, alpha=alpha, weights=IMAGENET)

    with pytest.raises(RecipeError, match="cannot be downloaded") as caught:
        build(architecture, (side, side, 3), 4)

    name = download_name(architecture, (side, side))
    assert no_download == [name]
    assert f"put {name} into {tmp_path}/models" in str(caught.value)
    assert "http" not in str(caught.value)


def test_weights_that_are_there_but_damaged_are_called_so():
    architecture = replace(SMALLEST, weights=IMAGENET)
    file = weights_file(architecture, (96, 96))
    file.parent.mkdir()
    file.write_bytes(b"not weights")

    with (
        patch.object(file_utils, "get_file", lambda *_, **__: str(file)),
        pytest.raises(RecipeError, match="are damaged, or others"),
    ):
        build(architecture, (96, 96, 3), 4)


@pytest.mark.slow
def test_weights_of_a_run_are_taken_by_the_layers_names(trained):
    model = build(replace(SMALLEST, weights=str(trained)), SHAPE, 3)
    source = keras.saving.load_model(trained, compile=False)

    for name in ("Conv1", "block_3_depthwise_BN", "Conv_1_bn"):
        for one, other in zip(
            model.get_layer(name).get_weights(), source.get_layer(name).get_weights(), strict=True
        ):
            assert np.array_equal(one, other)


@pytest.mark.slow
def test_weights_of_keras_own_files_are_taken(tmp_path):
    known = keras.applications.MobileNetV2(SHAPE, alpha=0.35, include_top=False, weights=None)
    known.save_weights(tmp_path / "mine.weights.h5")

    model = build(replace(SMALLEST, weights=str(tmp_path / "mine.weights.h5")), SHAPE, 3)

    assert np.array_equal(
        model.get_layer("Conv1").get_weights()[0], known.get_layer("Conv1").get_weights()[0]
    )


@pytest.mark.parametrize(
    ("content", "expected"), [(None, "no such file"), (b"x", "not weights of this backbone")]
)
def test_weights_that_are_none_are_refused_in_one_line(tmp_path, content, expected):
    file = tmp_path / "w.keras"
    if content:
        file.write_bytes(content)

    with pytest.raises(RecipeError, match=expected) as caught:
        build(replace(SMALLEST, weights=str(file)), SHAPE, 3)

    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_weights_of_another_width_are_refused(trained):
    with pytest.raises(RecipeError, match="not weights of this backbone"):
        build(replace(SMALLEST, alpha=0.5, weights=str(trained)), SHAPE, 3)


@pytest.mark.parametrize("shape", [(28, 28, 3), (32, 32, 1)])
def test_pictures_that_are_too_small_or_grey_are_refused(shape):
    with pytest.raises(RecipeError, match=r"architecture\.backbone: MobileNetV2 takes colour"):
        build(SMALLEST, shape, 3)


@pytest.mark.slow
def test_layer_that_is_not_there_is_refused_with_some_that_are(trained):
    architecture = replace(SMALLEST, weights=str(trained), trainable_from="block_99")

    with pytest.raises(RecipeError, match=r"trainable_from: 'block_99', expected 0 to 15\d"):
        build(architecture, SHAPE, 3, fine_tuning=True)


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "alpha"), KINDS.items())
def test_pixels_are_scaled_within_the_model(backbone, alpha):
    model = build(replace(SMALLEST, backbone=backbone, alpha=alpha), SHAPE, 3)

    assert own_arithmetic(model) is not None
    assert model(np.full((1, *SHAPE), 255.0, np.float32)).shape == (1, 3)


def step(architecture, *, fine_tuning):
    """Take a step, and return which layers' weights it changed."""
    learner = Learner(
        lambda: build(architecture, SHAPE, 3, fine_tuning=fine_tuning),
        Training(epochs=1, batch_size=4),
        tf.distribute.get_strategy(),
        Steps(1),
        seed=0,
    )
    before = {layer.name: layer.get_weights() for layer in learner.model.layers}
    rng = np.random.default_rng(0)
    learner.run_block(rng.integers(0, 256, (1, 4, *SHAPE), np.uint8), np.array([[0, 1, 2, 0]]), 0)
    return {
        layer.name
        for layer in learner.model.layers
        if any(map(np.any, map(np.not_equal, layer.get_weights(), before[layer.name])))
    }, {
        layer.name
        for layer in learner.model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
        and not np.array_equal(layer.moving_mean, before[layer.name][2])
    }


@pytest.mark.slow
def test_frozen_phase_changes_the_head_alone_and_fine_tuning_no_statistics(trained):
    architecture = replace(SMALLEST, weights=str(trained), trainable_from="block_16_project")

    frozen, moved = step(architecture, fine_tuning=False)
    assert (frozen, moved) == ({"logits"}, set())

    tuned, moved = step(architecture, fine_tuning=True)
    assert tuned == {"block_16_project", "block_16_project_BN", "Conv_1", "Conv_1_bn", "logits"}
    assert not moved


@pytest.mark.slow
def test_without_weights_all_of_it_is_trained_with_its_statistics():
    changed, moved = step(SMALLEST, fine_tuning=False)

    assert {"Conv1", "block_3_depthwise_BN", "logits"} <= changed
    assert "bn_Conv1" in moved
