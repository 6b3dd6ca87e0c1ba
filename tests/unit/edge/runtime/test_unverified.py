import os
import struct
import subprocess
import sys

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.bundle.tensors import TensorSpec
from liteproof_edge.classifier import Classifier
from liteproof_edge.errors import BundleError, DatasetError, ModelError
from liteproof_edge.model.affine import Normalisation, Quantization, quantize
from liteproof_edge.model.metadata import Said
from liteproof_edge.preprocessing.ink import InkSpec
from liteproof_edge.preprocessing.photo import Fit, PhotoSpec
from liteproof_edge.preprocessing.raw import RawSpec
from liteproof_edge.runtime import unverified as module
from liteproof_edge.runtime.confinement import confine
from liteproof_edge.runtime.loading import load_runtime
from liteproof_edge.runtime.session import Session
from liteproof_edge.runtime.unverified import pixel_codes, pixels_as, read_unverified

TYPES = schema.TensorType


@pytest.fixture
def bare(bundle, tmp_path):
    """The released model, as a file alone."""
    path = tmp_path / "digits.tflite"
    path.write_bytes(bundle.model)
    return path


@pytest.fixture
def edit(bare):
    """Change the bare model's input or output tensor, or its graph."""

    def change(where, **fields):
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bare.read_bytes()))
        graph = model.subgraphs[0]
        tensor = {
            "graph": graph,
            "input": graph.tensors[graph.inputs[0]],
            "output": graph.tensors[graph.outputs[0]],
        }[where]
        for name, value in fields.items():
            quantization = getattr(tensor, "quantization", None)
            part = quantization if hasattr(quantization, name) else tensor
            assert hasattr(part, name)
            setattr(part, name, value)
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), b"TFL3")
        bare.write_bytes(builder.Output())
        return bare

    return change


def assert_refused(path, match, kind=ModelError):
    with pytest.raises(kind, match=match) as refused:
        read_unverified(path)
    assert refused.value.exit_code == 4
    assert str(refused.value).startswith(f"{path}: ")


def test_read_unverified_gives_the_bytes_of_the_file(bare, bundle):
    unverified = read_unverified(bare)
    assert unverified.path == bare
    assert unverified.model == bundle.model
    assert dict(unverified.files) == {"model.tflite": bundle.model}


def test_read_unverified_says_that_it_is_not_verified(bare, bundle):
    assert bundle.verified
    assert not read_unverified(bare).verified


def test_read_unverified_takes_the_path_as_text(bare):
    assert read_unverified(str(bare)) == read_unverified(bare)


def test_read_unverified_numbers_the_classes(bare):
    unverified = read_unverified(bare)
    assert unverified.labels == tuple("0123456789")
    assert unverified.temperature == 1.0
    assert unverified.manifest == {}


def test_read_unverified_takes_the_name_of_the_file(bare):
    assert read_unverified(bare).name == "digits"


def test_read_unverified_escapes_the_name_of_the_file(bare):
    odd = bare.rename(bare.with_name("a\n\x1b[31mb.tflite"))
    assert read_unverified(odd).name == r"a\n\x1b[31mb"


def test_read_unverified_stretches_pictures_to_the_models_own_size(bare):
    assert read_unverified(bare).preprocessing == PhotoSpec(28, 28, 1, fit=Fit.STRETCH)


def test_read_unverified_prepares_pictures_as_it_is_told(bare):
    raw, ink = (read_unverified(bare, (), kind).preprocessing for kind in ("raw", "ink"))
    assert (raw, ink) == (RawSpec(28, 28, 1), InkSpec(28, 28, 1, box=20))


def test_read_unverified_calls_the_classes_by_labels(bare):
    assert read_unverified(bare, tuple("abcdefghij")).labels == tuple("abcdefghij")
    with pytest.raises(DatasetError, match="9 labels, expected 10, one for each class"):
        read_unverified(bare, tuple("abcdefghi"))


