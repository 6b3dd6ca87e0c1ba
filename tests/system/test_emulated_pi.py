"""The edge package on emulated Raspberry Pis, set against this machine: scripts/emulated_pi.py."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

from emulated_boards import BOARDS
from emulated_roots import default_cache, root_of
from liteproof.errors import DeviceError

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models" / "mnist" / "model.tflite"
PICTURES = 1000
PHOTOS = {"five.png": "5", "seven-chalk.jpg": "7", "three.jpg": "3"}
MACHINES = {"arm64": "aarch64", "armhf": "armv7l"}
# The model has 99.5 %. Kernels that an emulator runs wrongly had 4 %, with labels that agreed.
MIN_TOP1 = 0.98


@pytest.fixture(scope="module", params=BOARDS.values(), ids=BOARDS)
def board(request):
    """Each board whose packages are to be had here."""
    try:
        root_of(request.param, default_cache(), print)
    except DeviceError as error:
        pytest.skip(str(error))
    return request.param


@pytest.fixture(scope="module")
def answer(board, mnist, shell):
    """What the script says of a board, in JSON."""
    photos = " ".join(f"--photo 'tests/pictures/{name}'" for name in PHOTOS)
    printed = shell(
        f"'{sys.executable}' scripts/emulated_pi.py --json --board {board.name} "
        f"--bundle models/mnist --data '{mnist}' --limit {PICTURES} {photos}"
    )
    (of_board,) = json.loads(printed)["boards"]
    return of_board


def test_golden_pictures_give_the_hosts_bytes(answer):
    verified = answer["verify"]

    assert verified["passed"]
    assert verified["same_inputs"] == verified["same_outputs"] == verified["pictures"] >= 10


def test_labels_are_this_machines(answer):
    assert (answer["agreement"]["same_labels"], answer["agreement"]["n"]) == (PICTURES, PICTURES)


def test_accuracy_is_a_good_models(answer):
    assert answer["evaluate"]["n"] == PICTURES
    assert answer["evaluate"]["top1_accuracy"] >= MIN_TOP1


def test_photos_are_read(answer):
    labels = {Path(line["picture"]).name: line["label"] for line in answer["classify"]}

    assert labels == PHOTOS


def test_measurement_says_what_was_measured_where(answer, board):
    measured = answer["evaluate"]

    assert measured["model_sha256"] == hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert measured["runtime"] == f"{board.runtime.value} {board.version}"
    assert measured["machine"] == MACHINES[board.architecture]
    assert measured["board"] == f"emulated {board.cpu}"
    assert measured["latency_us"] == {}
