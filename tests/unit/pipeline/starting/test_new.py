"""A starter recipe: what is seen of a folder, what is written, and what is refused."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from liteproof.cli import main
from liteproof.recipes.pretrained import weights_file
from liteproof.recipes.reader import load_recipe
from liteproof.recipes.schema import IMAGENET, Architecture, Backbone, Metric
from liteproof.recipes.training import ClassWeights
from liteproof.starting.advice import ALPHA

COUNTS = {"ash": 20, "elm": 6, "oak": 12}


def draw(path, rng, *, grey=False, size=(90, 120)):
    values = rng.integers(0, 256, (*size, 1 if grey else 3), np.uint8)
    values = np.repeat(values, 3, axis=2) if grey else values
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Make a folder of pictures; the recipe goes beside it, and no weights are at hand."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))

    def make(counts=COUNTS, part="", **how):
        rng = np.random.default_rng(len(part))
        for name, count in counts.items():
            for number in range(count):
                draw(tmp_path / "trees" / part / name / f"{number}.png", rng, **how)
        return tmp_path / "trees"

    return make


@pytest.fixture
def new(tmp_path):
    def run(*arguments):
        return CliRunner().invoke(main, ["new", *arguments, "--data-dir", str(tmp_path / "data")])

    return run


def recipe(name="trees.toml"):
    return load_recipe(name).recipe


def test_colour_photos_of_unlike_classes(folder, new, tmp_path):
    folder()
    result = new("trees", "--from", "trees")
    found = recipe()
    text = (tmp_path / "trees.toml").read_text()

    assert result.exit_code == 0, result.output
    assert "liteproof run trees.toml --data-dir" in result.output
    assert "# 38 colour pictures of 90x120 (height x width), 3 classes." in text
    assert found.training.class_weights is ClassWeights.BALANCED
    assert found.gates.metric is Metric.BALANCED
    assert found.training.augmentation.flip
    assert (found.dataset.size, found.dataset.channels) == ((64, 64), 3)
    assert found.architecture.backbone is None
    assert "mobilenet_v2_weights" in text


def test_backbone_is_used_where_its_weights_are_at_hand(folder, new):
    folder(dict.fromkeys("xyz", 8) | {"ash": 9})
    file = weights_file(Architecture((), Backbone.MOBILENET_V2, ALPHA, IMAGENET), (96, 96))
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    new("trees", "--from", "trees")

    assert recipe().architecture.backbone is Backbone.MOBILENET_V2
    assert recipe().training.fine_tuning
    assert recipe().dataset.size == (96, 96)
    assert recipe().training.class_weights is None


def test_grey_marks_are_not_flipped_even_where_they_are_stored_in_colour(folder, new):
    folder(dict.fromkeys("0123", 6), grey=True, size=(28, 28))
    new("trees", "--from", "trees")
    found = recipe()

    assert (found.dataset.size, found.dataset.channels) == ((28, 28), 1)
    assert not found.training.augmentation.flip
    assert found.training.augmentation.rotation_degrees


def test_batch_is_no_larger_than_what_is_learnt_from(folder, new):
    folder({"a": 3, "b": 3})
    new("trees", "--from", "trees")

    assert recipe().training.batch_size == 2


@pytest.mark.parametrize("command", ["new", "data"])
def test_twins_across_train_and_test_are_told(folder, new, tmp_path, command):
    trees = folder(part="train")
    folder(dict.fromkeys(COUNTS, 4), part="test")
    shutil.copy(trees / "train" / "oak" / "3.png", trees / "test" / "oak" / "twin.png")
    if command == "new":
        result = new("trees", "--from", "trees")
    else:
        result = CliRunner().invoke(
            main, ["data", "trees", "--from", "trees", "--data-dir", str(tmp_path / "data")]
        )

    assert "1 of 13 test pictures is a training picture too, byte for byte" in result.output
    assert "test/oak/twin.png = train/oak/3.png" in result.output


def test_strange_names_stay_within_their_comments_and_strings(folder, new, tmp_path):
    folder({'a"b': 3, "\N{GRINNING FACE}": 3, "# x = 1": 4}).rename(
        tmp_path / 'we "are" \u2028 \x7f'
    )
    result = new("trees", "--from", 'we "are" \u2028 \x7f')

    assert result.exit_code == 0, result.output
    assert recipe().description.endswith('we "are" ? ?')


def refused(result, code, words):
    assert result.exit_code == code
    assert words in result.output.splitlines()[-1]
    assert "Traceback" not in result.output


def test_recipe_is_never_overwritten(folder, new, tmp_path):
    folder()
    (tmp_path / "trees.toml").write_text("mine")

    refused(new("trees", "--from", "trees"), 2, "is there already")
    assert (tmp_path / "trees.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "words"),
    [("photos", "a recipe of that name ships"), ("a/b", "not a name"), ("", "not a name")],
)
def test_name_that_cannot_be_one_is_refused(folder, new, name, words):
    folder()

    refused(new(name, "--from", "trees"), 2, words)


def test_name_of_another_folder_s_dataset_is_refused(folder, new, tmp_path):
    trees = folder()
    new("trees", "--from", "trees")
    (tmp_path / "trees.toml").unlink()
    shutil.copytree(trees, tmp_path / "others")

    refused(new("trees", "--from", "others"), 3, "already the dataset of")


def test_folder_that_is_none_of_pictures_is_refused(folder, new, tmp_path):
    refused(new("trees", "--from", "nowhere"), 3, "nowhere: not a folder")
    (tmp_path / "trees" / "oak").mkdir(parents=True)
    refused(new("trees", "--from", "trees"), 3, "holds no pictures")
    folder({"oak": 4})
    refused(new("trees", "--from", "trees"), 3, "holds one class, 'oak'")
    folder({"ash": 4})
    (tmp_path / "trees" / "ash" / "0.png").write_bytes(b"x")
    refused(new("trees", "--from", "trees"), 3, "1 of 8 pictures cannot be read")
    assert not (tmp_path / "trees.toml").exists()


def test_class_that_is_in_one_part_only_is_refused(folder, new):
    folder(part="train")
    folder(COUNTS | {"yew": 3}, part="test")

    refused(new("trees", "--from", "trees"), 3, "class 'yew' is in test/ and not in train/")


@pytest.mark.slow
def test_recipe_that_was_written_runs_as_it_is(folder, new, liteproof, tmp_path):
    """Each class has a colour of its own; one has few pictures, and one picture is there twice."""
    rng = np.random.default_rng(0)
    for name, count, channel in (("red", 30, 0), ("green", 12, 1), ("blue", 24, 2)):
        for number in range(count):
            values = rng.integers(0, 60, (40, 44, 3), np.uint8)
            values[..., channel] += np.uint8(rng.integers(60, 190))
            (tmp_path / "colours" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(tmp_path / "colours" / name / f"{number}.png")
    shutil.copy(tmp_path / "colours/red/0.png", tmp_path / "colours/red/again.png")
    new("colours", "--from", "colours")

    done = liteproof(
        *("run", "colours.toml", "--threads", "1", "--data-dir", tmp_path / "data"), cwd=tmp_path
    )

    assert done.returncode == 0, done.stderr
    assert "of balanced accuracy" in done.stdout
    assert (tmp_path / "runs" / "colours" / "bundle" / "MODEL_CARD.md").is_file()
