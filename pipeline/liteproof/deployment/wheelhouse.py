"""Everything that a board installs, as wheels: found here, since boards often have no internet."""

import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

import liteproof_edge
from liteproof.errors import DeploymentError
from liteproof.storage import make_folder, new_folder, writing
from liteproof_edge.errors import one_line

EDGE = "liteproof-edge"
HASHES = "hashes.json"
OLDEST_GLIBC_MINOR = 17  # of manylinux2014
DEBIANS_OWN = {"armv7l": ("numpy", "pillow")}  # no wheels: python3-numpy and python3-pil
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
SECONDS = 900
UNREACHED = "after connection broken by"  # pip's warning before it tries again


@dataclass(frozen=True, slots=True)
class Platform:
    """What wheels are chosen by: processor as Python calls it, Python, C library (glibc)."""

    architecture: str
    python: str
    glibc: str

    @property
    def name(self) -> str:
        """For a folder, and for a person."""
        known = {platform: name for name, platform in PLATFORMS.items()}
        return known.get(self, f"python{self.python}-{self.architecture}-glibc{self.glibc}")

    @property
    def tags(self) -> tuple[str, ...]:
        """Those that pip is told, one by one: it takes none to imply an older one."""
        newest = int(self.glibc.split(".")[1])
        levels = [f"2_{minor}" for minor in range(newest, OLDEST_GLIBC_MINOR - 1, -1)]
        return tuple(f"manylinux{level}_{self.architecture}" for level in _levels(levels))

    def marks(self) -> dict[str, str]:
        """Return what the environment markers of a requirement are held against."""
        return {
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "platform_machine": self.architecture,
            "platform_system": "Linux",
            "sys_platform": "linux",
            "os_name": "posix",
        }


def _levels(levels: list[str]) -> list[str]:
    return [f"_{level}" for level in levels] + ["2014"]


# Raspberry Pi OS, by Debian's names.
PLATFORMS = {
    "bookworm-arm64": Platform("aarch64", "3.11", "2.36"),
    "bookworm-armhf": Platform("armv7l", "3.11", "2.36"),
    "trixie-arm64": Platform("aarch64", "3.13", "2.41"),
}


@dataclass(frozen=True, slots=True)
class Wheelhouse:
    """Wheels that lie in a folder.

    Attributes:
        folder: where.
        wheels: file name → sha256.
        debians_own: packages that the board has to have from Debian, since there are no wheels.
    """

    folder: Path
    wheels: Mapping[str, str]
    debians_own: tuple[str, ...]

    @property
    def environment(self) -> str:
        """The id of what is made of it."""
        made_of = json.dumps([sorted(self.wheels.items()), self.debians_own])
        return hashlib.sha256(made_of.encode()).hexdigest()[:32]

    @property
    def size_bytes(self) -> int:
        """Of all wheels."""
        return sum((self.folder / name).stat().st_size for name in self.wheels)


class Wheelhouses:
    """The wheelhouses of this machine's cache; threads may share it.

    Args:
        cache: their folder.
        report: told in a line what is fetched.
    """

    def __init__(self, cache: Path, report: Callable[[str], None]) -> None:
        self._cache, self._report = cache, report
        self._lock = threading.Lock()

    def get(self, platform: Platform, *, serves: bool = False) -> Wheelhouse:
        """Return a platform's wheels; they are fetched unless they are here, whole.

        Args:
            platform: the board's.
            serves: whether those of `liteproof-edge serve` are wanted too.

        Raises:
            DeploymentError: a package has no wheel for it, or is not to be had now.
            StorageError: the cache cannot be written.
        """
        debians_own = DEBIANS_OWN.get(platform.architecture, ())
        wanted = [
            [text for text in _requirements(platform, extra) if _name(text) not in debians_own]
            for extra in ("", *(("serve",) if serves else ()))
        ]
        key = hashlib.sha256(json.dumps([wanted, platform.tags, _edge_digest()]).encode())
        folder = self._cache / f"{platform.name}-{key.hexdigest()[:16]}"
        with self._lock:
            hashes = _read(folder)
            if hashes is None:
                self._report(f"fetching wheels for {platform.name}")
                make_folder(self._cache)
                with writing(self._cache), new_folder(folder) as partial:
                    _fetch(platform, wanted, partial)
                    hashes = {path.name: _digest(path) for path in sorted(partial.glob("*.whl"))}
                    (partial / HASHES).write_text(json.dumps(hashes, indent=1))
        return Wheelhouse(folder, hashes, debians_own)


