"""What a .tflite says of itself, sound or damaged."""

import numpy as np
import pytest

from liteproof_edge.model.metadata import Said, read_metadata

ROUNDS = 300
LABELS = "\n".join(map(str, range(10)))


@pytest.fixture(scope="module")
def model(request):
    """A released model, which has metadata."""
    return (request.config.rootpath / "models" / "mnist" / "model.tflite").read_bytes()


def test_metadata_of_a_released_model_are_its_labels_and_pixels(model):
    said = read_metadata(model)

    assert said == Said((0.0,), (1.0,), (LABELS,))


def test_model_without_metadata_says_nothing(model):
    assert read_metadata(model.replace(b"TFLITE_METADATA", b"TFLITE_METADATE")) == Said()


def test_labels_that_were_cut_off_are_not_said(model):
    said = read_metadata(model[:-30])

    assert (said.labels, said.deviation) == ((), (1.0,))


@pytest.mark.parametrize("seed", range(3))
def test_damaged_metadata_raise_nothing(model, seed):
    rng = np.random.default_rng(seed)
    start = model.rindex(b"M001") - 8
    for _ in range(ROUNDS):
        data = bytearray(model)
        for at in rng.integers(start, len(data), 3):
            data[at] = rng.integers(256)
        assert isinstance(read_metadata(bytes(data)), Said)
