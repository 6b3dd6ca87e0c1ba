"""`liteproof adopt`, as a user runs it: from a model's file to a bundle that a device verifies."""

import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from liteproof.cli import main
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.idx import Split, load

NAMES = ("upright", "level", "slanting")  # in the order of the labels, which is not the alphabet's
layers = keras.layers


def run_inside(*arguments):
    """Run `liteproof` in this process, which has imported TensorFlow already."""
    return CliRunner().invoke(main, list(map(str, arguments)))


def trained(examples, folder, *end, loss):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(6, 5, strides=3, activation="relu"),
            layers.Flatten(),
            *end,
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), loss)
    labels = examples.labels % (2 if end[0].units == 1 else 3)
    model.fit(examples.images / 255.0, labels, epochs=6, batch_size=15, verbose=0)
    model.save(folder)


@pytest.fixture(scope="module")
def mine(tmp_path_factory, tiny_idx):
    """A folder of other people's: models that take 0 to 1, and pictures for them."""
    folder = tmp_path_factory.mktemp("mine")
    examples = load(tiny_idx, Split.TRAIN)
    for part, chosen in (("train", range(300)), ("test", range(300, 450))):
        for index in chosen:
            place = folder / "bars" / part / NAMES[examples.labels[index]]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(examples.images[index, ..., 0]).save(place / f"{index}.png")
    (folder / "labels.txt").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(NAMES).encode() + b"\r\n\r\n")
    sparse = "sparse_categorical_crossentropy"
    trained(examples, folder / "bars.keras", layers.Dense(3, activation="softmax"), loss=sparse)
    return folder


@pytest.fixture(scope="module")
def adopted(mine, tmp_path_factory):
    run = tmp_path_factory.mktemp("adopted") / "run"
    done = run_inside("adopt", mine / "bars.keras", *options(mine), "--out", run)
    assert done.exit_code == 0, done.stderr
    return run, done


def options(mine):
    return "--data", mine / "bars", "--labels", mine / "labels.txt", "--margin", "5"


@pytest.mark.slow
def test_adopted_model_becomes_a_bundle_that_a_device_verifies(adopted):
    run, done = adopted

    verified = subprocess.run(
        [sys.executable, "-m", "liteproof_edge", "verify", run / "bundle"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert verified.returncode == 0, verified.stderr
    for command in ("verify", "classify"):
        assert f"liteproof-edge {command} {run / 'bundle'}" in done.stdout
    assert "pixels: 0 to 1, found on 200 labelled pictures" in done.stderr


def test_labels_of_a_file_are_those_of_the_outputs(adopted):
    bundle = Bundle.load(adopted[0] / "bundle")

    assert bundle.labels == NAMES
    assert bundle.manifest["accuracy"]["float"]["top1_accuracy"] > 0.9


def test_bundle_says_that_its_model_was_trained_elsewhere(adopted):
    bundle = Bundle.load(adopted[0] / "bundle")
    card = bundle.files["MODEL_CARD.md"].decode()

    assert bundle.manifest["adoption"]["model"] == "bars.keras"
    assert bundle.manifest["adoption"]["gives"] == "softmax"
    assert "training" not in bundle.manifest
    assert "Elsewhere: it was adopted from `bars.keras`" in card
    assert "$" not in card


@pytest.mark.slow
def test_adopted_run_is_exported_compared_and_bundled_as_any_other(adopted, tmp_path):
    run = shutil.copytree(adopted[0], tmp_path / "run")

    gated = run_inside("export", run, "--gate", "5", "--scheme", "float16")
    compared = run_inside("compare", run, "--json")
    bundled = run_inside("bundle", run, "--out", tmp_path / "bundle")

    assert gated.exit_code == compared.exit_code == bundled.exit_code == 0, bundled.stderr
    assert json.loads(compared.stdout)["candidate"]["name"] == "float16"
    assert Bundle.load(tmp_path / "bundle").manifest["quantization"]["kind"] == "float16"


def test_adopting_again_skips_what_has_not_changed(mine, adopted):
    done = run_inside("adopt", mine / "bars.keras", *options(mine), "--out", adopted[0])

    assert done.exit_code == 0, done.stderr
    assert done.stderr.count("nothing has changed, skipped") == 5


def test_adopted_run_whose_model_has_changed_is_refused(adopted, tmp_path):
    run = shutil.copytree(adopted[0], tmp_path / "run")
    (run / "model.keras").write_bytes(b"another")

    done = run_inside("compare", run)

    assert done.exit_code == 3
    assert "its model or pictures have changed; `liteproof adopt" in done.stderr


def test_adopted_model_is_not_trained_further(adopted):
    done = run_inside("export", adopted[0], "--weights", "qat", "--scheme", "int8")

    assert done.exit_code == 3
    assert "an adopted model is not trained further here" in done.stderr


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("a\nb\n", "2 labels, expected 3, one for each of the model's classes"),
        ("upright\nlevel\nupright\n", "class 'slanting' is not among the 3 labels"),
        ("\n", "holds no labels, expected one a line"),
        ("upright\n\nlevel\nslanting", "line 2: '', expected a printable label"),
        ("upright\nlevel\ncurved\n", "class 'slanting' is not among the 3 labels"),
    ],
)
def test_labels_that_are_not_the_model_s_are_refused(mine, tmp_path, labels, said):
    (tmp_path / "labels.txt").write_text(labels)

    done = run_inside(
        *("adopt", mine / "bars.keras", "--data", mine / "bars", "--out", tmp_path / "run"),
        *("--labels", tmp_path / "labels.txt"),
    )

    assert done.exit_code == 3
    assert said in done.stderr.splitlines()[-1]
    assert not (tmp_path / "run").exists()


