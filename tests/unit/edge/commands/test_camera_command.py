import json

import pytest

from liteproof_edge.camera import sources
from liteproof_edge.commands import camera as camera_command


@pytest.fixture
def frames(tmp_path, golden):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, data in enumerate(golden.pictures):
        (folder / f"{number:02}.png").write_bytes(data)
    return folder


def test_camera_prints_a_line_of_json_for_each_frame(run, released, frames):
    exit_code, out, err = run("camera", released, frames)

    lines = [json.loads(line) for line in out]
    assert (exit_code, err) == (0, [])
    assert [line["label"] for line in lines] == [str(number // 2) for number in range(20)]
    assert [line["frame"] for line in lines] == list(range(20))


def test_camera_ends_after_as_many_frames_as_are_asked_for(run, released, frames):
    assert len(run("camera", released, frames, "-n", 3)[1]) == 3


def test_camera_ends_well_when_it_is_interrupted(run, released, frames, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(camera_command, "watch", interrupted)
    assert run("camera", released, frames) == (0, [], [])


@pytest.mark.parametrize(("source", "exit_code"), [("/dev/video99", 7), ("none.mp4", 3), (".", 3)])
def test_camera_ends_with_one_line_where_there_is_none(
    run, released, tmp_path, monkeypatch, source, exit_code
):
    monkeypatch.chdir(tmp_path)
    found, out, err = run("camera", released, source)

    assert (found, out, len(err)) == (exit_code, [], 1)


def test_camera_ends_with_7_where_no_camera_is_found(run, released, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "DEVICES", tmp_path)
    exit_code, out, err = run("camera", released)

    assert (exit_code, out, len(err)) == (7, [], 1)


def test_camera_ends_with_4_where_there_is_no_bundle(run, tmp_path, frames):
    assert run("camera", tmp_path, frames)[0] == 4
