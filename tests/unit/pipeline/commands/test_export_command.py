"""`liteproof export`, as a user runs it: on a run, through a gate, and on a model of one's own."""

import hashlib
import json
import os
import shutil

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from liteproof.cli import main
from liteproof.conversion.quantization import load_keras
from liteproof.conversion.variants import Scheme, Variant, Weights
from liteproof.export import stage
from liteproof.export.choices import Choices
from liteproof.runs.run import open_run
from liteproof.runs.stage import digest
from liteproof.training.history import read_history
from liteproof_edge.bundle.reader import Bundle

FORMS = ("int8", "float32", "int16x8", "float16")


def run_inside(*arguments):
    """Run `liteproof` in this process, which has imported TensorFlow already."""
    return CliRunner().invoke(main, list(map(str, arguments)))


def digests(run):
    return {
        form: hashlib.sha256((run / f"model-{form}.tflite").read_bytes()).hexdigest()
        for form in FORMS
    }


@pytest.fixture(scope="module")
def schemes():
    return [argument for form in FORMS for argument in ("--scheme", form)]


@pytest.fixture(scope="module")
def exported(tmp_path_factory, tiny_run, liteproof, schemes):
    """A copy of the tiny run, exported in several forms."""
    run = shutil.copytree(tiny_run, tmp_path_factory.mktemp("export") / "tiny")
    done = liteproof("export", run, *schemes, "--layers")
    assert done.returncode == 0, done.stderr
    return run, done


@pytest.fixture(scope="module")
def mine(tmp_path_factory, tiny_idx, bars):
    """A Keras model of somebody else's, that takes 0 to 1, and pictures for it."""
    folder = tmp_path_factory.mktemp("mine")
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(bars.images / 255.0, bars.labels, epochs=12, batch_size=10, verbose=0)
    model.save(folder / "mine.keras")
    np.savez(folder / "bars.npz", x=bars.images, y=bars.labels)
    np.save(folder / "divided.npy", (bars.images / 255).astype(np.float32))
    return folder


@pytest.mark.slow
def test_export_gives_the_same_bytes_in_another_process_folder_and_time_zone(
    tmp_path, exported, liteproof, schemes
):
    run = shutil.copytree(exported[0], tmp_path / "elsewhere")
    for form in FORMS:
        (run / f"model-{form}.tflite").unlink()

    done = liteproof("export", run, *schemes, env={**os.environ, "TZ": "Asia/Tokyo"})

    assert done.returncode == 0, done.stderr
    assert digests(run) == digests(exported[0])


def test_export_says_what_each_form_loses_and_where(exported):
    _, done = exported
    lines = done.stdout.splitlines()

    for form in FORMS:
        (at,) = (index for index, line in enumerate(lines) if line.startswith(f"{form}: "))
        assert "bytes" in lines[at]
        assert "points against float's" in lines[at + 1]
    assert sum(line.startswith("layer ") for line in lines) == len(FORMS) - 1


def test_export_again_changes_nothing_and_says_the_same(exported, liteproof, schemes):
    run, before = exported

    done = liteproof("export", run, *schemes, "--layers")

    assert done.stdout == before.stdout
    assert done.stderr.count("nothing has changed, skipped") == len(FORMS)


def test_what_holds_the_gate_is_compared_bundled_and_said_in_the_manifest(tmp_path, exported):
    run = shutil.copytree(exported[0], tmp_path / "gated")

    gated = run_inside("export", run, "--gate", "0", "--scheme", "float16", "--json")
    compared = run_inside("compare", run, "--json")
    bundled = run_inside("bundle", run, "--out", tmp_path / "bundle")

    assert gated.exit_code == compared.exit_code == bundled.exit_code == 0, bundled.stderr
    path = json.loads(gated.stdout)["fallback"]
    assert (path["shipped"], path["gate_points"]) == ("float16", 0.0)
    assert json.loads(compared.stdout)["candidate"]["name"] == "float16"
    bundle = Bundle.load(tmp_path / "bundle")
    assert bundle.model == (run / "model-float16.tflite").read_bytes()
    assert bundle.manifest["quantization"]["kind"] == "float16"
    assert [each["variant"] for each in bundle.manifest["quantization"]["fallback"]] == ["float16"]
    assert bundle.golden_tolerance > 0


