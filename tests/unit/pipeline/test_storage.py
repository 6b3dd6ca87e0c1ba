import errno
import os
from pathlib import Path

import numpy as np
import pytest

from liteproof.errors import StorageError
from liteproof.storage import make_folder, new_folder, write_array, write_file

DEAD_PROCESS = 2**22 + 1  # above Linux's largest process number


def test_file_is_replaced_whole(tmp_path):
    write_file(tmp_path / "a", "old")
    write_file(tmp_path / "a", b"new")

    assert (tmp_path / "a").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a"]


def test_file_survives_a_full_disk(tmp_path, monkeypatch):
    write_file(tmp_path / "a", "old")

    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="a: cannot be written: No space left on device"):
        write_file(tmp_path / "a", "new")

    assert (tmp_path / "a").read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_folder_is_replaced_whole(tmp_path):
    for name in ("old", "new"):
        with new_folder(tmp_path / "b") as folder:
            (folder / name).touch()

    assert os.listdir(tmp_path / "b") == ["new"]
    assert os.listdir(tmp_path) == ["b"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_folder_survives_an_interruption(tmp_path, error):
    with new_folder(tmp_path / "b") as folder:
        (folder / "old").touch()

    with pytest.raises(error), new_folder(tmp_path / "b") as folder:
        (folder / "new").touch()
        raise error

    assert os.listdir(tmp_path / "b") == ["old"]
    assert os.listdir(tmp_path) == ["b"]


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    leftover = tmp_path / f".b.partial-{DEAD_PROCESS}"
    leftover.mkdir()
    (leftover / "half").touch()

    with new_folder(tmp_path / "b"):
        pass

    assert os.listdir(tmp_path) == ["b"]


def test_leftovers_of_a_living_process_are_left_alone(tmp_path):
    busy = tmp_path / ".b.partial-1"
    busy.mkdir()

    with new_folder(tmp_path / "b"):
        pass

    assert busy.is_dir()


@pytest.mark.parametrize("place", ["/proc/liteproof", "/dev/null/liteproof"])
def test_folder_that_cannot_be_made_is_named(place):
    with pytest.raises(StorageError, match=f"{place}: cannot be written") as caught:
        make_folder(Path(place))

    assert caught.value.exit_code == 8


def test_array_comes_back(tmp_path):
    write_array(tmp_path / "a.npy", np.arange(3))

    assert np.load(tmp_path / "a.npy").tolist() == [0, 1, 2]
