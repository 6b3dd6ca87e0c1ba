import json
import os
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from liteproof.cli import main
from liteproof.data.dataset import fetch_dataset, load_dataset
from liteproof.data.sources import Given, find_source
from liteproof.errors import RecipeError
from liteproof.recipes.schema import DatasetChoice, Ink, Photo, Raw
from liteproof_edge.errors import DatasetError
from liteproof_edge.preprocessing.spec import Fit, PhotoSpec, preprocess

MODES = ("L", "RGB", "RGBA", "P", "CMYK")
SIZES = ((20, 20), (33, 21), (16, 40), (64, 64), (90, 30))  # width, height


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch):
    """Decode in this process: starting others takes longer than these few pictures."""

    def here(work, tasks):
        yield from map(work, tasks)

    monkeypatch.setattr("liteproof.data.decoding.in_processes", here)


def write_picture(path, number):
    """Write one of 25 combinations of mode and size, as JPEG where that has the mode."""
    mode, size = MODES[number % 5], SIZES[number // 5 % 5]
    rng = np.random.default_rng(number)
    image = Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = ".png" if mode in {"RGBA", "P"} else ".jpg"
    image.convert(mode).save(path.with_suffix(suffix))
    return path.with_suffix(suffix)


@pytest.fixture
def flat(tmp_path):
    """A folder of three classes with ten pictures each."""
    for label, name in enumerate(("oak", "ash", "elm")):
        for number in range(10):
            write_picture(tmp_path / "leaves" / name / f"{number}", 10 * label + number)
    return tmp_path / "leaves"


@pytest.fixture
def parted(tmp_path):
    """A folder of `train` and `test`, two classes, 4 and 2 pictures of each."""
    for label, name in enumerate(("cat", "dog")):
        for number in range(6):
            part = "train" if number < 4 else "test"
            write_picture(tmp_path / "pets" / part / name / f"{number}", 6 * label + number)
    return tmp_path / "pets"


def fetch(folder, tmp_path, **options):
    said = []
    summary = fetch_dataset("leaves", tmp_path / "tfds", said.append, Given(folder, **options))
    return summary, said


def load(tmp_path, preprocessing=None, size=(16, 16), **choice):
    said = []
    chosen = DatasetChoice("leaves", size=size, **choice)
    return load_dataset(chosen, preprocessing or Photo(), tmp_path / "tfds", said.append), said


def names(tmp_path, part):
    return [path for path, _ in getattr(find_source("leaves", tmp_path / "tfds"), part)]


def test_summary_says_what_there_is(parted, tmp_path):
    assert fetch(parted, tmp_path)[0] == (
        "leaves: 8 training and 4 test pictures of 20x20 to 21x33, 2 classes; 3 L, 7 RGB, 2 RGBA"
    )


def test_parts_are_those_of_the_folder(parted, tmp_path):
    fetch(parted, tmp_path)

    assert names(tmp_path, "test") == sorted(
        os.fspath(path.relative_to(parted)) for path in parted.glob("test/*/*")
    )
    assert len(names(tmp_path, "train")) == 8


def test_one_folder_is_divided_class_by_class_and_always_alike(flat, tmp_path):
    fetch(flat, tmp_path)
    first = names(tmp_path, "test")
    shutil.rmtree(tmp_path / "tfds")
    moved = flat.rename(tmp_path / "moved")
    fetch(moved, tmp_path)

    assert names(tmp_path, "test") == first
    assert [path.partition("/")[0] for path in first] == ["ash", "ash", "elm", "elm", "oak", "oak"]
    assert not set(first) & set(names(tmp_path, "train"))
    assert len(names(tmp_path, "train")) == 24


def test_more_pictures_carry_none_from_test_to_training(flat, tmp_path):
    fetch(flat, tmp_path)
    before = set(names(tmp_path, "test"))
    for number in range(20):
        write_picture(flat / "oak" / f"new-{number}", number)
    fetch(flat, tmp_path)

    held = set(names(tmp_path, "test"))
    assert len(held) == 2 + 2 + 6
    assert {path for path in before if not path.startswith("oak")} < held
    assert len(before - held) <= 2


@pytest.mark.parametrize("fit", Fit)
def test_pictures_become_what_the_device_makes_of_them(parted, tmp_path, fit):
    fetch(parted, tmp_path)
    dataset, _ = load(tmp_path, Photo(fit=fit), size=(12, 18))
    spec = PhotoSpec(12, 18, 3, fit=fit)

    expected = [preprocess(parted / path, spec).pixels for path in names(tmp_path, "train")]

    assert np.array_equal(dataset.train.images, np.stack(expected))
    assert dataset.train.labels.tolist() == [0] * 4 + [1] * 4
    assert dataset.test.labels.tolist() == [0, 0, 1, 1]
    assert (dataset.name, dataset.labels) == ("leaves", ("cat", "dog"))


@pytest.mark.parametrize("fit", Fit)
def test_decoded_photos_stay_the_same_when_they_are_decoded_again(parted, tmp_path, fit):
    fetch(parted, tmp_path)
    images = load(tmp_path, Photo(fit=fit), size=(12, 18))[0].train.images
    spec = PhotoSpec(12, 18, 3, fit=fit)

    assert all(np.array_equal(preprocess(image, spec).pixels, image) for image in images)


def test_photos_may_be_grey(parted, tmp_path):
    fetch(parted, tmp_path)

    assert load(tmp_path, channels=1)[0].shape == (16, 16, 1)


def test_ink_works_on_folders(tmp_path):
    for name, number in (("one", 1), ("two", 2)):
        (tmp_path / "marks" / name).mkdir(parents=True)
        for place in range(3):
            paper = np.full((60, 50), 230, np.uint8)
            paper[10 + place : 40, 20 : 20 + 5 * number] = 20
            Image.fromarray(paper).save(tmp_path / "marks" / name / f"{place}.png")
    fetch(tmp_path / "marks", tmp_path)

    dataset, _ = load(tmp_path, Ink(), size=(28, 28))

    assert dataset.shape == (28, 28, 1)
    assert dataset.train.images.max(axis=(1, 2, 3)).tolist() == [255] * 4


def test_ink_that_finds_none_is_refused_by_name(flat, tmp_path):
    shutil.copy(flat / "oak" / "0.jpg", flat / "elm" / "blank.png")
    Image.new("L", (50, 50), 200).save(flat / "elm" / "blank.png")
    fetch(flat, tmp_path)

    with pytest.raises(DatasetError, match="preprocessing 'ink' refuses [0-9]+ of [0-9]+ pictures"):
        load(tmp_path, Ink(), size=(28, 28))


def test_size_is_needed_where_pictures_have_many(parted, tmp_path):
    fetch(parted, tmp_path)

    with pytest.raises(RecipeError, match="dataset.size: missing, and the pictures of leaves"):
        load(tmp_path, size=None)


def test_raw_takes_pictures_of_one_size_as_they_are(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 5, 7, 1), np.uint8)
    for number, image in enumerate(pixels):
        path = tmp_path / "tiles" / f"{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(path)
    fetch(tmp_path / "tiles", tmp_path)

    dataset, _ = load(tmp_path, Raw(), size=None)

    together = [*dataset.train.images, *dataset.test.images]
    assert {image.tobytes() for image in together} == {image.tobytes() for image in pixels}
    assert dataset.shape == (5, 7, 1)


