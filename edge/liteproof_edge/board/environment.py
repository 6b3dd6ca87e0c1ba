"""A virtual environment of wheels that were copied: no network, and every file of a stated hash."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from liteproof_edge.board.errors import BoardError
from liteproof_edge.board.store import COMPLETE, Store

PROGRAM = Path("bin", "liteproof-edge")
DEBIANS_WHEELS = Path("/usr/share/python-wheels")
INSTALL_SECONDS = 1200  # a Pi Zero needs minutes
RUN_SECONDS = 1200
FULL = "No space left"
MIN_FREE_BYTES = 4_000_000


class Ended(NamedTuple):
    """A program that has ended; `said` is the last line of its standard error."""

    exit_code: int
    printed: str
    said: str


def make_environment(
    store: Store, name: str, wheels: Mapping[str, str], *, sees_system: bool
) -> None:
    """Make a virtual environment, unless it is there.

    Args:
        store: of the wheels.
        name: the environment's id: a hash of all that it is made of.
        wheels: file name → sha256, everything that it needs.
        sees_system: whether Debian's own Python packages can be imported in it.

    Raises:
        BoardError: it cannot be made; nothing of it is left.
    """
    folder = store.environments / name
    if (folder / COMPLETE).exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    try:
        flags = ["--without-pip", *(["--system-site-packages"] if sees_system else [])]
        _must([sys.executable, "-m", "venv", *flags, str(folder)], "sudo apt install python3-venv")
        (folder / "wheels").mkdir()
        for file, sha256 in wheels.items():
            (folder / "wheels" / file).symlink_to(store.files / sha256)
        listed = folder / "requirements.txt"
        lines = (f"./wheels/{file} --hash=sha256:{sha256}" for file, sha256 in wheels.items())
        listed.write_text("\n".join(lines), "utf-8")
        options = ["--no-index", "--no-deps", "--require-hashes", "--disable-pip-version-check"]
        _must(
            [str(folder / "bin" / "python"), _pip(), "install", *options, "-r", str(listed)],
            "the wheels may be for another Python",
            folder,
        )
        (folder / COMPLETE).touch()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _pip() -> str:
    """Return the pip that Python brings as a wheel, which it can run: no environment needs one."""
    import ensurepip  # noqa: PLC0415 - Debian has it in a package of its own

    for wheels in (Path(ensurepip.__file__).with_name("_bundled"), DEBIANS_WHEELS):
        for wheel in wheels.glob("pip-*.whl"):
            return str(wheel / "pip")
    raise BoardError("its Python brings no pip (sudo apt install python3-venv)")


def run(command: Sequence[str], folder: Path, seconds: float = RUN_SECONDS) -> Ended:
    """Run a program to its end."""
    try:
        done = subprocess.run(  # noqa: S603 - programs of ours, and of the system
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ended(-1, "", f"no end within {seconds:g} s")
    except OSError as error:
        return Ended(127, "", f"{command[0]}: {error.strerror}")
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return Ended(done.returncode, done.stdout, lines[-1] if lines else "it said nothing")


def _must(command: Sequence[str], advice: str, folder: "Path | None" = None) -> None:
    where = folder or Path.home()
    done = run(command, where, INSTALL_SECONDS)
    if done.exit_code:
        name = " ".join(Path(word).name for word in command[1:3])
        disk = os.statvfs(where)  # venv does not say why it fails
        if FULL in done.said or disk.f_bavail * disk.f_frsize < MIN_FREE_BYTES:
            raise BoardError(f"{name}: {FULL} on device", 8)
        raise BoardError(f"{name}: {done.said} ({advice})")
