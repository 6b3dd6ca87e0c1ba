import io
import json
import subprocess
import sys

import numpy as np
import pytest

from liteproof_edge.classifier import Classifier
from liteproof_edge.commands import evaluate as module
from liteproof_edge.measurement.evaluation import Evaluation
from liteproof_edge.measurement.latency import Latency
from liteproof_edge.runtime.loading import installed

KEYS = {
    *("bundle", "correct", "n", "top1_accuracy", "interval", "labels", "confusion", "refused"),
    *("preprocessing", "runtime", "model_sha256", "machine", "board", "latency_us"),
    "pictures_sha256",
    *("kernels", "threads"),
}

LATENCY = Latency(50.0, 60.0, 70.0, 10)


@pytest.fixture
def one_wrong(label_folders):
    """Labelled folders, with one 3 among the 5s."""
    (label_folders / "3" / "06.png").rename(label_folders / "5" / "06.png")
    return label_folders


@pytest.fixture
def print_of(run, released, label_folders, monkeypatch):
    """Print a result of our own making."""

    def show(labels, confusion, refused=None, latency=LATENCY):
        result = Evaluation(
            correct=int(np.trace(confusion)),
            n=int(np.sum(confusion) + np.sum(refused or 0)),
            labels=tuple(labels),
            confusion=tuple(map(tuple, confusion)),
            refused=tuple(refused or [0] * len(labels)),
            preprocessing="ink",
            runtime="some-runtime 1.0",
            model_sha256="5e" * 32,
            machine="aarch64",
            board=None,
            latency=latency,
            pictures_sha256="6f" * 32,
        )
        monkeypatch.setattr(module, "evaluate", lambda *_: result)
        return run("evaluate", released, label_folders)[1]

    return show


def test_evaluate_prints_the_accuracy(run, released, label_folders):
    exit_code, out, err = run("evaluate", released, label_folders)
    assert (exit_code, err) == (0, [])
    assert out[0] == "bundle          mnist"
    assert out[1].startswith(f"runtime         {installed()[0].value} ")
    assert out[2:6] == [
        "preprocessing   ink",
        "top-1 accuracy  100.00% (20 of 20)",
        "95 % interval   83.89% to 100.00%",
        "refused         0 pictures, counted as wrong",
    ]
    assert out[6].startswith("median latency  ")


def test_evaluate_prints_each_label_and_the_confusion(print_of):
    out = print_of(["cat", "dog"], [[8, 2], [1, 7]], refused=[0, 2])
    assert out[7:] == [
        "",
        "label by label",
        "label   n   right  precision",
        "cat    10  80.00%     88.89%",
        "dog    10  70.00%     77.78%",
        "",
        "confusion: label (down), answer (across)",
        "     cat  dog",
        "cat    8    2",
        "dog    1    7",
    ]


def test_evaluate_prints_no_precision_of_a_label_that_is_never_answered(print_of):
    out = print_of(["cat", "dog"], [[8, 0], [2, 0]])
    assert out[10:12] == ["cat    8  100.00%     80.00%", "dog    2    0.00%"]


def test_evaluate_prints_no_row_of_a_label_that_has_no_pictures(print_of):
    out = print_of(["cat", "dog"], [[8, 1], [0, 0]])
    assert out[8:12] == ["label by label", "label  n   right  precision", out[10], ""]
    assert out[10].startswith("cat ")


def test_evaluate_prints_the_worst_of_many_labels_and_no_confusion(print_of):
    n = 25
    confusion = np.diag(np.arange(100, 100 + n))
    confusion[:, 0] += np.arange(n)  # the later a label, the less of it is right
    out = print_of([f"class-{index:02}" for index in range(n)], confusion.tolist())
    assert out[8] == "label, least right first"
    assert [line.split()[0] for line in out[10:]] == [f"class-{24 - i:02}" for i in range(20)]


def test_evaluate_prints_that_the_latency_is_unknown_where_every_picture_is_refused(print_of):
    out = print_of(["cat", "dog"], [[0, 0], [0, 0]], refused=[2, 1], latency=None)
    assert out[3:7] == [
        "top-1 accuracy  0.00% (0 of 3)",
        "95 % interval   0.00% to 56.15%",
        "refused         3 pictures, counted as wrong",
        "median latency  unknown",
    ]


def test_evaluate_prints_json(run, released, one_wrong):
    exit_code, (line,), err = run("evaluate", released, one_wrong, "--json")
    result = json.loads(line)
    assert (exit_code, err, set(result)) == (0, [], KEYS)
    assert (result["bundle"], result["n"], result["correct"]) == ("mnist", 20, 19)
    assert result["top1_accuracy"] == 0.95
    assert result["interval"][0] < 0.95 < result["interval"][1]
    assert result["confusion"][5] == [0, 0, 0, 1, 0, 2, 0, 0, 0, 0]


