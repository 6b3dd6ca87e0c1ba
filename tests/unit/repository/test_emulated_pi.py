"""What scripts/emulated_pi.py does before and beside emulation, which tests/system tries."""

import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import emulated_pi
import emulated_roots
from emulated_answers import Agreement
from emulated_boards import BOARDS
from emulated_roots import TRIES, root_of
from liteproof.errors import DeviceError
from liteproof_edge import DatasetError, idx
from some_pictures import copy_some

BOARD = BOARDS["bookworm-armhf"]
LABELS = ("cat", "dog")


@pytest.fixture
def photos(tmp_path):
    """Five cats, one dog, and what is neither."""
    folder = tmp_path / "photos"
    for label, n in (("cat", 5), ("dog", 1), ("fish", 2)):
        (folder / label).mkdir(parents=True)
        for number in range(n):
            Image.new("L", (4, 4)).save(folder / label / f"{number}.png")
    (folder / "cat" / ".hidden").touch()
    return folder


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Stand-ins for what makes root file systems: they write down that they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("mmdebstrap", "qemu-arm-static", "unshare"):
        program = folder / name
        program.write_text(
            f"#!/bin/sh\necho called >> '{tmp_path}/calls'\n"
            "for root; do :; done; mkdir -p $root/usr\necho 'E: hash mismatch' >&2; exit 25\n"
        )
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(emulated_roots, "PAUSE_SECONDS", 0)
    return folder


def test_first_pictures_of_idx_files_are_taken(tiny_idx, tmp_path):
    n = copy_some(tiny_idx, tmp_path / "some", 20, ("0", "1", "2"))

    images, labels = idx.load(tmp_path / "some", idx.Split.TEST)
    all_images, all_labels = idx.load(tiny_idx, idx.Split.TEST)
    assert n == 20
    assert np.array_equal(images, all_images[:20])
    assert np.array_equal(labels, all_labels[:20])


def test_all_pictures_are_taken_where_there_are_fewer(tiny_idx, tmp_path):
    assert copy_some(tiny_idx, tmp_path / "some", 1000, ("0", "1", "2")) == 150


def test_pictures_of_every_label_are_taken_in_turn(photos, tmp_path):
    n = copy_some(photos, tmp_path / "some", 4, LABELS)

    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("some/*/*"))
    assert found == ["some/cat/0.png", "some/cat/1.png", "some/cat/2.png", "some/dog/0.png"]
    assert n == 4


@pytest.mark.parametrize("name", ["none", "photos/cat", "photos/cat/0.png"])
def test_data_without_labelled_pictures_is_refused(photos, tmp_path, name):
    with pytest.raises(DatasetError) as refused:
        copy_some(tmp_path / name, tmp_path / "some", 4, LABELS)

    assert str(refused.value).startswith(f"{tmp_path}/{name}: ")


def test_agreement_counts_labels_and_outputs():
    host = np.array([[9, 3], [7, 8], [200, 0]], np.uint8)
    board = np.array([[9, 3], [8, 7], [198, 0]], np.uint8)

    assert Agreement.of(board, host) == Agreement(3, 2, 1, 2.0, "LSB")


def test_agreement_of_float_outputs_is_in_logits():
    host = np.array([[0.5, 1.5]], np.float32)

    assert Agreement.of(host + np.float32(0.25), host) == Agreement(1, 1, 0, 0.25, "logits")


def test_failing_download_is_tried_again_and_leaves_nothing(programs, tmp_path):
    with pytest.raises(DeviceError, match="hash mismatch") as failed:
        root_of(BOARD, tmp_path / "cache", lambda _: None)

    assert len((tmp_path / "calls").read_text().split()) == TRIES
    assert list((tmp_path / "cache").iterdir()) == []
    assert failed.value.exit_code == 7


def test_missing_program_is_named(tmp_path):
    board = replace(BOARD, qemu="qemu-no-such-static")

    with pytest.raises(DeviceError, match="qemu-no-such-static: apt-get install qemu-user-static"):
        root_of(board, tmp_path, lambda _: None)


def test_cached_root_is_taken_as_it_is(programs, tmp_path, monkeypatch):
    def unpack(_board, root, _report):
        (root / "made").mkdir(parents=True)

    for name in ("_finish_system", "_unpack_runtime", "_try_out"):
        monkeypatch.setattr(emulated_roots, name, lambda *_: None)
    monkeypatch.setattr(emulated_roots, "_unpack_system", unpack)
    made = root_of(BOARD, tmp_path / "cache", lambda _: None)
    monkeypatch.undo()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    assert root_of(BOARD, tmp_path / "cache", pytest.fail) == made
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [made.name]


def test_another_board_has_another_root(tmp_path, programs, monkeypatch):
    for name in ("_finish_system", "_unpack_runtime", "_try_out"):
        monkeypatch.setattr(emulated_roots, name, lambda *_: None)
    monkeypatch.setattr(emulated_roots, "_unpack_system", lambda _, root, __: root.mkdir())
    roots = {
        root_of(board, tmp_path, lambda _: None)
        for board in (BOARD, replace(BOARD, version="2.13.0"), replace(BOARD, cpu="cortex-a15"))
    }

    assert len(roots) == 3


@pytest.mark.parametrize(
    ("options", "exit_code", "says"),
    [
        (["--data", "{none}"], 3, "not a folder"),
        (["--data", "{idx}", "--bundle", "{none}"], 4, "{none}"),
        (["--data", "{idx}", "--photo", "{none}"], 3, "{none}: not a file"),
    ],
)
def test_bad_input_ends_in_one_line(tiny_idx, tmp_path, capsys, options, exit_code, says):
    known = {"none": tmp_path / "none", "idx": tiny_idx}
    assert emulated_pi.main([option.format(**known) for option in options]) == exit_code

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("emulated_pi: ")
    assert says.format(**known) in line


@pytest.mark.parametrize(
    "options", [["--limit", "0"], ["--limit", "-1"], ["--limit", "x"], ["--board", "pico"], []]
)
def test_bad_options_are_usage(tmp_path, capsys, options):
    data = ["--data", str(tmp_path)] if options else []
    with pytest.raises(SystemExit) as refused:
        emulated_pi.main([*data, *options])

    assert refused.value.code == 2