def test_test_pictures_of_a_class_that_the_others_lack_are_refused_by_their_own_folder(
    mine, tmp_path
):
    test = shutil.copytree(mine / "bars" / "test", tmp_path / "test")
    shutil.copytree(test / "level", test / "curved")

    done = run_inside(
        *("adopt", mine / "bars.keras", "--data", mine / "bars" / "train", "--test", test),
        *("--out", tmp_path / "run"),
    )

    assert done.exit_code == 3
    assert f"with {test}: class 'curved' is in test/" in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_labels_in_another_order_are_noticed(mine, tmp_path):
    done = run_inside(
        "adopt", mine / "bars.keras", "--data", mine / "bars", "--out", tmp_path / "run"
    )

    assert done.exit_code == 3
    assert "labels: level, slanting, upright, in this order; --labels says another" in done.stderr
    assert "near chance" in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_classes_without_pictures_are_left_unmeasured(mine, tmp_path):
    for part in ("train", "test"):
        for name in ("Upright", "slanting"):
            shutil.copytree(mine / "bars" / part / name.lower(), tmp_path / "two" / part / name)

    done = run_inside(
        *("adopt", mine / "bars.keras", "--data", tmp_path / "two", "--out", tmp_path / "run"),
        *("--labels", mine / "labels.txt", "--margin", "5"),
    )

    assert done.exit_code == 0, done.stderr
    assert "classes: pictures of 2 of 3 (66.7%): what is calibrated, measured" in done.stderr
    bundle = Bundle.load(tmp_path / "run" / "bundle")
    assert (bundle.labels, bundle.golden_classes) == (NAMES, 2)
    assert bundle.manifest["accuracy"]["shipped"]["top1_accuracy"] > 0.9
    assert bundle.manifest["accuracy"]["recalls"]["level"]["n"] == 0
    command = [sys.executable, "-m", "liteproof_edge", "verify", tmp_path / "run" / "bundle"]
    assert subprocess.run(command, check=False).returncode == 0


@pytest.mark.slow
def test_pictures_that_cannot_be_read_are_left_out_where_that_is_asked(mine, tmp_path):
    bars = shutil.copytree(mine / "bars", tmp_path / "bars")
    (bars / "train" / "level" / "broken.png").write_bytes(b"no picture")
    options = ("--data", bars, "--labels", mine / "labels.txt", "--margin", "5")
    asked = ("adopt", mine / "bars.keras", *options, "--out", tmp_path / "run")

    refused, done = run_inside(*asked), run_inside(*asked, "--skip-unreadable")

    assert refused.exit_code == 3
    assert refused.stderr.splitlines()[-1].endswith("leave them out with --skip-unreadable")
    assert done.exit_code == 0, done.stderr


@pytest.mark.slow
def test_two_folders_are_one_dataset(mine, tmp_path):
    done = run_inside(
        *("adopt", mine / "bars.keras", "--data", mine / "bars/train", "--out", tmp_path / "run"),
        *("--test", mine / "bars/test", "--labels", mine / "labels.txt", "--margin", "5"),
    )

    assert done.exit_code == 0, done.stderr
    assert "train test, n = 150" in done.stdout


def test_folder_of_another_run_is_left_alone(mine, tiny_run, tmp_path):
    (tmp_path / "thesis.tex").touch()

    for folder, said in ((tiny_run, "holds a run of recipe 'tiny'"), (tmp_path, "is not empty")):
        done = run_inside("adopt", mine / "bars.keras", "--data", mine / "bars", "--out", folder)
        assert done.exit_code == 3
        assert said in done.stderr


def test_model_that_is_not_there_is_one_line(mine, tmp_path):
    done = run_inside("adopt", "nowhere.keras", "--data", mine / "bars", "--out", tmp_path / "run")

    assert (done.exit_code, done.stderr.count("\n")) == (4, 1)
    assert not (tmp_path / "run").exists()


def test_weights_that_are_nan_are_refused(mine, tmp_path):
    model = keras.saving.load_model(mine / "bars.keras")
    model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
    model.save(tmp_path / "nan.keras")

    done = run_inside(
        *("adopt", tmp_path / "nan.keras", "--data", mine / "bars", "--out", tmp_path / "run"),
        *("--labels", mine / "labels.txt"),
    )

    assert (done.exit_code, done.stderr.splitlines()[-1].count("NaN")) == (5, 1)
