"""Locks between two real processes: this one, and another that holds a lock until it is told."""

import errno
import fcntl
import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from liteproof import locking
from liteproof.errors import RunError
from liteproof.locking import LOCK, alone_in, taking_turns

HOLDER = """
import pathlib, sys
from liteproof.locking import alone_in
with alone_in(pathlib.Path(sys.argv[1]), make=True):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(folder):
    """Let another process hold the lock of a folder; closing its input ends it."""
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


def test_folder_in_which_another_process_works_is_refused_at_once_with_its_name(tmp_path):
    with (
        another_process(tmp_path) as other,
        pytest.raises(RunError) as refused,
        alone_in(tmp_path),
    ):
        pytest.fail("both work in the folder")

    line = str(refused.value)
    assert f"process {other.pid} on {socket.gethostname()}, since 20" in line
    assert str(tmp_path) in line
    assert "\n" not in line
    assert refused.value.exit_code == 3


def test_lock_of_a_killed_process_is_free(tmp_path):
    (tmp_path / "kept").touch()
    with another_process(tmp_path) as other:
        other.kill()
        other.wait()

        assert (tmp_path / LOCK).is_file()
        with alone_in(tmp_path):
            assert str(os.getpid()) in (tmp_path / LOCK).read_text()

    assert os.listdir(tmp_path) == ["kept"]


def test_process_whose_turn_it_is_not_says_so_and_waits(tmp_path, capsys):
    with another_process(tmp_path) as other:
        # It ends while this process waits, or before: either way the turn is this one's then.
        threading.Timer(0.2, other.stdin.close).start()
        with taking_turns(tmp_path / LOCK, "data"):
            assert other.wait() == 0
            assert str(os.getpid()) in (tmp_path / LOCK).read_text()

    assert f"data: waiting for process {other.pid} on" in capsys.readouterr().err


def test_folder_that_was_made_for_nothing_is_removed(tmp_path):
    with alone_in(tmp_path / "run", make=True):
        assert (tmp_path / "run").is_dir()

    assert not (tmp_path / "run").exists()


def test_folder_that_is_not_there_needs_no_lock(tmp_path):
    with alone_in(tmp_path / "run"):
        assert not (tmp_path / "run").exists()


def test_file_in_place_of_the_folder_is_left_to_who_reads_it(tmp_path):
    (tmp_path / "run").touch()

    with alone_in(tmp_path / "run"):
        assert (tmp_path / "run").is_file()


def test_lock_without_a_name_yet_still_refuses(tmp_path):
    with another_process(tmp_path):
        os.truncate(tmp_path / LOCK, 0)
        with pytest.raises(RunError, match="another process is at work"), alone_in(tmp_path):
            pytest.fail("both work in the folder")


def test_file_system_without_locks_is_said_and_worked_on(tmp_path, monkeypatch, capsys):
    def refuse(handle, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with alone_in(tmp_path):
        pass

    assert "has no locks" in capsys.readouterr().err


def test_lock_that_its_owner_removed_meanwhile_is_taken_anew(tmp_path, monkeypatch):
    taken = []
    lock = locking._lock  # noqa: SLF001 - the moment between opening and locking is nowhere else

    def lock_after_removal(handle, busy):
        if not taken:
            (tmp_path / LOCK).unlink()
        taken.append(handle)
        lock(handle, busy)

    monkeypatch.setattr(locking, "_lock", lock_after_removal)
    with alone_in(tmp_path):
        assert len(taken) == 2
        assert (tmp_path / LOCK).is_file()
