"""Each number of the lecture, against the layers that train."""

import keras
import numpy as np
import pytest

from liteproof.description.layer_table import layer_table
from liteproof.explanation import lecture
from liteproof.explanation.steps import Kind
from liteproof.network.architecture import build
from liteproof.network.layers import elu
from liteproof.recipes.reader import load_recipe
from liteproof.recipes.schema import Activation, Architecture, Conv, Padding, Pool

TOLERANCE = 1e-4  # float32: the pixels are divided by 255 and the sums multiplied back


def trained(layer, taken, kernel=None, bias=None):
    """What a recipe's layer makes of values, which the model divides by 255."""
    model = build(Architecture(layers=(layer,)), taken.shape, 2)
    found = model.layers[2]
    if kernel is not None:
        found.set_weights([kernel, np.array(bias, np.float32) / 255])
    return 255 * keras.Model(model.input, found.output)(taken[np.newaxis]).numpy()[0]


def convolution(worked):
    window, step = worked.step.window, worked.step
    return Conv(
        type="conv",
        filters=step.kernel.shape[-1],
        kernel_size=window.size[0],
        strides=window.strides[0],
        padding=Padding.SAME if window.same else Padding.VALID,
        activation=Activation.LINEAR,
        batch_normalization=False,
    )


@pytest.mark.parametrize("worked", lecture.convolutions(), ids=lambda each: each.name)
def test_convolution_is_that_of_the_layer(worked):
    made = trained(convolution(worked), worked.taken, worked.step.kernel, worked.step.bias)

    assert worked.step.output == pytest.approx(made, abs=TOLERANCE)


def test_first_output_is_the_lectures_10():
    assert [each.step.output[0, 0, 0] for each in lecture.convolutions()] == [10, 8, 10, 11, 10]


@pytest.mark.parametrize(("name", "kind"), [("max", "max_pool"), ("average", "average_pool")])
def test_pooling_is_that_of_the_layer(name, kind):
    made = trained(Pool(kind), lecture.picture())

    assert lecture.pools()[name] == pytest.approx(made, abs=TOLERANCE)


@pytest.mark.parametrize("activation", list(Activation))
def test_activation_is_that_of_the_layer(activation):
    bend = next(each for each in lecture.bends() if each.name == activation.value)
    function = elu if activation is Activation.ELU else keras.activations.get(activation.value)

    made = np.array(function(np.array(lecture.POINTS, np.float32)))

    assert bend.values == pytest.approx(made, abs=TOLERANCE)


def test_fully_connected_is_that_of_the_layer():
    layer = keras.layers.Dense(2)
    values = lecture.pools()["max"].reshape(1, -1)
    layer.build(values.shape)
    layer.set_weights([np.array(lecture.DENSE), np.array(lecture.DENSE_BIASES)])

    logits = layer(values).numpy()[0]

    assert lecture.dense() == pytest.approx(logits, abs=TOLERANCE)
    assert lecture.shares(lecture.dense()) == pytest.approx(
        keras.ops.softmax(logits).numpy(), abs=TOLERANCE
    )


def test_typical_network_is_the_recipes():
    recipe = load_recipe(lecture.RECIPE).recipe
    table = layer_table(recipe.architecture, build(recipe.architecture, (28, 28, 1), 10))

    told = [(row.shape, row.parameters) for row in lecture.typical()]

    assert told == [(row.output, row.parameters) for row in table]


def test_page_shows_all_topics_and_needs_no_network():
    page = lecture.render_lecture()

    for topic in ("Convolution", "Valid and same", "Stride", "input channels", "Many filters"):
        assert topic in page
    for topic in ("Max and average", "Activations", "Fully connected", "typical CNN", "MNIST"):
        assert topic in page
    assert "http" not in page.replace("http-equiv", "")


def test_sums_of_the_channels_add_up():
    worked = next(each for each in lecture.convolutions() if each.name == "three channels")

    assert worked.step.kind is Kind.CONVOLUTION
    assert "10 + 4 − 3 = 11" in lecture.render_lecture()
