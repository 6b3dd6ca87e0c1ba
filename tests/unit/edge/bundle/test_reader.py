import hashlib
import json
import os
import re

import numpy as np
import pytest

from liteproof_edge.bundle import reader as module
from liteproof_edge.bundle.manifest import MAX_MANIFEST_BYTES, seal
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.bundle.tensors import TensorSpec
from liteproof_edge.errors import BundleError, ModelError
from liteproof_edge.model.affine import Quantization
from liteproof_edge.model.flatbuffer import Tensor, read_model
from liteproof_edge.preprocessing.prepared import Legibility
from liteproof_edge.preprocessing.spec import InkSpec

FILES = ["model.tflite", "golden.npz", "recipe.toml", "MODEL_CARD.md"]
REQUIRED_KEYS = [
    *("schema_version", "name", "labels", "preprocessing", "input", "output", "files"),
    *("confidence", "confidence/temperature"),
    *("preprocessing/kind", "preprocessing/height", "preprocessing/width"),
    *("preprocessing/channels", "preprocessing/box"),
    *("input/name", "input/dtype", "input/shape", "input/scale", "input/zero_point"),
    *("output/name", "output/dtype", "output/shape", "output/scale", "output/zero_point"),
    *("files/model.tflite", "files/golden.npz"),
    *("files/model.tflite/size_bytes", "files/model.tflite/sha256"),
]
DEEP = 100_000


def set_value(path, value):
    """Return a change of the manifest: what is at `path` becomes `value`."""

    def change(manifest):
        *parents, last = path.split("/")
        for key in parents:
            manifest = manifest[key]
        manifest[last] = value

    return change


def remove_key(path):
    def change(manifest):
        *parents, last = path.split("/")
        for key in parents:
            manifest = manifest[key]
        del manifest[last]

    return change


def assert_refused(folder, *, names, match=""):
    """The error is a BundleError that ends a command with 4, and tells where and what it is."""
    with pytest.raises(BundleError) as refused:
        Bundle.load(folder)
    assert refused.value.exit_code == 4
    where, what = str(names), str(refused.value)
    assert what.startswith(f"{where}: ")
    assert re.search(match, what.removeprefix(where))
    return refused.value


@pytest.fixture
def change_graph(monkeypatch):
    """Let the flatbuffer reader give a graph some of whose fields are changed."""

    def change(**fields):
        def read_changed(*arguments):
            model = read_model(*arguments)
            return model._replace(subgraphs=(model.subgraphs[0]._replace(**fields),))

        monkeypatch.setattr(module, "read_model", read_changed)

    return change


def test_load_reads_the_released_bundle(bundle, released):
    assert (bundle.path, bundle.name) == (released, "mnist")
    assert bundle.labels == tuple("0123456789")
    assert bundle.preprocessing == InkSpec(height=28, width=28, channels=1, box=20)


def test_load_gives_the_tensors_of_the_model(bundle):
    assert bundle.input == TensorSpec(
        "serving_default_pixels:0", "uint8", (1, 28, 28, 1), Quantization(1.0, 0)
    )
    assert (bundle.output.dtype, bundle.output.shape) == ("int8", (1, 10))
    assert bundle.output.quantization == Quantization(0.036879535764455795, -19)


def test_load_takes_the_path_as_text(bundle, released):
    assert Bundle.load(str(released)) == bundle


def test_load_gives_the_bytes_of_every_listed_file(bundle, released):
    assert bundle.files == {name: (released / name).read_bytes() for name in FILES}
    assert (bundle.model, bundle.golden) == (
        bundle.files["model.tflite"],
        bundle.files["golden.npz"],
    )


def test_model_stays_the_bytes_that_were_hashed_when_the_file_changes(bundle, copied):
    loaded = Bundle.load(copied)
    (copied / "model.tflite").write_bytes(b"something else")
    assert loaded.model == bundle.model


def test_load_ignores_a_file_that_is_not_listed(copied):
    (copied / "notes.txt").write_text("mine")
    assert sorted(Bundle.load(copied).files) == sorted(FILES)


