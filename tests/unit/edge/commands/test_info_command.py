import json
import platform

import numpy as np
import pytest

from liteproof_edge.runtime.loading import VARIABLE

HUGE = int("9" * 400)  # more than a float holds


def rows(lines):
    """Return each name and its value."""
    return {line[:15].rstrip(): line[16:] for line in lines}


def test_info_prints_what_the_released_bundle_is(run, released, bundle):
    exit_code, out, err = run("info", released)
    assert (exit_code, err) == (0, [])
    assert out[:5] == [
        "bundle          mnist, 36,408 bytes of model",
        "labels          0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        "preprocessing   ink (height 28, width 28, channels 1, box 20)",
        "input           uint8 1x28x28x1, scale 1, zero point 0",
        "output          int8 1x10, scale 0.0368795, zero point -19",
    ]
    assert out[5] == f"temperature     {bundle.temperature:g}"


def test_info_prints_the_manifests_accuracy_and_runtimes(run, released, bundle):
    _, out, _ = run("info", released)
    int8, before = (
        bundle.manifest["accuracy"][key]["top1_accuracy"] for key in ("shipped", "float")
    )
    assert rows(out)["accuracy"] == (
        f"{int8:.2%} int8, {before:.2%} float (n = 10000, mnist/3.0.1 test)"
    )
    assert rows(out)["verified on"] == ", ".join(bundle.manifest["verified_runtimes"])


def test_info_prints_the_python_and_machine(run, released):
    _, out, _ = run("info", released)
    assert rows(out)["here"] == f"Python {platform.python_version()} on {platform.machine()}"


def test_info_prints_that_each_installed_runtime_runs_it(run, released, each_runtime):
    _, out, _ = run("info", released)
    assert rows(out)[each_runtime.value].endswith(" runs it")


def test_info_tells_of_a_runtime_that_is_not_installed(run, released, no_runtime, each_runtime):
    exit_code, out, err = run("info", released)
    assert (exit_code, err) == (0, [])
    answer = rows(out)[each_runtime.value]
    assert answer.startswith(f"{each_runtime.value} is not installed (Python ")
    assert answer.endswith(f": pip install {each_runtime.value}")


def test_info_tells_of_a_runtime_that_breaks_beside_numpy_2(
    run, released, monkeypatch, tflite_runtime
):
    monkeypatch.setattr(np, "__version__", "2.0.0")
    _, out, _ = run("info", released)
    assert "breaks with numpy 2.0.0" in rows(out)[tflite_runtime.value]
    assert rows(out)["ai-edge-litert"].endswith(" runs it")


def test_info_tries_every_runtime_whatever_the_environment_names(
    run, released, monkeypatch, tflite_runtime
):
    monkeypatch.setenv(VARIABLE, "no-such-runtime")
    exit_code, out, _ = run("info", released)
    assert exit_code == 0
    assert sum(line.endswith(" runs it") for line in out) == 2


def test_info_prints_json_of_the_manifest_and_the_runtimes(run, released, bundle):
    exit_code, (line,), err = run("info", released, "--json")
    result = json.loads(line)
    runtimes = result.pop("runtimes")
    assert (exit_code, err, result) == (0, [], bundle.manifest)
    assert set(runtimes) == {"tflite-runtime", "ai-edge-litert"}


@pytest.mark.parametrize(
    "accuracy",
    [
        None,
        "99 %",
        [],
        {},
        {"shipped": 0.9, "float": 0.9},
        {
            "shipped": {"model": "int8", "top1_accuracy": "high", "n": 1},
            "float": {"top1_accuracy": 1},
            "dataset": "",
        },
        {
            "shipped": {"model": "int8", "top1_accuracy": HUGE, "n": 1},
            "float": {"top1_accuracy": 1},
            "dataset": "",
        },
        {
            "shipped": {"model": "int8", "top1_accuracy": 0.9},
            "float": {"top1_accuracy": 0.9},
            "dataset": "d",
        },
    ],
)
def test_info_says_that_the_accuracy_is_not_stated_where_it_cannot_be_read(
    run, copied, edit_manifest, accuracy
):
    edit_manifest(copied, lambda manifest: manifest.update(accuracy=accuracy))
    exit_code, out, err = run("info", copied)
    assert (exit_code, err) == (0, [])
    assert rows(out)["accuracy"] == "not stated"


@pytest.mark.parametrize("key", ["accuracy", "verified_runtimes", "training", "tools"])
def test_info_needs_no_word_on_how_the_model_was_made(run, copied, edit_manifest, key):
    edit_manifest(copied, lambda manifest: manifest.pop(key))
    exit_code, out, err = run("info", copied)
    assert (exit_code, err, out[0]) == (0, [], "bundle          mnist, 36,408 bytes of model")


def test_info_keeps_what_the_manifest_says_on_one_line(run, copied, edit_manifest):
    def change(manifest):
        manifest["verified_runtimes"] = ["a\nb", 1, "\x1b[31m\ud800"]
        manifest["accuracy"]["dataset"] = "c\nd"

    edit_manifest(copied, change)
    _, out, _ = run("info", copied)
    assert rows(out)["verified on"] == r"a\nb, 1, \x1b[31m\ud800"
    assert rows(out)["accuracy"].endswith(r", c\nd)")


def test_info_gives_odd_characters_of_the_manifest_in_json(run, copied, edit_manifest):
    edit_manifest(copied, lambda manifest: manifest.update(note="\ud800\n"))
    _, (line,), _ = run("info", copied, "--json")
    assert json.loads(line)["note"] == "\ud800\n"


def test_info_fails_with_4_on_a_missing_bundle(run, tmp_path):
    exit_code, out, err = run("info", tmp_path / "none")
    assert (exit_code, out, len(err)) == (4, [], 1)
    assert str(tmp_path / "none/manifest.json") in err[0]


def test_info_fails_with_4_on_a_damaged_bundle(run, copied):
    (copied / "MODEL_CARD.md").write_text("")
    exit_code, out, err = run("info", copied)
    assert (exit_code, out, len(err)) == (4, [], 1)
    assert err[0].startswith(f"liteproof-edge: {copied / 'MODEL_CARD.md'}: ")
