"""Two programs at once where there is room for one: nothing is lost, and the second says why."""

import json
import subprocess
import sys
import time

import pytest

PROGRAM = [sys.executable, "-m", "liteproof"]


@pytest.fixture
def start():
    """Start `liteproof` in a process of its own."""
    started = []

    def begin(*arguments):
        process = subprocess.Popen(
            [*PROGRAM, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)


def test_second_run_in_a_folder_says_who_is_at_work_and_the_first_ends_well(
    tmp_path, tiny_recipe, tiny_data_dir, liteproof, start
):
    arguments = ["run", tiny_recipe, "--out", tmp_path / "run", "--data-dir", tiny_data_dir]
    first = start(*arguments)
    wait_for(tmp_path / "run" / "run.json", first)

    second = liteproof(*arguments)
    said = first.communicate()[1]

    assert second.returncode == 3
    assert second.stderr.count("\n") == 1
    assert f"process {first.pid} on" in second.stderr
    assert first.returncode == 0, said
    assert (tmp_path / "run" / "bundle" / "manifest.json").is_file()


def test_run_goes_on_in_the_folder_of_one_that_was_killed(
    tmp_path, tiny_recipe, tiny_data_dir, liteproof, start
):
    arguments = ["run", tiny_recipe, "--out", tmp_path / "run", "--data-dir", tiny_data_dir]
    first = start(*arguments)
    wait_for(tmp_path / "run" / "checkpoints" / "checkpoint", first)
    first.kill()

    second = liteproof(*arguments)

    assert second.returncode == 0, second.stderr
    assert "resuming after epoch" in second.stderr
    assert not (tmp_path / "run" / ".lock").exists()


def test_second_preparation_of_a_dataset_waits_for_the_first(tmp_path, tiny_idx, start):
    arguments = ["data", "tiny_bars", "--from", tiny_idx, "--data-dir", tmp_path]
    first = start(*arguments)
    wait_for(tmp_path / ".liteproof" / "tiny_bars.lock", first)
    second = start(*arguments)

    endings = [process.communicate() for process in (first, second)]

    assert [first.returncode, second.returncode] == [0, 0], endings
    assert f"data: waiting for process {first.pid} on" in endings[1][1]
    about = json.loads((tmp_path / "tiny_bars" / "1.0.0" / "dataset_info.json").read_text())
    assert [split["shardLengths"] for split in about["splits"]] == [["600"], ["150"]]
