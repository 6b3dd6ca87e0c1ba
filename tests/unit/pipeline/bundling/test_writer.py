import json
import shutil
from pathlib import Path

import jsonschema_rs
import numpy as np
import pytest

from liteproof.bundling.model_card import INTENDED
from liteproof.data.dataset import cached_dataset, divide
from liteproof.evidence.confidence import fit_doubts, fit_temperature
from liteproof.execution.tflite_model import execute
from liteproof.randomness import Stream, random_stream
from liteproof.recipes.schema import Ink, Photo, Raw
from liteproof.runs.run import open_run
from liteproof_edge.bundle.golden import Golden
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.preprocessing.spec import SPECS, preprocess

# No file may be larger: less than the tiny model. Coverage could not write there: it is left out.
FULL_DISK = ("env", "--unset=COVERAGE_PROCESS_CONFIG", "prlimit", "--fsize=3000")


SCHEMA = Path(__file__).parents[4] / "docs" / "bundle.schema.json"


@pytest.fixture
def bundle(tiny_run):
    return Bundle.load(tiny_run / "bundle")


def test_bundle_holds_its_files_and_nothing_else(tiny_run, bundle):
    names = {path.name for path in (tiny_run / "bundle").iterdir()}

    assert names == {"manifest.json", *bundle.files}
    assert set(bundle.files) == {"model.tflite", "golden.npz", "recipe.toml", "MODEL_CARD.md"}


def test_manifest_follows_the_schema(bundle):
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text()))

    assert [str(error) for error in validator.iter_errors(dict(bundle.manifest))] == []


def test_bundle_holds_the_run_s_model_and_recipe(tiny_run, bundle):
    assert bundle.model == (tiny_run / "model-int8.tflite").read_bytes()
    assert bundle.files["recipe.toml"] == (tiny_run / "recipe.toml").read_bytes()


def test_manifest_repeats_the_measured_figures(tiny_run, bundle):
    measured = json.loads((tiny_run / "comparison.json").read_text())
    accuracy = bundle.manifest["accuracy"]

    for side, name in (("float", "baseline"), ("shipped", "candidate")):
        assert accuracy[side]["correct"] == measured[name]["correct"]
        assert accuracy[side]["model"] == measured[name]["name"]
    assert accuracy["shipped"]["size_bytes"] == len(bundle.model)
    assert accuracy["drop"] == measured["pair"]["drop"]
    assert accuracy["verdict"] == measured["verdict"]
    assert bundle.manifest["training"]["pictures"] == 500
    assert len(bundle.manifest["verified_runtimes"]) == 2


def test_model_card_states_the_measured_figures(bundle):
    card = bundle.files["MODEL_CARD.md"].decode()
    accuracy = bundle.manifest["accuracy"]["shipped"]["top1_accuracy"]

    assert f"| {100 * accuracy:.2f} % |" in card
    assert f"{len(bundle.model):,} bytes" in card
    assert "$" not in card


@pytest.fixture
def validation(tiny_run, tiny_data_dir, bundle):
    """What the bundle's model answers to the validation pictures, and their labels."""
    run = open_run(tiny_run)
    dataset = cached_dataset(run.recipe.dataset, run.recipe.preprocessing, tiny_data_dir)
    rng = random_stream(run.settings.seed, Stream.DIVISION)
    chosen = divide(dataset, run.recipe.dataset.validation_pictures, rng).validation
    answered = execute(bundle.model, dataset.train.images[chosen], label="test")
    return answered.logits, dataset.train.labels[chosen]


def test_manifest_holds_what_was_fitted_on_the_validation_pictures(bundle, validation):
    fitted, asked = fit_temperature(*validation), fit_doubts(*validation)

    assert bundle.temperature == fitted.temperature
    for key, least in asked.items():
        assert {seen.value: value for seen, value in getattr(bundle, key).items()} == least
    assert bundle.manifest["confidence"] == {
        "dataset": "tiny_bars/1.0.0 validation",
        **fitted.to_json(),
        **asked,
    }
    assert fitted.n == 100


def test_model_card_states_the_temperature_and_what_it_gains(bundle):
    card = bundle.files["MODEL_CARD.md"].decode()
    confidence = bundle.manifest["confidence"]
    without, used = (
        f"{100 * confidence[f'expected_calibration_error_{when}']:.2f} %"
        for when in ("before", "after")
    )

    assert f"by the temperature {confidence['temperature']:.3f} before" in card
    assert f"on the 100 validation pictures is {without}\nwithout it and {used} with it" in card


def test_golden_vectors_cover_every_class_and_follow_the_preprocessing(bundle):
    golden = Golden.from_bytes(bundle.golden, "golden")

    assert set(golden.classes.tolist()) == {0, 1, 2}
    assert (golden.outputs.argmax(axis=1) == golden.classes).all()
    for picture, expected in zip(golden.pictures, golden.inputs, strict=True):
        assert np.array_equal(preprocess(picture, bundle.preprocessing).pixels, expected)


def test_bundle_gives_the_same_bytes_again(liteproof, tiny_run, tmp_path):
    done = liteproof("bundle", shutil.copytree(tiny_run, tmp_path / "run"), "--out", tmp_path / "b")

    assert done.returncode == 0, done.stderr
    for path in (tiny_run / "bundle").iterdir():
        assert (tmp_path / "b" / path.name).read_bytes() == path.read_bytes()


def test_bundle_replaces_an_old_one_whole(liteproof, tiny_run, tmp_path):
    folder = shutil.copytree(tiny_run / "bundle", tmp_path / "b")
    (folder / "leftover").touch()

    assert liteproof("bundle", tiny_run, "--out", folder).returncode == 0
    assert not (folder / "leftover").exists()


def test_folder_that_is_no_bundle_is_not_replaced(liteproof, tiny_run, tmp_path):
    (tmp_path / "thesis.tex").touch()

    done = liteproof("bundle", tiny_run, "--out", tmp_path)

    assert done.returncode == 8
    assert "is not empty and holds no bundle" in done.stderr
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.slow
def test_disk_that_is_full_leaves_nothing_half_written(liteproof, tiny_run, tmp_path):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / "model-int8.tflite").unlink()
    before = sorted(path.name for path in run.iterdir())

    done = liteproof("export", run, "--scheme", "int8", by=FULL_DISK)

    assert done.returncode == 8, done.stderr
    assert "cannot be written" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in run.iterdir()) == before


def test_place_that_cannot_be_written_is_one_line(liteproof, tiny_run):
    done = liteproof("bundle", tiny_run, "--out", "/dev/null/bundle")

    assert done.returncode == 8
    assert "/dev/null: cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_full_disk_while_training_is_one_line(liteproof, tmp_path, tiny_recipe, tiny_data_dir):
    arguments = ("--out", tmp_path / "run", "--data-dir", tiny_data_dir)
    done = liteproof("train", tiny_recipe, *arguments, by=FULL_DISK)

    assert done.returncode == 8, done.stderr
    assert "cannot be written" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_every_kind_of_preprocessing_has_a_recipe_and_a_card():
    assert set(SPECS) == set(INTENDED) == {kind.kind for kind in (Raw, Ink, Photo)}
