"""Writing files and folders whole or not at all.

What is new is built under a sibling name, forced to disk, and renamed into place: a reader, and the
next run, see the old one or the new one. What a killed process left behind is removed by the next.
"""

import ctypes
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof.errors import StorageError

PARTIAL = ".partial-"
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an operating system's refusal to write `path` into a StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror or error}") from None


@contextmanager
def tensorflow_writing(path: Path) -> Iterator[None]:
    """Turn TensorFlow's, or the operating system's, refusal to write `path` into a StorageError."""
    import tensorflow as tf  # noqa: PLC0415 - whoever writes by it has imported it already

    with writing(path):
        try:
            yield
        except tf.errors.OpError as error:
            raise StorageError(f"{path}: cannot be written: {error.message}") from None


def make_folder(path: Path) -> Path:
    """Make a folder and its parents, if they are not there, and return it.

    Raises:
        StorageError: it cannot be made or written to.
    """
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise StorageError(f"{path}: cannot be written: permission denied")
    return path


def write_file(path: Path, data: bytes | str) -> None:
    """Replace a file's contents, whole or not at all.

    Raises:
        StorageError: it cannot be written; what was there is untouched.
    """
    make_folder(path.parent)
    partial = _partial(path)
    with writing(path):
        try:
            partial.write_bytes(data.encode() if isinstance(data, str) else data)
            _sync(partial)
            partial.replace(path)
            _sync(path.parent)
        finally:
            partial.unlink(missing_ok=True)


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Replace an .npy file, whole or not at all.

    Raises:
        StorageError: it cannot be written; what was there is untouched.
    """
    file = io.BytesIO()
    np.save(file, array)
    write_file(path, file.getvalue())


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Build a folder next to `path` and move it there when the block ends without an error.

    Yields:
        The folder to fill.

    Raises:
        StorageError: it cannot be written; what was there is untouched.
    """
    make_folder(path.parent)
    partial = _partial(path)
    with writing(path):
        try:
            partial.mkdir()
            yield partial
            for file in [*partial.rglob("*"), partial]:
                _sync(file)
            if path.exists():
                _exchange(partial, path)
            else:
                partial.rename(path)
            _sync(path.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _exchange(new: Path, old: Path) -> None:
    """Swap two folders: in one step on Linux, so that a reader always finds one of them."""
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "renameat2"):
        paths = (AT_FDCWD, os.fsencode(new), AT_FDCWD, os.fsencode(old))
        if libc.renameat2(*paths, RENAME_EXCHANGE) == 0:
            return
    aside = old.with_name(f"{new.name}.old")
    old.rename(aside)
    new.rename(old)
    aside.rename(new)


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Remove from a folder what dead processes left unfinished, of one name or of any."""
    for leftover in folder.glob(f".{name}{PARTIAL}*"):
        owner = leftover.name.rpartition("-")[2]
        if not (owner.isdigit() and Path(f"/proc/{owner}").exists()):
            shutil.rmtree(leftover, ignore_errors=True)
            leftover.unlink(missing_ok=True)


def _partial(path: Path) -> Path:
    """Return a name next to `path` for this process, after removing those of dead processes."""
    remove_leftovers(path.parent, path.name)
    return path.parent / f".{path.name}{PARTIAL}{os.getpid()}"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
