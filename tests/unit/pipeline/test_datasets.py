import shutil
import subprocess
import sys

import numpy as np
import pytest

from liteproof.datasets import divide, load_dataset
from liteproof_edge import idx
from liteproof_edge.errors import DatasetError


@pytest.fixture
def data_dir(tmp_path, tiny_data_dir):
    return shutil.copytree(tiny_data_dir, tmp_path / "tfds")


def load(data_dir):
    said = []
    return load_dataset("tiny_bars", data_dir, said.append), said


def test_pictures_and_labels_are_those_of_the_files(data_dir, tiny_idx):
    dataset, _ = load(data_dir)
    source = idx.load(tiny_idx, idx.Split.TEST)
    there = {(image.tobytes(), label) for image, label in zip(*source, strict=True)}

    assert {(image.tobytes(), label) for image, label in zip(*dataset.test, strict=True)} == there
    assert dataset.shape == (28, 28, 1)
    assert dataset.labels == ("0", "1", "2")
    assert len(dataset.train.labels) == 600


def test_second_load_needs_neither_tensorflow_nor_decoding(tiny_data_dir):
    code = (
        "import sys, pathlib; from liteproof.datasets import load_dataset; "
        "load_dataset('tiny_bars', pathlib.Path(sys.argv[1]), print); "
        "assert not {'tensorflow', 'tensorflow_datasets'} & set(sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, tiny_data_dir], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_cache_is_made_anew_where_the_prepared_files_changed(data_dir):
    load(data_dir)
    (data_dir / "tiny_bars" / "1.0.0" / "new.txt").touch()

    assert load(data_dir)[1] == [f"tiny_bars: decoding {data_dir / 'tiny_bars' / '1.0.0'}"]


def test_cache_is_made_anew_where_it_is_damaged(data_dir):
    before, _ = load(data_dir)
    fingerprint = before.fingerprint
    array = data_dir / ".liteproof" / "tiny_bars-1.0.0" / "train_images.npy"
    array.write_bytes(array.read_bytes()[:1000])

    assert load(data_dir)[0].fingerprint == fingerprint


def test_damaged_record_is_an_error_with_the_remedy(data_dir):
    shutil.rmtree(data_dir / ".liteproof")
    record = next((data_dir / "tiny_bars" / "1.0.0").glob("*-train*"))
    record.write_bytes(record.read_bytes()[:-100])

    with pytest.raises(DatasetError, match="damaged: .*; remove it and run `liteproof data` again"):
        load(data_dir)


def test_division_holds_out_by_seed_and_loses_nothing(data_dir):
    dataset, _ = load(data_dir)
    first, again, other = (divide(dataset, 100, np.random.default_rng(s)) for s in (1, 1, 2))

    assert first.validation.tolist() == again.validation.tolist() != other.validation.tolist()
    assert len(first.validation) == 100
    assert sorted([*first.training, *first.validation]) == list(range(600))


def test_division_refuses_to_hold_out_more_than_half(data_dir):
    with pytest.raises(DatasetError, match="301 validation pictures of 600"):
        divide(load(data_dir)[0], 301, np.random.default_rng(0))