def test_load_refuses_a_missing_folder(tmp_path):
    assert_refused(tmp_path / "none", names=tmp_path / "none/manifest.json", match="not found")


def test_load_refuses_a_missing_manifest(copied):
    (copied / "manifest.json").unlink()
    assert_refused(copied, names=copied / "manifest.json", match="not found")


def test_load_refuses_a_file_in_place_of_the_folder(copied):
    path = copied / "model.tflite"
    assert_refused(path, names=path, match="a file, expected a bundle's folder")


def test_load_refuses_a_path_with_a_null_byte():
    assert_refused("a\0b", names=r"a\x00b/manifest.json", match="cannot be read")


def test_load_refuses_a_manifest_that_is_a_folder(copied):
    (copied / "manifest.json").unlink()
    (copied / "manifest.json").mkdir()
    assert_refused(copied, names=copied / "manifest.json", match="not a file")


def test_load_refuses_a_manifest_that_is_too_large(copied):
    (copied / "manifest.json").write_bytes(b" " * (MAX_MANIFEST_BYTES + 1))
    assert_refused(copied, names=copied / "manifest.json", match="expected at most")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"schema_version = 1",
        b"\xff\xfe\xfd",
        b'{"schema_version": NaN}',
        b'{"schema_version": -Infinity}',
        b'{"schema_version": 1} trailing',
        b"[" * DEEP,
        b'{"a":' * DEEP,
    ],
    ids=["empty", "cut", "toml", "binary", "nan", "infinity", "trailing", "deep", "deep object"],
)
def test_load_refuses_a_manifest_that_is_not_json(copied, data):
    (copied / "manifest.json").write_bytes(data)
    assert_refused(copied, names=copied / "manifest.json", match="not JSON")


@pytest.mark.parametrize("text", ["[]", "null", "1", '"mnist"'])
def test_load_refuses_a_manifest_that_is_no_object(copied, text):
    (copied / "manifest.json").write_text(text)
    assert_refused(copied, names=copied / "manifest.json", match="expected an object")


@pytest.mark.parametrize("version", [0, 2, -1, True, 1.0, "1", None, [1]])
def test_load_refuses_another_schema_version(copied, edit_manifest, version):
    edit_manifest(copied, set_value("schema_version", version))
    assert_refused(copied, names=copied / "manifest.json", match="schema_version")


@pytest.mark.parametrize("path", REQUIRED_KEYS)
def test_load_refuses_a_manifest_without_a_key(copied, edit_manifest, path):
    edit_manifest(copied, remove_key(path))
    refused = assert_refused(copied, names=copied / "manifest.json")
    assert path.split("/")[-1] in str(refused).removeprefix(str(copied))


@pytest.mark.parametrize("path", REQUIRED_KEYS)
def test_load_refuses_a_manifest_with_null_for_a_key(copied, edit_manifest, path):
    edit_manifest(copied, set_value(path, None))
    assert_refused(copied, names=copied / "manifest.json")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", "a\0b", ".hidden"]
)
def test_load_refuses_a_listed_name_that_is_a_path(copied, edit_manifest, name):
    entry = {"size_bytes": 0, "sha256": ""}
    edit_manifest(copied, lambda manifest: manifest["files"].update({name: entry}))
    assert_refused(copied, names=copied / "manifest.json", match="expected a plain file name")


def test_load_refuses_a_listed_name_that_is_too_long(copied, edit_manifest):
    entry = {"size_bytes": 0, "sha256": ""}
    edit_manifest(copied, lambda manifest: manifest["files"].update({"a" * 300: entry}))
    assert_refused(copied, names=copied / ("a" * 300), match="cannot be read")


@pytest.mark.parametrize("entry", [None, [], "sha256", 1])
def test_load_refuses_a_file_entry_that_is_no_object(copied, edit_manifest, entry):
    edit_manifest(copied, lambda manifest: manifest["files"].update({"recipe.toml": entry}))
    assert_refused(copied, names=copied / "manifest.json", match=r"files\.recipe\.toml")


