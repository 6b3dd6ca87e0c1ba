"""docs/bundle.schema.json, held to the reader and to real bundles."""

import copy
import json
import shutil
from pathlib import Path

import jsonschema_rs
import pytest

from liteproof_edge.bundle.manifest import SCHEMA_VERSION, seal
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.errors import BundleError
from liteproof_edge.measurement.verification import verify

ROOT = Path(__file__).parents[4]
SCHEMA = json.loads((ROOT / "docs" / "bundle.schema.json").read_text())
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)
RELEASED = sorted(path.parent for path in ROOT.glob("models/*/manifest.json"))
# A bundle of each schema version that was ever written: it is never written again.
FROZEN = {1: ROOT / "tests" / "bundle"}
PHOTO = {
    "kind": "photo",
    "height": 28,
    "width": 28,
    "channels": 1,
    "fit": "cover",
    "resampling": "bilinear",
    "order": "RGB",
    "mean": [],
    "scale": [],
}
VALUES = (None, True, "", "x", -1, 0, 2.5, 1e40, [], ["a", "a"], {}, "\0")
READ = (
    "schema_version name labels preprocessing input output golden confidence files serial".split()
)
# What a schema cannot say: one value against another, or against a file.
BEYOND_A_SCHEMA = (
    *("the manifest says", "expected [1, ", "the model's", "printable", "plain file name"),
    *("not found", "cannot be read", "a box that fits", "values, expected", "bytes, expected"),
)


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text())


def places(value, path=()):
    """Yield every place in a document."""
    yield path
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from places(entry, (*path, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))


def changes(manifest):
    """Yield manifests with one thing changed, and what it was."""
    for path in places({key: manifest[key] for key in READ if key in manifest}):
        if not path:
            continue
        for value in (..., *VALUES):
            changed = copy.deepcopy(manifest)
            inside = changed
            for key in path[:-1]:
                inside = inside[key]
            if value is ...:
                del inside[path[-1]]
            else:
                inside[path[-1]] = value
            yield path, value, changed


def refusal(folder, manifest):
    """Return why the reader refuses a manifest, or "" where it does not."""
    (folder / "manifest.json").write_bytes(seal(manifest))
    try:
        Bundle.load(folder)
    except BundleError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("folder", [*RELEASED, *FROZEN.values()], ids=lambda path: path.name)
def test_real_bundle_follows_the_schema(folder):
    assert [str(error) for error in VALIDATOR.iter_errors(manifest_of(folder))] == []


@pytest.mark.parametrize("kind", ["ink", "photo"])
def test_schema_and_reader_refuse_the_same(tmp_path, kind, released):
    folder = shutil.copytree(released, tmp_path / "bundle")
    manifest = {**manifest_of(folder), "serial": 1}
    if kind == "photo":
        manifest["preprocessing"] = PHOTO
    assert refusal(folder, manifest) == ""
    disagreements = []
    for path, value, changed in changes(manifest):
        why, valid = refusal(folder, changed), VALIDATOR.is_valid(changed)
        if valid and why and not any(reason in why for reason in BEYOND_A_SCHEMA):
            disagreements.append((path, value, "the reader alone refuses", why))
        if not valid and not why:
            disagreements.append((path, value, "the schema alone refuses"))

    assert not disagreements, "\n".join(map(str, disagreements))


def test_every_schema_version_has_a_frozen_bundle():
    assert list(FROZEN) == list(range(1, SCHEMA_VERSION + 1))


@pytest.mark.parametrize("version", FROZEN)
def test_frozen_bundle_still_verifies(version):
    assert manifest_of(FROZEN[version])["schema_version"] == version
    assert verify(Bundle.load(FROZEN[version])).passed
