"""`scripts/write_golden_cases.py` writes what these compare with."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liteproof_edge.preprocessing.spec import preprocess, spec_from_json, spec_to_json

GOLDEN = Path(__file__).parents[3] / "golden"
TENSOR = ".tensor.png"
MAX_BYTES = 300_000  # of all files: each clone of the repository holds them
MANIFESTS = json.loads((GOLDEN / "specs.json").read_bytes())
FOLDERS = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())
PICTURES = [
    path for path in sorted(GOLDEN.glob("*/*")) if not path.name.endswith(TENSOR) and path.is_file()
]


def tensor_of(path):
    return path.with_name(path.stem + TENSOR)


def opened(path):
    return Image.open(io.BytesIO(path.read_bytes()))


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_picture_gives_its_golden_tensor_byte_for_byte(path):
    spec = spec_from_json(MANIFESTS[path.parent.name], path.parent.name)
    pixels = preprocess(path, spec).pixels
    with Image.open(tensor_of(path)) as image:
        expected = np.asarray(image)
    assert pixels.dtype == expected.dtype == np.uint8
    np.testing.assert_array_equal(pixels, expected.reshape(pixels.shape))


@pytest.mark.parametrize("given", [Path.read_bytes, str, opened])
@pytest.mark.parametrize("folder", FOLDERS)
def test_golden_tensor_is_the_same_however_the_picture_is_given(folder, given):
    spec = spec_from_json(MANIFESTS[folder], folder)
    for path in PICTURES:
        # An open image is decoded in full, a JPEG's file only as far as is enough.
        if path.parent.name == folder and not (given is opened and path.suffix == ".jpg"):
            np.testing.assert_array_equal(
                preprocess(given(path), spec).pixels, preprocess(path, spec).pixels
            )


def test_released_model_reads_every_golden_picture_of_a_digit(classifier):
    digits = [path for path in PICTURES if path.parent.name == "ink"]
    assert len(digits) >= 12
    assert [classifier.classify(path).label for path in digits] == [path.name[0] for path in digits]


def test_released_models_spec_is_the_golden_pictures(bundle):
    assert spec_to_json(bundle.preprocessing) == MANIFESTS["ink"]


def test_every_spec_has_golden_pictures_and_every_picture_a_spec():
    assert FOLDERS == sorted(MANIFESTS) == sorted({path.parent.name for path in PICTURES})


def test_every_kind_of_preprocessing_has_golden_pictures():
    assert {manifest["kind"] for manifest in MANIFESTS.values()} == {"raw", "photo", "ink"}


def test_every_golden_picture_has_a_tensor_and_every_tensor_a_picture():
    tensors = sorted(GOLDEN.glob(f"*/*{TENSOR}"))
    assert tensors == sorted(map(tensor_of, PICTURES))


def test_golden_pictures_are_small():
    assert sum(path.stat().st_size for path in GOLDEN.rglob("*")) < MAX_BYTES