@pytest.mark.parametrize("size", [-1, 1 << 40, True, 36408.0, "36408"])
def test_load_refuses_a_size_that_no_file_has(copied, edit_manifest, size):
    edit_manifest(copied, set_value("files/model.tflite/size_bytes", size))
    assert_refused(copied, names=copied / "manifest.json", match="size_bytes")


@pytest.mark.parametrize("difference", [-1, 1])
@pytest.mark.parametrize("name", FILES)
def test_load_refuses_a_file_of_another_size(copied, edit_manifest, name, difference):
    size = (copied / name).stat().st_size + difference
    edit_manifest(copied, set_value(f"files/{name}/size_bytes", size))
    assert_refused(copied, names=copied / name, match=str(size))


@pytest.mark.parametrize("name", FILES)
def test_load_refuses_a_file_with_one_bit_changed(copied, name):
    data = bytearray((copied / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copied / name).write_bytes(data)
    assert_refused(copied, names=copied / name, match="sha256")


@pytest.mark.parametrize("name", FILES)
def test_load_refuses_a_missing_file(copied, name):
    (copied / name).unlink()
    assert_refused(copied, names=copied / name, match="not found")


@pytest.mark.parametrize("name", FILES)
def test_load_refuses_a_folder_in_place_of_a_file(copied, name):
    (copied / name).unlink()
    (copied / name).mkdir()
    assert_refused(copied, names=copied / name, match="not a file")


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_load_refuses_a_fifo_in_place_of_a_file(copied, name):
    (copied / name).unlink()
    os.mkfifo(copied / name)
    assert_refused(copied, names=copied / name, match="not a file")


def test_load_refuses_a_link_that_leads_nowhere(copied):
    (copied / "golden.npz").unlink()
    (copied / "golden.npz").symlink_to("nowhere")
    assert_refused(copied, names=copied / "golden.npz", match="not found")


@pytest.mark.parametrize(
    "labels", [[], ["0"], "0123456789", {"0": 0}, [0, 1], ["0"] * 9 + [None], ["0"] * 100_001]
)
def test_load_refuses_labels_that_are_not_strings_in_a_list(copied, edit_manifest, labels):
    edit_manifest(copied, set_value("labels", labels))
    assert_refused(copied, names=copied / "manifest.json", match="labels")


@pytest.mark.parametrize("label", ["", "a\nb", "\x1b[31m", "\ud800"])
def test_load_refuses_a_label_that_cannot_be_printed(copied, edit_manifest, label):
    edit_manifest(copied, set_value("labels", [*"012345678", label]))
    assert_refused(copied, names=copied / "manifest.json", match="labels: .* printable")


def test_load_refuses_labels_that_are_the_same(copied, edit_manifest):
    edit_manifest(copied, set_value("labels", ["0"] * 10))
    assert_refused(copied, names=copied / "manifest.json", match="labels: some are the same")


@pytest.mark.parametrize("name", ["", "a\nb", "\x1b[31m", "\ud800"])
def test_load_refuses_a_name_that_cannot_be_printed(copied, edit_manifest, name):
    edit_manifest(copied, set_value("name", name))
    assert_refused(copied, names=copied / "manifest.json", match="name: .* printable")


@pytest.mark.parametrize("count", [9, 11])
def test_load_refuses_another_number_of_labels_than_outputs(copied, edit_manifest, count):
    edit_manifest(copied, set_value("labels", [str(label) for label in range(count)]))
    assert_refused(copied, names=copied / "manifest.json", match=rf"output\.shape.*\[1, {count}\]")


@pytest.mark.parametrize("kind", ["video", "INK", 1, ["ink"], {}])
def test_load_refuses_an_unknown_kind_of_preprocessing(copied, edit_manifest, kind):
    edit_manifest(copied, set_value("preprocessing/kind", kind))
    assert_refused(copied, names=copied / "manifest.json", match="kind")


@pytest.mark.parametrize("side", ["height", "width", "channels"])
def test_load_refuses_preprocessing_of_another_shape_than_the_input(copied, edit_manifest, side):
    edit_manifest(copied, set_value(f"preprocessing/{side}", 27))
    assert_refused(copied, names=copied / "manifest.json", match=r"input\.shape|ink: box 20 in")


def test_load_refuses_a_box_larger_than_the_picture(copied, edit_manifest):
    edit_manifest(copied, set_value("preprocessing/box", 40))
    assert_refused(copied, names=copied / "manifest.json", match="preprocessing: ink: box 40 in")


@pytest.mark.parametrize("shape", [[], [28, 28], [1, 28, 1], [2, 28, 28, 1], [-1, 28, 28, 1]])
def test_load_refuses_an_input_of_another_shape(copied, edit_manifest, shape):
    edit_manifest(copied, set_value("input/shape", shape))
    assert_refused(copied, names=copied / "manifest.json", match=r"input\.shape")


@pytest.mark.parametrize("shape", [[1, 28, 28, True], [1.0, 28, 28, 1], [[1], 28, 28, 1], ["1"]])
def test_load_refuses_a_shape_that_is_not_integers(copied, edit_manifest, shape):
    edit_manifest(copied, set_value("input/shape", shape))
    assert_refused(copied, names=copied / "manifest.json", match="expected integers")


@pytest.mark.parametrize("dtype", ["float64", "string", ""])
def test_load_refuses_a_dtype_that_no_model_of_ours_has(copied, edit_manifest, dtype):
    edit_manifest(copied, set_value("output/dtype", dtype))
    assert_refused(copied, names=copied / "manifest.json", match=r"output\.dtype")


def test_load_takes_a_scale_that_is_written_as_a_whole_number(copied, edit_manifest):
    edit_manifest(copied, set_value("input/scale", 1))
    assert Bundle.load(copied).input.quantization == Quantization(1.0, 0)


@pytest.mark.parametrize("scale", [True, "1.0", None, [1.0]])
def test_load_refuses_a_scale_that_is_no_number(copied, edit_manifest, scale):
    edit_manifest(copied, set_value("input/scale", scale))
    assert_refused(copied, names=copied / "manifest.json", match=r"input\.scale")


@pytest.mark.parametrize("scale", [0.0, -0.5, -0.0, 9**400])
def test_load_refuses_a_scale_that_is_not_positive_or_beyond_reason(copied, edit_manifest, scale):
    edit_manifest(copied, set_value("output/scale", scale))
    assert_refused(copied, names=copied / "manifest.json", match=r"output\.scale")


def test_load_reads_the_temperature(copied, edit_manifest):
    edit_manifest(copied, set_value("confidence", {"temperature": 0.75}))
    assert Bundle.load(copied).temperature == 0.75


LEAST = {"clear": 1.5, "unclear": 2, "coarse": -3.25}
ASKED = pytest.mark.parametrize("asked", ["least_logits", "least_margins"])


@ASKED
def test_load_reads_what_is_asked_of_an_answer(copied, edit_manifest, asked):
    edit_manifest(copied, set_value(f"confidence/{asked}", LEAST))
    assert getattr(Bundle.load(copied), asked) == {
        Legibility.CLEAR: 1.5,
        Legibility.UNCLEAR: 2,
        Legibility.COARSE: -3.25,
    }


@ASKED
def test_load_takes_a_manifest_that_asks_nothing(copied, edit_manifest, asked):
    edit_manifest(copied, set_value("confidence", {"temperature": 0.75}))
    assert getattr(Bundle.load(copied), asked) == {}


@pytest.mark.parametrize("value", [None, "2", True, 1e31, [1.0]])
@pytest.mark.parametrize("key", ["clear", "unclear", "coarse"])
@ASKED
def test_load_refuses_what_is_asked_in_no_number(copied, edit_manifest, asked, key, value):
    edit_manifest(copied, set_value(f"confidence/{asked}", {**LEAST, key: value}))
    with pytest.raises(BundleError, match=f"confidence.{asked}.{key}: .*expected a number"):
        Bundle.load(copied)


@pytest.mark.parametrize("value", [None, 2.0, [1.0, 2.0, 3.0]])
@ASKED
def test_load_refuses_what_is_asked_in_no_table(copied, edit_manifest, asked, value):
    edit_manifest(copied, set_value(f"confidence/{asked}", value))
    with pytest.raises(BundleError, match=f"confidence: {asked}: .*expected a dict"):
        Bundle.load(copied)


@pytest.mark.parametrize("temperature", [0.001, 1, 1000])
def test_load_takes_a_temperature_as_a_float_up_to_its_bounds(copied, edit_manifest, temperature):
    edit_manifest(copied, set_value("confidence/temperature", temperature))
    loaded = Bundle.load(copied).temperature
    assert (type(loaded), loaded) == (float, temperature)


@pytest.mark.parametrize(
    "temperature", [True, "1.0", [1.0], 0, 0.0, -1.0, 0.000999, 1000.001, 9**400]
)
def test_load_refuses_a_temperature_that_is_no_number_or_beyond_reason(
    copied, edit_manifest, temperature
):
    edit_manifest(copied, set_value("confidence/temperature", temperature))
    message = r"confidence\.temperature: .*, expected 0\.001 to 1000"
    assert_refused(copied, names=copied / "manifest.json", match=message)


@pytest.mark.parametrize("confidence", [1.0, [], "0.5"])
def test_load_refuses_confidence_that_is_no_object(copied, edit_manifest, confidence):
    edit_manifest(copied, set_value("confidence", confidence))
    assert_refused(copied, names=copied / "manifest.json", match="confidence: .* expected a dict")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("input/scale", 0.5),
        ("input/zero_point", 1),
        ("input/name", "other"),
        ("input/dtype", "int8"),
        ("input/dtype", "float32"),
        ("output/scale", 0.0368795357644558),
        ("output/zero_point", -20),
        ("output/name", "other"),
        ("output/dtype", "uint8"),
    ],
)
def test_load_refuses_a_tensor_that_is_not_the_models(copied, edit_manifest, path, value):
    edit_manifest(copied, set_value(path, value))
    refused = assert_refused(copied, names=copied / "model.tflite", match="the manifest says")
    assert type(refused) is ModelError


