"""`make release`: both wheels and sdists, tried in empty environments on every Python that is here.

    python scripts/release.py [--edge-only]

It ends with `dist/SHA256SUMS` and publishes nothing. What must hold, in this order:

1. one version in both distributions and the citation, with a dated section in CHANGELOG.md;
2. both sdists, and both wheels, build from them; the wheels name no path of this machine;
3. `liteproof-edge`, alone in an environment of each Python: without TensorFlow it verifies the
   released bundles, a frozen one of each schema version, and those of the last release, and reads
   pictures;
4. `liteproof` in an environment of each Python that it supports: it describes a recipe.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
FROZEN = ROOT / "tests" / "bundle"
OLDEST = {"liteproof-edge": (3, 10), "liteproof": (3, 11)}
NEWEST = (3, 13)  # that TensorFlow has wheels for
PICTURES = {"three.jpg": "3", "five.png": "5", "seven-chalk.jpg": "7"}
Trial = Callable[[Path, str, Path], None]
PROBE = "import sys; print(*sys.version_info[:2])"


def main() -> int:
    """Build and try; the first thing that does not hold ends it."""
    parser = argparse.ArgumentParser(description="Build and try a release; nothing is published.")
    parser.add_argument("--edge-only", action="store_true", help="leave TensorFlow's part out")
    options = parser.parse_args()
    version = check_version()
    build(version)
    pythons = find_pythons()
    for python in pythons:
        step(f"liteproof-edge {version} on Python {name_of(python)}", try_edge, python, version)
    for python in pythons if not options.edge_only else ():
        if OLDEST["liteproof"] <= version_of(python) <= NEWEST:
            step(f"liteproof {version} on Python {name_of(python)}", try_pipeline, python, version)
    sums = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}" for f in artefacts(version)]
    (DIST / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="utf-8")
    print("\n".join(sums))
    return 0


def check_version() -> str:
    """Return the version that all files agree on and that CHANGELOG.md tells of, with a date."""
    pattern = re.compile(r'^version(?: = "|: )([^"\n]*)', re.MULTILINE)
    files = ("pyproject.toml", "edge/pyproject.toml", "CITATION.cff")
    found: dict[str, str] = {file: pattern.findall((ROOT / file).read_text())[0] for file in files}
    version = found["pyproject.toml"]
    if len(set(found.values())) != 1:
        fail(f"versions differ: {found}")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    section = rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)\n+\S"
    if not re.search(section, changelog, re.MULTILINE):
        fail(f"CHANGELOG.md: no section `## {version} (YYYY-MM-DD)` with something in it")
    print(f"version {version}, as in {', '.join(files)} and CHANGELOG.md")
    return version


def build(version: str) -> None:
    """Build sdists, and wheels from them, into dist/."""
    shutil.rmtree(DIST, ignore_errors=True)
    for folder in (ROOT / "edge", ROOT):
        run([sys.executable, "-m", "build", "--outdir", str(DIST), str(folder)])
    for file in artefacts(version):
        required = [line for line in metadata(file).get_all("Requires-Dist") or () if "@" in line]
        if required:
            fail(f"{file.name}: requires a path: {required}")
        print(f"built {file.name}, {file.stat().st_size:,} bytes")


def artefacts(version: str) -> list[Path]:
    """Return what a release consists of; each must be there."""
    stems = [f"{name}-{version}" for name in ("liteproof_edge", "liteproof")]
    files = [DIST / f"{s}{end}" for s in stems for end in (".tar.gz", "-py3-none-any.whl")]
    for file in files:
        if not file.is_file():
            fail(f"{file}: was not built")
    return files


def metadata(file: Path) -> Message:
    """Return a distribution's own metadata."""
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as wheel:
            (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
            return Parser().parsestr(wheel.read(name).decode())
    with tarfile.open(file) as sdist:
        member = sdist.extractfile(f"{file.name.removesuffix('.tar.gz')}/PKG-INFO")
        return Parser().parsestr(member.read().decode() if member else "")


def find_pythons() -> list[Path]:
    """Return an interpreter of each supported version that is on PATH or pyenv's."""
    found: dict[tuple[int, int], Path] = {}
    for candidate in candidates():
        version = version_of(candidate)
        if OLDEST["liteproof-edge"] <= version:
            found.setdefault(version, candidate)
    return [found[version] for version in sorted(found)]


def candidates() -> Iterator[Path]:
    """Yield whatever may be a Python."""
    names = [f"python3.{minor}" for minor in range(OLDEST["liteproof-edge"][1], 20)]
    yield from (Path(path) for path in map(shutil.which, names) if path)
    if pyenv := shutil.which("pyenv"):
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=True)
        yield from sorted(Path(root.stdout.strip()).glob("versions/3.*/bin/python3"))
    yield Path(sys.executable)


