import hashlib
import os
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from liteproof import inspection
from liteproof.errors import ConversionError
from liteproof.quantization import convert, load_keras
from liteproof.recipe import Scheme
from liteproof_edge.flatbuffer import Model, Operator, Subgraph, Tensor, read_model

SPANNING = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1), np.uint8)
WEIGHT_BYTES = 500  # the tiny model has more


@pytest.fixture(scope="module")
def model(tiny_run):
    return load_keras(tiny_run / "model.keras")


def read(tiny_run, scheme):
    return read_model((tiny_run / f"model-{scheme}.tflite").read_bytes()).subgraphs[0]


def test_int8_model_takes_pixels_as_they_are_and_gives_int8(tiny_run):
    graph = read(tiny_run, "int8")
    pixels, logits = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]

    assert (pixels.dtype, pixels.shape_signature) == ("uint8", (1, 28, 28, 1))
    assert (pixels.scales, pixels.zero_points) == ((1.0,), (0,))
    assert (logits.dtype, logits.shape) == ("int8", (1, 3))
    assert "pixels" in pixels.name


def test_no_operator_of_a_dynamic_batch_is_left(tiny_run):
    for scheme in ("int8", "float32"):
        names = {operator.name for operator in read(tiny_run, scheme).operators}
        assert not names & {"SHAPE", "STRIDED_SLICE", "PACK", "MUL", "VAR_HANDLE"}


def test_names_are_left_to_inputs_and_outputs_alone(tiny_run):
    for scheme in ("int8", "float32"):
        graph = read(tiny_run, scheme)
        named = {tensor.index for tensor in graph.tensors if tensor.name}
        assert named == {*graph.inputs, *graph.outputs}


def test_weights_are_in_the_files(tiny_run):
    for scheme in ("int8", "float32"):
        assert sum(tensor.size_bytes for tensor in read(tiny_run, scheme).tensors) > WEIGHT_BYTES


@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_export_gives_the_same_bytes_in_another_process_folder_and_time_zone(
    tmp_path, tiny_run, liteproof, scheme
):
    before = hashlib.sha256((tiny_run / f"model-{scheme}.tflite").read_bytes()).hexdigest()
    run = shutil.copytree(tiny_run, tmp_path / "elsewhere")
    (run / f"model-{scheme}.tflite").unlink()

    done = liteproof("export", run, "--scheme", scheme, env={**os.environ, "TZ": "Asia/Tokyo"})

    assert done.returncode == 0, done.stderr
    after = hashlib.sha256((run / f"model-{scheme}.tflite").read_bytes()).hexdigest()
    assert after == before


def test_export_gives_the_same_bytes_after_other_models_were_built(tiny_run, model):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])

    again = convert(load_keras(tiny_run / "model.keras"), Scheme.FLOAT32)

    assert again == (tiny_run / "model-float32.tflite").read_bytes()


def test_int8_needs_representative_pictures(model):
    with pytest.raises(ConversionError, match="no representative dataset"):
        convert(model, Scheme.INT8)


def test_calibration_that_does_not_span_the_pixels_is_caught(model):
    with pytest.raises(ConversionError, match="the input is uint8 with .*so that pixels go in as"):
        convert(model, Scheme.INT8, SPANNING // 2)


def test_float_operator_in_an_int8_model_is_named():
    pixels = keras.Input((28, 28, 1), name="pixels")
    values = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels))
    wave = keras.layers.Lambda(tf.math.sin)(values)
    model = keras.Model(pixels, keras.layers.Dense(3)(wave))

    with pytest.raises(ConversionError, match=r"int8: tensor .* is float32 \(of .*SIN\)"):
        convert(model, Scheme.INT8, SPANNING)


def test_float_model_is_no_int8_model(tiny_run):
    flatbuffer = (tiny_run / "model-float32.tflite").read_bytes()

    with pytest.raises(ConversionError, match="tensor 0 '.*pixels.*' is float32 .of CONV_2D."):
        inspection.check_integer(flatbuffer, "int8")


def test_int8_model_is_no_float_model(tiny_run):
    with pytest.raises(ConversionError, match="the input is uint8, expected float32"):
        inspection.check_float((tiny_run / "model-int8.tflite").read_bytes(), "float32")


def test_model_without_its_weights_is_caught(model):
    """The trap of `from_concrete_functions` on a Keras 3 model: the weights stay behind."""
    call = tf.function(lambda pixels: model(pixels, training=False))
    concrete = call.get_concrete_function(tf.TensorSpec((1, 28, 28, 1), tf.float32))
    flatbuffer = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model).convert()

    with pytest.raises(ConversionError, match="operator (VAR_HANDLE|READ_VARIABLE) .* is left"):
        inspection.check_float(flatbuffer, "float32")


def test_every_subgraph_is_walked(monkeypatch, tiny_run):
    good = read_model((tiny_run / "model-int8.tflite").read_bytes())
    stray = Tensor(0, "stray", "float16", (1,), (1,), (), (), 0, 0)
    second = Subgraph("second", (stray,), (0,), (0,), (Operator("ADD", 1, (0, -1), (0,)),))
    two = Model((*good.subgraphs, second), "")
    monkeypatch.setattr(inspection, "read_model", lambda *_: two)

    with pytest.raises(ConversionError, match="tensor 0 'stray' is float16 .of ADD."):
        inspection.check_integer(b"", "int8")


def test_damaged_file_is_no_keras_model(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"PK\3\4 damaged")

    with pytest.raises(ConversionError, match="not a Keras model"):
        load_keras(path)