def default_cache() -> Path:
    """Return where wheelhouses are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "liteproof" / "wheelhouse"


def _requirements(platform: Platform, extra: str) -> list[str]:
    """Return what `liteproof-edge` needs there without markers, or an extra of it adds."""
    found = []
    for text in importlib.metadata.requires(EDGE) or ():
        requirement, marks = Requirement(text), platform.marks()
        holds = [
            requirement.marker is None or requirement.marker.evaluate({**marks, "extra": name})
            for name in ("", extra)
        ]
        if any(holds) and holds[0] == (not extra):
            found.append(f"{requirement.name}{requirement.specifier}")
    return sorted(found)


def _name(requirement: str) -> str:
    return Requirement(requirement).name.lower()


def _edge_folder() -> Path | None:
    """Return the folder of `liteproof-edge` in a checkout; None where it was installed."""
    folder = Path(liteproof_edge.__file__).parents[1]
    return folder if (folder / "pyproject.toml").is_file() else None


def _edge_digest() -> str:
    folder = _edge_folder()
    if folder is None:
        return importlib.metadata.version(EDGE)
    total = hashlib.sha256((folder / "pyproject.toml").read_bytes())
    for path in sorted((folder / "liteproof_edge").rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            total.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def _fetch(platform: Platform, wanted: list[list[str]], folder: Path) -> None:
    """Fetch what is wanted, each list with what that needs in turn."""
    edge = _edge_folder()
    if edge is None:
        own = [f"{EDGE}=={importlib.metadata.version(EDGE)}"]
        _pip(["download", "--no-deps", f"--dest={folder}", *own], folder)
    else:
        _pip(["wheel", "--no-deps", "--wheel-dir", str(folder), str(edge)], folder)
    tag = f"cp{platform.python.replace('.', '')}"
    options = ["--only-binary=:all:", "--implementation=cp", f"--python-version={platform.python}"]
    options += [f"--abi={abi}" for abi in (tag, "abi3", "none")]
    options += [f"--platform={each}" for each in platform.tags]
    # What the runtime needs is numpy; where that is Debian's, pip must not look for it.
    alone = ["--no-deps"] if platform.architecture in DEBIANS_OWN else []
    for requirements, more in zip(wanted, [alone, *([[]] * len(wanted))], strict=False):
        if requirements:
            _pip(["download", *options, *more, f"--dest={folder}", *requirements], folder)


def _pip(arguments: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - arguments of our own
            [*PIP, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DeploymentError(f"pip {arguments[0]}: no end within {SECONDS} s") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        said = errors[-1] if errors else done.stderr.strip().rpartition("\n")[2]
        if UNREACHED in done.stderr:  # or else it seems that there is no such package
            said += "; the package index could not be reached"
        raise DeploymentError(f"pip {arguments[0]}: {one_line(said.removeprefix('ERROR: '))}")


def _read(folder: Path) -> dict[str, str] | None:
    """Return a wheelhouse's hashes, if every file is there and has its own."""
    try:
        hashes: dict[str, str] = json.loads((folder / HASHES).read_text())
        sound = all(_digest(folder / name) == sha256 for name, sha256 in hashes.items())
    except (OSError, ValueError, AttributeError):
        return None
    return hashes if sound else None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
