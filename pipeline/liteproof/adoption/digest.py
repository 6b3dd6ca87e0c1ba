"""The identity of a model's file, or of a folder of them."""

import hashlib
from pathlib import Path


def model_digest(path: Path) -> str:
    """Return SHA-256 of a model's file, or of all the files in its folder, their names included."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    total = hashlib.sha256()
    for file in files:
        if file.is_file():
            name = str(file.relative_to(path)) if path.is_dir() else ""
            total.update(name.encode() + b"\0" + file.read_bytes())
    return total.hexdigest()