def test_read_unverified_takes_a_picture_without_an_axis_of_channels(edit):
    unverified = read_unverified(edit("input", shape=[1, 28, 28], shapeSignature=None))
    assert unverified.preprocessing == PhotoSpec(28, 28, 1, fit=Fit.STRETCH)


def test_read_unverified_gives_the_tensors_of_the_model(bare, bundle):
    unverified = read_unverified(bare)
    assert (unverified.input, unverified.output) == (bundle.input, bundle.output)


def test_read_unverified_takes_a_model_of_colour_pictures(edit):
    unverified = read_unverified(edit("input", shape=[1, 96, 64, 3], shapeSignature=None))
    assert unverified.preprocessing == PhotoSpec(96, 64, 3, fit=Fit.STRETCH)


def test_read_unverified_takes_a_dynamic_batch_as_one(edit):
    edit("output", shapeSignature=[-1, 10])
    unverified = read_unverified(edit("input", shapeSignature=[-1, 28, 28, 1]))
    assert unverified.input.shape == (1, 28, 28, 1)
    assert unverified.output.shape == (1, 10)


@pytest.mark.parametrize("kind", ["UINT8", "INT8", "INT16"])
def test_read_unverified_takes_codes_without_a_scale(edit, kind):
    unverified = read_unverified(edit("input", type=getattr(TYPES, kind), scale=None))
    assert unverified.input.quantization is None


def test_read_unverified_takes_a_float_output(edit):
    unverified = read_unverified(edit("output", type=TYPES.FLOAT32, scale=None))
    assert (unverified.output.dtype, unverified.output.quantization) == ("float32", None)


def test_read_unverified_takes_a_scale_without_a_zero_point_as_0(edit):
    unverified = read_unverified(edit("output", scale=[0.5], zeroPoint=None))
    assert unverified.output == TensorSpec(
        unverified.output.name, "int8", (1, 10), Quantization(0.5, 0)
    )


@pytest.mark.parametrize(
    "shape",
    [
        [],
        [28, 28],
        [28, 28, 1],
        [2, 28, 28, 1],
        [0, 28, 28, 1],
        [1, 0, 28, 1],
        [1, 28, 0, 1],
        [1, 28, 28, 0],
        [1, 28, 28, 2],
        [1, 28, 28, 4],
        [1, 4097, 28, 1],
        [1, 28, 4097, 1],
        [1, 1, 28, 28, 1],
        [1, 2**31 - 1, 2**31 - 1, 1],
    ],
)
def test_read_unverified_refuses_an_input_that_is_no_picture(edit, shape):
    path = edit("input", shape=shape, shapeSignature=None)
    assert_refused(path, r"input has the shape .*, expected \[1, height, width, 1 or 3\]")


@pytest.mark.parametrize(
    "shape", [[], [10], [1, 0], [1, 1], [2, 10], [0, 10], [1, 1, 10], [1, 100_001], [1, 2**31 - 1]]
)
def test_read_unverified_refuses_an_output_that_is_no_score_for_each_class(edit, shape):
    path = edit("output", shape=shape, shapeSignature=None)
    assert_refused(path, r"output has the shape .*, expected \[1, classes\] with 2 to 100000")


@pytest.mark.parametrize("signature", [[1, 27, 28, 1], [-2, 28, 28, 1], [1, 28, 28, -1], [1], [-1]])
def test_read_unverified_refuses_another_signature_than_the_shape(edit, signature):
    assert_refused(edit("input", shapeSignature=signature), "input has the shape .* the signature")


@pytest.mark.parametrize("signature", [[-1, -1, 28, 1], [1, -1, -1, 1]])
def test_model_of_any_size_takes_the_one_that_is_said(edit, signature, golden):
    path = edit("input", shapeSignature=signature, shape=[1, 1, 1, 1])

    assert_refused(path, "takes a picture of any size: expected --size")
    bare = read_unverified(path, size=(28, 28))
    assert bare.input.shape == (1, 28, 28, 1)
    with Session.of(bare, load_runtime(), reference_kernels=True) as session:
        outputs, _ = session.run_many(golden.inputs)
    assert np.array_equal(outputs, golden.outputs)


