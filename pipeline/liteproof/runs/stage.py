"""One step of a run, which is skipped while its inputs and its products have not changed."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liteproof.progress import say
from liteproof.storage import write_file

RECORDS = "stages.json"


@dataclass(frozen=True, slots=True)
class Stage:
    """A step, its inputs and its products.

    Attributes:
        name: what it is called.
        run: the run's folder.
        inputs: everything that the products depend on.
        products: the files or (flat) folders that it makes.
    """

    name: str
    run: Path
    inputs: Sequence[str]
    products: Sequence[Path]

    def is_done(self) -> bool:
        """Whether the products are there, unchanged, and were made from these inputs."""
        try:
            return self._records().get(self.name) == self._record()
        except OSError:  # a product is missing
            return False

    def perform(self, work: Callable[[], object]) -> None:
        """Do the work unless it is done, and say which.

        Raises:
            StorageError: the run's folder cannot be written.
        """
        if self.is_done():
            say(f"{self.name}: nothing has changed, skipped")
            return
        say(f"{self.name}: working")
        work()
        records = {**self._records(), self.name: self._record()}
        write_file(self.run / RECORDS, json.dumps(records, indent=1))

    def _record(self) -> dict[str, Any]:
        return {
            "inputs": hashlib.sha256(json.dumps(self.inputs).encode()).hexdigest(),
            # Relative, so that a run may be moved.
            "products": {os.path.relpath(path, self.run): digest(path) for path in self.products},
        }

    def _records(self) -> dict[str, Any]:
        try:
            records = json.loads((self.run / RECORDS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return records if isinstance(records, dict) else {}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of all files in a folder."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    total = hashlib.sha256()
    for file in files:
        total.update(file.name.encode() + b"\0" + file.read_bytes())
    return total.hexdigest()
