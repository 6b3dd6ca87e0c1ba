import io
import os
import re
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib import format as npy
from PIL import Image

from liteproof.calibration import source as calibration_source
from liteproof.calibration.source import read_calibration
from liteproof_edge.errors import DatasetError
from liteproof_edge.preprocessing.spec import Fit, PhotoSpec, preprocess

SPEC = PhotoSpec(8, 10, 3)
ARRAY = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch):
    """Decode in this process: starting others takes longer than these few pictures."""

    def here(work, tasks):
        yield from map(work, tasks)

    monkeypatch.setattr("liteproof.data.decoding.in_processes", here)


def draw(path, number, size=(20, 12)):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(number).integers(0, 256, (*size[::-1], 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.fixture
def leaves(tmp_path):
    """Two classes, six pictures of the one and three of the other, of two sizes."""
    for number in range(9):
        name = f"{'oak' if number < 6 else 'ash'}/{number}.png"
        draw(tmp_path / "leaves" / name, number, (20, 12) if number % 2 else (9, 30))
    return tmp_path / "leaves"


@pytest.fixture
def flat(tmp_path):
    for number in range(4):
        draw(tmp_path / "flat" / f"{number}.png", number)
    (tmp_path / "flat" / "notes.txt").write_text("no picture")
    draw(tmp_path / "flat" / ".hidden.png", 9)
    return tmp_path / "flat"


def saved(path, array):
    np.save(path, array)
    return path


def headed(path, header, values=b""):
    """Write a .npy whose header says what one likes."""
    text = header.encode().ljust(118) + b"\n"
    path.write_bytes(npy.magic(1, 0) + len(text).to_bytes(2, "little") + text + values)
    return path


def refused(path, **options):
    with pytest.raises(DatasetError) as caught:
        read_calibration(path, SPEC, **options)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


def test_folder_of_classes_gives_pictures_labels_and_names(leaves):
    pictures, labels, classes = read_calibration(leaves, SPEC)

    assert (pictures.dtype, pictures.shape) == (np.uint8, (9, 8, 10, 3))
    assert classes == ("ash", "oak")
    assert labels.tolist() == [0, 1, 0, 1, 0, 1, 1, 1, 1]


@pytest.mark.parametrize("fit", list(Fit))
def test_pictures_are_decoded_as_the_device_does(flat, fit):
    spec = PhotoSpec(8, 10, 3, fit=fit)
    expected = {preprocess(path, spec).pixels.tobytes() for path in sorted(flat.glob("[0-9].png"))}

    given = read_calibration(flat, spec)

    assert {picture.tobytes() for picture in given.pictures} == expected
    assert len(given.pictures) == 4


def test_flat_folder_has_no_labels(flat):
    given = read_calibration(flat, SPEC)

    assert given.labels is given.classes is None


def test_most_pictures_are_shared_among_classes_and_always_the_same(leaves):
    first, again = (read_calibration(leaves, SPEC, most=4) for _ in range(2))

    assert first.labels.tolist() == [0, 1, 0, 1]
    assert np.array_equal(first.pictures, again.pictures)


def test_only_training_pictures_are_taken_of_a_folder_with_both(tmp_path):
    for number in range(6):
        part = "train" if number < 4 else "test"
        draw(tmp_path / "both" / part / "ab"[number % 2] / f"{number}.png", number)

    assert len(read_calibration(tmp_path / "both", SPEC).pictures) == 4


def test_pictures_that_cannot_be_read_are_named(flat):
    for name in ("1.png", "3.png"):
        (flat / name).write_bytes(b"no picture")
    with pytest.raises(DatasetError) as caught:
        read_calibration(flat, SPEC)

    assert "not a picture that Pillow can read (and 1 more pictures); fix or" in str(caught.value)
    assert str(caught.value).startswith(f"{flat}{os.sep}")


def test_folder_without_pictures_is_refused(tmp_path):
    assert "holds no pictures; expected" in refused(tmp_path)


@pytest.mark.parametrize(
    "array", [ARRAY, ARRAY[0, 0, 0], ARRAY[:0], np.asfortranarray(ARRAY), ARRAY.astype(">i2")]
)
def test_array_is_given_as_it_is(tmp_path, array):
    given = read_calibration(saved(tmp_path / "set.npy", array), SPEC)

    assert np.array_equal(given.pictures, array)
    assert given.pictures.dtype == array.dtype
    assert given.labels is given.classes is None


@pytest.mark.parametrize("names", [("x", "y"), ("images", "labels"), ("x_train", "y_train")])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archive_gives_pictures_and_labels_by_their_usual_names(tmp_path, names, save):
    save(tmp_path / "set.npz", **dict(zip(names, (ARRAY, [5, 7]), strict=True)), other=[1])

    given = read_calibration(tmp_path / "set.npz", SPEC)

    assert np.array_equal(given.pictures, ARRAY)
    assert given.labels.tolist() == [5, 7]


def test_archive_of_one_array_gives_that(tmp_path):
    np.savez(tmp_path / "set.npz", pixels=ARRAY)

    assert np.array_equal(read_calibration(tmp_path / "set.npz", SPEC).pictures, ARRAY)


def test_archive_of_arrays_that_could_be_either_is_refused(tmp_path):
    np.savez(tmp_path / "set.npz", a=ARRAY, b=ARRAY)

    assert "holds 'a', 'b'; expected 'x' and 'y', " in refused(tmp_path / "set.npz")


def test_python_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "set.npy", np.array([{}]), allow_pickle=True)
    np.savez(tmp_path / "set.npz", x=np.array([{}]))

    assert "holds Python objects" in refused(tmp_path / "set.npy")
    assert "holds Python objects" in refused(tmp_path / "set.npz")


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000,)}", "at most 1024 MiB"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (99999, 99999)}", "at most 1024 MiB"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (-4, -1)}", "at most 1024 MiB"),
        ("{'descr': '|S0', 'fortran_order': False, 'shape': (10000000000,)}", "at most 1024 MiB"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (9,)}", "4 bytes .*, expected 9 for"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}", "4 bytes .*, expected 2 for"),
        ("{'descr': 'zz', 'fortran_order': False, 'shape': (4,)}", "cannot be read"),
        ("{'shape': (4,)}", "cannot be read"),
        ("(" * 100, "cannot be read"),
        ("__import__('os').abort()", "cannot be read"),
    ],
)
def test_hostile_headers_are_refused_before_memory_is_taken(tmp_path, header, reason):
    message = refused(headed(tmp_path / "set.npy", header, b"abcd"))

    assert re.search(reason, message), message


