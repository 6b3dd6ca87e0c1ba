"""The root file systems of emulated boards, made of Debian's packages and cached.

No Docker, no binfmt, no booting: mmdebstrap unpacks Debian's packages of another architecture, and
qemu-user runs that Python as a process of this machine. Since nothing is installed in it, what
Debian's scripts would do is done here: the links to BLAS and LAPACK, the file of certificates.
Child processes do not start in there, unless in_root.sh starts it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from emulated_boards import SITE, Board, cpu_info, environment_of, python_of
from liteproof.errors import DeviceError
from liteproof.storage import PARTIAL, make_folder, remove_leftovers, writing
from liteproof_edge.errors import RuntimeMissingError
from liteproof_edge.runtime.loading import PACKAGES

PACKAGES_OF_DEBIAN = (
    *("python3-minimal", "python3-numpy", "python3-pil", "libstdc++6"),
    *("python3-venv", "dash"),  # what `liteproof deploy` needs there
)
# The main archive alone: its index is whole, while that of armhf's security updates often was not.
MAIN_ALONE = 'sed -i -E "/-(security|updates)/d" "$1/etc/apt/sources.list"'
TRIES = 4
PAUSE_SECONDS = 5  # before another try, a little longer each time
SECONDS = 300  # for what is downloaded; a network that is silent must not hold us for ever


def default_cache() -> Path:
    """Return where root file systems are kept if nobody says otherwise."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "liteproof-pi"


def missing_programs(boards: Sequence[Board]) -> list[str]:
    """Return the programs that the boards need and this machine lacks."""
    programs = {"mmdebstrap", *(board.qemu for board in boards)}
    if os.geteuid():
        programs.add("unshare")
    return sorted(program for program in programs if shutil.which(program) is None)


def root_of(board: Board, cache: Path, report: Callable[[str], None]) -> Path:
    """Return a board's root file system (200 MB); it is made, whole or not at all, if need be.

    Args:
        board: which.
        cache: the folder of them all; each is named by what it is made of, and by this module.
        report: told in a line what happens.

    Raises:
        DeviceError: programs are missing, or Debian's or Python's packages cannot be obtained.
        RuntimeMissingError: what was made does not start.
        StorageError: `cache` cannot be written.
    """
    if missing := missing_programs([board]):
        raise DeviceError(
            f"{board.name}: needs {', '.join(missing)}: apt-get install qemu-user-static mmdebstrap"
        )
    made_of = repr(board).encode() + cpu_info(board).encode() + Path(__file__).read_bytes()
    root = make_folder(cache).absolute() / (
        f"{board.name}-{hashlib.sha256(made_of).hexdigest()[:16]}"
    )
    if root.is_dir():
        return root
    with writing(cache):
        remove_leftovers(cache, root.name)
    partial = root.with_name(f".{root.name}{PARTIAL}{os.getpid()}")
    try:
        _unpack_system(board, partial, report)
        with writing(partial):
            _finish_system(board, partial)
        _unpack_runtime(board, partial, report)
        _try_out(board, partial)
        with writing(root):
            _move(partial, root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return root


def _unpack_system(board: Board, root: Path, report: Callable[[str], None]) -> None:
    command = [
        *(["unshare", "-Ur"] if os.geteuid() else []),  # root, as far as dpkg can see
        *("mmdebstrap", "--mode=root", "--variant=extract", "--format=directory"),
        f"--architectures={board.architecture}",
        f"--include={','.join(PACKAGES_OF_DEBIAN)}",
        "--skip=chroot/mount",  # nothing is run in there, and a killed one would leave them mounted
        f"--setup-hook={MAIN_ALONE}",
        *(board.suite, str(root)),
    ]

    def unpack() -> str | None:
        report(f"{board.name}: unpacking Debian {board.suite}'s Python for {board.architecture}")
        message = failure(command)
        if message is not None:
            shutil.rmtree(root, ignore_errors=True)
        return message

    persist(board.name, unpack, report)


def persist(name: str, work: Callable[[], str | None], report: Callable[[str], None]) -> None:
    """Try a few times what may fail because Debian's indices are just being replaced.

    Args:
        name: what it is about.
        work: returns why it failed, or None.
        report: told of each failure.

    Raises:
        DeviceError: it failed each time.
    """
    for attempt in range(1, TRIES + 1):
        message = work()
        if message is None:
            return
        if attempt < TRIES:
            report(f"{name}: {message}; trying again")
            time.sleep(attempt * PAUSE_SECONDS)
    raise DeviceError(f"{name}: cannot be made, in {TRIES} tries: {message}")


def _finish_system(board: Board, root: Path) -> None:
    libraries = root / "usr" / "lib" / board.triplet
    for name in ("blas", "lapack"):
        (libraries / f"lib{name}.so.3").symlink_to(f"{name}/lib{name}.so.3")
    if not (root / "lib").exists():  # trixie's base-files would make it, once configured
        (root / "lib").symlink_to("usr/lib")
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc" / "cpuinfo").write_text(cpu_info(board))
    authorities = (root / "usr" / "share" / "ca-certificates").rglob("*.crt")
    bundle = root / "etc" / "ssl" / "certs" / "ca-certificates.crt"  # pip does not start without
    make_folder(bundle.parent)
    bundle.write_bytes(b"".join(path.read_bytes() for path in sorted(authorities)))
    (root / "home" / "pi").mkdir(parents=True)


def _unpack_runtime(board: Board, root: Path, report: Callable[[str], None]) -> None:
    requirement = f"{board.runtime.value}=={board.version}"
    report(f"{board.name}: fetching {requirement}")
    message = failure(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--only-binary=:all:", f"--platform={board.platform}"),
            *(f"--python-version={board.python}", f"--dest={root}", requirement),
        ]
    )
    wheels = list(root.glob("*.whl"))
    if message is not None or not wheels:
        raise DeviceError(f"{board.name}: no wheel of {requirement}: {message or 'none came'}")
    with writing(root), zipfile.ZipFile(wheels[0]) as wheel:
        wheel.extractall(root / SITE)
        wheels[0].unlink()


def _try_out(board: Board, root: Path) -> None:
    """Hold it to starting, since what is cached is not looked at again; its .pyc files stay."""
    code = f"import numpy, PIL.Image, {PACKAGES[board.runtime]}.interpreter"
    message = failure([*python_of(board, root), "-c", code], environment_of(root))
    if message is not None:
        raise RuntimeMissingError(f"{board.name}: its Python does not start: {message}")


def failure(
    command: Sequence[str], environment: dict[str, str] | None = None, seconds: int = SECONDS
) -> str | None:
    """Run a program; return the line in which it says why it failed, or None."""
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]}: no end within {seconds} s"
    if done.returncode == 0:
        return None
    said = done.stderr.splitlines()
    errors = [line for line in said if line.startswith(("E: ", "ERROR: "))]  # apt's, and pip's
    return next(iter(errors or said[-1:]), f"{command[0]} ended with {done.returncode}")


def _move(partial: Path, root: Path) -> None:
    """Put it in its place, unless another process was faster."""
    try:
        partial.rename(root)
    except OSError:
        if not root.is_dir():
            raise
