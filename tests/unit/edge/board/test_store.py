"""What was deployed is there whole or not at all, and `current` is always one of the releases."""

import hashlib
import io
import os

import pytest

from liteproof_edge.board.errors import BoardError

DATA = b"0123456789"
SHA256 = hashlib.sha256(DATA).hexdigest()


def test_file_is_received_whole(store):
    store.receive(SHA256, len(DATA), 0, io.BytesIO(DATA + b"the next request"))
    assert (store.files / SHA256).read_bytes() == DATA
    assert store.present(SHA256) == {"bytes": 10, "whole": True}


def test_file_that_was_cut_is_resumed(store):
    with pytest.raises(EOFError):
        store.receive(SHA256, len(DATA), 0, io.BytesIO(DATA[:4]))
    assert store.present(SHA256) == {"bytes": 4, "whole": False}
    store.receive(SHA256, len(DATA), 4, io.BytesIO(DATA[4:]))
    assert store.present(SHA256)["whole"]


@pytest.mark.parametrize("sent", [b"0123456788", b"9123456789"])
def test_file_altered_on_the_way_is_refused_and_removed(store, sent):
    with pytest.raises(BoardError, match="damaged on the way"):
        store.receive(SHA256, len(DATA), 0, io.BytesIO(sent))
    assert store.present(SHA256) == {"bytes": 0, "whole": False}


def test_empty_file_is_received(store):
    nothing = hashlib.sha256(b"").hexdigest()
    store.receive(nothing, 0, 0, io.BytesIO())
    assert store.present(nothing) == {"bytes": 0, "whole": True}


def test_release_holds_its_files_environment_and_record(store, placed):
    placed("one")
    assert (store.releases / "one" / "bundle" / "file").read_bytes() == b"content"
    assert (store.releases / "one" / "environment").resolve().name == "env-one"
    assert "files" in store.about("one")


@pytest.mark.parametrize("link", [None, "current", "previous"])
def test_release_that_is_damaged_is_mended(store, placed, link):
    placed("one")
    if link:
        store.point(link, "one")
    path = store.releases / "one" / "bundle" / "file"
    path.write_bytes(b"damaged")
    placed("one")
    assert path.read_bytes() == b"content"
    path.unlink()
    placed("one")
    assert path.read_bytes() == b"content"


def test_file_that_was_damaged_on_the_disk_is_asked_for_again(store, placed):
    placed("one")
    (file,) = store.files.iterdir()
    file.write_bytes(b"damaged")
    with pytest.raises(BoardError, match="damaged on this disk"):
        placed("two")
    assert not store.present(file.name)["whole"]
    placed("two")
    assert (store.releases / "two" / "bundle" / "file").read_bytes() == b"content"


def test_release_whose_file_is_not_there_leaves_nothing(store):
    with pytest.raises(FileNotFoundError):
        store.place("one", {"file": SHA256}, "env", {})
    store.clean()
    assert not list(store.releases.iterdir())


def test_current_is_replaced_and_removed(store, placed):
    placed("one")
    placed("two")
    for release in ("one", "two", "two", None, None):
        store.point("current", release)
        assert store.target("current") == release


def test_current_never_names_what_is_not_there(store, placed):
    with pytest.raises(BoardError, match="no release"):
        store.point("current", "nowhere")
    placed("one")
    store.point("current", "one")
    (store.releases / "one").rename(store.releases / "gone")
    assert store.target("current") is None


@pytest.mark.parametrize("record", ["", "[]", "{"])
def test_record_that_is_damaged_says_nothing(store, placed, record):
    placed("one")
    (store.releases / "one" / "release.json").write_text(record)
    assert store.about("one") == {}


def test_record_is_added_to(store, placed):
    placed("one")
    store.record("one", p50_us=12.5)
    assert store.about("one")["p50_us"] == 12.5
    assert "files" in store.about("one")


def test_clean_removes_what_is_unfinished_and_keeps_parts(store, placed):
    placed("one")
    (store.environments / "half").mkdir()
    (store.releases / ".new-two").mkdir()
    (store.root / ".new-current").symlink_to("nowhere")
    (store.files / f"{SHA256}.part").write_bytes(b"01")
    store.clean()
    assert [path.name for path in store.environments.iterdir()] == ["env-one"]
    assert [path.name for path in store.releases.iterdir()] == ["one"]
    assert not (store.root / ".new-current").is_symlink()
    assert store.present(SHA256)["bytes"] == 2


def test_prune_keeps_current_previous_and_the_newest(store, placed):
    for number, release in enumerate(["a", "b", "c", "d", "e"]):
        placed(release, release.encode())
        os.utime(store.releases / release, (number, number))
    store.point("current", "b")
    store.point("previous", "a")
    store.prune(3)
    assert sorted(path.name for path in store.releases.iterdir()) == ["a", "b", "e"]
    assert sorted(path.name for path in store.environments.iterdir()) == [
        "env-a",
        "env-b",
        "env-e",
    ]
    assert len(list(store.files.iterdir())) == 3
