"""The two commands of the README, in a fresh clone, on real MNIST."""

import json
import shutil

import pytest

MIN_INT8_TOP1 = 0.994
MAX_DROP = 0.001
MAX_BYTES = 40_000
RUN = "runs/mnist-fast"


@pytest.fixture(scope="module")
def printed(tmp_path_factory, clone, shell):
    if shutil.which("npm") is None:
        pytest.skip("needs npm, to fetch MNIST without TFDS's host")
    data_dir = tmp_path_factory.mktemp("tfds")
    return shell("make run", cwd=clone, TFDS_DATA_DIR=str(data_dir))


def test_make_run_reaches_its_targets(clone, printed):
    comparison = json.loads((clone / RUN / "comparison.json").read_text())
    int8 = comparison["candidate"]

    assert int8["n"] == 10_000
    assert int8["correct"] / int8["n"] >= MIN_INT8_TOP1
    assert comparison["sizes"]["int8"] <= MAX_BYTES
    assert abs(comparison["pair"]["drop"]) <= MAX_DROP
    assert comparison["verdict"]["outcome"] == "shown"


def test_commands_that_make_run_prints_work(clone, printed, shell):
    commands = dict(line.split(":", 1) for line in printed.splitlines() if ":" in line)
    verify = commands["verify"].strip()
    classify = commands["classify"].strip().replace("PICTURE", "tests/pictures/three.jpg")

    assert "verified" in shell(verify, cwd=clone)
    assert shell(classify, cwd=clone).split()[1] == "3"


def test_bundle_made_here_verifies_on_the_device(clone, printed, device, shell):
    assert "verified" in shell(f"'{device}/liteproof-edge' verify {RUN}/bundle", cwd=clone)


def test_second_make_run_skips_everything(tmp_path_factory, clone, printed, shell):
    again = shell("make run 2>&1", cwd=clone)

    assert again.count("nothing has changed, skipped") == 6


def test_full_disk_ends_in_one_line(clone, printed, shell, tmp_path):
    """A real one: a file system of 100 kB, where this machine lets us mount one."""
    small = tmp_path / "small"
    small.mkdir()
    try:
        shell(f"mount -t tmpfs -o size=100k tmpfs '{small}'")
    except AssertionError:
        pytest.skip("needs the right to mount a small file system")
    try:
        program = f"'{clone}/.venv/bin/liteproof'"
        told = shell(f"{program} bundle {RUN} --out '{small}/a' 2>&1", cwd=clone)
        assert "bundle:" in told
        told = shell(f"{program} bundle {RUN} --out '{small}/b' 2>&1", cwd=clone, exit_code=8)
        assert told.splitlines()[-1].endswith("cannot be written: No space left on device")
        assert [path.name for path in small.iterdir()] == ["a"]
    finally:
        shell(f"umount '{small}'")