def version_of(python: Path) -> tuple[int, int]:
    """Return an interpreter's version; (0, 0) of one that does not start, such as an idle shim."""
    done = subprocess.run([python, "-c", PROBE], capture_output=True, text=True, check=False)
    major, minor = done.stdout.split() if done.returncode == 0 else ("0", "0")
    return int(major), int(minor)


def name_of(python: Path) -> str:
    """Return such as 3.11."""
    return ".".join(map(str, version_of(python)))


def try_edge(python: Path, version: str, folder: Path) -> None:
    """Install the device's wheel alone, and use it."""
    installed = environment(python, folder, [DIST / f"liteproof_edge-{version}-py3-none-any.whl"])
    if any(name.startswith("tensorflow") for name in installed):
        fail(f"TensorFlow came along: {installed}")
    edge = str(folder / "bin" / "liteproof-edge")
    if run([edge, "--version"]).strip() != version:
        fail(f"{edge} --version: {run([edge, '--version'])!r}, expected {version}")
    for bundle in (*bundles(folder), FROZEN):
        run([edge, "verify", str(bundle)])
    for picture, label in PICTURES.items():
        path = str(ROOT / "tests" / "pictures" / picture)
        said = run([edge, "classify", str(ROOT / "models" / "mnist"), path])
        if said.split()[1] != label:
            fail(f"{picture}: {said!r}, expected {label}")


def bundles(folder: Path) -> Iterator[Path]:
    """Yield the released bundles, and those of the last release's tag, if there is one."""
    yield from (path.parent for path in sorted(ROOT.glob("models/*/manifest.json")))
    tags = run(["git", "tag", "--list", "v*", "--sort=-version:refname"]).split()
    if tags:
        archive = folder / "last.tar"
        run(["git", "archive", f"--output={archive}", tags[0], "models"])
        with tarfile.open(archive) as last:
            last.extractall(folder / "last", filter="data")
        yield from (path.parent for path in sorted(folder.glob("last/models/*/manifest.json")))


def try_pipeline(python: Path, version: str, folder: Path) -> None:
    """Install both wheels, and have a recipe built, converted and described."""
    wheels = [DIST / f"{n}-{version}-py3-none-any.whl" for n in ("liteproof_edge", "liteproof")]
    environment(python, folder, wheels)
    liteproof = str(folder / "bin" / "liteproof")
    if not run([liteproof, "--version"]).strip().endswith(version):
        fail(f"{liteproof} --version: {run([liteproof, '--version'])!r}, expected {version}")
    if "int8 model" not in run([liteproof, "describe", "mnist-micro"]):
        fail("describe mnist-micro: no int8 model")


def environment(python: Path, folder: Path, wheels: Sequence[Path]) -> list[str]:
    """Make an empty environment with these wheels, and return what is installed in it."""
    run([str(python), "-m", "venv", str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    run([*pip, "install", *map(str, wheels)])
    return run([*pip, "list", "--format=freeze"]).split()


def step(what: str, try_it: Trial, python: Path, version: str) -> None:
    """Try something in a folder of its own, and say how long it took."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="liteproof-release-") as folder:
        try_it(python, version, Path(folder) / "environment")
    print(f"tried {what}: {time.monotonic() - start:.0f} s", flush=True)


def run(command: Sequence[str]) -> str:
    """Run a command and return what it printed; a failure ends the release."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        fail(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def fail(message: str) -> NoReturn:
    """End with exit code 6: a check did not hold."""
    print(f"release: {message}", file=sys.stderr)
    sys.exit(6)


if __name__ == "__main__":
    sys.exit(main())
