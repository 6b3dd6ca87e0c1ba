"""Models that others make, from their own files to a bundle that a device verifies.

The first is that of TensorFlow's tutorial on post-training quantization, made again from its
description, on real MNIST.
"""

import json
import subprocess
import sys

import pytest
from PIL import Image

MIN_TUTORIAL_TOP1 = 0.94  # after its one epoch; 95.99 % were measured
TUTORIAL = """
import sys
import keras
from pathlib import Path
from liteproof_edge.idx import Split, load
digits = load(Path(sys.argv[1]), Split.TRAIN)
keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.layers.InputLayer(shape=(28, 28)),
    keras.layers.Reshape(target_shape=(28, 28, 1)),
    keras.layers.Conv2D(filters=12, kernel_size=(3, 3), activation="relu"),
    keras.layers.MaxPooling2D(pool_size=(2, 2)),
    keras.layers.Flatten(),
    keras.layers.Dense(10),
])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(digits.images[..., 0] / 255.0, digits.labels, epochs=1, verbose=0)
model.save(sys.argv[2])
"""
# Cats lie, dogs stand: photos of any size, told apart by one sigmoid; and the same with a softmax.
PETS = """
import sys
from pathlib import Path
import keras, numpy as np
from PIL import Image
from liteproof.conversion.quantization import convert
from liteproof.conversion.variants import Granularity, Scheme, Variant
sys.path.insert(0, sys.argv[1])
from legacy import as_legacy
folder, rng, layers = Path(sys.argv[2]), np.random.default_rng(0), keras.layers
pictures, labels = [], np.arange(400) % 2
for index, label in enumerate(labels):
    pixels = rng.integers(0, 120, (48, 64, 3))
    at, wide = rng.integers(8, 24), rng.integers(3, 8)
    band = pixels if label == 0 else pixels.swapaxes(0, 1)
    band[at : at + wide] += rng.integers(80, 130, 3)
    picture = Image.fromarray(pixels.astype(np.uint8))
    place = folder / "pets" / ("test" if index % 5 == 0 else "train") / ("cat", "dog")[label]
    place.mkdir(parents=True, exist_ok=True)
    picture.save(place / f"{index}.png")
    pictures.append(np.asarray(picture.resize((32, 32))))
pictures = np.stack(pictures)
taken = keras.Input((None, None, 3))
values = layers.Rescaling(1 / 255)(layers.RandomFlip()(taken))
for filters in (8, 16):
    values = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(values)
answer = layers.Dense(1, activation="sigmoid")(layers.GlobalMaxPooling2D()(values))
model = keras.Model(taken, answer)
model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
model.fit(pictures, labels, epochs=12, verbose=0)
model.save(folder / "pets.keras")
plain = keras.Sequential([keras.Input((32, 32, 3)), layers.Rescaling(1 / 255),
    layers.Conv2D(8, 3, strides=2, activation="relu"),
    layers.Conv2D(8, 3, strides=2, activation="relu"),
    layers.MaxPooling2D(3), layers.Flatten(), layers.Dense(2, activation="softmax")])
plain.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
plain.fit(pictures, labels, epochs=12, verbose=0)
plain.export(folder / "saved", verbose=False)
form = Variant(Scheme.INT8, granularity=Granularity.PER_TENSOR)
(folder / "legacy.tflite").write_bytes(as_legacy(convert(plain, form, pictures[:100])))
(folder / "labels.txt").write_text("cat\\ndog\\n")
"""


def adopt(shell, *arguments):
    command = " ".join(f"'{argument}'" for argument in arguments)
    return shell(f"'{sys.executable}' -m liteproof adopt {command}")


def check(device, shell, run):
    """Verify a bundle on the device, and return what was measured of it."""
    assert "verified" in shell(f"'{device}/liteproof-edge' verify '{run}/bundle'")
    return json.loads((run / "comparison.json").read_text())


@pytest.fixture(scope="module")
def pets(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("pets")
    scripts = request.config.rootpath / "scripts"
    subprocess.run([sys.executable, "-c", PETS, scripts, folder], check=True)
    return folder


def test_model_of_tensorflow_s_tutorial_becomes_a_bundle(device, shell, mnist, tmp_path):
    model, run = tmp_path / "tutorial.keras", tmp_path / "run"
    subprocess.run([sys.executable, "-c", TUTORIAL, mnist, model], check=True)

    adopt(shell, model, "--data", mnist, "--preprocessing", "ink", "--out", run)

    measured = check(device, shell, run)
    assert measured["candidate"]["n"] == 10_000
    assert measured["candidate"]["correct"] >= 10_000 * MIN_TUTORIAL_TOP1
    photo = shell(f"'{device}/liteproof-edge' classify '{run}/bundle' tests/pictures/three.jpg")
    assert photo.split()[1] == "3"


def test_sigmoid_of_cats_and_dogs_becomes_two_classes(device, shell, pets, tmp_path):
    adopt(
        *(shell, pets / "pets.keras", "--data", pets / "pets", "--size", "32x32"),
        *("--out", tmp_path / "run"),
    )

    measured = check(device, shell, tmp_path / "run")
    assert measured["labels"] == ["cat", "dog"]
    assert measured["candidate"]["correct"] > 0.9 * measured["candidate"]["n"]


def test_saved_model_becomes_a_bundle(device, shell, pets, tmp_path):
    adopt(shell, pets / "saved", "--data", pets / "pets", "--out", tmp_path / "run")

    measured = check(device, shell, tmp_path / "run")
    assert measured["candidate"]["correct"] > 0.9 * measured["candidate"]["n"]


def test_model_in_the_form_of_tensorflow_1_answers_a_photo_by_its_labels(device, shell, pets):
    dogs = sorted((pets / "pets" / "test" / "dog").iterdir())
    large = pets / "large.jpg"
    Image.open(dogs[0]).resize((640, 480)).save(large)

    printed = shell(
        f"'{device}/liteproof-edge' classify --unverified --labels '{pets}/labels.txt' "
        f"'{pets}/legacy.tflite' '{large}'"
    )

    _, label, probability, *_ = printed.split()
    assert label == "dog"
    assert float(probability.rstrip("%")) > 90  # a softmax of shares would end at 73
