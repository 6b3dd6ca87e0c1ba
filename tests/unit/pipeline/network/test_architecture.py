"""Every word of a recipe's architecture, against examples that were computed by hand."""

import math

import keras
import numpy as np
import pytest

from liteproof.conversion.quantization import convert
from liteproof.conversion.variants import Scheme, Variant
from liteproof.errors import RecipeError
from liteproof.execution.tflite_model import execute
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
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.runtime.loading import Runtime

# The worked example of any course on convolution.
PICTURE = np.array(
    [
        [5, 2, 1, 3, 5],
        [4, 3, 2, 3, 4],
        [0, 2, 1, 2, 2],
        [3, 3, 2, 3, 2],
        [2, 1, 3, 2, 2],
    ]
)
KERNEL = [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
CENTRE = [[0, 0, 0], [0, 1, 0], [0, 0, 0]]  # leaves a picture as it is
VALID = [[10, 11, 12], [13, 13, 12], [9, 9, 11]]
SAME = [[8, 8, 7, 9, 8], [8, 10, 11, 12, 9], [6, 13, 13, 12, 8], [6, 9, 9, 11, 6], [5, 6, 9, 6, 5]]
TOLERANCE = 1e-4  # float32: the pixels are divided by 255 and the sums multiplied back


def conv(**changes):
    fields = {"filters": 1, "kernel_size": 3, "batch_normalization": False}
    return Conv(**{"type": "conv", "activation": Activation.LINEAR, **fields, **changes})


def dense(units, activation=Activation.LINEAR):
    return Dense("dense", units, activation)


def residual(*layers, activation=Activation.LINEAR):
    return Residual("residual", layers, activation)


def kernel(*filters):
    """Kernels of one filter each, (height, width) or (height, width, channels), as Keras has it."""
    arrays = [np.array(values, np.float32) for values in filters]
    return np.stack([a[..., np.newaxis] if a.ndim == 2 else a for a in arrays], axis=-1)


def answer(layers, picture, weights=None, biases=None):
    """What layers make of a picture, with kernels and biases of our own, by the layers' names.

    The pixels become pixel / 255 in the model: biases are given, and answers read, in pixels.
    """
    pixels = np.array(picture, np.float32)
    pixels = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    model = build(Architecture(layers=tuple(layers)), pixels.shape, 2)
    for name, values in (weights or {}).items():
        layer = model.get_layer(name)
        bias = np.broadcast_to((biases or {}).get(name, 0), layer.bias.shape) / 255
        layer.set_weights([np.array(values, np.float32), bias])
    names = [layer.name for layer in model.layers]
    end = model.layers[names.index("logits") - 1]
    if end.name == "flatten":
        end = model.layers[names.index("flatten") - 1]
    made = keras.Model(model.input, end.output)(pixels[np.newaxis])
    return 255 * made.numpy()[0]


def as_map(*channels):
    return pytest.approx(np.stack(channels, axis=-1).astype(float), abs=TOLERANCE)


@pytest.mark.parametrize(
    ("padding", "strides", "expected"),
    [
        (Padding.VALID, 1, VALID),
        (Padding.VALID, 2, [[10, 12], [9, 11]]),
        (Padding.SAME, 1, SAME),
        (Padding.SAME, 2, [[8, 7, 8], [6, 13, 8], [5, 9, 5]]),
        (Padding.SAME, 3, [[10, 9], [6, 5]]),
    ],
)
def test_convolution_is_the_one_computed_by_hand(padding, strides, expected):
    layer = conv(padding=padding, strides=strides)

    assert answer([layer], PICTURE, {"conv_0": kernel(KERNEL)}) == as_map(expected)


def test_convolution_of_an_even_side_pads_at_the_right_and_below():
    made = answer([conv(strides=2)], PICTURE[:4, :4], {"conv_0": kernel(KERNEL)})

    assert made == as_map([[10, 5], [4, 4]])


def test_convolution_sums_over_the_channels():
    colour = np.stack([PICTURE, np.full_like(PICTURE, 4), PICTURE.T], axis=-1)
    one_filter = np.stack([KERNEL, CENTRE, np.negative(CENTRE)], axis=-1)
    layer = conv(padding=Padding.VALID)

    made = answer([layer], colour, {"conv_0": kernel(one_filter)})

    assert made == as_map([[11, 13, 13], [15, 16, 14], [10, 11, 12]])


def test_each_filter_makes_a_channel_and_has_a_bias():
    layer = conv(filters=3, padding=Padding.VALID)
    weights = {"conv_0": kernel(KERNEL, CENTRE, np.negative(KERNEL))}

    made = answer([layer], PICTURE, weights, {"conv_0": [0, 7, -1]})

    assert made == as_map(VALID, PICTURE[1:4, 1:4] + 7, np.negative(VALID) - 1)


def test_convolution_can_change_one_value_alone():
    layer = conv(kernel_size=1, filters=2)

    made = answer([layer], PICTURE, {"conv_0": kernel([[3]], [[-2]])})

    assert made == as_map(3 * PICTURE, -2 * PICTURE)


def test_batch_normalization_is_applied_before_the_activation():
    layer = conv(padding=Padding.VALID, batch_normalization=True, activation=Activation.RELU)
    model = build(Architecture(layers=(layer,)), (5, 5, 1), 2)
    model.get_layer("conv_0").set_weights([kernel(KERNEL)])
    normalization = model.get_layer("conv_0_normalization")
    gamma, beta, mean, variance = 2.0, 1 / 255, 11 / 255, 4.0 - normalization.epsilon
    normalization.set_weights([np.array([value]) for value in (gamma, beta, mean, variance)])

    made = keras.Model(model.input, model.get_layer("conv_0_relu").output)(
        PICTURE[np.newaxis, ..., np.newaxis].astype(np.float32)
    )

    # 2 · (value - 11) / √4 + 1, and nothing below 0
    expected = [[0, 1, 2], [3, 3, 2], [0, 0, 1]]
    assert 255 * made.numpy()[0] == as_map(expected)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Pool("max_pool"), [[5, 3], [3, 3]]),
        (Pool("max_pool", padding=Padding.SAME), [[5, 3, 5], [3, 3, 2], [2, 3, 2]]),
        (Pool("max_pool", 3, 1), [[5, 3, 5], [4, 3, 4], [3, 3, 3]]),
        (Pool("max_pool", 3, 2), [[5, 5], [3, 3]]),
        (Pool("average_pool"), [[3.5, 2.25], [2, 2]]),
        # The border does not count: the mean is that of the values that are there.
        (Pool("average_pool", padding=Padding.SAME), [[3.5, 2.25, 4.5], [2, 2, 2], [1.5, 2.5, 2]]),
        (Pool("average_pool", 3, 2), [[20 / 9, 23 / 9], [17 / 9, 19 / 9]]),
        (GlobalPool("global_max_pool"), [[5]]),
        (GlobalPool("global_average_pool"), [[62 / 25]]),
    ],
)
def test_pooling_is_the_one_computed_by_hand(layer, expected):
    assert answer([layer], PICTURE) == as_map(expected)


