"""Preparing data, killed at any moment: the next attempt mends it."""

import subprocess
import sys
import time

import pytest


@pytest.mark.parametrize("sign", ["idx read", "writing", "tfrecord"])
def test_preparation_killed_anywhere_is_mended_by_the_next(tmp_path, tiny_idx, liteproof, sign):
    command = [sys.executable, "-m", "liteproof", "data", "tiny_bars"]
    command += ["--from", str(tiny_idx), "--data-dir", str(tmp_path)]
    marks = {"idx read": "tiny_bars", "writing": "*.partial-*", "tfrecord": "*.tfrecord*"}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        while not list(tmp_path.rglob(marks[sign])) and first.poll() is None:
            time.sleep(0.001)
        first.kill()

    done = liteproof(*command[3:])

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tiny_bars/1.0.0: 600 training and 150 test pictures")
    assert [path.name for path in (tmp_path / "tiny_bars").iterdir()] == ["1.0.0"]
