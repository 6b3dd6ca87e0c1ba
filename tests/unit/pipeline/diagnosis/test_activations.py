import subprocess
import sys

import keras
import numpy as np
import pytest

from liteproof.conversion.quantization import convert
from liteproof.conversion.variants import FLOAT32
from liteproof.diagnosis.activations import activation_ranges
from liteproof_edge.errors import ModelError, RuntimeMissingError
from liteproof_edge.model.affine import Normalisation
from liteproof_edge.runtime.loading import VARIABLE, installed

FLOAT32_ROUNDING = 1e-5  # relative


@pytest.fixture(scope="module")
def model():
    """Pixels are doubled, and 100 is taken away; then the sum of each row of 2."""
    pixels = keras.Input((2, 2, 1))
    conv = keras.layers.Conv2D(1, 1, name="twice")
    total = keras.layers.Conv2D(1, (1, 2), name="total")
    built = keras.Model(pixels, keras.layers.Flatten()(total(conv(pixels))))
    conv.set_weights([np.full((1, 1, 1, 1), 2.0), np.array([-100.0])])
    total.set_weights([np.ones((1, 2, 1, 1)), np.zeros(1)])
    return convert(built, FLOAT32)


PICTURES = np.uint8([[[[0], [50]], [[100], [255]]], [[[10], [10]], [[10], [10]]]])


@pytest.mark.parametrize("runtime", [runtime.value for runtime in installed()])
def test_ranges_are_those_of_each_picture(model, monkeypatch, runtime):
    monkeypatch.setenv(VARIABLE, runtime)

    ranges = activation_ranges(model, PICTURES)

    assert ranges.names == ("twice", "total", "RESHAPE")  # an output has no name of its own
    assert (ranges.low.dtype, ranges.high.dtype) == (np.float32, np.float32)
    assert ranges.low == pytest.approx(np.array([[-100, -100, -100], [-80, -160, -160]]))
    assert ranges.high == pytest.approx(np.array([[410, 510, 510], [-80, -160, -160]]))


def test_pictures_are_normalised_first(model):
    ranges = activation_ranges(model, PICTURES, Normalisation((10.0,), (0.1,)))

    assert ranges.high[:, 0] == pytest.approx([2 * 24.5 - 100, -100], rel=FLOAT32_ROUNDING)


def test_no_pictures_have_no_ranges(model):
    assert activation_ranges(model, PICTURES[:0]).low.shape == (0, 3)


def test_pictures_of_another_type_are_refused(model):
    with pytest.raises(ModelError, match="input: float32"):
        activation_ranges(model, PICTURES.astype(np.float32))


def test_damaged_model_is_refused(model):
    with pytest.raises(ModelError, match="float model: not a sound TFLite model"):
        activation_ranges(model[:200], PICTURES)


def test_runtime_that_is_missing_is_named(model, monkeypatch):
    monkeypatch.setenv(VARIABLE, "no-such")

    with pytest.raises(RuntimeMissingError, match="no-such"):
        activation_ranges(model, PICTURES)


def test_worker_imports_no_tensorflow():
    code = "import sys, liteproof.diagnosis.worker; assert 'tensorflow' not in sys.modules"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