def test_raw_refuses_pictures_of_another_size_by_name(parted, tmp_path):
    fetch(parted, tmp_path)
    said = []
    choice = DatasetChoice("leaves", size=(20, 20))

    with pytest.raises(DatasetError, match="preprocessing 'raw' refuses 4 of 8 pictures; remove"):
        load_dataset(choice, Raw(), tmp_path / "tfds", said.append)

    where = parted / "train" / "dog" / "0.jpg"
    assert f"{where}: 33x21 picture, expected the model's own 20x20" in said


def test_other_files_are_ignored_and_counted(flat, tmp_path):
    (flat / "oak" / "Thumbs.db").write_bytes(b"x")
    (flat / "oak" / ".hidden.jpg").write_bytes(b"x")
    (flat / "notes.txt").write_text("x")
    (flat / ".git").mkdir()
    write_picture(flat / "elm" / "deeper" / "0", 0)

    summary, _ = fetch(flat, tmp_path)

    assert "24 training and 6 test pictures" in summary
    assert summary.endswith("; 5 other files or folders, ignored")


def test_any_file_name_will_do_and_is_said_in_one_line(flat, tmp_path):
    name = "o\nk \udcff.jpg"
    (flat / "oak" / "0.jpg").rename(flat / "oak" / name)
    fetch(flat, tmp_path)
    images = load(tmp_path)[0].train.images
    damage(flat / "oak" / name, "text")
    _, said = fetch(flat, tmp_path, skip_unreadable=True)

    assert len(images) == 24
    assert said[1].endswith("o\\nk \\udcff.jpg: not a picture that Pillow can read")


