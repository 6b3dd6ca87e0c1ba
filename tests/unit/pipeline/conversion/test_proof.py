"""What inspection says of models that TensorFlow makes, of each kind and with several graphs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from liteproof_edge.inspection.findings import FindingKind
from liteproof_edge.inspection.inspect import inspect
from liteproof_edge.inspection.kinds import Kind
from liteproof_edge.model.flatbuffer import read_model

FULL = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
WIDE = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A SavedModel of two convolutions with a sine between them."""
    folder = str(tmp_path_factory.mktemp("saved"))
    keras.utils.set_random_seed(0)
    pixels = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(40, 3, name="first")(pixels)
    maps = keras.layers.Lambda(keras.ops.sin, name="wave")(maps)
    maps = keras.layers.Conv2D(10, 3, name="second", activation="relu")(maps)
    model = keras.Model(pixels, keras.layers.Flatten(name="flat")(maps))
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", model.call, [tf.TensorSpec((1, 8, 8, 1), tf.float32)])
    archive.write_out(folder, verbose=False)
    return folder


def inspected(flatbuffer):
    return inspect(read_model(flatbuffer), len(flatbuffer))


def converted(saved, **settings):
    converter = tf.lite.TFLiteConverter.from_saved_model(saved)
    for name, value in settings.items():
        if name in {"supported_ops", "supported_types"}:
            setattr(converter.target_spec, name, value)
        else:
            setattr(converter, name, value)
    return inspected(converter.convert())


def representative():
    for picture in np.random.default_rng(0).uniform(-1, 1, (4, 1, 8, 8, 1)):
        yield [picture.astype(np.float32)]


SMALL = {"optimizations": [tf.lite.Optimize.DEFAULT]}
CALIBRATED = SMALL | {"representative_dataset": representative}


@pytest.mark.parametrize(
    ("settings", "kind", "unpacked_bytes"),
    [
        ({}, Kind.FLOAT32, 0),
        (SMALL, Kind.DYNAMIC, 0),
        # 40·9 + 40 and 10·360 + 10 numbers of 4 bytes
        (SMALL | {"supported_types": [tf.float16]}, Kind.FLOAT16, 4 * (400 + 3610)),
        (CALIBRATED, Kind.INT8_MIXED, 0),
    ],
    ids=["float32", "dynamic", "float16", "int8-mixed"],
)
def test_kind_and_cost_of_what_the_converter_makes(saved, settings, kind, unpacked_bytes):
    found = converted(saved, **settings)
    (graph,) = found.graphs

    assert found.kind is kind
    assert found.cost.parameters == (9 * 40 + 40) + (9 * 40 * 10 + 10)
    assert found.cost.macs == 36 * 40 * 9 + 16 * 10 * 9 * 40
    assert graph.memory.unpacked_bytes == unpacked_bytes


def test_float_layer_in_an_int8_model_is_named(saved):
    found = converted(saved, **CALIBRATED)
    at = [(finding.kind, finding.layer.rpartition("_")[0]) for finding in found.findings]

    assert at == [
        (FindingKind.CONVERSION, "first"),
        (FindingKind.CONVERSION, "wave"),
        (FindingKind.NOT_INTEGER, "first"),
        (FindingKind.NOT_INTEGER, "wave"),
    ]


@pytest.mark.parametrize(
    ("types", "operators", "kind"),
    [
        ({"inference_input_type": tf.uint8, "inference_output_type": tf.int8}, FULL, Kind.INT8),
        ({}, FULL, Kind.INT8_FLOAT_IO),
        ({}, WIDE, Kind.INT16X8_FLOAT_IO),
    ],
    ids=["int8", "int8-float-io", "int16x8-float-io"],
)
def test_kind_of_what_is_quantized_throughout(types, operators, kind):
    """Of a function alone, which converts in no time."""
    weights = tf.constant(np.random.default_rng(0).normal(size=(1, 1, 1, 4)).astype(np.float32))
    call = tf.function(lambda x: tf.nn.relu(tf.nn.conv2d(x, weights, 1, "SAME")))
    concrete = call.get_concrete_function(tf.TensorSpec((1, 8, 8, 1), tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], tf.Module())
    for name, value in (CALIBRATED | types).items():
        setattr(converter, name, value)
    converter.target_spec.supported_ops = operators
    found = inspected(converter.convert())

    assert (found.kind, found.findings) == (kind, ())


def test_every_graph_of_a_loop_and_a_branch_is_inspected():
    weights = tf.constant(np.eye(4, dtype=np.float32) / 2)

    @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32)])
    def call(values):
        values = tf.while_loop(
            lambda values: tf.reduce_sum(values) > 0.1,
            lambda values: (tf.matmul(values, weights),),
            (values,),
        )[0]
        return tf.cond(tf.reduce_sum(values) > 0, lambda: values + 1, lambda: values * 2)

    concrete = call.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], tf.Module())
    found = inspected(converter.convert())

    names = [[op.operator.name for op in graph.operators] for graph in found.graphs]
    assert set(names[0]) >= {"WHILE", "IF"}
    assert sorted(names[1:]) == [["ADD"], ["FULLY_CONNECTED"], ["MUL"], ["SUM", "GREATER"]]
    assert (found.cost.parameters, found.cost.macs) == (16, 16)


def test_variables_are_found_with_their_layer():
    class Counting(tf.Module):
        def __init__(self):
            super().__init__()
            self.kernel = tf.Variable(np.ones((4, 4), np.float32), name="dense/kernel")

        @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32)])
        def call(self, values):
            return tf.matmul(values, self.kernel.assign_add(tf.ones((4, 4))))

    module = Counting()
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.call.get_concrete_function()], module
    )
    converter.experimental_enable_resource_variables = True
    found = inspected(converter.convert())
    variables = [finding for finding in found.findings if finding.kind is FindingKind.VARIABLE]

    assert {finding.what for finding in variables} >= {"VAR_HANDLE", "READ_VARIABLE"}
    assert next(finding.layer for finding in variables if finding.what == "VAR_HANDLE") == "dense"
