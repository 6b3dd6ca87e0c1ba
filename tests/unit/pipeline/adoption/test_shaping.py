"""Models of every usual shape become one that takes pixels and gives logits."""

import keras
import numpy as np
import pytest

from liteproof.adoption.shaping import as_classifier, input_shape, without_ending
from liteproof.adoption.trial import try_ranges
from liteproof.conversion.quantization import convert
from liteproof.conversion.variants import Scheme, Variant
from liteproof.errors import ConversionError
from liteproof.network.first_layers import own_arithmetic

PICTURES = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)
layers = keras.layers


def model_of(*inner, shape=(8, 8, 3)):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input(shape), *inner])


def adopted(model, size=None, output=None, mean=0.0, scale=1.0, *, bgr=False):
    shape = input_shape(model, size, "mine")
    n = shape[2]
    ending = without_ending(model, output, "mine")
    return ending, as_classifier(ending, shape, (mean,) * n, (scale,) * n, bgr=bgr)


def softmax(logits):
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("takes", "size", "expected"),
    [
        ((8, 8, 3), None, (8, 8, 3)),
        ((28, 28), None, (28, 28, 1)),
        ((784,), (28, 28), (28, 28, 1)),
        ((192,), (8, 8), (8, 8, 3)),
        ((None, None, 3), (32, 24), (32, 24, 3)),
    ],
)
def test_picture_that_a_model_takes_is_known(takes, size, expected):
    assert input_shape(model_of(layers.Identity(), shape=takes), size, "mine") == expected


@pytest.mark.parametrize(
    ("takes", "size", "said"),
    [
        ((784,), None, "a row of values: expected --size, such as 28x28 for 784"),
        ((784,), (30, 30), "a row of values: expected --size"),
        ((None, None, 3), None, "a picture of any size: expected --size HxW"),
        ((8, 8, 3), (9, 9), "a picture of 8x8, and --size says another"),
        ((3, 8, 8), None, "channels first"),
        ((8, 8, 5), None, r"expected \(height, width\)"),
        ((4, 8, 8, 3), None, r"expected \(height, width\)"),
    ],
)
def test_input_that_is_no_picture_is_refused(takes, size, said):
    with pytest.raises(ConversionError, match=said):
        input_shape(model_of(layers.Identity(), shape=takes), size, "mine")


@pytest.mark.parametrize(
    "end",
    [
        lambda: [layers.Dense(4, activation="softmax")],
        lambda: [layers.Dense(4), layers.Softmax()],
        lambda: [layers.Dense(4), layers.Activation("softmax")],
        lambda: [keras.Sequential([layers.Dense(4, activation="softmax")])],
    ],
)
def test_softmax_at_the_end_is_left_to_the_device(end):
    model = model_of(layers.Flatten(), layers.Dense(4, activation="tanh"), *end())
    before = np.asarray(model(PICTURES / np.float32(255)))

    ending, whole = adopted(model, scale=1 / 255)
    logits = np.asarray(whole(PICTURES.astype(np.float32)))

    assert (ending.was, ending.classes) == ("softmax", 4)
    assert logits.min() < 0
    np.testing.assert_allclose(softmax(logits), before, atol=1e-5)


@pytest.mark.parametrize(
    "end",
    [
        lambda: [keras.Sequential([layers.Dense(4), layers.Softmax()])],
        lambda: [layers.Dense(4, activation="softmax"), layers.Activation("linear")],
        lambda: [keras.Sequential([keras.Sequential([layers.Dense(4, activation="softmax")])])],
    ],
)
def test_softmax_is_found_behind_what_only_passes_it_on(end):
    model = model_of(layers.Flatten(), layers.Dense(4, activation="tanh"), *end())
    before = np.asarray(model(PICTURES / np.float32(255)))

    ending, whole = adopted(model, scale=1 / 255)

    assert ending.was == "softmax"
    logits = np.asarray(whole(PICTURES.astype(np.float32)))
    np.testing.assert_allclose(softmax(logits), before, atol=1e-5)


def test_pixels_that_are_integers_are_taken_as_floats():
    pixels = keras.Input((8, 8, 3), dtype="uint8")
    values = layers.Flatten()(layers.Rescaling(1 / 255)(pixels))
    model = keras.Model(pixels, layers.Dense(4)(values))

    _, whole = adopted(model)

    convert(whole, Variant(Scheme.INT8), PICTURES)  # which proves that all of it is int8
    np.testing.assert_allclose(
        np.asarray(whole(PICTURES.astype(np.float32))), np.asarray(model(PICTURES)), atol=1e-5
    )


