import keras
import numpy as np
import pytest

from liteproof.architectures import build
from liteproof.errors import RecipeError
from liteproof.recipe import Activation, Architecture, Conv, Dense, Dropout, Padding, Pool

# The worked example of any course on convolution.
PICTURE = [
    [5, 2, 1, 3, 5],
    [4, 3, 2, 3, 4],
    [0, 2, 1, 2, 2],
    [3, 3, 2, 3, 2],
    [2, 1, 3, 2, 2],
]
KERNEL = [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
TOLERANCE = 1e-4  # float32: the pixels are divided by 255 and the sums multiplied back


def conv(**changes):
    fields = {"filters": 1, "kernel_size": 3, "batch_normalization": False}
    return Conv(type="conv", activation=Activation.LINEAR, **{**fields, **changes})


def first_layer(layer, picture, kernel=None):
    """What the first layer makes of a picture, with a kernel of our own."""
    pixels = np.array(picture, np.float32)[np.newaxis, ..., np.newaxis]
    model = build(Architecture(layers=(layer,)), pixels.shape[1:], 2)
    if kernel is not None:
        weights = np.array(kernel, np.float32)[..., np.newaxis, np.newaxis]
        model.layers[2].set_weights([weights, np.zeros(1, np.float32)])
    until = keras.Model(model.input, model.layers[2].output)
    return 255 * until(pixels).numpy()[0, ..., 0]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (conv(padding=Padding.VALID), [[10, 11, 12], [13, 13, 12], [9, 9, 11]]),
        (conv(padding=Padding.VALID, strides=2), [[10, 12], [9, 11]]),
    ],
)
def test_convolution_is_the_one_computed_by_hand(layer, expected):
    assert first_layer(layer, PICTURE, KERNEL) == pytest.approx(np.array(expected), abs=TOLERANCE)


@pytest.mark.parametrize(
    ("kind", "expected"), [("max_pool", [[5, 3], [3, 3]]), ("average_pool", [[3.5, 2.25], [2, 2]])]
)
def test_pooling_is_the_one_computed_by_hand(kind, expected):
    pooled = first_layer(Pool(type=kind), PICTURE)

    assert pooled == pytest.approx(np.array(expected), abs=TOLERANCE)


@pytest.mark.parametrize("padding", list(Padding))
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [1, 3, 4])
def test_output_size_follows_the_formula(padding, strides, kernel_size):
    layer = conv(padding=padding, strides=strides, kernel_size=kernel_size, filters=7)
    model = build(Architecture(layers=(layer,)), (11, 9, 3), 2)
    sides = {
        Padding.SAME: [-(-11 // strides), -(-9 // strides)],
        Padding.VALID: [(11 - kernel_size) // strides + 1, (9 - kernel_size) // strides + 1],
    }

    assert model.layers[2].output.shape[1:] == (*sides[padding], 7)
    assert model.layers[2].count_params() == 7 * (3 * kernel_size**2 + 1)


def test_model_gives_one_logit_for_each_class():
    layers = (conv(), Pool(type="max_pool"), Dense(type="dense", units=5), Dropout("dropout", 0.5))
    model = build(Architecture(layers=layers), (8, 8, 1), 4)

    assert model.output_shape == (None, 4)


def test_same_seed_gives_the_same_weights():
    models = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        models.append(build(Architecture(layers=(conv(),)), (8, 8, 1), 4))

    for first, second in zip(*(model.get_weights() for model in models), strict=True):
        assert np.array_equal(first, second)


def test_layer_that_does_not_fit_is_named():
    layers = (conv(), conv(padding=Padding.VALID, kernel_size=9))

    with pytest.raises(RecipeError, match=r"architecture.layers\[1\]: conv does not fit .*8, 8, 1"):
        build(Architecture(layers=layers), (8, 8, 1), 4)


def test_convolution_after_a_dense_layer_is_refused():
    with pytest.raises(RecipeError, match=r"architecture.layers\[1\]: conv does not fit"):
        build(Architecture(layers=(Dense(type="dense", units=4), conv())), (8, 8, 1), 4)