def test_pooling_keeps_the_channels_apart():
    made = answer([Pool("max_pool")], np.stack([PICTURE, 9 - PICTURE], axis=-1))

    assert made == as_map([[5, 3], [3, 3]], [[7, 8], [9, 8]])


def test_dense_layer_sums_all_values_and_has_a_bias():
    rows = np.repeat(np.arange(1, 6), 5)  # the first row once, the second twice, …
    weights = {"dense_0": np.stack([np.ones(25), rows], axis=-1)}

    made = answer([dense(2)], PICTURE, weights, {"dense_0": [0, -100]})

    assert made == pytest.approx([62, 16 + 2 * 16 + 3 * 7 + 4 * 13 + 5 * 10 - 100], abs=TOLERANCE)


def test_dropout_changes_nothing_once_trained():
    assert answer([Dropout("dropout", 0.5)], PICTURE) == as_map(PICTURE)


def test_residual_adds_its_input():
    made = answer([residual(conv())], PICTURE, {"residual_0_conv_0": kernel(KERNEL)})

    assert made == as_map(SAME + PICTURE)


def test_activation_of_a_residual_comes_after_the_sum():
    weights = {"residual_0_conv_0": kernel(np.multiply(CENTRE, -2))}

    made = answer([residual(conv())], PICTURE, weights)
    cut = answer([residual(conv(), activation=Activation.RELU)], PICTURE, weights)

    assert made == as_map(-PICTURE)
    assert cut == as_map(0 * PICTURE)


def test_residual_that_changes_the_shape_projects_its_input():
    layers = [residual(conv(filters=2, strides=2))]
    weights = {
        "residual_0_conv_0": kernel(KERNEL, CENTRE),
        "residual_0_shortcut": kernel([[1]], [[10]]),
    }

    made = answer(layers, PICTURE, weights)

    every_second = PICTURE[::2, ::2]
    assert made == as_map(np.add(SAME, PICTURE)[::2, ::2], 11 * every_second)


def test_separable_convolution_is_a_depthwise_and_a_pointwise_one():
    pair = np.stack([PICTURE, 9 - PICTURE], axis=-1)
    weights = {
        "conv_0_depthwise": np.stack([KERNEL, CENTRE], axis=-1)[..., np.newaxis],
        "conv_0_pointwise": np.array([[[[1, 0, 2], [1, 1, -1]]]]),  # (1, 1, channels, filters)
    }
    layer = conv(separable=True, filters=3, padding=Padding.VALID)

    made = answer([layer], pair, weights)

    first, second = np.array(VALID), (9 - PICTURE)[1:4, 1:4]
    assert made == as_map(first + second, second, 2 * first - second)


