"""The Ansible collection: linted, installed, and run on loopback boards."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from loopback import Boards, missing

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COLLECTION = ROOT / "scripts" / "ansible"
FIRST, SECOND = ROOT / "models" / "mnist", ROOT / "models" / "mnist-micro"
DOCUMENT = (ROOT / "docs" / "fleets.md").read_text()
PLAYBOOK = re.search(r"^```yaml\n(# boards.yml\n[^`]*)^```", DOCUMENT, re.MULTILINE)[1]
SECONDS = 300

pytestmark = pytest.mark.skipif(missing() is not None, reason=f"needs {missing()}")


@pytest.fixture(scope="module")
def ansible(tmp_path_factory):
    """Run a program of Ansible's where the collection is installed."""
    folder = tmp_path_factory.mktemp("ansible")
    environment = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_COLLECTIONS_PATH": str(folder),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "true",
    }

    def run(program, *arguments, exit_code=0):
        done = subprocess.run(
            [BIN / program, *map(str, arguments)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert done.returncode == exit_code, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    run("ansible-galaxy", "collection", "install", COLLECTION, "-p", folder, "--offline")
    return run


@pytest.fixture(scope="module")
def boards():
    found = Boards()
    yield found
    found.close()


@pytest.fixture(scope="module")
def play(ansible, boards, tmp_path_factory):
    """Have both boards run a bundle; return the lines of Ansible's summary and all that it said.

    One board is found by ssh's config, the other by what the inventory says.
    """
    kitchen, garage = boards.add("kitchen"), boards.add("garage")
    folder = tmp_path_factory.mktemp("play")
    (folder / "play.yml").write_text(PLAYBOOK)
    with boards.config.open("a") as file:
        file.write(f"Host 127.0.0.1\n  HostKeyAlias garage\n  UserKnownHostsFile {boards.known}\n")
    hosts = {
        "kitchen": {},
        "second": {
            "ansible_host": "127.0.0.1",
            "ansible_port": garage.port,
            "ansible_user": boards.user,
            "ansible_ssh_private_key_file": str(boards.key),
        },
    }
    inventory = folder / "inventory.json"
    inventory.write_text(json.dumps({"boards": {"hosts": hosts}}))

    def run(bundle, *options, exit_code=0, **variables):
        variables = {
            "liteproof_bundle_path": str(bundle),
            "liteproof_bundle_service": False,  # loopback has no systemd
            "liteproof_bundle_ssh_config": str(boards.config),
            **variables,
        }
        return ansible(
            "ansible-playbook",
            *("-i", inventory, folder / "play.yml", "-e", json.dumps(variables)),
            *options,
            exit_code=exit_code,
        )

    run(FIRST)
    run.boards = (kitchen, garage)
    return run


def changed(said):
    """Return how many tasks changed something on each board."""
    lines = said.partition("PLAY RECAP")[2].splitlines()[1:]
    fields = (
        dict(field.split("=") for field in line.split(":")[1].split()) for line in lines if line
    )
    return [int(field["changed"]) for field in fields]


def running(play):
    return [
        json.loads((board.store / "current" / "release.json").read_text())["bundle"]
        for board in play.boards
    ]


def test_collection_is_clean(ansible):
    skipped = "galaxy[no-repository]"  # it is not published on its own
    ansible("ansible-lint", "--offline", "--profile", "production", "-x", skipped, COLLECTION)


def test_second_run_changes_nothing(play):
    before = [sorted(board.store.rglob("*")) for board in play.boards]
    assert running(play) == ["mnist", "mnist"]
    assert changed(play(FIRST)) == [0, 0]
    assert [sorted(board.store.rglob("*")) for board in play.boards] == before


def test_check_says_what_would_change_and_changes_nothing(play):
    before = [board.current() for board in play.boards]
    said = play(SECOND, "--check", "--diff")
    assert changed(said) == [1, 1]
    assert all(f"-{release}" in said for release in before)
    assert [board.current() for board in play.boards] == before


def test_another_bundle_is_deployed_and_the_first_again(play):
    assert changed(play(SECOND)) == [1, 1]
    assert running(play) == ["mnist-micro", "mnist-micro"]
    assert changed(play(FIRST)) == [1, 1]
    assert running(play) == ["mnist", "mnist"]


def test_failure_is_the_deployer_s_own_line(play, tmp_path):
    said = play(SECOND, exit_code=2, liteproof_bundle_check="/bin/false")
    assert "/bin/false: exit code 1" in said
    assert running(play) == ["mnist", "mnist"]


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"liteproof_bundle_ssh_config": "/nowhere"}, "/nowhere: not found"),
        ({"ansible_user": 'me"\nProxyCommand "touch x'}, "not for ssh"),
        ({"liteproof_bundle_port": "many"}, "cannot be converted"),
        ({"liteproof_bundle_path": "/nowhere"}, "/nowhere"),
    ],
)
def test_variables_that_are_none_are_refused(play, variables, why):
    assert why in play(FIRST, exit_code=2, **variables)
