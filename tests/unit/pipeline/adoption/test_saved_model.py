"""SavedModels: what they compute is kept, and what they would do beside that is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from liteproof.adoption.digest import model_digest
from liteproof.adoption.loading import load_model
from liteproof.adoption.shaping import as_classifier, without_ending
from liteproof.conversion.quantization import load_keras
from liteproof.errors import ConversionError
from liteproof.network.first_layers import own_arithmetic
from liteproof_edge.errors import ModelError

PICTURES = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8).astype(np.float32)
layers = keras.layers


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A Keras model, and the SavedModel that Keras makes of it."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    folder = tmp_path_factory.mktemp("saved") / "model"
    model.export(folder, verbose=False)
    return folder, np.asarray(model(PICTURES))


def save(folder, function):
    module = tf.Module()
    module.weights = tf.Variable(tf.ones((192, 3)))
    specification = tf.TensorSpec((None, 8, 8, 3), name="x")

    @tf.function(input_signature=[specification])
    def serve(x):
        return function(tf.reshape(x, (-1, 192)) @ module.weights)

    tf.saved_model.save(module, folder, signatures=serve)
    return folder


def test_saved_model_answers_as_the_model_did_also_after_it_was_saved_by_keras(tmp_path, exported):
    folder, before = exported

    ending = without_ending(load_model(folder), None, "mine")
    whole = as_classifier(ending, (8, 8, 3), (0.0,) * 3, (1.0,) * 3, bgr=False)
    whole.save(tmp_path / "model.keras")
    logits = np.asarray(load_keras(tmp_path / "model.keras")(PICTURES))

    assert ending.was == "softmax"
    np.testing.assert_allclose(np.asarray(tf.nn.softmax(logits)), before, atol=1e-5)


@pytest.mark.parametrize("dtype", [tf.uint8, tf.int32])
def test_pixels_that_are_integers_are_taken_as_floats(tmp_path, dtype):
    module = tf.Module()
    specification = tf.TensorSpec((None, 8, 8, 3), dtype, name="x")

    @tf.function(input_signature=[specification])
    def serve(x):
        return tf.reduce_mean(tf.cast(tf.identity(x), tf.float32) / 255, axis=(1, 2))

    tf.saved_model.save(module, tmp_path / "integers", signatures=serve)

    answers = load_model(tmp_path / "integers")(PICTURES)

    np.testing.assert_allclose(answers, PICTURES.mean(axis=(1, 2)) / 255, rtol=1e-5)


def test_input_that_is_neither_floats_nor_cast_is_refused(tmp_path):
    texts = tf.function(tf.strings.length, input_signature=[tf.TensorSpec((), "string")])
    sums = tf.function(lambda x: x + x, input_signature=[tf.TensorSpec((None, 8, 8, 3), tf.int32)])
    for function, said in ((texts, "takes string"), (sums, "takes int32")):
        tf.saved_model.save(tf.Module(), tmp_path / said, signatures=function)

        with pytest.raises(
            ConversionError, match=f"{said}, expected pixels as float32, or integers"
        ):
            load_model(tmp_path / said)


def test_arithmetic_that_a_saved_model_begins_with_is_seen(exported):
    assert own_arithmetic(load_model(exported[0])).startswith("its arithmetic, ")


def test_several_outputs_of_a_saved_model_are_told_apart(tmp_path):
    folder = save(tmp_path / "two", lambda y: {"kind": tf.nn.softmax(y), "age": y[:, :1]})

    with pytest.raises(ConversionError, match="expected --output, one of age, kind"):
        without_ending(load_model(folder), None, "mine")
    assert without_ending(load_model(folder), "kind", "mine").classes == 3


def test_saved_model_that_would_write_a_file_is_refused_unloaded(tmp_path):
    written = tmp_path / "written"

    def spy(y):
        tf.io.write_file(str(written), "x")
        return y

    with pytest.raises(ConversionError, match="do more than compute: 'WriteFile' is a WriteFile"):
        load_model(save(tmp_path / "spy", spy))
    assert not written.exists()


def test_saved_model_that_would_run_python_is_refused(tmp_path):
    def spy(y):
        return tf.ensure_shape(tf.numpy_function(lambda z: z, [y], tf.float32), (None, 3))

    with pytest.raises(ConversionError, match="is a PyFunc"):
        load_model(save(tmp_path / "spy", spy))


def test_saved_model_that_changes_a_variable_is_refused_with_what_to_do(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.RandomFlip(), layers.Flatten()])
    model.export(tmp_path / "random", verbose=False)

    with pytest.raises(ConversionError, match="changes a variable when it answers, as random lay"):
        load_model(tmp_path / "random")


def test_damaged_saved_model_is_refused(tmp_path, exported):
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "saved_model.pb").write_bytes((exported[0] / "saved_model.pb").read_bytes()[:999])
    with pytest.raises(ConversionError, match=r"saved_model.pb: damaged"):
        load_model(damaged)


def test_saved_model_without_its_weights_is_refused(tmp_path, exported):
    (tmp_path / "saved_model.pb").write_bytes((exported[0] / "saved_model.pb").read_bytes())
    with pytest.raises(ConversionError, match="not a SavedModel that loads here"):
        load_model(tmp_path)


def test_folder_that_is_no_saved_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"a folder without saved_model.pb"):
        load_model(tmp_path)


def test_digest_is_of_all_files_of_a_folder(tmp_path, exported):
    before = model_digest(exported[0])
    (tmp_path / "saved_model.pb").write_bytes((exported[0] / "saved_model.pb").read_bytes())

    assert model_digest(exported[0]) == before != model_digest(tmp_path)