def test_separable_convolution_is_activated_after_each_part():
    weights = {
        "conv_0_depthwise": kernel(np.negative(CENTRE)),
        "conv_0_pointwise": np.array([[[[1.0]]]]),
    }
    layer = conv(separable=True, activation=Activation.RELU)

    made = answer([layer], PICTURE, weights, {"conv_0_depthwise": [3], "conv_0_pointwise": [-1]})

    assert made == as_map(np.maximum(np.maximum(3 - PICTURE, 0) - 1, 0))


FORMULAS = {
    Activation.RELU: lambda x: max(x, 0),
    Activation.RELU6: lambda x: min(max(x, 0), 6),
    Activation.LEAKY_RELU: lambda x: x if x > 0 else 0.2 * x,
    Activation.ELU: lambda x: x if x > 0 else math.exp(x) - 1,
    Activation.GELU: lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    Activation.HARD_SWISH: lambda x: x * min(max(x + 3, 0), 6) / 6,
    Activation.TANH: math.tanh,
    Activation.SIGMOID: lambda x: 1 / (1 + math.exp(-x)),
    Activation.LINEAR: lambda x: x,
}


@pytest.mark.parametrize("activation", list(Activation))
@pytest.mark.parametrize("layer", ["conv", "dense"])
def test_activation_follows_its_formula(layer, activation):
    points = np.array([-8, -3, -1, -0.25, 0, 0.25, 1, 3, 8])
    picture = 16 * points + 128  # 0 to 255: what pixels can be
    if layer == "conv":
        layers, weights = [conv(kernel_size=1, activation=activation)], [[[[1.0]]]]
    else:
        layers, weights = [dense(9, activation)], np.eye(9)
    # pixel / 255 · 255 / 16 - 8 = the point
    name = f"{layer}_0"
    made = answer(
        layers, picture[np.newaxis], {name: np.multiply(weights, 255 / 16)}, {name: -8.0 * 255}
    )

    expected = [FORMULAS[activation](point) for point in points]
    assert made.ravel() / 255 == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("padding", list(Padding))
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 3, 4])
@pytest.mark.parametrize("kind", ["conv", "separable", "max_pool", "average_pool"])
def test_output_size_follows_the_formula(kind, padding, strides, window):
    if kind in {"conv", "separable"}:
        layer = conv(
            padding=padding, strides=strides, kernel_size=window, separable=kind == "separable"
        )
    else:
        layer = Pool(kind, window, strides, padding)
    expected = [
        math.ceil(side / strides)
        if padding is Padding.SAME
        else math.floor((side - window) / strides) + 1
        for side in (11, 8)
    ]

    made = build(Architecture(layers=(layer,)), (11, 8, 1), 2).get_layer("flatten").input

    assert list(made.shape[1:3]) == expected


def test_model_gives_one_logit_for_each_class():
    layers = (conv(), Pool("max_pool"), dense(5), Dropout("dropout", 0.5))
    model = build(Architecture(layers=layers), (8, 8, 1), 4)

    assert model.output_shape == (None, 4)


def test_no_layers_at_all_leave_a_linear_model():
    model = build(Architecture(layers=()), (8, 8, 3), 4)

    assert model.count_params() == 4 * (8 * 8 * 3 + 1)


def test_same_seed_gives_the_same_weights():
    models = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        models.append(build(Architecture(layers=(conv(),)), (8, 8, 1), 4))

    for first, second in zip(*(model.get_weights() for model in models), strict=True):
        assert np.array_equal(first, second)


MAP_WANTED = "expected a map, not a vector: it belongs before the dense layers"


