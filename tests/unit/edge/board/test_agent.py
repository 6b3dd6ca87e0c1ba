"""What the host asks, over pipes, as it does over ssh."""

import ensurepip
import fcntl
import hashlib
import io
import json
import os
import subprocess
import sys

import pytest

from liteproof_edge.board import environment, service
from liteproof_edge.board.agent import Agent
from liteproof_edge.board.places import STORE

DATA = b"a file"
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def agent(tmp_path):
    found = Agent(tmp_path, io.BytesIO(DATA))
    yield found
    found.close()


@pytest.fixture
def talk(tmp_path):
    """Start an agent as ssh does; send it lines, and return its answers once it has ended."""

    def run(*parts, home=tmp_path):
        sent = b"".join(
            part if isinstance(part, bytes) else json.dumps(part).encode() + b"\n" for part in parts
        )
        done = subprocess.run(
            [sys.executable, "-c", "from liteproof_edge.board.agent import main; main()"],
            input=sent,
            capture_output=True,
            env={**os.environ, "HOME": str(home)},
            check=False,
        )
        assert done.stderr == b""
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def test_board_says_what_it_is(agent):
    said = agent.answer({"do": "look"})["answer"]
    assert said["python"].startswith("3.")
    assert said["free_bytes"] > 0
    assert said["status"]["current"] is None


@pytest.mark.parametrize("name", ["", "answer", "close", "_store", "do_look", "__init__"])
def test_what_is_no_request_is_refused(agent, name):
    assert agent.answer({"do": name})["exit_code"] == 1


def test_file_is_taken_between_two_requests(talk):
    answers = talk(
        {"do": "lock", "holder": "me"},
        {"do": "put", "sha256": SHA256, "size": len(DATA), "offset": 0},
        DATA,
        {"do": "have", "files": [SHA256]},
    )
    assert answers[-1] == {"answer": {SHA256: {"bytes": len(DATA), "whole": True}}}


def test_damaged_file_ends_the_agent_with_the_reason(talk):
    answers = talk(
        {"do": "lock", "holder": "me"},
        {"do": "put", "sha256": "0" * 64, "size": len(DATA), "offset": 0},
        DATA,
        {"do": "have", "files": [SHA256]},
    )
    assert len(answers) == 2
    assert "damaged on the way" in answers[-1]["error"]


@pytest.mark.parametrize("end", [b'{"do": "lo', b"", b"\xff\xff\n"])
def test_connection_that_is_cut_ends_it_in_good_order(talk, end):
    assert len(talk({"do": "lock", "holder": "me"}, end)) == 1


def test_disk_that_is_full_is_told_and_the_part_removed(agent, monkeypatch, tmp_path):
    agent.answer({"do": "lock", "holder": "me"})

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    answer = agent.answer({"do": "put", "sha256": SHA256, "size": len(DATA), "offset": 0})
    assert answer == {"error": "No space left on device", "exit_code": 8}
    assert not list((tmp_path / STORE / "files").iterdir())


def test_lock_names_its_holder(agent, tmp_path):
    agent.answer({"do": "lock", "holder": "alice@laptop, since noon"})
    other = Agent(tmp_path, io.BytesIO())
    answer = other.answer({"do": "lock", "holder": "bob"})
    assert answer["error"] == "another deploy is at work: alice@laptop, since noon"


def test_lock_is_free_once_its_holder_is_gone(talk):
    talk({"do": "lock", "holder": "alice"})
    assert talk({"do": "lock", "holder": "bob"}) == [{"answer": None}]


def test_connection_that_ends_before_confirm_goes_back(talk, tmp_path, placed_in):
    placed_in(tmp_path, "one")
    talk({"do": "lock", "holder": "me"}, {"do": "switch", "release": "one"})
    (status,) = talk({"do": "status"})
    assert status["answer"]["current"] is None
    talk({"do": "lock", "holder": "me"}, {"do": "switch", "release": "one"}, {"do": "confirm"})
    (status,) = talk({"do": "status"})
    assert status["answer"]["current"] == "one"


@pytest.fixture
def placed_in():
    def place(home, release):
        (home / STORE / "releases" / release / "bundle").mkdir(parents=True)

    return place


def test_silence_ends_it(monkeypatch, tmp_path):
    code = (
        "from liteproof_edge.board import agent; agent.IDLE_SECONDS = 1; agent.main(); print('end')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "HOME": str(tmp_path)},
    ) as process:
        assert process.stdout.read() == b"end\n"


