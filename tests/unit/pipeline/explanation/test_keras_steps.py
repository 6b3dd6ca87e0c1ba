"""What is told of a Keras model, against the model's own tensors."""

import keras
import numpy as np
import pytest
from explained import CLOSE

from liteproof.explanation import words
from liteproof.explanation.keras_steps import cam, walk
from liteproof.explanation.stepping import sums, worked_steps
from liteproof.explanation.steps import POOLS, Entry, Kind, pooled
from liteproof.network.architecture import build
from liteproof.recipes.schema import (
    Activation,
    Architecture,
    Conv,
    Dense,
    Dropout,
    GlobalPool,
    Padding,
    Pool,
    Residual,
)

LAYERS = (
    Conv("conv", 4, 3, 2),
    Pool("max_pool", 3, 2, Padding.SAME),
    Conv("conv", 6, 3, 1, Padding.VALID, Activation.LEAKY_RELU, batch_normalization=False),
    Conv("conv", 6, 3, separable=True, activation=Activation.HARD_SWISH),
    Residual("residual", (Conv("conv", 8, 3, 2),), Activation.RELU6),
    Pool("average_pool", 2, 1, Padding.SAME),
    Dropout("dropout", 0.5),
    GlobalPool("global_average_pool"),
    Dense("dense", 5, Activation.GELU),
)


def randomized(model, seed=0):
    """Give every weight a value of its own, those of batch normalisation too."""
    rng = np.random.default_rng(seed)
    model.set_weights([0.1 + 0.3 * rng.random(each.shape) for each in model.get_weights()])
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            layer.kernel.assign(rng.normal(0, 0.4, layer.kernel.shape))
    return model


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 256, (30, 26, 3), np.uint8)


@pytest.fixture(scope="module")
def model(pixels):
    return randomized(build(Architecture(layers=LAYERS), pixels.shape, 4))


@pytest.fixture(scope="module")
def found(model, pixels):
    return walk(model, pixels, (0, 1))


def close(values):
    reach = float(np.abs(values).max())
    return pytest.approx(values, abs=CLOSE * reach)


def test_every_step_has_the_layers_own_output(model, found, pixels):
    for step in found.steps:
        layer = model.get_layer(step.members[-1])
        own = keras.Model(model.input, layer.output)(pixels[np.newaxis].astype(np.float32))
        assert step.output == close(own.numpy()[0])
    assert found.logits == close(found.steps[-1].output)


def test_what_is_stepped_through_is_the_layers_output_before_the_activation(found, pixels):
    worked = list(worked_steps(found.steps, Entry(pixels, pixels.astype(np.float32))))

    kinds = [each.step.kind for each in worked]
    assert kinds.count(Kind.DEPTHWISE) == 1
    assert kinds.count(Kind.CONVOLUTION) == 5
    for each in worked:
        own = each.step.output if each.step.before is None else each.step.before
        assert sums(each) == close(own)


def test_pooling_both_ways_includes_the_layers_own(found):
    pools = [each for each in found.steps if each.kind in POOLS]

    assert len(pools) == 3
    for step in pools:
        taken = found.steps[step.inputs[0]].output
        assert pooled(taken, step.window, step.kind) == close(step.output)


def test_residual_is_a_sum_of_two_steps(found):
    (step,) = [each for each in found.steps if each.kind is Kind.SUM]

    one, other = (found.steps[at].output for at in step.inputs)
    assert step.output == close(one + other)


def test_dense_layer_weighs_every_value(found):
    for step in (each for each in found.steps if each.kind is Kind.DENSE):
        taken = found.steps[step.inputs[0]].output
        before = step.output if step.before is None else step.before
        assert taken @ step.kernel + step.bias == close(before)


def test_rescaling_says_what_it_does_to_a_pixel(found):
    step = found.steps[0]

    assert step.formula == "x · 0.003922"
    assert words.title(step) == "Rescaling, x · 0.003922"


def test_dropout_is_no_step(found):
    assert not [each for each in found.steps if each.type == "Dropout"]


def test_nested_models_and_unknown_layers_are_opened_or_shown_as_they_are(pixels):
    inner = keras.Sequential(
        [
            keras.layers.Input((30, 26, 3)),
            keras.layers.Conv2D(4, 3, dilation_rate=2, activation="relu"),
            keras.layers.LayerNormalization(),
        ],
        name="inner",
    )
    image = keras.Input((30, 26, 3))
    values = keras.ops.multiply(inner(image), 2.0)
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(values)))

    found = walk(model, pixels, (2,))

    assert [each.kind for each in found.steps[:3]] == [Kind.OTHER] * 3
    assert found.logits == close(model(pixels[np.newaxis].astype(np.float32)).numpy()[0])


def test_grad_cam_weighs_channels_by_the_mean_gradient():
    values = np.stack([np.eye(2), np.ones((2, 2))], axis=-1).astype(np.float32)
    gradient = np.stack([np.full((2, 2), 3.0), np.full((2, 2), -1.0)], axis=-1).astype(np.float32)

    assert cam(values, gradient).tolist() == [[2, 0], [0, 2]]


def test_grad_cam_of_a_linear_end_is_its_weights(pixels):
    image = keras.Input((30, 26, 3))
    conv = keras.layers.Conv2D(2, 3, name="last")
    dense = keras.layers.Dense(2)
    model = keras.Model(image, dense(keras.layers.GlobalAveragePooling2D()(conv(image))))
    weights = dense.kernel.numpy()

    found = walk(model, pixels, (0, 1))

    assert found.map_of == "last"
    places = np.prod(found.steps[0].output.shape[:2])
    for at in (0, 1):
        wanted = np.maximum(found.steps[0].output @ weights[:, at] / places, 0)
        assert found.maps[at] == pytest.approx(wanted, abs=1e-3 * max(wanted.max(), 1))