@pytest.mark.parametrize("where", ["input", "output"])
@pytest.mark.parametrize("kind", ["FLOAT16", "INT32", "INT64", "STRING", "BOOL", "RESOURCE"])
def test_read_unverified_refuses_another_dtype(edit, where, kind):
    path = edit(where, type=getattr(TYPES, kind))
    assert_refused(path, f"{where} is {kind.lower()}, expected one of uint8, int8, int16, float32")


@pytest.mark.parametrize("where", ["input", "output"])
@pytest.mark.parametrize("tensors", [[], [-1]])
def test_read_unverified_refuses_another_number_of_tensors(edit, where, tensors):
    assert_refused(edit("graph", **{f"{where}s": tensors}), f"{where}: its tensors are .*expected")


def test_read_unverified_refuses_several_inputs(edit):
    assert_refused(edit("graph", inputs=[0, 0]), "input: its tensors are .*expected")


@pytest.mark.parametrize(
    ("shape", "size", "found"),
    [([1, 784], (28, 28), (28, 28, 1)), ([1, 768], (16, 16), (16, 16, 3))],
)
def test_read_unverified_takes_a_row_of_pixels_with_its_size(edit, shape, size, found):
    path = edit("input", shape=shape, shapeSignature=None)
    spec = read_unverified(path, size=size).preprocessing
    assert (spec.height, spec.width, spec.channels) == found


@pytest.mark.parametrize(
    ("size", "said"), [(None, "--size, such as 28x28 for 784"), ((28, 27), "--size, such as")]
)
def test_read_unverified_asks_for_the_size_of_a_row(edit, size, said):
    path = edit("input", shape=[1, 784], shapeSignature=None)
    with pytest.raises(ModelError, match=said):
        read_unverified(path, size=size)


def test_read_unverified_takes_the_labels_in_the_file(request):
    released = request.config.rootpath / "models" / "fashion-mnist"
    assert read_unverified(released / "model.tflite").labels == Bundle.load(released).labels


@pytest.mark.parametrize(
    ("dtype", "quantization", "said", "expected"),
    [
        ("float32", None, Said((127.5,), (127.5,)), Normalisation((127.5,) * 3, (1 / 127.5,) * 3)),
        ("float32", None, Said((0.0,), (1.0,)), None),
        ("float32", None, Said(), None),
        ("float32", None, Said((1.0, 2.0), (1.0, 1.0)), None),
        ("uint8", Quantization(1 / 128, 128), Said((1.0,), (1.0,)), None),
    ],
)
def test_pixels_go_in_as_the_metadata_say_of_a_float_input(dtype, quantization, said, expected):
    tensor = TensorSpec("pixels", dtype, (1, 4, 4, 3), quantization)
    codes = pixel_codes(tensor, 3)
    assert pixels_as(tensor, said, 3) == (codes or expected)


def test_read_unverified_refuses_what_needs_tensorflow(bare, edit):
    path = edit("graph")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes()))
    code = model.operatorCodes[-1]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    for name, said in (
        ("FlexErf", "converted without SELECT_TF_OPS"),
        ("edgetpu-custom-op", "Coral"),
    ):
        code.customCode = name
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), b"TFL3")
        path.write_bytes(builder.Output())
        assert_refused(path, said)


def test_read_unverified_asks_which_of_several_outputs_answers(edit):
    assert_refused(edit("graph", outputs=[0, 0]), "gives 2 outputs; expected --output, one of '")


@pytest.mark.parametrize(
    "scale", [0.0, -1.0, float("inf"), float("-inf"), float("nan"), 2e30], ids=str
)
def test_read_unverified_refuses_a_scale_that_is_none(edit, scale):
    assert_refused(edit("input", scale=[scale]), "input is uint8 with .*expected one that fits")


@pytest.mark.parametrize("zero_point", [-129, 128, 2**62])
def test_read_unverified_refuses_a_zero_point_out_of_range(edit, zero_point):
    assert_refused(edit("output", zeroPoint=[zero_point]), "output is int8 with .*zero_point")


