"""`liteproof adopt model.tflite`: kept as it is, or quantized where that is asked for."""

import json
import re
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from PIL import Image

from liteproof.cli import main
from liteproof.conversion.metadata import About, with_metadata
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.idx import Split, load
from liteproof_edge.model.affine import Normalisation
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.preprocessing.photo import ChannelOrder

pytestmark = pytest.mark.slow  # each makes a whole run
NAMES = ("upright", "level", "slanting")
UNIT = "value = pixel · 0.003922"  # 1 / 255
layers = keras.layers


def run_inside(*arguments):
    """Run `liteproof` in this process, which has imported TensorFlow already."""
    return CliRunner().invoke(main, list(map(str, arguments)))


SIDES = ("before", "after")  # of a comparison


def on_the_device(*arguments):
    command = [sys.executable, "-m", "liteproof_edge", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def convert(model, **settings):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    for name, value in settings.items():
        setattr(converter, name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter's own: statistics that it does not need
        return converter.convert()


@pytest.fixture(scope="module")
def files(tmp_path_factory, tiny_idx):
    """Models that take 0 to 1, in the forms in which colleagues send them, and their pictures."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "bars").symlink_to(tiny_idx)
    examples = load(tiny_idx, Split.TRAIN)
    keras.utils.set_random_seed(0)
    pixels = keras.Input((28, 28))
    hidden = layers.Reshape((28, 28, 1))(pixels)
    hidden = layers.Conv2D(6, 5, strides=3, activation="relu")(hidden)
    hidden = layers.Flatten()(hidden)
    model = keras.Model(pixels, layers.Dense(3, activation="softmax")(hidden))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    real = (examples.images[..., 0] / 255.0).astype(np.float32)
    model.fit(real, examples.labels, epochs=6, batch_size=15, verbose=0)
    row = keras.Input((784,))
    in_rows = keras.Model(row, model(layers.Reshape((28, 28))(row)))
    colour = keras.Input((28, 28, 1), batch_size=1)
    with_channel = keras.Model(colour, model(layers.Reshape((28, 28))(colour)))
    (folder / "float.tflite").write_bytes(convert(model))
    (folder / "row.tflite").write_bytes(convert(in_rows))
    (folder / "two.tflite").write_bytes(
        convert(keras.Model(pixels, {"kind": model.output, "hidden": hidden}))
    )
    (folder / "int8.tflite").write_bytes(
        convert(
            model,
            optimizations=[tf.lite.Optimize.DEFAULT],
            representative_dataset=lambda: ([each[np.newaxis]] for each in real[:100]),
            inference_input_type=tf.int8,
            inference_output_type=tf.int8,
        )
    )
    (folder / "float16.tflite").write_bytes(
        convert(
            model,
            optimizations=[tf.lite.Optimize.DEFAULT],
            target_spec=tf.lite.TargetSpec(supported_types=[tf.float16]),
        )
    )
    (folder / "told.tflite").write_bytes(
        with_metadata(
            convert(with_channel),
            About("bars", "Bars", NAMES),
            Normalisation((0.0,), (1 / 255,)),
        )
    )
    of_any_size = keras.Input((None, None, 1))
    hidden = layers.Conv2D(8, 5, strides=2, activation="relu")(
        layers.Rescaling(1 / 255)(of_any_size)
    )
    hidden = layers.GlobalMaxPooling2D()(layers.Conv2D(16, 5, activation="relu")(hidden))
    wide = keras.Model(of_any_size, layers.Dense(3)(hidden))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    wide.compile(keras.optimizers.Adam(0.01), loss)
    wide.fit(
        examples.images.astype(np.float32), examples.labels, epochs=6, batch_size=15, verbose=0
    )
    (folder / "any_size.tflite").write_bytes(convert(wide))
    last = model.layers[-1]
    last.set_weights([np.full_like(each, np.nan) for each in last.get_weights()])
    (folder / "nan.tflite").write_bytes(convert(model))
    return folder


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """Red, green and blue pictures, and a model that tells them apart where blue comes first."""
    folder = tmp_path_factory.mktemp("colours")
    rng = np.random.default_rng(0)
    for place, name in enumerate(("red", "green", "blue")):
        (folder / "pictures" / name).mkdir(parents=True)
        for index in range(40):
            pixels = rng.integers(0, 120, (12, 12, 3))
            pixels[..., place] += 100
            picture = Image.fromarray(pixels.astype(np.uint8))
            picture.save(folder / "pictures" / name / f"{index}.png")
    pixels = keras.Input((12, 12, 3))
    shares = layers.Dense(3, activation="softmax", use_bias=False)
    means = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(pixels))
    model = keras.Model(pixels, shares(means))
    # Classes are in the order of the alphabet, blue, green, red, as the channels are.
    shares.set_weights([20 * np.eye(3, dtype=np.float32)])
    (folder / "bgr.tflite").write_bytes(convert(model))
    return folder


@pytest.fixture(scope="module")
def picture(tmp_path_factory, tiny_idx):
    """A level bar."""
    examples = load(tiny_idx, Split.TEST)
    path = tmp_path_factory.mktemp("picture") / "level.png"
    Image.fromarray(examples.images[examples.labels == 1][0][..., 0]).save(path)
    return path


@pytest.fixture(scope="module")
def adopt(files, tmp_path_factory):
    """Adopt one of the files, once for the same options."""
    made = {}

    def run(name, *options):
        key = (name, *options)
        if key not in made:
            out = tmp_path_factory.mktemp("adopted") / "run"
            asked = ("adopt", files / name, "--data", files / "bars", "--out", out)
            made[key] = out, run_inside(*asked, "--margin", "5", *options)
        return made[key]

    return run


def test_float_tflite_is_kept_and_is_its_own_reference(adopt, files):
    run, done = adopt("float.tflite")

    assert done.exit_code == 0, done.stderr
    assert "pixels: 0 to 1, found on 200 labelled pictures" in done.stderr
    assert "its own reference" in " ".join(done.stdout.split())
    assert f"liteproof-edge verify {run / 'bundle'}" in done.stdout
    bundle = Bundle.load(run / "bundle")
    assert bundle.model == (files / "float.tflite").read_bytes()
    assert bundle.preprocessing.scale == (1 / 255,)
    accuracy = bundle.manifest["accuracy"]
    assert accuracy["shipped"]["top1_accuracy"] > 0.9
    assert {"float", "verdict", "drop"}.isdisjoint(accuracy)
    card = bundle.files["MODEL_CARD.md"].decode()
    assert "Verdict: none, for it is a float32 model" in card
    assert "$" not in card


def test_given_tflite_is_verified_compared_and_bundled_again(adopt, tmp_path):
    run, _ = adopt("float.tflite")

    verified = on_the_device("verify", run / "bundle")
    compared = run_inside("compare", run, "--json")
    exported = run_inside("export", run)
    bundled = run_inside("bundle", run, "--out", tmp_path / "bundle")

    assert verified.returncode == 0, verified.stderr
    assert compared.exit_code == exported.exit_code == bundled.exit_code == 0, bundled.stderr
    evidence = json.loads(compared.stdout)
    assert evidence["verdict"] is None
    assert evidence["alone"].startswith("it is a float32 model")
    assert len(evidence["cells"]) == 2
    assert "right on" in exported.stdout
    assert "Nothing to compare with" in (run / "report.html").read_text()


def test_float_tflite_becomes_int8_where_that_is_asked_for(adopt):
    run, done = adopt("float.tflite", "--quantize")

    assert done.exit_code == 0, done.stderr
    evidence = json.loads((run / "comparison.json").read_text())
    assert (evidence["baseline"]["name"], evidence["candidate"]["name"]) == ("given", "int8")
    assert evidence["verdict"]["outcome"] == "shown"
    assert evidence["layers"]
    bundle = Bundle.load(run / "bundle")
    assert bundle.manifest["quantization"]["kind"] == "int8"
    assert on_the_device("verify", run / "bundle").returncode == 0


def test_any_size_becomes_the_one_that_is_said(adopt, files):
    run, done = adopt("any_size.tflite", "--size", "28x28", "--preprocessing", "ink")

    assert done.exit_code == 0, done.stderr
    bundle = Bundle.load(run / "bundle")
    given = read_model((files / "any_size.tflite").read_bytes()).subgraphs[0]
    kept = read_model(bundle.model).subgraphs[0]
    assert given.tensors[given.inputs[0]].shape_signature == (-1, -1, -1, 1)
    assert kept.tensors[kept.inputs[0]].shape_signature == (1, 28, 28, 1)
    assert bundle.manifest["accuracy"]["shipped"]["top1_accuracy"] > 0.6
    assert on_the_device("verify", run / "bundle").returncode == 0


def test_blue_first_is_given_where_that_is_asked_for(colours, tmp_path):
    asked = ("adopt", colours / "bgr.tflite", "--data", colours / "pictures", "--margin", "5")

    done = run_inside(*asked, "--bgr", "--quantize", "--out", tmp_path / "run")

    assert done.exit_code == 0, done.stderr
    assert "pixels: 0 to 255, found on 96 labelled pictures" in done.stderr
    assert "; it begins with MUL" in done.stderr
    bundle = Bundle.load(tmp_path / "run" / "bundle")
    assert bundle.preprocessing.order is ChannelOrder.BGR
    assert bundle.manifest["accuracy"]["shipped"]["top1_accuracy"] == 1
    assert on_the_device("verify", tmp_path / "run" / "bundle").returncode == 0
    red = next((colours / "pictures" / "red").iterdir())
    classified = on_the_device("classify", tmp_path / "run" / "bundle", red)
    assert classified.stdout.split()[1] == "red"


@pytest.mark.parametrize("options", [(), ("--quantize",)])
def test_given_model_is_compared_on_damaged_pictures(adopt, options):
    run, _ = adopt("float.tflite", *options)

    done = run_inside("compare", run, "--damaged", "--json")

    assert done.exit_code == 0, done.stderr
    evidence = json.loads(done.stdout)
    assert len(evidence["damages"]) == 45
    before, after = (sum(each[side] for each in evidence["damages"]) for side in SIDES)
    assert 0.5 < after / sum(each["n"] for each in evidence["damages"]) < 1
    if options:
        assert evidence["damage_sentence"].startswith("int8 ")
    else:
        assert evidence["damage_sentence"].startswith("given is right on ")
        assert before == after


def test_gate_takes_the_given_model_to_int8(adopt):
    run, _ = adopt("float.tflite", "--preprocessing", "ink")

    done = run_inside("export", run, "--gate", "5")

    assert done.exit_code == 0, done.stderr
    assert "ships: int8" in done.stdout


@pytest.mark.parametrize(
    ("name", "options"),
    [("row.tflite", ("--size", "28x28")), ("two.tflite", ("--output", "kind"))],
)
def test_tflite_of_another_shape_becomes_a_bundle(adopt, name, options):
    run, done = adopt(name, *options)

    assert done.exit_code == 0, done.stderr
    assert on_the_device("verify", run / "bundle").returncode == 0


def test_quantized_tflite_is_kept_without_a_reference(adopt, files):
    run, done = adopt("int8.tflite")

    assert done.exit_code == 0, done.stderr
    assert "no float model is here to compare it with" in " ".join(done.stdout.split())
    assert "pixels: their 256 values, as its 256 codes of int8" in done.stderr
    assert Bundle.load(run / "bundle").model == (files / "int8.tflite").read_bytes()
    assert on_the_device("verify", run / "bundle").returncode == 0


@pytest.mark.parametrize(
    ("name", "options", "compared"),  # of its bundle, and of its run
    [
        ("float.tflite", (), ("", "")),
        ("float.tflite", ("--quantize",), ("int8", "Float and int8")),
        ("int8.tflite", (), ("int8", "int8")),
        ("row.tflite", ("--size", "28x28"), ("", "")),
    ],
)
def test_adopted_tflite_is_explained(adopt, picture, tmp_path, name, options, compared):
    run, _ = adopt(name, *options)

    for what in (run, run / "bundle"):
        done = run_inside("explain", what, picture, "--out", tmp_path / "explain.html")

        assert done.exit_code == 0, done.stderr
        page = (tmp_path / "explain.html").read_text()
        assert "It answers <bdi>1</bdi>" in page
        assert UNIT in page or name == "int8.tflite"
        assert "One convolution, worked out" in page
        titles = re.findall(r'<section id="int8".*?<h2>(.*?)</h2>', page, re.DOTALL)
        assert titles == [compared[what == run]] * (compared[what == run] != "")


def test_metadata_say_labels_and_pixels(adopt):
    run, done = adopt("told.tflite")

    assert done.exit_code == 0, done.stderr
    assert "labels: the 3 in told.tflite" in done.stderr
    assert "as its metadata says" in done.stderr
    assert Bundle.load(run / "bundle").labels == NAMES


@pytest.mark.parametrize(
    ("name", "options", "exit_code", "said"),
    [
        ("float16.tflite", ("--quantize",), 5, "is float16 already, expected float32; give the"),
        ("int8.tflite", ("--quantize",), 5, "int8 already, expected float32"),
        ("float.tflite", ("--bgr", "--preprocessing", "ink"), 5, "goes with photo, not with ink"),
        ("any_size.tflite", (), 4, "takes a picture of any size: expected --size"),
        ("any_size.tflite", ("--size", "224"), 2, "expected HEIGHTxWIDTH"),
        ("two.tflite", (), 4, "gives 2 outputs; expected --output, one of 'hidden', 'kind'"),
        ("two.tflite", ("--output", "x"), 4, "no output 'x', expected one of"),
        ("row.tflite", (), 4, "--size, such as 28x28 for 784"),
        ("row.tflite", ("--size", "20x20"), 4, "--size, such as 28x28"),
        ("float.tflite", ("--mean", "1,2,3"), 5, "three, expected one"),
        ("nan.tflite", (), 5, "it answers NaN or infinity"),
        ("nowhere.tflite", (), 4, "not found, expected a .tflite model"),
    ],
)
def test_what_cannot_be_adopted_is_one_line(adopt, name, options, exit_code, said):
    run, done = adopt(name, *options)

    assert done.exit_code == exit_code, done.stderr
    assert said in done.stderr.splitlines()[-1]
    assert not (run / "bundle").exists()