def test_class_may_be_called_train(tmp_path):
    for name in ("car", "train"):
        for number in range(3):
            write_picture(tmp_path / "traffic" / name / f"{number}", number)

    assert "4 training and 2 test pictures" in fetch(tmp_path / "traffic", tmp_path)[0]


def damage(path, way):
    data = path.read_bytes()
    contents = {"truncated": data[: len(data) // 2], "empty": b"", "text": b"no picture"}
    path.write_bytes(contents[way])


@pytest.mark.parametrize("way", ["truncated", "empty", "text"])
def test_unreadable_picture_is_named_and_refused(flat, tmp_path, way):
    damage(flat / "oak" / "1.jpg", way)
    said = []

    with pytest.raises(DatasetError, match="1 of 30 pictures cannot be read; .*--skip-unreadable"):
        fetch_dataset("leaves", tmp_path / "tfds", said.append, Given(flat))

    assert said[1].startswith(f"{flat / 'oak' / '1.jpg'}: ")
    assert not (tmp_path / "tfds").exists()


def test_unreadable_pictures_are_left_out_by_choice(flat, tmp_path):
    damage(flat / "oak" / "1.jpg", "truncated")
    summary, _ = fetch(flat, tmp_path, skip_unreadable=True)
    dataset, _ = load(tmp_path)

    assert summary.endswith("; 1 unreadable, left out")
    assert len(dataset.train.labels) + len(dataset.test.labels) == 29
    assert "oak/1.jpg" not in names(tmp_path, "train") + names(tmp_path, "test")


def test_of_many_unreadable_pictures_ten_are_named(flat, tmp_path):
    for path in flat.glob("oak/*"):
        damage(path, "text")
    damage(flat / "elm" / "0.jpg", "text")
    said = []

    with pytest.raises(DatasetError, match="11 of 30"):
        fetch_dataset("leaves", tmp_path / "tfds", said.append, Given(flat))

    assert len(said) == 1 + 10 + 1
    assert said[-1] == "and 1 more"


def without(*parts):
    def change(folder):
        for part in parts:
            shutil.rmtree(folder / part)

    return change


def emptied(part):
    def change(folder):
        for path in (folder / part).iterdir():
            path.unlink()

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without(""), "not a folder; expected one of pictures, or of IDX files"),
        (without("oak", "ash", "elm"), "holds no pictures; expected <class>/<picture>, or train/"),
        (without("oak", "ash"), "holds one class, 'elm'; expected two or more"),
        (emptied("oak"), "leaves/oak: holds no pictures"),
        (lambda folder: emptied("oak")(folder) or write_picture(folder / "oak" / "0", 0),
         "leaves/oak: 1 pictures that can be read, expected at least 3"),
        (lambda folder: (folder / "oak").rename(folder / "o\nk"), "expected a printable name"),
    ],
)  # fmt: skip
def test_folder_that_cannot_be_a_dataset_is_refused(flat, tmp_path, change, message):
    change(flat)

    with pytest.raises(DatasetError, match=message):
        fetch(flat, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("test"), "holds train/<class> and no test/<class>; expected both"),
        (without("train"), "holds test/<class> and no train/<class>; expected both"),
        (without("test/dog"), "class 'dog' is in train/ and not in test/; expected the same"),
        (without("train/dog"), "class 'dog' is in test/ and not in train/; expected the same"),
        (emptied("test/dog"), "pets/test/dog: holds no pictures"),
        (without("train/dog", "test/dog"), "holds one class, 'cat'"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(parted, tmp_path, change, message):
    change(parted)

    with pytest.raises(DatasetError, match=message):
        fetch(parted, tmp_path)


def test_folder_that_is_gone_is_an_error_with_the_command(flat, tmp_path):
    fetch(flat, tmp_path)
    load(tmp_path)
    flat.rename(tmp_path / "elsewhere")

    with pytest.raises(DatasetError, match=f"is gone.*`liteproof data leaves --from {flat}` again"):
        load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "oak" / "0.jpg").unlink(),
        lambda folder: os.utime(folder / "oak" / "0.jpg", (1, 1)),
        lambda folder: write_picture(folder / "oak" / "new", 0),
        lambda folder: shutil.rmtree(folder / "oak"),
        emptied("oak"),
    ],
)
def test_folder_that_changed_is_an_error_with_the_command(flat, tmp_path, change):
    fetch(flat, tmp_path)
    load(tmp_path)
    change(flat)

    with pytest.raises(DatasetError, match=f"changed.*`liteproof data leaves --from {flat}` again"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "leaves"}', '{"folder": 1}'])
