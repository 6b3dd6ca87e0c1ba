import gzip
from pathlib import Path

import numpy as np
import pytest

from liteproof_edge import idx
from liteproof_edge.errors import DatasetError
from liteproof_edge.idx import Split

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([7, 1], np.uint8)
WHERE = Path("some/file")


@pytest.fixture
def write(tmp_path, idx_bytes):
    """Write a pair of IDX files."""

    def pair(images=IMAGES, labels=LABELS, split="t10k", ending=""):
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            data = idx_bytes(array)
            path = tmp_path / f"{split}-{name}-ubyte{ending}"
            path.write_bytes(gzip.compress(data) if ending else data)
        return tmp_path

    return pair


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_load_gives_pictures_and_labels_of_raw_and_gzip_files(write, ending):
    examples = idx.load(write(ending=ending), Split.TEST)
    np.testing.assert_array_equal(examples.images, IMAGES[..., np.newaxis])
    assert examples.labels.tolist() == [7, 1]
    assert (examples.images.dtype, examples.labels.dtype) == (np.uint8, np.int64)


def test_load_unpacks_gzip_by_its_bytes_whatever_the_name(write):
    folder = write()
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert len(idx.load(folder, Split.TEST).images) == 2


def test_load_takes_the_split_that_was_asked_for(write):
    write(split="train", labels=np.array([3, 4], np.uint8))
    assert idx.load(write(), Split.TRAIN).labels.tolist() == [3, 4]


def test_load_finds_the_names_with_a_dot(write):
    folder = write()
    (folder / "t10k-images-idx3-ubyte").rename(folder / "t10k-images.idx3-ubyte")
    (folder / "t10k-labels-idx1-ubyte").rename(folder / "t10k-labels.idx1-ubyte")
    assert len(idx.load(folder, Split.TEST).labels) == 2


@pytest.mark.parametrize("name", ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_load_names_the_file_that_is_missing(write, name):
    folder = write()
    (folder / name).unlink()
    with pytest.raises(DatasetError, match=name) as refused:
        idx.load(folder, Split.TEST)
    assert refused.value.exit_code == 3


@pytest.mark.parametrize("name", ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_load_names_the_file_that_is_truncated(write, name):
    path = write() / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DatasetError, match="truncated") as refused:
        idx.load(path.parent, Split.TEST)
    assert str(refused.value).startswith(str(path))


def test_load_refuses_another_number_of_labels_than_pictures(write):
    with pytest.raises(DatasetError, match=r"3 labels .* 2 pictures"):
        idx.load(write(labels=np.zeros(3)), Split.TEST)


def test_load_refuses_labels_of_two_dimensions(write):
    with pytest.raises(DatasetError, match="labels-idx1-ubyte"):
        idx.load(write(labels=np.zeros((2, 1))), Split.TEST)


def test_load_refuses_pictures_of_two_dimensions(write):
    with pytest.raises(DatasetError, match="has 2 dimensions, expected 3"):
        idx.load(write(images=np.zeros((2, 12))), Split.TEST)


@pytest.mark.parametrize("shape", [(0, 28, 28), (2, 0, 28)])
def test_load_refuses_files_that_hold_no_pictures(write, shape):
    with pytest.raises(DatasetError, match="holds nothing"):
        idx.load(write(images=np.zeros(shape), labels=np.zeros(shape[0])), Split.TEST)


def test_load_lets_a_check_see_the_unpacked_bytes_of_both_files(write, idx_bytes):
    seen = {}
    idx.load(write(ending=".gz"), Split.TEST, lambda path, data: seen.update({path.name: data}))
    assert seen == {
        "t10k-images-idx3-ubyte.gz": idx_bytes(IMAGES),
        "t10k-labels-idx1-ubyte.gz": idx_bytes(LABELS),
    }


def test_parse_gives_the_array_of_known_bytes():
    array = idx.parse(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]), WHERE)
    assert array.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "begins with nothing"),
        (b"\0\0\x08", "not an IDX file"),
        (b"\x89PNG\r\n\x1a\n", "begins with 89504e47"),
        (b"\0\1\x08\1\0\0\0\0", "not an IDX file"),
        (b"\0\0\x08\0\0\0\0\0", "not an IDX file"),
        (b"\0\0\x0d\1\0\0\0\0", "type 0x0d, expected uint8"),
        (b"\0\0\x08\3\0\0\0\1", "do not hold the header"),
        (b"\0\0\x08\1\0\0\0\5abcd", "truncated: 12 bytes, expected 13"),
        (b"\0\0\x08\1\0\0\0\5abcdef", "too long: 14 bytes, expected 13"),
        (b"\0\0\x08\3" + b"\xff" * 12, "truncated"),
        (b"\0\0\x08\x21" + b"\0\0\0\1" * 33 + b"a", "begins with 00000821"),
        (b"\0\0\x08\3" + bytes(4) + b"\xff" * 8, "holds nothing"),
    ],
)
def test_parse_refuses_what_is_no_idx_file(data, message):
    with pytest.raises(DatasetError, match=message) as refused:
        idx.parse(data, WHERE)
    assert str(refused.value).startswith("some/file: ")


