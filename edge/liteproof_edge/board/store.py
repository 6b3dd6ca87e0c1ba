"""The folder that holds what was deployed: files by their hash, environments, releases.

    files/<sha256>         whatever was copied, whole and of that hash; <sha256>.part until then
    environments/<id>/     a virtual environment; COMPLETE in it once everything is installed
    releases/<id>/         bundle/, a link to its environment, release.json
    current, previous      links to releases; `current` is replaced in one step

What a cut connection or power leaves behind has a name that says so, and `clean` removes it.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from liteproof_edge.board.errors import BoardError

PART, NEW = ".part", ".new-"
COMPLETE = ".complete"
RECORD = "release.json"
BLOCK = 1 << 16


class Stream(Protocol):
    """What the bytes of files come from."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


class Store:
    """That folder; see above.

    Args:
        root: it is made if it is not there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files, self.environments = root / "files", root / "environments"
        self.releases = root / "releases"

    def make(self) -> None:
        """Make the folders."""
        for folder in (self.files, self.environments, self.releases):
            folder.mkdir(parents=True, exist_ok=True)

    def clean(self) -> None:
        """Remove what was left unfinished; parts of files stay, for they can be resumed."""
        for folder in self.environments.iterdir():
            if not (folder / COMPLETE).exists():
                shutil.rmtree(folder)
        for folder in self.releases.glob(f"{NEW}*"):
            shutil.rmtree(folder)
        for path in self.root.glob(f"{NEW}*"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def present(self, sha256: str) -> dict[str, int | bool]:
        """Return how many bytes of a file are here, and whether that is all of it."""
        for path, whole in ((self.files / sha256, True), (self.files / f"{sha256}{PART}", False)):
            if path.is_file():
                return {"bytes": path.stat().st_size, "whole": whole}
        return {"bytes": 0, "whole": False}

    def receive(self, sha256: str, size: int, offset: int, stream: Stream) -> None:
        """Take the rest of a file from `offset` on; a part that is damaged is removed.

        Raises:
            EOFError: the stream ends too soon; what came is kept.
            BoardError: what came is not what was sent.
        """
        part = self.files / f"{sha256}{PART}"
        with part.open("ab") as file:
            file.truncate(offset)
            try:
                while offset < size:
                    data = stream.read(min(BLOCK, size - offset))
                    if not data:
                        raise EOFError
                    file.write(data)
                    offset += len(data)
                file.flush()
                os.fsync(file.fileno())
            except OSError:  # the disk is full: what is there must not keep it so
                part.unlink()
                raise
        if digest(part) != sha256:
            part.unlink()
            raise BoardError(f"{sha256[:12]}: damaged on the way; copy it again")
        part.replace(self.files / sha256)

    def place(
        self, release: str, files: Mapping[str, str], environment: str, about: Mapping[str, Any]
    ) -> None:
        """Make a release of files that are here: whole or not at all.

        Args:
            release: its id.
            files: name in the bundle → sha256.
            environment: its id.
            about: what release.json says.
        """
        target, partial = self.releases / release, self.releases / f"{NEW}{release}"
        if target.exists():
            if release in (self.target("current"), self.target("previous")):
                self._mend(target / "bundle", files)
                return
            shutil.rmtree(target)
        shutil.rmtree(partial, ignore_errors=True)
        (partial / "bundle").mkdir(parents=True)
        for name, sha256 in files.items():
            self._copy(sha256, partial / "bundle" / name)
        (partial / "environment").symlink_to(Path("..", "..", "environments", environment))
        (partial / RECORD).write_text(json.dumps(about), "utf-8")
        for path in (*(partial / "bundle").iterdir(), partial / RECORD, partial / "bundle"):
            _sync(path)
        partial.rename(target)
        _sync(self.releases)

    def _mend(self, bundle: Path, files: Mapping[str, str]) -> None:
        """Replace what was damaged in a release that may be answering now, file by file."""
        for name, sha256 in files.items():
            path, partial = bundle / name, self.root / f"{NEW}{name}"
            if not path.is_file() or digest(path) != sha256:
                self._copy(sha256, partial)
                _sync(partial)
                partial.replace(path)
                _sync(bundle)

    def _copy(self, sha256: str, path: Path) -> None:
        shutil.copyfile(self.files / sha256, path)
        if digest(path) != sha256:
            (self.files / sha256).unlink()
            raise BoardError(
                f"{sha256[:12]}: damaged on this disk since it was copied; copy it again"
            )

    def record(self, release: str, **more: Any) -> None:  # noqa: ANN401 - JSON
        """Add to what release.json says."""
        path = self.releases / release / RECORD
        self.write(path, json.dumps({**self.about(release), **more}))

    def write(self, path: Path, text: str) -> None:
        """Replace a small file, whole or not at all."""
        partial = path.with_name(f"{NEW}{path.name}")
        partial.write_text(text, "utf-8")
        _sync(partial)
        partial.replace(path)
        _sync(path.parent)

    def remove(self, path: Path) -> None:
        """Remove a small file, if it is there, so that no power cut brings it back."""
        path.unlink(missing_ok=True)
        _sync(path.parent)

    def about(self, release: str) -> dict[str, Any]:
        """Return what release.json says; nothing where it cannot be read."""
        try:
            found = json.loads((self.releases / release / RECORD).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def target(self, link: str) -> "str | None":
        """Return the release that `current` or `previous` names, if it is there."""
        try:
            name = (self.root / link).readlink().name
        except OSError:
            return None
        return name if (self.releases / name).is_dir() else None

    def point(self, link: str, release: "str | None") -> None:
        """Have `current` or `previous` name a release, in one step; None removes it."""
        path, partial = self.root / link, self.root / f"{NEW}{link}"
        if release is None:
            path.unlink(missing_ok=True)
        else:
            if not (self.releases / release).is_dir():
                raise BoardError(f"no release {release[:12]} here")
            partial.unlink(missing_ok=True)
            partial.symlink_to(Path("releases", release))
            partial.replace(path)
        _sync(self.root)

    def prune(self, keep: int) -> None:
        """Remove all but `keep` releases (`current` and `previous` among them), and what they used.

        Args:
            keep: 2 or more.
        """
        linked = [self.target("current"), self.target("previous")]
        newest = sorted(self.releases.iterdir(), key=lambda path: path.stat().st_mtime)[::-1]
        order = sorted(newest, key=lambda path: path.name not in linked)
        for release in order[keep:]:
            shutil.rmtree(release)
        kept = order[:keep]
        used = {(release / "environment").readlink().name for release in kept}
        for environment in self.environments.iterdir():
            if environment.name not in used:
                shutil.rmtree(environment)
        needed = {sha256 for release in kept for sha256 in self._files_of(release.name)}
        for file in self.files.iterdir():
            if file.name not in needed:
                file.unlink()

    def _files_of(self, release: str) -> Iterator[str]:
        about = self.about(release)
        for table in (about.get("files"), about.get("wheels")):
            yield from table.values() if isinstance(table, dict) else ()


def digest(path: Path) -> str:
    """Return a file's SHA-256."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(BLOCK):
            total.update(data)
    return total.hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
