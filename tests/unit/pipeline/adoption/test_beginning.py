"""What models do first with their pixels, and in which precision they compute."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from liteproof.adoption.beginning import first_arithmetic
from liteproof.adoption.loading import load_model
from liteproof_edge.model.flatbuffer import read_model

layers = keras.layers
SHAPE = (8, 8, 3)


def graph_of(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_model(tf.lite.TFLiteConverter.from_keras_model(model).convert()).subgraphs[0]


@pytest.mark.parametrize(
    ("first", "found"),
    [
        ([layers.Rescaling(1 / 255)], "MUL"),
        ([layers.Reshape((8, 8, 3)), layers.Rescaling(1, offset=-120)], "ADD"),
        ([layers.Normalization(mean=[1.0, 2, 3], variance=[1.0, 4, 9])], "SUB"),
        ([layers.ZeroPadding2D(), layers.Rescaling(2)], "MUL"),
        ([layers.Conv2D(3, 1), layers.Rescaling(2)], None),
    ],
)
def test_arithmetic_that_a_tflite_begins_with_is_seen(first, found):
    # Before a convolution, the converter makes a factor a part of its weights.
    model = keras.Sequential([keras.Input(SHAPE), *first, layers.GlobalAveragePooling2D()])

    assert first_arithmetic(graph_of(model)) == found


def test_two_readers_of_the_pixels_are_no_arithmetic():
    pixels = keras.Input(SHAPE)
    model = keras.Model(pixels, layers.Multiply()([pixels, layers.Conv2D(3, 1)(pixels)]))

    assert first_arithmetic(graph_of(model)) is None


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_model_of_mixed_precision_computes_as_its_weights_are(tmp_path, policy):
    keras.utils.set_random_seed(0)
    inner = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(4, 3, dtype=policy)])
    ends = [layers.Flatten(dtype=policy), layers.Dense(2, dtype=policy)]
    last = layers.Activation("softmax", dtype="float32")
    model = keras.Sequential([keras.Input(SHAPE), inner, *ends, last])
    model.save(tmp_path / "mixed.keras")
    pictures = np.random.default_rng(0).random((5, *SHAPE), np.float32)

    loaded = load_model(tmp_path / "mixed.keras")

    assert {each.compute_dtype for each in (*loaded.layers, *loaded.layers[0].layers)} == {
        "float32"
    }
    np.testing.assert_allclose(loaded(pictures), model(pictures), atol=0.02)
