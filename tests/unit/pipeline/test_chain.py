import json
import shutil

import pytest

from liteproof.runs.stage import digest

STAGES = ["data", "train", "export float32", "export int8", "compare", "bundle"]
SKIPPED = "nothing has changed, skipped"


@pytest.fixture
def run(tiny_run, tmp_path):
    return shutil.copytree(tiny_run, tmp_path / "tiny")


def walk(liteproof, run, recipe, *more):
    done = liteproof("run", recipe, "--out", run, *more)
    said = {}
    for line in done.stderr.splitlines():
        stage, _, what = line.partition(": ")
        if stage in STAGES:
            said[stage] = what
    return done, said


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_second_run_skips_every_stage_also_after_a_move(liteproof, run, tiny_recipe):
    done, said = walk(liteproof, run, tiny_recipe)

    assert done.returncode == 0
    assert said == dict.fromkeys(STAGES, SKIPPED)


def test_run_ends_with_the_table_and_the_next_commands(liteproof, run, tiny_recipe):
    done, _ = walk(liteproof, run, tiny_recipe)

    assert "int8 against keras: drop" in done.stdout
    for command in ("verify", "classify"):
        assert f"liteproof-edge {command} {run / 'bundle'}" in done.stdout


def test_json_of_a_run_is_the_comparison_alone(liteproof, run, tiny_recipe):
    done, _ = walk(liteproof, run, tiny_recipe, "--json")

    assert json.loads(done.stdout) == json.loads((run / "comparison.json").read_text())


def test_changed_gate_redoes_the_comparison_and_the_bundle_alone(
    liteproof, run, tiny_recipe, tmp_path
):
    recipe = shutil.copy(tiny_recipe, tmp_path / "gate.toml")
    change(recipe, "top1_drop_points = 5.0", "top1_drop_points = 6.0")

    done, said = walk(liteproof, run, recipe)

    assert done.returncode == 0, done.stderr
    assert said == {
        **dict.fromkeys(STAGES, SKIPPED),
        "compare": "working",
        "bundle": "working",
    }


@pytest.mark.slow
def test_removed_product_is_made_again_with_the_same_bytes(liteproof, run, tiny_recipe):
    model = run / "model-int8.tflite"
    before = model.read_bytes()
    model.unlink()

    _, said = walk(liteproof, run, tiny_recipe)

    assert said["export int8"] == "working"
    assert said["compare"] == SKIPPED
    assert model.read_bytes() == before


@pytest.mark.slow
def test_changed_training_starts_anew_and_says_so(liteproof, run, tiny_recipe, tmp_path):
    recipe = shutil.copy(tiny_recipe, tmp_path / "longer.toml")
    change(recipe, "epochs = 3", "epochs = 4")

    done, said = walk(liteproof, run, recipe)

    assert done.returncode == 0, done.stderr
    assert "starting anew: its recipe 'tiny' has another [training]" in done.stderr
    assert said["train"] == "working"


@pytest.mark.slow
def test_changed_data_trains_anew_in_a_run_and_is_refused_by_resume(
    liteproof, run, tiny_recipe, tiny_data_dir, tmp_path
):
    data_dir = shutil.copytree(tiny_data_dir, tmp_path / "tfds")
    (about,) = data_dir.glob(".liteproof/decoded/tiny_bars/*/dataset.json")
    fingerprint = json.loads(about.read_text())["fingerprint"]
    change(about, fingerprint, "f" * 64)

    refused = liteproof("train", tiny_recipe, "--out", run, "--resume", "--data-dir", data_dir)
    done, said = walk(liteproof, run, tiny_recipe, "--data-dir", data_dir)

    assert refused.returncode == 3, refused.stderr
    assert "its data has changed since" in refused.stderr
    assert done.returncode == 0, done.stderr
    assert said["train"] == "working"
    assert "resuming" not in done.stderr