def test_archive_that_unpacks_to_more_than_memory_holds_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(calibration_source, "MOST_BYTES", 1 << 20)
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros((1 << 20) + 1, np.uint8))

    assert "expected at most 1 MiB" in refused(tmp_path / "bomb.npz")


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"hello", b"\x93NUMPY", b"\x93NUMPY\x09\0"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "set.npy"
    path.write_bytes(content)

    refused(path)


def test_what_is_not_there_or_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    assert "not there; expected a folder of pictures, or" in refused(tmp_path / "none.npy")
    assert "not a file; expected" in refused(tmp_path / "pipe")


def damaged(content, cuts):
    data = bytearray(content)
    for place, value in cuts:
        data[place % len(data)] = value
    return bytes(data)


CUTS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(CUTS, st.integers(0, 400), st.booleans())
def test_damaged_files_give_an_array_or_one_line(tmp_path_factory, cuts, length, archived):
    file = io.BytesIO()
    (np.savez_compressed if archived else np.save)(file, ARRAY)
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(damaged(file.getvalue(), cuts)[: length or None])

    told, held = str(path), 0
    try:
        held = read_calibration(path, SPEC).pictures.nbytes
    except DatasetError as error:
        told = str(error)

    assert told.startswith(str(path))
    assert "\n" not in told
    assert held <= ARRAY.nbytes


def test_archive_whose_directory_lies_about_a_size_is_refused(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, x=ARRAY)
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("x.npy").file_size
    small, large = (n.to_bytes(4, "little") for n in (size, size - 8))
    path.write_bytes(path.read_bytes().replace(small, large))

    refused(path)
