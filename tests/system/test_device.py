"""The edge package alone, in an empty environment, on the released bundle."""

import json
import shutil

import pytest

PACKAGES = {"liteproof-edge", "numpy", "pillow", "tflite-runtime", "pip", "setuptools"}


def test_edge_brings_numpy_pillow_and_the_runtime_alone(device, shell):
    packages = json.loads(shell(f"'{device}/pip' list --format json --disable-pip-version-check"))

    assert {package["name"].lower().replace("_", "-") for package in packages} <= PACKAGES


def test_released_bundle_verifies(clone, device, shell):
    printed = shell(f"'{device}/liteproof-edge' verify models/mnist", cwd=clone)

    assert printed.endswith("verified: this device answers as the host did\n")


def test_pictures_that_are_not_from_mnist_are_read(clone, device, shell):
    printed = shell(f"'{device}/liteproof-edge' classify models/mnist tests/pictures/*", cwd=clone)

    labels = {line.split()[0].split("/")[-1]: line.split()[1] for line in printed.splitlines()}
    assert labels == {"five.png": "5", "seven-chalk.jpg": "7", "three.jpg": "3"}


@pytest.mark.parametrize("name", ["manifest.json", "model.tflite", "golden.npz", "recipe.toml"])
def test_bundle_with_one_byte_changed_is_refused(clone, device, shell, tmp_path, name):
    bundle = shutil.copytree(clone / "models" / "mnist", tmp_path / "mnist")
    data = bytearray((bundle / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / name).write_bytes(data)

    shell(f"'{device}/liteproof-edge' verify '{bundle}'", exit_code=4)