def test_gate_that_fails_is_exit_code_6_and_leaves_no_bundle(
    liteproof, run, tiny_recipe, tmp_path, without_weights
):
    recipe = shutil.copy(tiny_recipe, tmp_path / "gate.toml")
    change(recipe, "top1_drop_points = 5.0", "top1_drop_points = 0.5")
    shutil.rmtree(run / "bundle")
    (run / "comparison.json").unlink()
    int8 = run / "model-int8.tflite"
    records = json.loads((run / "stages.json").read_text())
    int8.write_bytes(without_weights(int8))
    records["export int8"]["products"]["model-int8.tflite"] = digest(int8)
    (run / "stages.json").write_text(json.dumps(records))

    done, _ = walk(liteproof, run, recipe)

    assert done.returncode == 6, done.stderr
    assert "int8 is worse than keras by more than 0.5 points" in done.stderr.splitlines()[-1]
    assert not (run / "bundle").exists()
    assert (run / "comparison.json").exists()


@pytest.mark.parametrize(
    ("command", "missing", "remedy"),
    [
        (["export"], "model.keras", "liteproof train tiny"),
        (["compare"], "model-int8.tflite", "liteproof export"),
        (["bundle", "--out", "b"], "comparison.json", "liteproof compare"),
    ],
)
def test_stage_before_its_time_names_the_command_that_is_missing(
    liteproof, run, command, missing, remedy
):
    (run / missing).unlink()

    done = liteproof(command[0], run, *command[1:])

    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert missing in done.stderr
    assert remedy in done.stderr


def test_model_of_another_training_is_not_compared(liteproof, run):
    (run / "model.keras").write_bytes((run / "model.keras").read_bytes() + b"x")

    done = liteproof("compare", run)

    assert done.returncode == 3
    assert "was not trained by this recipe on this data" in done.stderr


def test_training_into_a_run_of_another_recipe_is_refused(liteproof, run, tiny_recipe, tmp_path):
    before = (run / "model.keras").read_bytes()
    recipe = shutil.copy(tiny_recipe, tmp_path / "other.toml")
    change(recipe, "filters = 6", "filters = 7")

    for more in ((), ("--resume",)):
        done = liteproof("train", recipe, "--out", run, *more)

        assert done.returncode == 3
        assert "its recipe 'tiny' has another [architecture]" in done.stderr
    assert (run / "model.keras").read_bytes() == before


def test_resuming_with_another_seed_is_refused(liteproof, run, tiny_recipe):
    done = liteproof("train", tiny_recipe, "--out", run, "--resume", "--seed", "9")

    assert done.returncode == 3
    assert "it was begun with seed 0, 1 thread," in done.stderr


def test_resuming_what_was_never_begun_is_refused(liteproof, tiny_recipe, tmp_path):
    done = liteproof("train", tiny_recipe, "--out", tmp_path / "new", "--resume")

    assert done.returncode == 3
    assert not (tmp_path / "new").exists()


def test_folder_of_other_files_is_left_alone(liteproof, tiny_recipe, tmp_path):
    (tmp_path / "thesis.tex").touch()

    done = liteproof("run", tiny_recipe, "--out", tmp_path)

    assert done.returncode == 3
    assert "holds no run" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_run_that_was_killed_while_it_was_begun_is_begun_again(liteproof, tiny_recipe, tmp_path):
    for leftover in ("recipe.toml", ".run.json.partial-4194305"):
        (tmp_path / leftover).touch()

    done = liteproof("run", tiny_recipe, "--out", tmp_path, "--data-dir", tmp_path / "nowhere")

    assert "holds no run" not in done.stderr
    assert "tiny_bars: TFDS knows no such dataset" in done.stderr  # it got as far as the data


@pytest.mark.parametrize("damage", ["run.json", "recipe.toml"])
def test_damaged_run_is_one_line(liteproof, run, damage):
    (run / damage).write_text("{")

    done = liteproof("compare", run)

    assert done.returncode in {2, 3}
    assert done.stderr.count("\n") == 1
    assert str(run) in done.stderr


def test_folder_that_is_no_run_is_one_line(liteproof, tmp_path):
    done = liteproof("export", tmp_path / "nowhere")

    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "not a run; start one with" in done.stderr