@pytest.mark.parametrize("mode", ["resnet50", "densenet", "mobilenet_v2"])
def test_preprocess_input_inside_becomes_int8_that_takes_pixels_as_they_are(mode):
    pixels = keras.Input((8, 8, 3))
    values = getattr(keras.applications, mode).preprocess_input(pixels)
    values = layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(values))
    model = keras.Model(pixels, layers.Dense(4)(values))

    _, whole = adopted(model)

    convert(whole, Variant(Scheme.INT8), PICTURES)  # which proves it
    assert own_arithmetic(whole)
    wanted = np.asarray(model(PICTURES.astype(np.float32)))
    given = np.asarray(whole(PICTURES.astype(np.float32)))
    np.testing.assert_allclose(given, wanted, atol=1e-3 * np.abs(wanted).max())


def test_arithmetic_between_neighbours_is_left_as_it_is():
    pixels = keras.Input((8, 8, 3))
    values = layers.Flatten()(pixels - keras.ops.flip(pixels, axis=1))
    model = keras.Model(pixels, layers.Dense(4)(values))

    _, whole = adopted(model)

    wanted = np.asarray(model(PICTURES.astype(np.float32)))
    np.testing.assert_allclose(
        np.asarray(whole(PICTURES.astype(np.float32))), wanted, atol=1e-3 * np.abs(wanted).max()
    )


def test_logits_stay_as_they_are():
    model = model_of(layers.Flatten(), layers.Dense(4))

    ending, whole = adopted(model)

    assert ending.was == "logits"
    np.testing.assert_allclose(
        np.asarray(whole(PICTURES.astype(np.float32))),
        np.asarray(model(PICTURES.astype(np.float32))),
        rtol=1e-5,
    )


def test_one_sigmoid_becomes_two_classes_divided_at_one_half():
    model = model_of(layers.Flatten(), layers.Dense(1, activation="sigmoid"))
    before = np.asarray(model(PICTURES / np.float32(255)))[:, 0]

    ending, whole = adopted(model, scale=1 / 255)
    logits = np.asarray(whole(PICTURES.astype(np.float32)))

    assert (ending.was, ending.classes) == ("sigmoid", 2)
    np.testing.assert_allclose(softmax(logits)[:, 1], before, atol=1e-5)
    assert np.array_equal(logits.argmax(axis=1) == 1, before > 0.5)


def test_mean_scale_and_order_of_channels_are_the_model_s():
    model = model_of(layers.Flatten(), layers.Dense(4))
    shape = input_shape(model, None, "mine")
    mean, scale = (103.9, 116.8, 123.7), (0.017, 0.018, 0.016)
    expected = np.asarray(model(((PICTURES[..., ::-1] - mean) * scale).astype(np.float32)))

    whole = as_classifier(without_ending(model, None, "mine"), shape, mean, scale, bgr=True)

    np.testing.assert_allclose(
        np.asarray(whole(PICTURES.astype(np.float32))), expected, rtol=1e-3, atol=1e-3
    )


def test_output_is_chosen_by_its_name():
    pixels = keras.Input((8, 8, 3))
    row = layers.Flatten()(pixels)
    outputs = {"kind": layers.Dense(4, activation="softmax")(row), "age": layers.Dense(1)(row)}
    model = keras.Model(pixels, outputs)

    with pytest.raises(ConversionError, match="gives 2 outputs; expected --output, one of age, ki"):
        without_ending(model, None, "mine")
    with pytest.raises(ConversionError, match="no output 'size', expected one of age, kind"):
        without_ending(model, "size", "mine")
    assert without_ending(model, "kind", "mine").classes == 4


def test_output_that_is_a_map_is_refused():
    with pytest.raises(ConversionError, match=r"gives \(6, 6, 2\), expected a number for each"):
        without_ending(model_of(layers.Conv2D(2, 3)), None, "mine")


@pytest.mark.parametrize(
    ("takes", "size", "end"),
    [
        ((8, 8), None, (3, "linear")),
        ((64,), (8, 8), (3, "softmax")),
        ((8, 8, 1), None, (1, "sigmoid")),
    ],
)
def test_int8_takes_pixels_of_every_shape_as_they_are(takes, size, end):
    _, whole = adopted(
        model_of(layers.Flatten(), layers.Dense(*end), shape=takes), size, scale=1 / 255
    )

    convert(whole, Variant(Scheme.INT8), PICTURES[..., :1])  # which proves it


@pytest.mark.parametrize("name", ["0 to 255", "0 to 1", "-1 to 1"])
def test_range_of_pixels_that_a_model_was_trained_with_is_found(name, bars):
    mean, scale = {"0 to 255": (0, 1), "0 to 1": (0, 1 / 255), "-1 to 1": (127.5, 1 / 127.5)}[name]
    model = model_of(
        layers.Conv2D(4, 5, strides=3, activation="relu"),
        layers.Flatten(),
        layers.Dense(3),
        shape=(28, 28, 1),
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit((bars.images - mean) * scale, bars.labels, epochs=15, batch_size=15, verbose=0)

    best, *_ = try_ranges(
        lambda each: model.predict((bars.images - each.mean) * each.scale, verbose=0),
        bars.labels.astype(np.int64),
    )

    assert best.range.name == name, best