def test_evaluate_names_a_picture_that_is_refused_and_ends_with_3(run, released, label_folders):
    (label_folders / "3" / "notes.txt").write_text("three")
    exit_code, out, err = run("evaluate", released, label_folders)
    assert exit_code == 3
    assert err == [
        f"liteproof-edge: {label_folders}/3/notes.txt: not a picture that Pillow can read"
    ]
    assert "top-1 accuracy  95.24% (20 of 21)" in out
    assert "refused         1 pictures, counted as wrong" in out


def test_evaluate_prints_json_where_a_picture_is_refused_too(run, released, label_folders):
    (label_folders / "3" / "notes.txt").write_text("three")
    exit_code, (line,), err = run("evaluate", released, label_folders, "--json")
    assert (exit_code, len(err)) == (3, 1)
    assert json.loads(line)["refused"] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [([], ("shipping", 1)), (["--reference-kernels", "--threads", "2"], ("reference", 2))],
)
def test_evaluate_says_in_json_how_it_ran(run, released, idx_folder, options, expected):
    _, (line,), _ = run("evaluate", released, idx_folder, "--json", *options)
    result = json.loads(line)
    assert (result["kernels"], result["threads"]) == expected


def test_evaluate_takes_an_idx_folder(run, released, idx_folder):
    exit_code, (line,), _ = run("evaluate", released, idx_folder, "--json")
    result = json.loads(line)
    assert (exit_code, result["correct"], result["n"]) == (0, 20, 20)
    assert result["preprocessing"] == "none (model-ready tensor)"


def test_evaluate_takes_the_runtime_asked_for(run, released, idx_folder, each_runtime):
    options = ("--runtime", each_runtime.value, "--json")
    exit_code, (line,), _ = run("evaluate", released, idx_folder, *options)
    assert exit_code == 0
    assert json.loads(line)["runtime"].startswith(f"{each_runtime.value} ")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), (False, 1)),
        (("--reference-kernels",), (True, 1)),
        # Two threads may stall other kernels than these.
        (("--reference-kernels", "--threads", "2"), (True, 2)),
    ],
)
def test_evaluate_loads_the_model_as_it_is_asked_to(
    run, released, idx_folder, monkeypatch, options, expected
):
    asked, load = [], Classifier.load

    def spy(*arguments, **keywords):
        asked.append((keywords["reference_kernels"], keywords["threads"]))
        return load(*arguments, **keywords)

    monkeypatch.setattr(Classifier, "load", spy)
    assert run("evaluate", released, idx_folder, *options)[0] == 0
    assert asked == [expected]


def test_evaluate_fails_with_3_on_an_unknown_label(run, released, label_folders):
    (label_folders / "ten").mkdir()
    exit_code, out, err = run("evaluate", released, label_folders)
    assert (exit_code, out, len(err)) == (3, [], 1)
    assert err[0].startswith(f"liteproof-edge: {label_folders}/ten: ")


def test_evaluate_fails_with_3_on_a_folder_name_that_is_too_long(run, released):
    exit_code, out, err = run("evaluate", released, "a" * 300)
    assert (exit_code, out, len(err)) == (3, [], 1)
    assert err[0].startswith(f"liteproof-edge: {'a' * 300}: ")


def test_evaluate_fails_with_4_on_a_missing_bundle(run, tmp_path):
    exit_code, out, err = run("evaluate", tmp_path / "none", tmp_path)
    assert (exit_code, out, len(err)) == (4, [], 1)
    assert str(tmp_path / "none/manifest.json") in err[0]


def test_evaluate_fails_with_7_where_there_is_no_runtime(run, released, label_folders, no_runtime):
    exit_code, out, err = run("evaluate", released, label_folders)
    assert (exit_code, out, len(err)) == (7, [], 1)
    assert "pip install" in err[0]


def test_evaluate_shows_on_a_terminal_how_far_it_is(run, released, label_folders, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    assert run("evaluate", released, label_folders)[0] == 0
    assert terminal.getvalue() == "\r16 of 20\r20 of 20\n"


def test_process_evaluates_where_standard_error_is_closed(released, label_folders):
    done = subprocess.run(
        [
            *("bash", "-c", 'exec "$@" 2>&-', "bash"),
            *(sys.executable, "-m", "liteproof_edge", "evaluate", released, label_folders),
        ],
        stdout=subprocess.PIPE,
        check=False,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 0
    assert "top-1 accuracy  100.00% (20 of 20)" in done.stdout