def test_load_refuses_a_damaged_model_whose_hash_is_right(copied, replace_file, bundle):
    replace_file(copied, "model.tflite", bundle.model[:1000])
    refused = assert_refused(copied, names=copied / "model.tflite", match="not a sound TFLite")
    assert type(refused) is ModelError


@pytest.mark.parametrize("indices", [(), (0, 0), (-1,)])
@pytest.mark.parametrize("end", ["input", "output"])
def test_load_refuses_a_model_without_one_input_and_output(copied, change_graph, end, indices):
    change_graph(**{f"{end}s": indices})
    message = f"its {end} tensors are .*, expected one"
    assert_refused(copied, names=copied / "model.tflite", match=message)


@pytest.mark.parametrize("end", ["input", "output"])
def test_load_refuses_an_input_or_output_with_a_scale_for_each_channel(copied, change_graph, end):
    change_graph(**{f"{end}s": (7,)})  # a kernel
    message = f"{end}: tensor .*: 36 scales, expected one"
    refused = assert_refused(copied, names=copied / "model.tflite", match=message)
    assert type(refused) is ModelError


def test_load_checks_the_hash_before_it_reads_the_model(copied):
    (copied / "model.tflite").write_bytes(bytes((copied / "model.tflite").stat().st_size))
    assert_refused(copied, names=copied / "model.tflite", match="sha256")