def test_read_unverified_refuses_a_scale_for_each_channel(edit):
    assert_refused(edit("output", scale=[0.5] * 10), "output: .*10 scales, expected one")


def test_read_unverified_refuses_a_scale_of_a_float_tensor(edit):
    assert_refused(edit("output", type=TYPES.FLOAT32), "output is float32 with .*scale")


def test_read_unverified_refuses_a_damaged_model(bare):
    bare.write_bytes(bare.read_bytes()[:-1000])
    assert_refused(bare, "not a sound TFLite model")


def test_read_unverified_refuses_an_empty_file(bare):
    bare.write_bytes(b"")
    assert_refused(bare, "not a sound TFLite model")


def test_read_unverified_refuses_a_missing_file(tmp_path):
    assert_refused(tmp_path / "none", r"not found, expected a \.tflite model$", BundleError)


def test_read_unverified_refuses_a_bundle(released):
    assert_refused(released, "not a file", BundleError)


def test_read_unverified_refuses_a_pipe_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert_refused(tmp_path / "pipe", "not a file", BundleError)


def test_read_unverified_refuses_a_file_that_is_too_large(bare, monkeypatch):
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 1000)
    assert_refused(bare, "[0-9]+ bytes, expected at most 1000$", BundleError)


def test_read_unverified_tells_the_path_on_one_line(tmp_path):
    with pytest.raises(BundleError) as refused:
        read_unverified(tmp_path / "a\nb")
    assert "\n" not in str(refused.value)


def test_read_unverified_loads_no_runtime(bare):
    script = (
        "import sys; from liteproof_edge.runtime.unverified import read_unverified\n"
        "read_unverified(sys.argv[1])\n"
        "assert not {'tflite_runtime', 'ai_edge_litert'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, bare], check=True, timeout=60)


def test_unverified_model_answers_as_the_verified_does(bare, golden, each_runtime):
    runtime = confine(load_runtime(each_runtime))
    with Session(read_unverified(bare).model, runtime, reference_kernels=True) as session:
        outputs, _ = session.run_many(golden.inputs)
    np.testing.assert_array_equal(outputs, golden.outputs)


def test_model_whose_last_weights_give_another_number_of_classes_is_refused(
    bundle, tmp_path, each_runtime
):
    stated, other = struct.pack("<3i", 2, 1, 10), struct.pack("<3i", 2, 1, 9)
    assert bundle.model.count(stated) == 1
    path = tmp_path / "nine.tflite"
    path.write_bytes(bundle.model.replace(stated, other))
    with pytest.raises(ModelError, match=r"finds \(\(28, 28, 1\), 10\) in it, expected"):
        Classifier.load(path, runtime=each_runtime, unverified=True)


@pytest.mark.parametrize(
    ("dtype", "quantization", "lowest"),
    [
        ("uint8", Quantization(1.0, 0), 0),
        ("uint8", Quantization(1 / 128, 128), 0),
        ("uint8", Quantization(1 / 255, 0), 0),
        ("int8", Quantization(1 / 255, -128), -128),
        ("int8", Quantization(2 / 255, -1), -128),
        ("int8", Quantization(0.5, 3), -128),
    ],
)
def test_levels_of_a_pixel_are_the_codes_of_an_8_bit_input(dtype, quantization, lowest):
    found = pixel_codes(TensorSpec("pixels", dtype, (1, 4, 4, 3), quantization), 3)

    real = np.array(found.scale[0]) * (np.arange(256) - found.mean[0])
    codes = quantize(real.astype(np.float32), quantization, np.dtype(dtype))
    assert codes.tolist() == list(range(lowest, lowest + 256))
    assert len(found.mean) == len(found.scale) == 3


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_pixels_are_the_real_values_of_a_wider_input(dtype):
    quantization = Quantization(0.5, 0) if dtype == "int16" else None

    assert pixel_codes(TensorSpec("pixels", dtype, (1, 4, 4, 1), quantization), 1) is None
