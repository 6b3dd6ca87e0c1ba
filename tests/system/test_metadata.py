"""The metadata in a model, read by others' programs, each in an environment of its own."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"
# Pinned, and kept beside .venv from run to run: they are large.
MEDIAPIPE = ["mediapipe==1.2.2", "numpy==2.4.6", "opencv-contrib-python==5.0.0.93"]
DISPLAYER = ["tflite-support==0.4.4", "protobuf==3.20.3", "numpy==1.26.4"]
COLOURS = {
    "black": (20, 20, 20),
    "blue": (30, 40, 220),
    "green": (20, 190, 40),
    "red": (220, 20, 20),
    "yellow": (230, 220, 30),
}
NOISE = 15  # standard deviation of a pixel: no two pictures are the same
RECIPE = """
name = "colours"
description = "Plain colours"

[dataset]
name = "plain_colours"
size = [24, 24]
validation_pictures = 20

[preprocessing]
kind = "photo"

[architecture]
layers = [{ type = "conv", filters = 8, kernel_size = 3, strides = 2 }, { type = "max_pool" }]

[training]
epochs = 8
batch_size = 16
learning_rate = 0.01

[quantization]
calibration_pictures = 60

[gates]
top1_drop_points = 5.0
"""
# A model and pictures → the labels that MediaPipe gives, best first.
CLASSIFY = """
import json, sys
import mediapipe
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions

model, *pictures = sys.argv[1:]
options = ImageClassifierOptions(base_options=BaseOptions(model_asset_path=model))
with ImageClassifier.create_from_options(options) as classifier:
    for path in pictures:
        answer = classifier.classify(mediapipe.Image.create_from_file(path))
        (head,) = answer.classifications
        print(json.dumps([category.category_name for category in head.categories]))
"""
DISPLAY = """
import json, sys
from tflite_support import metadata as reader

displayer = reader.MetadataDisplayer.with_model_file(sys.argv[1])
files = displayer.get_packed_associated_file_list()
texts = [displayer.get_associated_file_buffer(name).decode() for name in files]
metadata = json.loads(displayer.get_metadata_json())
print(json.dumps({"metadata": metadata, "files": dict(zip(files, texts))}))
"""


def environment(packages, probe, debian):
    """Return a Python that has these packages alone; skip, saying what is needed."""
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    folder = ROOT / f".venv-{packages[0].partition('==')[0]}-{digest}"
    python, whole = folder / "bin" / "python", folder / ".installed"
    if not whole.exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, *packages], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"needs {packages[0]} of PyPI: {done.stderr.strip().splitlines()[-1]}")
        whole.touch()
    done = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=False)
    if done.returncode and "cannot open shared object file" in done.stderr:
        pytest.skip(f"needs Debian's {debian}: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return python


def ask(python, script, *arguments):
    """Run a script in another environment, and return the JSON of each line it printed."""
    done = subprocess.run(
        [python, "-c", script, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def draw(folder, n, seed):
    rng = np.random.default_rng(seed)
    for label, colour in COLOURS.items():
        (folder / label).mkdir(parents=True)
        for index in range(n):
            pixels = np.clip(rng.normal(colour, NOISE, (24, 24, 3)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / label / f"{index:02}.png")


@pytest.fixture(scope="module")
def mediapipe():
    debian = "libegl1, libgles2, libgl1 and libglib2.0-0"
    return environment(MEDIAPIPE, "import mediapipe.tasks.python.vision", debian)


@pytest.fixture(scope="module")
def displayer():
    return environment(DISPLAYER, "from tflite_support import metadata", "libusb-1.0-0")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of plain colours, parted for training and testing."""
    folder = tmp_path_factory.mktemp("colours")
    draw(folder / "train", 40, seed=1)
    draw(folder / "test", 4, seed=2)
    return folder


@pytest.fixture(scope="module")
def colours(tmp_path_factory, pictures, liteproof):
    """The bundle of a colour model, made by our own commands from data to bundle."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "recipe.toml").write_text(RECIPE)
    data_dir = ["--data-dir", folder / "tfds"]
    for command in (
        ["data", "plain_colours", "--from", pictures, *data_dir],
        ["run", folder / "recipe.toml", "--out", folder / "run", "--threads", "1", *data_dir],
    ):
        done = liteproof(*command)
        assert done.returncode == 0, done.stderr
    return folder / "run" / "bundle"


def test_mediapipe_gives_our_labels(mediapipe, colours, pictures):
    shown = sorted((pictures / "test").glob("*/*.png"))

    answers = ask(mediapipe, CLASSIFY, colours / "model.tflite", *shown)

    assert [answer[0] for answer in answers] == [path.parent.name for path in shown]
    assert {tuple(sorted(answer)) for answer in answers} == {tuple(sorted(COLOURS))}


def test_device_gives_the_same_labels_as_mediapipe(mediapipe, colours, pictures, shell):
    shown = sorted((pictures / "test").glob("*/*.png"))
    program = Path(sys.executable).with_name("liteproof-edge")

    printed = shell(f"'{program}' classify --json '{colours}' '{pictures / 'test'}'")
    answers = ask(mediapipe, CLASSIFY, colours / "model.tflite", *shown)

    ours = {Path(said["picture"]): said["label"] for said in map(json.loads, printed.splitlines())}
    assert [ours[path] for path in shown] == [answer[0] for answer in answers]


@pytest.mark.parametrize("name", sorted(path.name for path in MODELS.iterdir()))
def test_metadata_displayer_reads_released_models(displayer, name):
    manifest = json.loads((MODELS / name / "manifest.json").read_text())
    _, height, width, channels = manifest["input"]["shape"]

    (shown,) = ask(displayer, DISPLAY, MODELS / name / "model.tflite")

    assert shown["files"] == {"labels.txt": "\n".join(manifest["labels"])}
    about = shown["metadata"]
    (graph,) = about["subgraph_metadata"]
    (pixels,), (scores,) = graph["input_tensor_metadata"], graph["output_tensor_metadata"]
    assert about["name"] == manifest["name"]
    assert pixels["content"]["content_properties"] == {
        "color_space": {1: "GRAYSCALE", 3: "RGB"}[channels],
        "default_size": {"width": width, "height": height},
    }
    (unit,) = pixels["process_units"]
    assert unit["options"] == {"mean": [0.0], "std": [1.0]}
    assert pixels["stats"] == {"max": [255.0], "min": [0.0]}
    (file,) = scores["associated_files"]
    assert (file["name"], file["type"]) == ("labels.txt", "TENSOR_AXIS_LABELS")


def test_metadata_displayer_finds_none_in_a_file_without(displayer):
    """So that what it shows of ours is in the file, and not its own default."""
    with pytest.raises(AssertionError, match="The model does not have metadata"):
        ask(displayer, DISPLAY, ROOT / "tests" / "bundle" / "model.tflite")