def test_damaged_record_is_an_error_with_the_command(flat, tmp_path, text):
    fetch(flat, tmp_path)
    (tmp_path / "tfds" / "leaves" / "source.json").write_text(text)

    with pytest.raises(DatasetError, match="source.json: damaged: .* run `liteproof data leaves"):
        load(tmp_path)


def test_changed_test_pictures_alone_are_another_test_fingerprint(parted, tmp_path):
    fetch(parted, tmp_path)
    before, _ = load(tmp_path)
    write_picture(parted / "test" / "cat" / "4", 24)
    fetch(parted, tmp_path)
    after, _ = load(tmp_path)

    assert after.fingerprint == before.fingerprint
    assert after.test_fingerprint != before.test_fingerprint


def test_record_is_json_with_the_folder_and_every_picture(parted, tmp_path):
    fetch(parted, tmp_path)
    record = json.loads((tmp_path / "tfds" / "leaves" / "source.json").read_text())

    assert record["folder"] == str(parted)
    assert record["train"][0] == ["train/cat/0.jpg", 0]
    assert len(record["train"]) + len(record["test"]) == 12


def test_raw_files_take_the_place_of_a_folder_and_a_folder_theirs(flat, tmp_path, tiny_idx):
    fetch(flat, tmp_path)
    second, _ = fetch(tiny_idx, tmp_path)
    found = find_source("leaves", tmp_path / "tfds")
    _, said = fetch(flat, tmp_path)

    assert second.startswith("leaves/1.0.0: 600 training and 150 test pictures of 28x28x1")
    assert found.title == "leaves/1.0.0"
    assert said[-1].startswith("leaves: takes the place of ")
    assert find_source("leaves", tmp_path / "tfds").title == "leaves"


def test_command_prints_the_summary_or_one_line_and_exit_code_3(flat, tmp_path):
    arguments = ["data", "leaves", "--from", str(flat), "--data-dir", str(tmp_path / "tfds")]
    good = CliRunner().invoke(main, arguments)
    damage(flat / "oak" / "1.jpg", "text")
    bad = CliRunner().invoke(main, arguments)
    skipped = CliRunner().invoke(main, [*arguments, "--skip-unreadable"])

    assert good.stdout.startswith("leaves: 24 training and 6 test pictures of 20x20 to ")
    assert (bad.exit_code, bad.stdout) == (3, "")
    assert bad.stderr.splitlines()[-1].startswith(f"liteproof: {flat}: 1 of 30 pictures")
    assert skipped.exit_code == 0
