from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from liteproof.conversion import proof
from liteproof.conversion.proof import prove
from liteproof.conversion.quantization import as_real, convert, convert_saved, load_keras, saved
from liteproof.conversion.variants import FLOAT32, Granularity, Interface, Scheme, Variant
from liteproof.errors import ConversionError
from liteproof_edge.errors import ModelError
from liteproof_edge.inspection.inspect import inspect
from liteproof_edge.model.affine import Normalisation
from liteproof_edge.model.flatbuffer import Model, Operator, Subgraph, Tensor, read_model

SPANNING = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1), np.uint8)
INT8 = Variant(Scheme.INT8)
WEIGHT_BYTES = 500  # the tiny model has more


@pytest.fixture(scope="module")
def model(tiny_run):
    return load_keras(tiny_run / "model.keras")


@pytest.fixture(scope="module")
def wide_model():
    """Weights enough for dynamic range to be worth the converter's while: 1,024 at least."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((28, 28, 1), name="pixels")
    values = keras.layers.Rescaling(1 / 255)(pixels)
    values = keras.layers.Conv2D(8, 3, strides=2, activation="relu", name="first")(values)
    values = keras.layers.Conv2D(16, 3, strides=2, activation="relu", name="second")(values)
    return keras.Model(pixels, keras.layers.Dense(10)(keras.layers.Flatten()(values)))


def graph_of(flatbuffer):
    return read_model(flatbuffer).subgraphs[0]


def ends(flatbuffer):
    graph = graph_of(flatbuffer)
    return tuple(graph.tensors[index].dtype for index in (*graph.inputs, *graph.outputs))


def test_int8_model_takes_pixels_as_they_are_and_gives_uint8(tiny_run):
    graph = graph_of((tiny_run / "model-int8.tflite").read_bytes())
    pixels, logits = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]

    assert (pixels.dtype, pixels.shape_signature) == ("uint8", (1, 28, 28, 1))
    assert (pixels.scales, pixels.zero_points) == ((1.0,), (0,))
    assert (logits.dtype, logits.shape) == ("uint8", (1, 3))
    assert "pixels" in pixels.name


@pytest.mark.parametrize(
    ("variant", "kind", "dtypes"),
    [
        (INT8, "int8", ("uint8", "uint8")),
        (Variant(Scheme.INT8, Interface.INT8), "int8", ("int8", "int8")),
        (Variant(Scheme.INT8, Interface.FLOAT32), "int8-float-io", ("float32", "float32")),
        (Variant(Scheme.INT16X8), "int16x8", ("int16", "int16")),
        (Variant(Scheme.INT16X8, Interface.FLOAT32), "int16x8-float-io", ("float32", "float32")),
        (Variant(Scheme.FLOAT16), "float16", ("float32", "float32")),
        (Variant(Scheme.DYNAMIC), "dynamic", ("float32", "float32")),
        (FLOAT32, "float32", ("float32", "float32")),
    ],
    ids=lambda value: value.name if isinstance(value, Variant) else "",
)
def test_each_scheme_gives_what_it_is_called(wide_model, variant, kind, dtypes):
    flatbuffer = convert(wide_model, variant, SPANNING)

    assert inspect(read_model(flatbuffer), len(flatbuffer)).kind.value == kind
    assert ends(flatbuffer) == dtypes


@pytest.mark.parametrize(("granularity", "scales"), [("per_channel", 16), ("per_tensor", 1)])
def test_granularity_is_that_of_the_weights_scales(wide_model, granularity, scales):
    variant = Variant(Scheme.INT8, granularity=Granularity(granularity))

    kernels = [
        tensor
        for tensor in graph_of(convert(wide_model, variant, SPANNING)).tensors
        if tensor.dtype == "int8" and tensor.size_bytes and tensor.shape == (16, 3, 3, 8)
    ]

    assert [len(tensor.scales) for tensor in kernels] == [scales]


def test_mixed_model_keeps_the_named_layer_in_float32_and_is_called_so(wide_model):
    with saved(wide_model) as folder:
        names = [
            read.tensors[operator.outputs[0]].name
            for read in [graph_of(convert_saved(folder, FLOAT32))]
            for operator in read.operators
        ]
        (second,) = (name for name in names if "second" in name)
        flatbuffer = convert_saved(folder, Variant(Scheme.INT8_MIXED), SPANNING, wide=[second])

    found = inspect(read_model(flatbuffer), len(flatbuffer))
    assert found.kind.value == "int8-mixed"
    assert ends(flatbuffer) == ("int8", "int8")
    kernels = [tensor for tensor in graph_of(flatbuffer).tensors if tensor.shape == (16, 3, 3, 8)]
    assert {tensor.dtype for tensor in kernels} == {"float32"}


def test_mixed_model_without_a_float_layer_is_not_called_so(wide_model):
    with saved(wide_model) as folder, pytest.raises(ConversionError, match="it is int8, expected"):
        convert_saved(folder, Variant(Scheme.INT8_MIXED), SPANNING)


def test_normalised_pixels_make_the_input_scale(wide_model):
    half = Normalisation((127.5,), (1 / 127.5,))
    with saved(wide_model) as folder:
        graph = graph_of(convert_saved(folder, INT8, SPANNING, half))

    pixels = graph.tensors[graph.inputs[0]]
    assert pixels.scales == pytest.approx((2 / 255,))
    assert pixels.zero_points[0] in {127, 128}


def test_real_values_are_the_normalised_pixels():
    pixels = np.array([[[[0, 255]]]], np.uint8)

    real = as_real(pixels, Normalisation((0.0, 127.5), (1 / 255, 2.0)))

    assert (real.dtype, real.ravel().tolist()) == (np.float32, [0.0, 255.0])


def test_no_operator_of_a_dynamic_batch_is_left(tiny_run):
    for scheme in ("int8", "float32"):
        graph = graph_of((tiny_run / f"model-{scheme}.tflite").read_bytes())
        names = {operator.name for operator in graph.operators}
        assert not names & {"SHAPE", "STRIDED_SLICE", "PACK", "MUL", "VAR_HANDLE"}


def test_names_are_left_to_inputs_and_outputs_alone(tiny_run):
    for scheme in ("int8", "float32"):
        graph = graph_of((tiny_run / f"model-{scheme}.tflite").read_bytes())
        assert {tensor.index for tensor in graph.tensors if tensor.name} == {
            *graph.inputs,
            *graph.outputs,
        }


def test_weights_are_in_the_files(tiny_run):
    for scheme in ("int8", "float32"):
        graph = graph_of((tiny_run / f"model-{scheme}.tflite").read_bytes())
        assert sum(tensor.size_bytes for tensor in graph.tensors) > WEIGHT_BYTES


def test_conversion_gives_the_same_bytes_after_other_models_were_built(tiny_run, model):
    before = convert(model, FLOAT32)
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])

    assert convert(load_keras(tiny_run / "model.keras"), FLOAT32) == before


def test_int8_needs_representative_pictures(model):
    with pytest.raises(ConversionError, match="int8: no representative dataset"):
        convert(model, INT8)


def test_pixels_go_in_as_they_are_whatever_the_calibration_pictures_span(model):
    graph = read_model(convert(model, INT8, 10 + SPANNING // 2)).subgraphs[0]
    pixels = graph.tensors[graph.inputs[0]]

    assert (pixels.dtype, pixels.scales, pixels.zero_points) == ("uint8", (1.0,), (0,))


def test_float_operator_in_an_int8_model_is_named():
    pixels = keras.Input((28, 28, 1), name="pixels")
    values = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels))
    wave = keras.layers.Lambda(tf.math.sin)(values)
    model = keras.Model(pixels, keras.layers.Dense(3)(wave))

    with pytest.raises(ConversionError, match=r"int8: it is int8-mixed, expected int8: .*float32"):
        convert(model, INT8, SPANNING)


def test_layer_without_an_integer_form_is_named_with_a_remedy():
    pixels = keras.Input((28, 28, 1), name="pixels")
    values = keras.layers.Conv2D(4, 3, strides=4, activation="relu")(pixels)
    values = keras.layers.Flatten()(keras.layers.LayerNormalization(name="evening")(values))
    model = keras.Model(pixels, keras.layers.Dense(3)(values))

    with pytest.raises(
        ConversionError, match=r"layer evening\w* has no integer form: `export --gate POINTS` le"
    ):
        convert(model, INT8, SPANNING)


def test_float_model_is_no_int8_model(tiny_run):
    flatbuffer = (tiny_run / "model-float32.tflite").read_bytes()

    with pytest.raises(ConversionError, match="int8: it is float32, expected int8"):
        prove(flatbuffer, INT8)


def test_int8_model_is_no_float_model(tiny_run):
    with pytest.raises(ConversionError, match="float32: it is int8, expected float32"):
        prove((tiny_run / "model-int8.tflite").read_bytes(), FLOAT32)


def test_int8_model_of_another_interface_is_refused(tiny_run):
    with pytest.raises(ConversionError, match="the input is uint8, expected int8"):
        prove((tiny_run / "model-int8.tflite").read_bytes(), Variant(Scheme.INT8, Interface.INT8))


def test_model_without_its_weights_is_caught(model):
    """The trap of `from_concrete_functions` on a Keras 3 model: the weights stay behind."""
    call = tf.function(lambda pixels: model(pixels, training=False))
    concrete = call.get_concrete_function(tf.TensorSpec((1, 28, 28, 1), tf.float32))
    flatbuffer = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model).convert()

    with pytest.raises(ConversionError, match="operator (VAR_HANDLE|READ_VARIABLE) .* is left"):
        prove(flatbuffer, FLOAT32)


def test_every_subgraph_is_walked(monkeypatch, tiny_run):
    good = read_model((tiny_run / "model-int8.tflite").read_bytes())
    finding = Tensor(0, "finding", "float16", (1,), (1,), (), (), 0, 0)
    second = Subgraph("second", (finding,), (0,), (0,), (Operator("ADD", 1, (0, -1), (0,)),))
    two = Model((*good.subgraphs, second), "")
    monkeypatch.setattr(proof, "read_model", lambda *_: two)

    with pytest.raises(ConversionError, match="it is int8-mixed, .* 'finding' is float16"):
        prove(b"", INT8)


def test_operator_that_tflite_lacks_is_named_in_one_line():
    pixels = keras.Input((8, 8, 1))
    ones = keras.layers.Lambda(lambda x: tf.math.betainc(x + 1, x + 2, tf.sigmoid(x)))(pixels)
    model = keras.Model(pixels, keras.layers.Dense(2)(keras.layers.Flatten()(ones)))

    with pytest.raises(ConversionError, match="^float32: cannot be converted: TFLite has no opera"):
        convert(model, FLOAT32)


def test_damaged_file_is_no_keras_model(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"PK\3\4 damaged")

    with pytest.raises(ConversionError, match="not a Keras model"):
        load_keras(path)


def test_layers_whose_code_is_not_at_hand_are_named(tmp_path):
    class Odd(keras.layers.Layer):
        def call(self, values):
            return values

    pixels = keras.Input((8, 8, 1))
    values = keras.layers.Flatten()(Odd(name="strange")(pixels))
    keras.Model(pixels, keras.layers.Dense(2)(values)).save(tmp_path / "model.keras")

    with pytest.raises(ConversionError, match=r"its layers 'strange' \(Odd\) is not available"):
        load_keras(tmp_path / "model.keras")


def test_class_that_was_registered_elsewhere_is_named(tmp_path):
    @keras.saving.register_keras_serializable("theirs")
    class Theirs(keras.Model):
        def call(self, values):
            return values

    model = Theirs(name="strange")
    model(np.zeros((1, 8, 8, 1), np.float32))
    model.save(tmp_path / "model.keras")
    keras.saving.get_custom_objects().pop("theirs>Theirs")

    with pytest.raises(ConversionError, match=r"its layers 'strange' \(Theirs\) is not available"):
        load_keras(tmp_path / "model.keras")


def test_saved_model_within_a_file_is_named_with_what_to_give(tmp_path):
    inner = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    inner.export(tmp_path / "inner", verbose=False)
    layer = keras.layers.TFSMLayer(str(tmp_path / "inner"), call_endpoint="serve", name="theirs")
    keras.Sequential([keras.Input((8, 8, 1)), layer]).save(tmp_path / "model.keras")

    with pytest.raises(
        ConversionError, match=r"'theirs' \(TFSMLayer\) is a SavedModel's, which is"
    ):
        load_keras(tmp_path / "model.keras")


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_code_in_a_file_is_refused_by_name_and_not_run(tmp_path, suffix):
    written = str(tmp_path / "written")
    pixels = keras.Input((8, 8, 1))
    spy = keras.layers.Lambda(
        lambda values: open(written, "w").close() or values,  # noqa: PTH123
        name="spy",
        output_shape=(8, 8, 1),
    )
    inner = keras.Sequential([keras.Input((8, 8, 1)), spy])
    model = keras.Model(pixels, keras.layers.Flatten()(inner(pixels)))
    model.save(tmp_path / f"model.{suffix}")
    Path(written).unlink(missing_ok=True)

    with pytest.raises(ConversionError, match=r"loading it could run code: 'spy' \(Lambda\)"):
        load_keras(tmp_path / f"model.{suffix}")
    assert not Path(written).exists()


def test_missing_file_is_no_keras_model(tmp_path):
    with pytest.raises(ModelError, match="nothing.keras: not found, expected a Keras model"):
        load_keras(tmp_path / "nothing.keras")
