import io
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from liteproof_edge.bundle import golden as module
from liteproof_edge.bundle.golden import Golden
from liteproof_edge.errors import BundleError


def npz(golden, **changes):
    """Return the .npz file of golden vectors, with some arrays changed or (None) left out."""
    with np.load(io.BytesIO(golden.to_bytes())) as arrays:
        changed = dict(arrays) | changes
    file = io.BytesIO()
    np.savez(file, **{name: array for name, array in changed.items() if array is not None})
    return file.getvalue()


def with_member(golden, name, body):
    """Return the .npz file of golden vectors, with the bytes of one array's file replaced."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(golden.to_bytes())) as archive,
        zipfile.ZipFile(file, "w") as changed,
    ):
        for member in archive.namelist():
            changed.writestr(member, body if member == f"{name}.npy" else archive.read(member))
    return file.getvalue()


def assert_same(one, other):
    assert one.pictures == other.pictures
    for name in ("inputs", "outputs", "classes"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype


def test_from_bytes_reads_the_released_vectors(golden):
    assert len(golden.pictures) == 20
    assert (golden.inputs.shape, golden.inputs.dtype) == ((20, 28, 28, 1), np.uint8)
    assert (golden.outputs.shape, golden.outputs.dtype) == ((20, 10), np.int8)


def test_released_vectors_hold_at_least_one_picture_of_each_class(golden, bundle):
    assert set(golden.classes.tolist()) == set(range(len(bundle.labels)))


def test_released_vectors_hold_encoded_pictures(golden):
    formats = {Image.open(io.BytesIO(picture)).format for picture in golden.pictures}
    assert formats == {"PNG"}


def test_vectors_survive_being_written_and_read(golden):
    assert_same(Golden.from_bytes(golden.to_bytes(), "g"), golden)


def test_vectors_with_a_picture_of_no_bytes_survive(golden):
    changed = replace(golden, pictures=(b"", *golden.pictures[1:]))
    assert_same(Golden.from_bytes(changed.to_bytes(), "g"), changed)


def test_to_bytes_gives_the_same_bytes_every_time(golden):
    again = Golden.from_bytes(golden.to_bytes(), "g")
    assert again.to_bytes() == golden.to_bytes()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"no zip at all", b"\x93NUMPY", bytes(100)])
def test_from_bytes_refuses_what_is_no_npz_file(data):
    with pytest.raises(BundleError, match=r"^some/golden\.npz: ") as refused:
        Golden.from_bytes(data, "some/golden.npz")
    assert refused.value.exit_code == 4


def test_from_bytes_refuses_every_truncation(bundle):
    for length in np.linspace(0, len(bundle.golden) - 1, 100, dtype=int):
        with pytest.raises(BundleError):
            Golden.from_bytes(bundle.golden[:length], "g")


def test_from_bytes_refuses_a_changed_byte_in_the_data(golden):
    data = bytearray(golden.to_bytes())
    data[data.index(b"pictures.npy") + 200] ^= 1
    with pytest.raises(BundleError, match="not a file of golden vectors"):
        Golden.from_bytes(bytes(data), "g")


def test_from_bytes_refuses_data_that_cannot_be_unpacked(golden):
    data = bytearray(golden.to_bytes())
    name_length, extra_length = struct.unpack_from("<HH", data, 26)  # of the zip's first file
    data[30 + name_length + extra_length] = 0xFF
    with pytest.raises(BundleError, match="not a file of golden vectors"):
        Golden.from_bytes(bytes(data), "g")


@pytest.mark.parametrize("name", ["pictures", "picture_sizes", "inputs", "outputs", "classes"])
def test_from_bytes_refuses_a_missing_array(golden, name):
    with pytest.raises(BundleError, match=name):
        Golden.from_bytes(npz(golden, **{name: None}), "g")


@pytest.mark.parametrize("name", ["picture_sizes", "inputs", "outputs", "classes"])
def test_from_bytes_refuses_an_array_of_another_length(golden, name):
    with np.load(io.BytesIO(golden.to_bytes())) as arrays:
        shorter = arrays[name][:-1]
    with pytest.raises(BundleError, match="entries, expected"):
        Golden.from_bytes(npz(golden, **{name: shorter}), "g")


def test_from_bytes_refuses_no_vectors_at_all(golden):
    empty = Golden((), golden.inputs[:0], golden.outputs[:0], golden.classes[:0])
    with pytest.raises(BundleError, match="do not add up"):
        Golden.from_bytes(empty.to_bytes(), "g")


@pytest.mark.parametrize("change", [1, -1])
def test_from_bytes_refuses_sizes_that_do_not_add_up(golden, change):
    sizes = np.array([len(picture) for picture in golden.pictures])
    sizes[0] += change
    with pytest.raises(BundleError, match="do not add up"):
        Golden.from_bytes(npz(golden, picture_sizes=sizes), "g")


def test_from_bytes_refuses_a_negative_size(golden):
    sizes = np.array([len(picture) for picture in golden.pictures])
    sizes[0], sizes[1] = -1, sizes[0] + sizes[1] + 1
    with pytest.raises(BundleError, match="do not add up"):
        Golden.from_bytes(npz(golden, picture_sizes=sizes), "g")


def test_from_bytes_refuses_pickled_objects(golden):
    objects = np.array([None] * 20)
    with pytest.raises(BundleError, match="allow_pickle"):
        Golden.from_bytes(npz(golden, outputs=objects), "g")


def test_from_bytes_refuses_sizes_that_are_no_numbers(golden):
    with pytest.raises(BundleError, match="picture_sizes: <U1"):
        Golden.from_bytes(npz(golden, picture_sizes=np.array(["a"] * 20)), "g")


@pytest.mark.parametrize("name", ["pictures", "picture_sizes", "inputs", "outputs", "classes"])
def test_from_bytes_refuses_an_array_without_dimensions(golden, name):
    number = np.uint8(3) if name in {"pictures", "inputs"} else np.int64(3)
    with pytest.raises(BundleError, match=f"{name}: .* in 0 dimensions") as refused:
        Golden.from_bytes(npz(golden, **{name: number}), "some/golden.npz")
    assert refused.value.exit_code == 4
    assert str(refused.value).startswith("some/golden.npz: ")


def test_from_bytes_refuses_a_column_of_sizes(golden):
    column = np.array([[len(picture)] for picture in golden.pictures])
    with pytest.raises(BundleError, match="picture_sizes: int64 in 2 dimensions"):
        Golden.from_bytes(npz(golden, picture_sizes=column), "g")


def test_from_bytes_refuses_classes_that_are_records(golden):
    records = np.zeros(len(golden.classes), [("a", "i4"), ("b", "i4")])
    with pytest.raises(BundleError, match="classes: "):
        Golden.from_bytes(npz(golden, classes=records), "g")


def test_from_bytes_refuses_a_single_array():
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    with pytest.raises(BundleError, match="not a file of golden vectors"):
        Golden.from_bytes(file.getvalue(), "g")


@pytest.mark.parametrize(
    ("offset", "value"), [(8, 1), (10, 99)], ids=["encrypted", "unknown method"]
)
def test_from_bytes_refuses_a_zip_that_cannot_be_unpacked(golden, offset, value):
    data = bytearray(golden.to_bytes())
    data[data.index(b"PK\1\2") + offset] = value  # of the directory's first entry
    with pytest.raises(BundleError, match="not a file of golden vectors"):
        Golden.from_bytes(bytes(data), "g")


def test_from_bytes_refuses_an_array_larger_than_any_memory(golden):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (1 << 46,)}
    )
    with pytest.raises(BundleError, match="not a file of golden vectors"):
        Golden.from_bytes(with_member(golden, "inputs", header.getvalue()), "g")


def test_from_bytes_refuses_a_header_that_is_no_python(golden):
    file = io.BytesIO()
    np.save(file, golden.inputs)
    with pytest.raises(BundleError, match="not a file of golden vectors"):
        Golden.from_bytes(with_member(golden, "inputs", file.getvalue().replace(b"}", b"(")), "g")


def test_from_bytes_refuses_more_bytes_than_it_promises_to_unpack(golden, monkeypatch):
    monkeypatch.setattr(module, "MAX_UNPACKED_BYTES", 10_000)
    with pytest.raises(BundleError, match="bytes, expected at most 10000"):
        Golden.from_bytes(golden.to_bytes(), "g")