@pytest.mark.parametrize(
    ("layers", "where", "why"),
    [
        ([dense(4), conv()], "[1]: conv", f"(4,): {MAP_WANTED}"),
        ([dense(4), conv(separable=True)], "[1]: conv", MAP_WANTED),
        ([dense(4), Pool("max_pool")], "[1]: max_pool", MAP_WANTED),
        ([dense(4), GlobalPool("global_max_pool")], "[1]: global_max_pool", MAP_WANTED),
        ([dense(4), residual(conv())], "[1].layers[0]: conv", MAP_WANTED),
        (
            [conv(), conv(kernel_size=9, padding=Padding.VALID)],
            "[1]: conv",
            "shape (8, 8, 1): its window of 9×9 is larger than the map; expected a smaller one",
        ),
        ([conv(kernel_size=9, padding=Padding.VALID, separable=True)], "[0]: conv", "9×9"),
        ([Pool("max_pool", 9)], "[0]: max_pool", "its window of 9×9 is larger than the map"),
        (
            [Pool("average_pool"), residual(conv(), Pool("average_pool", 5))],
            "[1].layers[1]: average_pool",
            "shape (4, 4, 1): its window of 5×5",
        ),
        ([residual(dense(4))], "[0]: residual", "the layers inside must end in a map"),
        ([dense(3), residual(dense(4))], "[1]: residual", "the layers inside must end in a map"),
        (
            [residual(conv(padding=Padding.VALID))],
            "[0]: residual",
            "end in a map of 6×6, which no stride makes of the input to add to it",
        ),
        ([dense(10**30)], "[0]: dense", "weights, expected at most 100,000,000"),
        ([conv(filters=10**9)], "[0]: conv", "it has 9,000,000,000 weights, expected at most"),
        ([conv(kernel_size=10**9)], "[0]: conv", "weights, expected at most 100,000,000"),
        ([conv(filters=10**9, separable=True)], "[0]: conv", "1,000,000,009 weights"),
    ],
)
def test_layer_that_does_not_fit_is_named_in_one_line(layers, where, why):
    with pytest.raises(RecipeError) as caught:
        build(Architecture(layers=tuple(layers)), (8, 8, 1), 4)

    message = str(caught.value)
    assert message.startswith(f"architecture.layers{where} does not fit on values of shape (")
    assert why in message
    assert "\n" not in message


# Each model is converted once and run on both runtimes; several words go into one, to be thrifty.
MODELS = {
    "relu, relu6 and max_pool": (
        conv(filters=6, batch_normalization=True, activation=Activation.RELU, strides=2),
        conv(filters=6, padding=Padding.VALID, activation=Activation.RELU6),
        Pool("max_pool"),
        Dropout("dropout", 0.5),
        dense(8, Activation.RELU),
    ),
    "leaky_relu, elu, average_pool and global_average_pool": (
        conv(filters=6, activation=Activation.LEAKY_RELU),
        Pool("average_pool", 3, 2, Padding.SAME),
        conv(filters=6, activation=Activation.ELU),
        GlobalPool("global_average_pool"),
    ),
    "gelu, hard_swish and global_max_pool": (
        conv(filters=6, activation=Activation.GELU),
        GlobalPool("global_max_pool"),
        dense(8, Activation.HARD_SWISH),
    ),
    "dense alone, tanh and sigmoid": (dense(16, Activation.TANH), dense(8, Activation.SIGMOID)),
    "separable and residual": (
        conv(filters=6, separable=True, batch_normalization=True, activation=Activation.RELU),
        residual(conv(filters=6), activation=Activation.RELU),
        residual(conv(filters=8, strides=2), activation=Activation.RELU),
    ),
}
RNG = np.random.default_rng(0)
# Noise, more or less light in each colour: pictures of which even the mean differs.
NOISE = RNG.integers(0, 128, (40, 10, 10, 3)) + RNG.integers(0, 128, (40, 1, 1, 3))
PICTURES = np.concatenate([NOISE, np.zeros_like(NOISE[:1]), np.full_like(NOISE[:1], 255)])
PICTURES = PICTURES.astype(np.uint8)
# Each layer rounds its weights and its output; what that adds up to in the logits, in their steps.
# Seen: 1.2 to 3.4 at most over these pictures, the same on both runtimes to within 0.5.
MOST_STEPS = 5


@pytest.mark.slow
@pytest.mark.parametrize("words", list(MODELS))
def test_integer_model_answers_as_keras_on_both_runtimes(words):
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    model = build(Architecture(layers=MODELS[words]), PICTURES.shape[1:], 5)
    expected = model(PICTURES.astype(np.float32)).numpy()

    flatbuffer = convert(model, Variant(Scheme.INT8), PICTURES)

    graph = read_model(flatbuffer).subgraphs[0]
    (step,) = graph.tensors[graph.outputs[0]].scales
    for runtime in Runtime:
        logits = execute(flatbuffer, PICTURES, label="", runtime=runtime).logits
        steps = np.abs(logits - expected).max() / step
        assert steps <= MOST_STEPS, f"{runtime.value}: {steps:.1f}"
        assert np.ptp(expected) > 10 * MOST_STEPS * step  # an answer of noughts would not pass


def test_models_that_are_run_have_every_word():
    text = " ".join(map(str, MODELS.values()))

    for word in (*Activation, *Padding):
        assert f"{word!r}" in text
    for kind in (Conv, Dense, Dropout, GlobalPool, Pool, Residual):
        assert f"{kind.__name__}(" in text
    for kind in ("max_pool", "average_pool", "global_max_pool", "global_average_pool"):
        assert f"'{kind}'" in text
