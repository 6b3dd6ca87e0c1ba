"""`liteproof compare`, as a user runs it: on a run, on part of it, and on any two models."""

import json
import shutil

import pytest
from click.testing import CliRunner
from PIL import Image

from liteproof.cli import main

DEVICE = {"runtime": "tflite-runtime 2.14.0", "machine": "armv7l", "correct": 148, "n": 150}


def compare(*arguments):
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory, bars):
    """The test pictures as files, one folder for each class."""
    path = tmp_path_factory.mktemp("bars")
    for index, (image, label) in enumerate(zip(bars.images, bars.labels, strict=True)):
        place = path / str(label)
        place.mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(place / f"{index:03}.png")
    return path


def test_run_is_compared_on_every_runtime_and_reported(tiny_run):
    evidence = json.loads((tiny_run / "comparison.json").read_text())

    assert [cell["model"] for cell in evidence["cells"]] == [
        "keras",
        *["int8"] * 2,
        *["float32"] * 2,
    ]
    assert evidence["verdict"]["outcome"] == "shown"
    assert evidence["calibration"]["n"] == 120
    assert evidence["layers"]
    assert "</html>" in (tiny_run / "report.html").read_text()


@pytest.mark.parametrize(("limit", "n"), [(30, 30), (150, 150), (10_000, 150)])
def test_limit_is_called_partial_and_changes_nothing(tiny_run, limit, n):
    before = (tiny_run / "comparison.json").read_bytes()

    done = compare(tiny_run, "--limit", limit, "--strict")

    assert done.exit_code == 0, done.output
    assert f"n = {n} of 150: partial, so no verdict" in done.stdout
    assert (tiny_run / "comparison.json").read_bytes() == before


def test_limit_gives_two_models_no_verdict_either(tiny_run, tiny_idx):
    done = compare(
        *(tiny_run / "model-float32.tflite", tiny_run, "--data", tiny_idx, "--limit", 150, "--json")
    )

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["verdict"] is None


def test_device_is_merged_and_stays_merged(tiny_run, tmp_path):
    run = shutil.copytree(tiny_run, tmp_path / "tiny")
    model = json.loads((run / "bundle" / "manifest.json").read_text())["files"]["model.tflite"]
    measured = {
        **DEVICE,
        "bundle": "tiny",
        "model_sha256": model["sha256"],
        "latency_us": {"50": 9},
    }
    (tmp_path / "pi.json").write_text(json.dumps(measured))

    merged = compare(run, "--merge", tmp_path / "pi.json", "--json")
    again = compare(run, "--json")

    assert merged.exit_code == again.exit_code == 0, merged.output
    last = json.loads(merged.stdout)["cells"][-1]
    assert (last["model"], last["machine"], last["n"]) == ("int8", "armv7l, unknown pictures", 150)
    assert json.loads(again.stdout) == json.loads(merged.stdout)


def test_damaged_pictures_are_compared_once_and_kept(tiny_run, tmp_path):
    run = shutil.copytree(tiny_run, tmp_path / "tiny")

    first = compare(run, "--damaged", "--json")
    again = compare(run)

    assert first.exit_code == again.exit_code == 0, first.output
    evidence = json.loads(first.stdout)
    assert len(evidence["damages"]) == 45
    assert f"damaged: {evidence['damage_sentence']}." in " ".join(again.stdout.split())
    assert "robustness: working" in first.stderr
    assert "robustness" not in again.stderr


def test_two_models_are_compared_on_raw_pictures(tiny_run, tiny_idx, tmp_path):
    done = compare(
        *(tiny_run / "model-float32.tflite", tiny_run, "--data", tiny_idx, "--margin", 5),
        *("--out", tmp_path / "out"),
    )

    assert done.exit_code == 0, done.output
    assert "shown: " in done.stdout
    evidence = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert (evidence["total"], evidence["pair"]["n"]) == (150, 150)
    assert (tmp_path / "out" / "report.html").is_file()


def test_keras_model_is_compared_with_a_bundle_on_a_folder_of_pictures(tiny_run, folder):
    done = compare(tiny_run / "model.keras", tiny_run / "bundle", "--data", folder, "--json")

    assert done.exit_code == 0, done.output
    evidence = json.loads(done.stdout)
    assert [cell["runtime"].split()[0] for cell in evidence["cells"]] == [
        *("Keras", "tflite-runtime", "ai-edge-litert")
    ]
    assert evidence["pair"]["agreement"] > 0.98


def test_worse_model_ends_with_exit_code_6(tiny_run, tiny_idx, without_weights, tmp_path):
    (tmp_path / "spoilt.tflite").write_bytes(without_weights(tiny_run / "model-int8.tflite"))

    done = compare(tiny_run, tmp_path / "spoilt.tflite", "--data", tiny_idx)

    assert done.exit_code == 6
    assert "refuted: " in done.stdout
    assert "spoilt.tflite is worse than" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said", "exit_code"),
    [
        ((), "expected a RUN, or A and B with --data", 2),
        (("RUN", "RUN"), "expected a RUN, or A and B with --data", 2),
        (("RUN", "--data", "DATA"), "--data, --margin, --metric and --out go with A and B", 2),
        (("RUN", "RUN", "--data", "DATA"), "given twice", 3),
        (("RUN", "nothing.tflite", "--data", "DATA"), "nothing.tflite: not found", 4),
        (("RUN", "DATA", "--data", "DATA"), "no bundle in it", 4),
        (("RUN", "RUN/model-float32.tflite", "--data", "RUN"), "expected", 3),
        (("RUN", "--merge", "RUN/run.json"), "not what `liteproof-edge evaluate --json`", 3),
        (("DATA",), "not a run", 3),
    ],
)
def test_what_cannot_be_compared_is_refused(tiny_run, folder, arguments, said, exit_code):
    places = [
        str(each).replace("RUN", str(tiny_run)).replace("DATA", str(folder)) for each in arguments
    ]

    done = compare(*places)

    assert (done.exit_code, said in done.output) == (exit_code, True), done.output