def test_load_checks_the_schema_before_the_files(copied, edit_manifest):
    (copied / "model.tflite").unlink()
    edit_manifest(copied, set_value("schema_version", 2))
    assert_refused(copied, names=copied / "manifest.json", match="schema_version")


def test_load_refuses_a_manifest_with_any_byte_changed(copied):
    text = (copied / "manifest.json").read_bytes()
    rng = np.random.default_rng(1)
    for position in rng.integers(0, len(text), 200):
        data = bytearray(text)
        data[position] ^= int(rng.integers(1, 256))
        (copied / "manifest.json").write_bytes(data)
        assert_refused(copied, names=copied / "manifest.json")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"correct": 9958', b'"correct": 9998'),
        (b'"name": "mnist"', b'"name": "mnisT"'),
        (b"\n}\n", b"\n}\n\n"),
    ],
)
def test_load_refuses_a_manifest_changed_after_it_was_sealed(copied, old, new):
    path = copied / "manifest.json"
    assert path.read_bytes().count(old) == 1
    path.write_bytes(path.read_bytes().replace(old, new))
    assert_refused(copied, names=path, match="damaged: its sha256")


@pytest.mark.parametrize("value", [None, 0, "", "0" * 64, "\ud800"])
def test_load_refuses_a_manifest_whose_seal_is_no_digest_of_it(copied, value):
    path = copied / "manifest.json"
    manifest = json.loads(path.read_text()) | {"manifest_sha256": value}
    path.write_text(json.dumps(manifest))
    assert_refused(copied, names=path, match="sha256")