def test_lock_file_can_be_read_while_it_is_held(agent, tmp_path):
    agent.answer({"do": "lock", "holder": "me"})
    with (tmp_path / STORE / "lock").open() as file:
        assert file.read() == "me"
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_environment_that_cannot_be_made_leaves_nothing(agent, tmp_path, monkeypatch):
    agent.answer({"do": "lock", "holder": "me"})
    monkeypatch.setattr(
        environment, "run", lambda *_: environment.Ended(1, "", "ensurepip is not available")
    )
    answer = agent.answer({"do": "install", "name": "env", "wheels": {}, "sees_system": False})
    assert answer["error"] == "-m venv: ensurepip is not available (sudo apt install python3-venv)"
    assert not list((tmp_path / STORE / "environments").iterdir())


def test_python_that_brings_no_pip_is_told_so(agent, tmp_path, monkeypatch):
    agent.answer({"do": "lock", "holder": "me"})
    monkeypatch.setattr(ensurepip, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setattr(environment, "DEBIANS_WHEELS", tmp_path)
    answer = agent.answer({"do": "install", "name": "env", "wheels": {}, "sees_system": False})
    assert answer["error"] == "its Python brings no pip (sudo apt install python3-venv)"
    assert not list((tmp_path / STORE / "environments").iterdir())


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """What systemctl was asked; it always does."""
    asked = []

    def run(command, *_):
        asked.append(command)
        return service.Ended(0, "ActiveState=active\nSubState=running\n", "")

    monkeypatch.setattr(service, "run", run)
    return asked


def test_service_is_installed_as_a_user_unit(agent, systemctl, tmp_path):
    agent.answer({"do": "lock", "holder": "me"})
    answer = agent.answer({"do": "serve", "host": "::1", "port": 8080, "memory_mib": 200})
    unit = (tmp_path / ".config/systemd/user/liteproof.service").read_text()
    assert answer == {"answer": {"lingers": False}}
    assert "MemoryMax=200M" in unit
    assert "current/bundle --host ::1 --port 8080" in unit
    assert (
        "ListenStream=[::1]:8080"
        in (tmp_path / ".config/systemd/user/liteproof.socket").read_text()
    )
    assert ["systemctl", "--user", "restart", "liteproof.service"] in systemctl


def test_service_that_is_as_asked_is_not_stopped(agent, systemctl):
    agent.answer({"do": "lock", "holder": "me"})
    asked = {"do": "serve", "host": "::1", "port": 8080, "memory_mib": 200}
    agent.answer(asked)
    systemctl.clear()
    agent.answer(asked)
    assert not {"stop", "restart"} & {command[2] for command in systemctl}
    agent.answer({**asked, "memory_mib": 300})
    assert "stop" in {command[2] for command in systemctl}


def test_service_that_does_not_answer_is_not_healthy(agent, systemctl):
    agent.answer({"do": "lock", "holder": "me"})
    agent.answer({"do": "serve", "host": "127.0.0.1", "port": 1, "memory_mib": 200})
    answer = agent.answer({"do": "wait", "manifest_sha256": "0", "seconds": 0.1})
    assert answer["exit_code"] == 6
    assert "does not answer by it within 0.1 s: no answer" in answer["error"]
    state = agent.answer({"do": "status"})["answer"]["service"]
    assert (state["ActiveState"], state["NRestarts"]) == ("active", "unknown")


def test_switch_restarts_the_service(agent, systemctl, tmp_path, placed_in):
    agent.answer({"do": "lock", "holder": "me"})
    placed_in(tmp_path, "one")
    agent.answer({"do": "serve", "host": "127.0.0.1", "port": 1, "memory_mib": 200})
    systemctl.clear()
    agent.answer({"do": "switch", "release": "one"})
    assert systemctl == [["systemctl", "--user", "restart", "liteproof.service"]]


def test_pictures_are_evaluated_and_do_not_stay(agent, tmp_path, placed_in):
    agent.answer({"do": "lock", "holder": "me"})
    agent.answer({"do": "put", "sha256": SHA256, "size": len(DATA), "offset": 0})
    placed_in(tmp_path, "one")
    program = tmp_path / STORE / "releases" / "one" / "environment" / "bin" / "liteproof-edge"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nls "$3"\n')
    program.chmod(0o755)
    agent.answer({"do": "switch", "release": "one"})
    answer = agent.answer({"do": "evaluate", "files": {"pictures": SHA256}})["answer"]
    assert (answer["exit_code"], answer["printed"]) == (0, "pictures\n")
    assert not list((tmp_path / STORE / "files").iterdir())
    assert not (tmp_path / STORE / ".new-pictures").exists()
