import os
from pathlib import Path

import pytest

from liteproof_edge.camera import sources
from liteproof_edge.camera.sources import open_source
from liteproof_edge.errors import PictureError, ResourceError


@pytest.mark.parametrize("kind", ["video", "folder"])
def test_every_frame_comes_in_order(request, kind, scenes):
    with open_source(str(request.getfixturevalue(kind))) as source:
        found = list(source.frames())

    assert [each.size for each in found] == [(320, 240)] * len(scenes)
    greens = [[each.getpixel((150, 110))[1] for each in images] for images in (found, scenes)]
    near = [abs(one - other) for one, other in zip(*greens, strict=True)]
    assert max(near) < 30  # a video's colours are not those of its pictures to the last level
    assert not source.live


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("none.mp4", "No such file"),
        ("no-video.mp4", "Invalid data"),
        ("empty", "a folder without pictures"),
        ("http://127.0.0.1:9/video", "No such file"),
        ("concat:a|b", "No such file"),
    ],
)
def test_what_is_no_video_is_named(tmp_path, monkeypatch, name, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "no-video.mp4").write_bytes(b"no video")
    with pytest.raises(PictureError, match=says) as refused:
        open_source(name)

    assert str(refused.value).startswith(str(Path(name)))


def test_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(PictureError, match="not a file"):
        open_source(str(tmp_path / "pipe.mp4"))


def test_video_that_is_cut_off_ends_early(video, tmp_path):
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    with open_source(str(cut)) as source:
        assert 0 < len(list(source.frames())) < 20


def test_damaged_picture_of_a_folder_is_named(folder):
    (folder / "03.png").write_bytes(b"no picture")
    with open_source(str(folder)) as source, pytest.raises(PictureError, match=r"03\.png"):
        list(source.frames())


@pytest.mark.parametrize("name", ["/dev/video99", "/dev/null"])
def test_device_that_is_no_camera_is_named(name):
    with pytest.raises(ResourceError, match=name):
        open_source(name)


def test_no_camera_at_all_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "DEVICES", tmp_path)
    with pytest.raises(ResourceError, match="no camera"):
        open_source(None)


def test_first_device_is_the_default(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "DEVICES", tmp_path)
    for name in ("video10", "video2", "null"):
        (tmp_path / name).write_bytes(b"no video")
    with pytest.raises(PictureError, match="video2: "):
        open_source(None)


def test_missing_package_is_named_with_its_command(monkeypatch, video):
    monkeypatch.setattr(sources, "find_spec", lambda _: None)
    with pytest.raises(ResourceError, match=r"pip install 'liteproof-edge\[camera\]'"):
        open_source(str(video))