def test_read_bytes_refuses_every_truncated_gzip_file(tmp_path):
    packed = gzip.compress(bytes(range(100)))
    for length in range(2, len(packed)):
        (tmp_path / "x").write_bytes(packed[:length])
        with pytest.raises(DatasetError, match="cannot be read"):
            idx.read_bytes(tmp_path / "x")


def test_read_bytes_refuses_gzip_data_that_fails_its_checksum(tmp_path):
    packed = bytearray(gzip.compress(bytes(range(100))))
    packed[-8] ^= 1
    (tmp_path / "x").write_bytes(packed)
    with pytest.raises(DatasetError, match="cannot be read"):
        idx.read_bytes(tmp_path / "x")


def test_read_bytes_refuses_gzip_data_that_cannot_be_unpacked(tmp_path):
    header = gzip.compress(b"")[:10]
    (tmp_path / "x").write_bytes(header + b"\xff" * 20)
    with pytest.raises(DatasetError, match="cannot be read"):
        idx.read_bytes(tmp_path / "x")


@pytest.mark.parametrize("name", ["none", "."])
def test_read_bytes_refuses_a_missing_file_and_a_folder(tmp_path, name):
    with pytest.raises(DatasetError, match="cannot be read") as refused:
        idx.read_bytes(tmp_path / name)
    assert str(tmp_path / name) in str(refused.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("t10k-images-idx3-ubyte", True),
        ("train-labels-idx1-ubyte.gz", True),
        ("t10k-images.idx3-ubyte", True),
        ("seven.png", False),
    ],
)
def test_is_idx_folder_tells_by_the_name_of_a_file(tmp_path, name, expected):
    (tmp_path / name).touch()
    assert idx.is_idx_folder(tmp_path) is expected


@pytest.mark.parametrize("shape", [(5, 3, 2), (5, 3, 2, 3)])
def test_pictures_grey_or_colour_are_encoded_and_read_again(tmp_path, shape):
    images = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    labels = np.arange(5, dtype=np.uint8)
    name = f"t10k-images-idx{len(shape)}-ubyte"
    (tmp_path / name).write_bytes(idx.encode(images))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx.encode(labels))
    read = idx.load(tmp_path, idx.Split.TEST)
    assert idx.is_idx_folder(tmp_path)
    np.testing.assert_array_equal(read.images, images.reshape(5, 3, 2, -1))
    np.testing.assert_array_equal(read.labels, labels)


def test_digest_is_that_of_the_same_pictures_in_any_order_and_of_no_others():
    images = np.arange(5 * 6, dtype=np.uint8).reshape(5, 3, 2, 1)
    labels = np.arange(5)
    whole = idx.digest(idx.Examples(images, labels))
    assert idx.digest(idx.Examples(images[::-1], labels[::-1])) == whole
    assert idx.digest(idx.Examples(images, labels[::-1])) != whole
    assert idx.digest(idx.Examples(images[:4], labels[:4])) != whole
