"""The edge package alone, in an empty environment, on the released bundle."""

import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest

NEEDED = {"numpy", "pillow", "tflite-runtime"}
OURS, TOOLS = {"liteproof-edge"}, {"pip", "setuptools"}
# A third of it docstrings; 37,000 are the server and its page, 13,000 the board, 7,000 the camera.
MAX_WHEEL_BYTES = 213_000
LABELS = {"five.png": "5", "seven-chalk.jpg": "7", "three.jpg": "3"}
# Every command that shows one result, and something that it prints.
SHOWS = {
    "verify models/mnist": "verified: this device answers as the host did",
    "evaluate models/mnist '{labelled}'": "top-1 accuracy  100.00% (3 of 3)",
    "bench -n 50 models/mnist": "(n = 50), from a picture's bytes to a label",
    "inspect models/mnist": "5 CONV_2D v3",
    "inspect models/mnist/model.tflite": "5 CONV_2D v3",
    "info models/mnist": "ai-edge-litert  ai-edge-litert is not installed",
}


@pytest.fixture(scope="module")
def edge(clone, device, shell, labelled):
    """Run `liteproof-edge` in the clone, and return what it printed."""

    def run(line, exit_code=0, **environment):
        command = f"'{device}/liteproof-edge' {line.format(labelled=labelled)}"
        return shell(command, cwd=clone, exit_code=exit_code, **environment)

    return run


@pytest.fixture(scope="module")
def labelled(tmp_path_factory, clone):
    """A folder for each label, with our own pictures."""
    folder = tmp_path_factory.mktemp("labelled")
    for name, label in LABELS.items():
        (folder / label).mkdir()
        shutil.copy(clone / "tests" / "pictures" / name, folder / label)
    return folder


def labels(printed):
    """Return each picture's label by its name."""
    lines = [line.split() for line in printed.splitlines()]
    return {Path(name).name: label for name, label, *_ in lines}


def test_wheel_is_small(wheel):
    assert wheel.stat().st_size <= MAX_WHEEL_BYTES


def test_wheel_holds_every_file_of_the_package_and_nothing_else(wheel, clone, shell):
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert found == set(shell("git ls-files liteproof_edge", cwd=clone / "edge").split())


def test_wheel_says_that_it_is_typed(wheel):
    with zipfile.ZipFile(wheel) as archive:
        assert "liteproof_edge/py.typed" in archive.namelist()


def test_edge_brings_numpy_pillow_and_the_runtime_alone(device, shell):
    packages = json.loads(shell(f"'{device}/pip' list --format json --disable-pip-version-check"))
    names = {package["name"].lower().replace("_", "-") for package in packages}

    assert names - TOOLS == NEEDED | OURS


def test_version_is_that_of_the_wheel(edge, wheel):
    assert edge("--version").strip() == wheel.name.split("-")[1]


def test_program_is_pythons_module_too(clone, device, shell):
    printed = shell(f"'{device}/python' -m liteproof_edge verify models/mnist", cwd=clone)

    assert printed.endswith("verified: this device answers as the host did\n")


@pytest.mark.parametrize("line", SHOWS)
def test_command_shows_its_result(edge, line):
    assert SHOWS[line] in edge(line)


@pytest.mark.parametrize("line", SHOWS)
def test_command_prints_its_result_as_json(edge, line):
    printed = edge(f"{line} --json")

    assert isinstance(json.loads(printed), dict)
    assert printed.count("\n") == 1


def test_pictures_that_are_not_from_mnist_are_read(edge):
    assert labels(edge("classify models/mnist tests/pictures/*")) == LABELS


def test_folder_of_pictures_is_read(edge):
    assert labels(edge("classify models/mnist tests/pictures")) == LABELS


@pytest.mark.parametrize("name", LABELS)
def test_picture_from_a_pipe_is_read(edge, name):
    printed = edge(f"classify models/mnist - < tests/pictures/{name}")

    assert labels(printed) == {"-": LABELS[name]}


def test_pictures_are_answered_in_json(edge):
    answers = map(json.loads, edge("classify --json models/mnist tests/pictures").splitlines())

    assert {Path(answer["picture"]).name: answer["label"] for answer in answers} == LABELS


def test_model_without_a_bundle_answers_in_a_process_of_its_own(edge, device, shell, tmp_path):
    make = "import numpy; from PIL import Image; Image.fromarray(numpy.eye(28) > 0).save('{}')"
    picture = tmp_path / "stroke.png"
    shell(f"'{device}/python' -c \"{make.format(picture)}\"")
    printed = edge(f"classify --unverified models/mnist/model.tflite '{picture}'")

    assert re.fullmatch(r"\d", labels(printed)["stroke.png"])


@pytest.mark.parametrize("name", ["ai-edge-litert", "no-such-runtime"])
def test_runtime_of_the_environment_that_is_not_there_is_refused(edge, name):
    edge("classify models/mnist tests/pictures", exit_code=7, LITEPROOF_RUNTIME=name)


def test_neither_tensorflow_nor_the_pipeline_is_there(device, shell):
    shell(f"'{device}/python' -c 'import liteproof_edge'")
    for package in ("tensorflow", "liteproof"):
        shell(f"'{device}/python' -c 'import {package}'", exit_code=1)


@pytest.mark.parametrize("name", ["manifest.json", "model.tflite", "golden.npz", "recipe.toml"])
def test_bundle_with_one_byte_changed_is_refused(clone, edge, tmp_path, name):
    bundle = shutil.copytree(clone / "models" / "mnist", tmp_path / "mnist")
    data = bytearray((bundle / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / name).write_bytes(data)

    edge(f"verify '{bundle}'", exit_code=4)
