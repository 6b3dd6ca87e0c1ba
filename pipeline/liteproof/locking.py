"""Locks that keep two processes from writing the same folder; each dies with its process.

The operating system holds them (flock), on this machine and, by most servers, over NFS. The file
says who is at work; it goes with the lock, and one that a killed process left is taken over.
"""

import errno
import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from liteproof.errors import RunError
from liteproof.progress import say
from liteproof.storage import make_folder

LOCK = ".lock"  # the file's name in a run's folder
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}  # file systems that cannot lock


@contextmanager
def alone_in(run: Path, *, make: bool = False) -> Iterator[None]:
    """Work in a run's folder alone; one that was made for it, and is empty in the end, is removed.

    Args:
        run: the folder.
        make: whether to make it where it is not there.

    Raises:
        RunError: another process is at work in it.
        StorageError: it cannot be made.
    """

    def refuse(owner: str) -> None:
        raise RunError(f"{run}: {owner} is at work in it; wait for its end, or choose another")

    with _locked(run / LOCK, refuse, make=make):
        yield


@contextmanager
def taking_turns(file: Path, what: str) -> Iterator[None]:
    """Do what another process may be doing now; if so, say whom this one waits for, and wait.

    Args:
        file: the lock; its folder is made where it is not there.
        what: is done, for the line that says so.

    Raises:
        StorageError: the folder cannot be made.
    """
    with _locked(file, lambda owner: say(f"{what}: waiting for {owner}"), make=True):
        yield


@contextmanager
def _locked(file: Path, busy: Callable[[str], None], *, make: bool) -> Iterator[None]:
    """Hold a lock; `busy` is told who has it, and either raises or returns, and this waits."""
    made = [folder for folder in file.parents if not folder.exists()] if make else []
    handle = _acquire(file, busy, make=make)
    try:
        yield
    finally:
        if handle is not None:
            with suppress(OSError):
                file.unlink()
            os.close(handle)
        with suppress(OSError):
            for folder in made:  # from the innermost on; only where it is empty
                folder.rmdir()


def _acquire(file: Path, busy: Callable[[str], None], *, make: bool) -> int | None:
    """Return the open file whose lock is held; None where none can be had.

    That is a folder which is not there or not ours to write, which who writes to it will say in
    his own words, and a file system without locks.
    """
    while True:
        if make:
            make_folder(file.parent)
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            if make:
                continue  # whoever had it just removed the folder
            return None
        except OSError:
            return None
        try:
            _lock(handle, busy)
            if _is_still(file, handle):
                os.ftruncate(handle, 0)
                os.write(handle, _myself())
                return handle
        except OSError as error:
            os.close(handle)
            if error.errno not in NO_LOCKS:
                raise
            say(f"{file.parent}: this file system has no locks; let no other process write to it")
            return None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _lock(handle: int, busy: Callable[[str], None]) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        busy(_owner(handle))
        fcntl.flock(handle, fcntl.LOCK_EX)


def _is_still(file: Path, handle: int) -> bool:
    """Whether the file that is locked is the one in place: its last owner removed it perhaps."""
    try:
        return os.path.samestat(file.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _myself() -> bytes:
    since = datetime.now().astimezone().isoformat(" ", "seconds")
    return json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": since}).encode()


def _owner(handle: int) -> str:
    try:
        owner = json.loads(os.pread(handle, 1000, 0))
        return f"process {owner['pid']} on {owner['host']}, since {owner['since']},"
    except (ValueError, KeyError, TypeError):  # it has not written its name yet
        return "another process"
