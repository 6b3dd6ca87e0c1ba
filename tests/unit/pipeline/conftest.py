"""What several tests of the pipeline share: a small model that was trained, and how to spoil it."""

import flatbuffers
import keras
import numpy as np
import pytest
from tensorflow.lite.python import schema_py_generated as schema

from liteproof.network.architecture import build
from liteproof.recipes.reader import parse_recipe
from liteproof_edge.idx import Split, load

OUTLIER = 1000.0  # its channel then takes all codes: the others' values are below half of one


@pytest.fixture(scope="session")
def with_outlier():
    """A function that gives a model a channel whose values are a thousand times those of others.

    It answers as before: the second convolution's weights for that channel are divided by as much.
    Plain int8 ruins it.
    """

    def spoil(model, channel=0, factor=OUTLIER):
        spoilt = keras.models.clone_model(model)
        spoilt.set_weights(model.get_weights())
        first, second = [
            at for at, each in enumerate(spoilt.layers) if isinstance(each, keras.layers.Conv2D)
        ][:2]
        after = spoilt.layers[first + 1]
        normalised = isinstance(after, keras.layers.BatchNormalization)
        # Both hold, last of their dimensions, the channels: gamma and beta, or kernel and bias.
        scaled = after if normalised else spoilt.layers[first]
        one, other, *rest = scaled.get_weights()
        one[..., channel] *= factor
        other[channel] *= factor
        scaled.set_weights([one, other, *rest])
        kernel, *rest = spoilt.layers[second].get_weights()
        kernel[:, :, channel] /= factor
        spoilt.layers[second].set_weights([kernel, *rest])
        return spoilt

    return spoil


@pytest.fixture(scope="session")
def bars_model(tiny_recipe, tiny_idx):
    """The tiny recipe's model, trained for a second or two."""
    examples = load(tiny_idx, Split.TRAIN)
    keras.utils.set_random_seed(0)
    model = build(parse_recipe(tiny_recipe.read_text(), "tiny").recipe.architecture, (28, 28, 1), 3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss)
    model.fit(examples.images, examples.labels, batch_size=32, epochs=4, verbose=0)
    return model


@pytest.fixture(scope="session")
def bars(tiny_idx):
    """Pictures that the model was not trained with, and their labels."""
    return load(tiny_idx, Split.TEST)


@pytest.fixture(scope="session")
def without_weights():
    """A function that returns a .tflite's bytes with nought for all its weights."""

    def emptied(path):
        model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
        for buffer in model.buffers:
            if buffer.data is not None and len(buffer.data) > 100:
                buffer.data = np.zeros(len(buffer.data), np.uint8)
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    return emptied
