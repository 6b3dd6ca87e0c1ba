"""manifest.json, checked against its schema and its own digest; `reader` interprets it."""

import hashlib
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from liteproof_edge.errors import BundleError

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
MODEL = "model.tflite"
SEAL = "manifest_sha256"
BLANK_SEAL = "0" * 64
MAX_MANIFEST_BYTES = 1 << 20
MAX_SERIAL = (1 << 63) - 1
MAX_FILE_BYTES = 1 << 30  # of any other file


def parse_manifest(data: bytes, path: Path) -> Mapping[str, Any]:
    """Return what manifest.json holds, of a known schema and undamaged.

    Raises:
        BundleError: it is damaged, not a JSON object, or of an unknown schema.
    """
    try:
        manifest = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: not JSON: {error}") from None
    if not isinstance(manifest, dict):
        raise BundleError(f"{path}: holds a {type(manifest).__name__}, expected an object")
    _check_schema(manifest, path)
    _check_seal(manifest, data, path)
    return manifest


def seal(manifest: Mapping[str, Any]) -> bytes:
    """Return manifest.json, with a digest of its own in it.

    `manifest_sha256` is the SHA-256 of the file's bytes with 64 zeros in that digest's place. It
    reveals damage, down to one flipped bit; only a signature protects against malice.
    """
    text = json.dumps({**manifest, SEAL: BLANK_SEAL}, indent=1, ensure_ascii=False) + "\n"
    before, _, after = text.rpartition(BLANK_SEAL)
    return (before + hashlib.sha256(text.encode()).hexdigest() + after).encode()


def _check_seal(manifest: Mapping[str, Any], data: bytes, path: Path) -> None:
    stated = get(manifest, SEAL, str, str(path))
    before, _, after = data.rpartition(stated.encode("utf-8", "replace") or b"?")
    actual = hashlib.sha256(before + BLANK_SEAL.encode() + after).hexdigest()
    if actual != stated:
        raise BundleError(f"{path}: damaged: its sha256 is {actual}, it says {stated}")


def _check_schema(manifest: Mapping[str, Any], path: Path) -> None:
    version = manifest.get("schema_version")
    if type(version) is not int or version != SCHEMA_VERSION:
        raise BundleError(
            f"{path}: schema_version {version!r}, this liteproof-edge reads {SCHEMA_VERSION}"
        )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def read_file(path: Path, limit: int, expected: str = "a file of a bundle") -> bytes:
    """Return a regular file's bytes; one that is longer than `limit` is refused unread.

    Raises:
        BundleError: there is no such file, or it cannot be read.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BundleError(f"{path}: not a file")
        if status.st_size > limit:
            raise BundleError(f"{path}: {status.st_size} bytes, expected at most {limit}")
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{path}: not found, expected {expected}") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: cannot be read: {error}") from None


def get(table: Mapping[str, Any], key: str, kind: type, where: str) -> Any:  # noqa: ANN401
    """Return a table's value of exactly that type; BundleError says where it is not."""
    value = table.get(key)
    if type(value) is not kind:
        found = "missing" if key not in table else f"a {type(value).__name__}"
        raise BundleError(f"{where}: {key}: {found}, expected a {kind.__name__}")
    return value