@pytest.mark.slow
def test_gate_that_int8_fails_ends_with_exit_code_6_and_is_held_by_a_wider_form(
    tmp_path, tiny_run, with_outlier
):
    run = shutil.copytree(tiny_run, tmp_path / "spoilt")
    model = run / "model.keras"
    with_outlier(load_keras(model)).save(model)
    records = json.loads((run / "stages.json").read_text())
    records["train"]["products"]["model.keras"] = digest(model)
    (run / "stages.json").write_text(json.dumps(records))

    failed = run_inside("export", run, "--gate", "1", "--scheme", "int8")
    held = run_inside("export", run, "--gate", "1")

    assert failed.exit_code == 6, failed.stderr
    assert "none of 2 attempts loses at most 1 points" in failed.stderr.splitlines()[-1]
    assert held.exit_code == 0, held.stderr
    assert held.stdout.splitlines()[-1].startswith("ships: int8-mixed (")
    path = json.loads((run / "fallback.json").read_text())
    assert [attempt["holds"] for attempt in path["attempts"]] == [False, True]


@pytest.mark.slow
def test_run_s_model_can_be_fine_tuned_for_int8_after_its_training(tiny_run, tmp_path):
    run = open_run(shutil.copytree(tiny_run, tmp_path / "tuned"))

    made, path = stage.export_gated(run, [Variant(Scheme.INT8, weights=Weights.QAT)], 5, Choices())

    assert path.shipped.variant == made[-1].variant == "int8-qat"
    assert [epoch.epoch for epoch in read_history(run.history)] == [1, 2, 3, 4, 5]
    assert stage.shipped(run) == Variant(Scheme.INT8, weights=Weights.QAT)
    stage.forget_stale_fallback(run)  # it is not
    assert run.fallback.is_file()


def test_keras_model_of_ones_own_is_exported_with_the_same_checks(tmp_path, mine):
    done = run_inside(
        *("export", "--keras", mine / "mine.keras", "--representative", mine / "bars.npz"),
        *("--out", tmp_path / "out", "--scale", str(1 / 255), "--gate", "2", "--json"),
    )

    assert done.exit_code == 0, done.stderr
    value = json.loads(done.stdout)
    assert value["fallback"]["shipped"] == "int8"
    assert [made["kind"] for made in value["exported"]] == ["float32", "int8"]
    assert value["exported"][1]["calibration"]["n"] == 75
    assert value["exported"][1]["validation"]["n"] == 75
    assert (tmp_path / "out" / "model-int8.tflite").is_file()


def test_keras_model_with_pictures_divided_already_is_refused(tmp_path, mine):
    done = run_inside(
        *("export", "--keras", mine / "mine.keras", "--representative", mine / "divided.npy"),
        *("--out", tmp_path / "out"),
    )

    assert done.exit_code == 3
    assert "divided by 255 already" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "expected a RUN, or --keras"),
        (("RUN", "--keras", "x.keras"), "expected a RUN, or --keras"),
        (("--keras", "x.keras"), "--keras takes --representative and --out"),
        (("RUN", "--out", "x"), "--representative and --out go with --keras"),
        (("RUN", "--scheme", "int8-mixed"), "int8-mixed goes with --gate"),
        (("RUN", "--gate", "0.2", "--io", "int8"), "--gate tries forms of its own"),
        (("RUN", "--scheme", "float16", "--io", "int8"), "float16: takes and gives no int8"),
        (("RUN", "--scheme", "dynamic", "--granularity", "per_tensor"), "has no per_tensor scales"),
        (("RUN", "--weights", "qat"), "model-qat.keras: not there yet"),
        (("RUN", "--gate", "-1"), "-1.0 is not in the range"),
    ],
)
def test_options_that_do_not_go_together_are_refused(exported, arguments, said):
    run = str(exported[0])

    done = run_inside("export", *(run if each == "RUN" else each for each in arguments))

    assert done.exit_code in {2, 3}
    assert said in done.output
