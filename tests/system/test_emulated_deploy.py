"""`liteproof deploy` to emulated systems that tests/board does not boot: 32 bits, and trixie.

What is shown: the wheels that were chosen for a board are installed by its own Python and pip, with
the options and checks that deploy uses, and answer there. What is not: sshd, systemd, a kernel.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emulated_boards import BOARDS
from emulated_roots import default_cache, root_of
from emulated_system import EmulatedSystem
from liteproof.deployment.plan import Look
from liteproof.deployment.wheelhouse import PLATFORMS
from liteproof.errors import DeviceError

ROOT = Path(__file__).parents[2]
LITEPROOF = Path(sys.executable).with_name("liteproof")
WHOLE = "bookworm-arm64"  # tests/board has all of it
BUNDLE = ROOT / "models" / "mnist"
PHOTOS = {"five.png": "5", "three.jpg": "3"}
CURRENT = ".local/share/liteproof/current"
SECONDS = 1800  # 90 s of one free core, for the installation above all


@pytest.fixture(scope="module", params=[name for name in BOARDS if name != WHOLE])
def system(request, tmp_path_factory):
    board = BOARDS[request.param]
    try:
        root = root_of(board, default_cache(), print)
    except DeviceError as error:
        pytest.skip(str(error))
    found = EmulatedSystem(board, root, tmp_path_factory.mktemp("system"))
    if why := found.why_not():
        pytest.skip(f"needs Linux 6.7 or later, and root of a sandbox: {why}")
    return found


@pytest.fixture(scope="module")
def liteproof(system):
    def run(*arguments):
        done = subprocess.run(
            [LITEPROOF, *map(str, arguments)],
            env=system.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def deployed(liteproof):
    """What the board says of itself once it runs the bundle."""
    liteproof("deploy", BUNDLE, "board")
    return json.loads(liteproof("status", "board", "--bundle", BUNDLE, "--json"))


def test_wheelhouse_of_its_name_is_the_one_it_asks_for(system, deployed):
    assert Look.of(deployed).platform == PLATFORMS[system.board.name]


def test_bundle_is_verified_there_by_its_own_runtime(system, deployed):
    verified = deployed["status"]["about"]["verified"]
    assert verified["passed"]
    assert verified["same_outputs"] == verified["pictures"] >= 10
    assert verified["runtime"].startswith(system.board.runtime.value)


def test_photos_are_read_there(system, deployed):
    for name in PHOTOS:
        shutil.copy(ROOT / "tests" / "pictures" / name, system.home)
    edge = f"{CURRENT}/environment/bin/liteproof-edge"
    done = system.run(f"{edge} classify {CURRENT}/bundle --json {' '.join(PHOTOS)}")
    answers = map(json.loads, done.stdout.splitlines())
    assert {line["picture"]: line["label"] for line in answers} == PHOTOS