def test_load_refuses_a_manifest_without_a_seal(copied):
    path = copied / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["manifest_sha256"]
    path.write_text(json.dumps(manifest))
    assert_refused(copied, names=path, match="manifest_sha256: missing")


def test_seal_is_the_digest_of_the_manifest_with_zeros_in_its_place(released):
    data = (released / "manifest.json").read_bytes()
    stated = json.loads(data)["manifest_sha256"]
    blank = data.replace(stated.encode(), b"0" * 64)
    assert hashlib.sha256(blank).hexdigest() == stated


def test_seal_gives_the_bytes_that_were_released(bundle, released):
    assert seal(bundle.manifest) == (released / "manifest.json").read_bytes()


def test_load_refuses_every_truncated_manifest(copied):
    text = (copied / "manifest.json").read_bytes().rstrip()
    for length in range(0, len(text), 50):
        (copied / "manifest.json").write_bytes(text[:length])
        assert_refused(copied, names=copied / "manifest.json", match="not JSON")


def test_tensor_spec_refuses_more_than_one_scale():
    tensor = Tensor(0, "kernel", "int8", (2, 1), (2, 1), (0.1, 0.2), (0, 0), 0, 2)
    with pytest.raises(ModelError, match="kernel: 2 scales"):
        TensorSpec.of(tensor)


def test_tensor_spec_takes_a_dynamic_shape_from_the_signature():
    tensor = Tensor(0, "pixels", "uint8", (1, 1, 2), (1, -1, 2), (1.0,), (0,), 0, 0)
    assert TensorSpec.of(tensor).shape == (1, -1, 2)


def test_tensor_spec_has_a_batch_of_1_where_the_signature_has_any():
    tensor = Tensor(0, "pixels", "uint8", (1, 2), (-1, 2), (1.0,), (0,), 0, 0)
    assert TensorSpec.of(tensor).shape == (1, 2)


def test_tensor_spec_has_no_quantization_where_the_tensor_has_no_scale():
    tensor = Tensor(0, "logits", "float32", (1, 2), (1, 2), (), (), 0, 0)
    assert TensorSpec.of(tensor) == TensorSpec("logits", "float32", (1, 2), None)


def test_tensor_spec_is_written_as_the_manifest_stores_it(bundle):
    manifest = json.loads((bundle.path / "manifest.json").read_text())
    assert bundle.input.to_json() == manifest["input"]
    assert bundle.output.to_json() == manifest["output"]


def test_float_tensor_spec_is_written_without_scale():
    spec = TensorSpec("logits", "float32", (1, 2), None)
    assert spec.to_json() == {"name": "logits", "dtype": "float32", "shape": [1, 2]}


def test_load_works_without_the_files_that_the_manifest_does_not_list(copied, edit_manifest):
    edit_manifest(copied, remove_key("files/MODEL_CARD.md"))
    (copied / "MODEL_CARD.md").unlink()
    assert sorted(Bundle.load(copied).files) == sorted(set(FILES) - {"MODEL_CARD.md"})


def test_load_works_in_a_folder_of_any_name(copied):
    moved = copied.rename(copied.parent / "a b\n\udcff")
    assert Bundle.load(moved).name == "mnist"
