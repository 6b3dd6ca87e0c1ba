import csv
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import pytest

from liteproof.training.optimization import WarmupThenFall

PATIENCE_SECONDS = 120
EPOCHS = 60  # of some hundredths of a second: enough to be interrupted in between
FLOAT32 = 1e-6


def weights(run):
    """The bytes of a trained model's weights."""
    return zipfile.ZipFile(run / "model.keras").read("model.weights.h5")


def train(run, recipe, data_dir, *more):
    # A shell's background jobs ignore Ctrl-C, and hand that down: it is made to answer again.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "liteproof", "train"]
    command += [
        str(recipe),
        "--out",
        str(run),
        "--data-dir",
        str(data_dir),
        "--threads",
        "1",
        *more,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def stop_after_an_epoch(process, run, how):
    until = time.monotonic() + PATIENCE_SECONDS
    while len(list((run / "checkpoints").glob("ckpt-*.index"))) < 2:
        assert time.monotonic() < until
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.005)
    process.send_signal(how)
    return process.communicate(timeout=PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def long_recipe(tiny_recipe, tmp_path_factory):
    """As the tiny one, but with epochs enough to be interrupted in between."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(tiny_recipe.read_text().replace("epochs = 3", f"epochs = {EPOCHS}"))
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory, long_recipe, tiny_data_dir):
    """A run of the long recipe that nothing interrupted."""
    run = tmp_path_factory.mktemp("whole") / "run"
    _, said = train(run, long_recipe, tiny_data_dir).communicate(timeout=PATIENCE_SECONDS)
    assert (run / "model.keras").exists(), said
    return run


def history(run):
    """The rows of history.csv, without the last column: seconds differ."""
    rows = csv.reader((run / "history.csv").read_text().splitlines())
    return [row[:-1] for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize(("how", "exit_code"), [(signal.SIGKILL, -9), (signal.SIGINT, 1)])
def test_interrupted_training_ends_in_the_same_weights(
    tmp_path, whole, long_recipe, tiny_data_dir, how, exit_code
):
    begun, run = tmp_path / "begun", tmp_path / "moved"
    first = train(begun, long_recipe, tiny_data_dir)
    _, said = stop_after_an_epoch(first, begun, how)
    assert not (begun / "model.keras").exists()
    assert first.returncode == exit_code
    assert "Traceback" not in said
    shutil.move(begun, run)

    _, said = train(run, long_recipe, tiny_data_dir, "--resume").communicate(
        timeout=PATIENCE_SECONDS
    )

    assert "resuming after epoch" in said
    assert weights(run) == weights(whole)
    assert history(whole) == history(run)
    assert len(history(run)) == 1 + EPOCHS


@pytest.mark.slow
def test_unfinished_training_is_not_begun_again_unasked(
    tmp_path, long_recipe, tiny_data_dir, liteproof
):
    run = tmp_path / "run"
    stop_after_an_epoch(train(run, long_recipe, tiny_data_dir), run, signal.SIGKILL)

    done = liteproof("train", long_recipe, "--out", run)

    assert done.returncode == 3
    assert "--resume" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_another_seed_gives_other_weights(tmp_path, tiny_run, tiny_recipe, tiny_data_dir):
    train(tmp_path / "run", tiny_recipe, tiny_data_dir, "--seed", "1").communicate()

    assert weights(tmp_path / "run") != weights(tiny_run)


def test_history_and_tensorboard_log_are_written(tiny_run):
    rows = list(csv.DictReader((tiny_run / "history.csv").read_text().splitlines()))

    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[2]["loss"]) < float(rows[0]["loss"])
    assert 0 <= float(rows[2]["validation_accuracy"]) <= 1
    assert list((tiny_run / "tensorboard").glob("events.out.tfevents.*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "message", "exit_code"),
    [
        ("batch_size = 32", "batch_size = 501", "training.batch_size: 501, expected at most", 2),
        ("learning_rate = 0.02", "learning_rate = 1e30", "expected a finite number", 5),
        ("validation_pictures = 100", "validation_pictures = 400", "at most half of them", 3),
        (
            "kernel_size = 3, padding",
            "kernel_size = 30, padding",
            "architecture.layers[2]: conv",
            2,
        ),
    ],
)
def test_recipe_that_cannot_be_trained_is_one_line(
    tmp_path, tiny_recipe, tiny_data_dir, liteproof, old, new, message, exit_code
):
    recipe = tmp_path / "bad.toml"
    recipe.write_text(tiny_recipe.read_text().replace(old, new))

    done = liteproof("train", recipe, "--out", tmp_path / "run", "--data-dir", tiny_data_dir)

    assert done.returncode == exit_code
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_place_that_cannot_be_written_is_known_before_the_data(tmp_path, tiny_recipe, liteproof):
    done = liteproof("run", tiny_recipe, "--out", "/proc/run", "--data-dir", tmp_path / "nowhere")

    assert done.returncode == 8
    assert done.stderr.startswith("liteproof: /proc/run: cannot be written")
    assert done.stderr.count("\n") == 1


def test_data_that_is_not_to_be_had_leaves_no_folder(tmp_path, tiny_recipe, liteproof):
    run = tmp_path / "run"

    done = liteproof("run", tiny_recipe, "--out", run, "--data-dir", tmp_path / "nowhere")

    assert done.returncode == 3
    assert "tiny_bars: TFDS knows no such dataset" in done.stderr
    assert not run.exists()


def test_learning_rate_rises_to_the_peak_and_falls_to_nought():
    schedule = WarmupThenFall(peak=1.0, steps=10, warmup=0.2, schedule="linear")
    rates = [float(schedule(step)) for step in range(11)]

    assert rates[:3] == pytest.approx([0.5, 1.0, 8 / 9], abs=FLOAT32)
    assert rates[9:] == pytest.approx([1 / 9, 0.0], abs=FLOAT32)


def test_learning_rate_falls_as_half_a_cosine_wave():
    schedule = WarmupThenFall(peak=1.0, steps=9, warmup=0.1, schedule="cosine")

    rates = [float(schedule(step)) for step in (0, 3, 6, 9)]  # thirds of the way

    assert rates == pytest.approx([1.0, 0.75, 0.25, 0.0], abs=FLOAT32)


@pytest.mark.slow
def test_gpu_that_is_not_there_is_exit_code_7(tmp_path, tiny_recipe, tiny_data_dir, liteproof):
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    arguments = ("--out", tmp_path / "run", "--data-dir", tiny_data_dir, "--device", "gpu")

    done = liteproof("train", tiny_recipe, *arguments, env=hidden)

    assert done.returncode == 7
    assert "TensorFlow sees no GPU" in done.stderr
