"""What is damaged is refused as such, or it works: no crash, no other error, no endless wait."""

import hashlib
import json
import math
import subprocess
import sys
import time
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from liteproof_edge.__main__ import main
from liteproof_edge.bundle.manifest import BLANK_SEAL, SEAL
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.classifier import Classifier
from liteproof_edge.errors import BundleError, LiteproofError
from liteproof_edge.runtime.confinement import confine
from liteproof_edge.runtime.loading import Runtime, load_runtime
from liteproof_edge.runtime.session import Session
from liteproof_edge.runtime.unverified import read_unverified

MODEL_SECONDS = 2.0  # that a damaged model may take to load, and to run
# Both of these, two starts of Python on a busy machine and some.
MOST_SECONDS = 30.0
# A bundle is read in milliseconds; a slow machine with other work to do has room here.
MOST_SECONDS_TO_READ = 5.0
PICTURES = 2
PICTURE = Path(__file__).parents[1] / "pictures" / "three.jpg"
# JSON is three times as long as a sound model; what is damaged may name a tensor more often.
MOST_OUTPUT_PER_BYTE = 100
# Written as text, for json.dumps cannot write them.
RAW_VALUES = {
    "deep list": "[" * 100_000 + "]" * 100_000,
    "deep object": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "unclosed": "[" * 100_000,
    "huge integer": "9" * 100_000,
    "huge real": "1e999",
    "not a number": "NaN",
    "infinity": "-Infinity",
    "surrogate": r'"\ud800"',
    "nothing": "",
}
VALUES = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2,
        0.0,
        1.0,
        -0.5,
        1e-320,
        1e300,
        2**31,
        2**63,
        -(2**63),
        10**30,
    ),
    *("", "0", "a" * 5000, "\x00", "\n", "\u202e", "../model.tflite", "\U0001f600", [], {}, [[]]),
    *([0] * 1000, {"": ""}, ["0", "0"], [1, 28, 28, 1], [None], {"kind": "raw"}, list(range(10))),
    *(f"@{name}@" for name in RAW_VALUES),
]


def sealed(manifest):
    """Return manifest.json with its digest, whatever the manifest is made of."""
    text = json.dumps({**manifest, SEAL: BLANK_SEAL})
    for name, raw in RAW_VALUES.items():
        text = text.replace(f'"@{name}@"', raw)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return text.replace(BLANK_SEAL, digest).encode()


def replace_model(folder, data):
    """Replace a bundle's model, with digests that are right."""
    (folder / "model.tflite").write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    entry = {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest["files"]["model.tflite"] = entry
    (folder / "manifest.json").write_bytes(sealed(manifest))


def places(value, path=()):
    """Every place in a JSON value, as a tuple of keys and indices."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inside:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


def change_json(manifest, rng):
    """Change one place of a manifest: gone, another value, another type, repeated or renamed."""
    found = [place for place in places(manifest) if place != (SEAL,)]
    if not found:
        return
    *parents, key = found[rng.integers(len(found))]
    parent = manifest
    for step in parents:
        parent = parent[step]
    value = parent[key]
    match rng.integers(6):
        case 0:
            del parent[key]
        case 1 | 2:
            parent[key] = deepcopy(VALUES[rng.integers(len(VALUES))])
        case 3:
            parent[key] = another_type(value, rng)
        case 4 if isinstance(parent, list):
            parent.insert(key, value)
        case 4:
            parent[key + "x"] = parent.pop(key)
        case _ if isinstance(value, int | float):
            parent[key] = value * [2, -1, 0.5, 1e6, 0][rng.integers(5)] + 1
        case _:
            parent[key] = [value] if rng.random() < 0.5 else {"value": value}


def another_type(value, rng):
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list):
        return dict.fromkeys(map(str, value), 1)
    if isinstance(value, str):
        return [value.encode().hex(), value.upper(), value[:-1], value + " "][rng.integers(4)]
    return [str(value), float(value or 0), [value]][rng.integers(3)]


def assert_told(error, where=""):
    assert error.exit_code == 4
    assert str(error).startswith(str(where))
    assert str(error).isprintable()


def load(folder):
    """Load a bundle, or return None where it is refused; either is done soon."""
    start = time.perf_counter()
    try:
        return Bundle.load(folder)
    except BundleError as error:
        assert_told(error, folder)
        return None
    finally:
        assert time.perf_counter() - start < MOST_SECONDS_TO_READ


def assert_consistent(bundle):
    """What was loaded can be used, and every part of it fits the others."""
    spec = bundle.preprocessing
    assert bundle.input.shape == (1, spec.height, spec.width, spec.channels)
    assert bundle.output.shape == (1, len(bundle.labels))
    assert bundle.name.isprintable()
    assert math.isfinite(bundle.temperature)
    for name, entry in bundle.manifest["files"].items():
        assert hashlib.sha256(bundle.files[name]).hexdigest() == entry["sha256"]
    with Classifier(bundle) as classifier:
        prediction = classifier.classify_tensor(np.zeros(bundle.input.shape[1:], np.uint8))
    assert prediction.label == bundle.labels[prediction.index]
    assert 0 < prediction.probability <= 1


@pytest.fixture(scope="module")
def runtimes():
    return [confine(load_runtime(runtime), seconds=MODEL_SECONDS) for runtime in Runtime]


def test_bundle_with_a_damaged_model_is_refused(copied, damage, model_seed):
    path = copied / "model.tflite"
    path.write_bytes(damage(path.read_bytes(), model_seed))
    assert load(copied) is None


def test_bundle_with_a_damaged_model_that_it_lists_is_read_or_refused(copied, damage, model_seed):
    data = damage((copied / "model.tflite").read_bytes(), model_seed)
    replace_model(copied, data)
    bundle = load(copied)
    assert bundle is None or bundle.model == data


@pytest.mark.parametrize("runtime", Runtime, ids=lambda runtime: runtime.value)
def test_bundle_with_a_damaged_model_that_it_lists_runs_or_is_refused(
    copied, damage, resealed_seed, runtime
):
    """Whatever the reader lets through: no signal and no endless wait, from the first load on."""
    replace_model(copied, damage((copied / "model.tflite").read_bytes(), resealed_seed))
    if load(copied) is None:
        return
    for words in (["classify", copied, PICTURE], ["verify", copied]):
        done = subprocess.run(
            [sys.executable, "-m", "liteproof_edge", *words, "--runtime", runtime.value],
            capture_output=True,
            text=True,
            check=False,
            timeout=MOST_SECONDS,
        )
        assert done.returncode in {0, 4, 6}, done.stderr
        assert done.stderr.count("liteproof-edge: ") == int(done.returncode != 0)


def test_bundle_with_a_damaged_manifest_is_refused(copied, damage, manifest_seed):
    path = copied / "manifest.json"
    path.write_bytes(damage(path.read_bytes(), manifest_seed))
    assert load(copied) is None


def test_bundle_with_a_manifest_of_other_values_is_consistent_or_refused(copied, manifest_seed):
    rng = np.random.default_rng(manifest_seed)
    path = copied / "manifest.json"
    manifest = json.loads(path.read_bytes())
    for _ in range(rng.integers(1, 4)):
        change_json(manifest, rng)
    path.write_bytes(sealed(manifest))
    bundle = load(copied)
    if bundle is not None:
        assert_consistent(bundle)


@pytest.mark.parametrize("model", ["released", "control"])
def test_damaged_model_is_inspected_or_refused(
    released, control, tmp_path, damage, capsys, model_seed, model
):
    """Whatever the reader lets through: text and JSON, soon, and not much longer than the file."""
    data = {"released": (released / "model.tflite").read_bytes(), "control": control}[model]
    path = tmp_path / "damaged.tflite"
    path.write_bytes(damage(data, model_seed))
    start = time.perf_counter()
    for options in ([], ["--tensors", "--memory"], ["--json"]):
        exit_code = main(["inspect", str(path), *options])
        out, err = capsys.readouterr()
        assert exit_code in {0, 4}
        assert len(out) <= MOST_OUTPUT_PER_BYTE * len(data)
        assert (out == "", err.count("\n")) == (exit_code == 4, int(exit_code == 4))
        assert err.rstrip("\n").isprintable()
    json.loads(out or "{}")
    assert time.perf_counter() - start < MOST_SECONDS_TO_READ


def test_damaged_model_that_is_run_unverified_answers_or_is_refused(
    released, tmp_path, damage, runtimes, model_seed
):
    path = tmp_path / "damaged.tflite"
    path.write_bytes(damage((released / "model.tflite").read_bytes(), model_seed))
    start = time.perf_counter()
    try:
        bundle = read_unverified(path)
        spec = bundle.preprocessing
        noise = np.random.default_rng(model_seed).integers(
            0, 256, (PICTURES, spec.height, spec.width, spec.channels)
        )
        with Session(bundle.model, runtimes[model_seed % len(runtimes)]) as session:
            outputs, _ = session.run_many(noise.astype(np.uint8))
            logits = session.real(outputs)
    except LiteproofError as error:
        assert_told(error)
    else:
        assert outputs.shape == logits.shape == (PICTURES, len(bundle.labels))
        assert outputs.dtype == bundle.output.dtype
    assert time.perf_counter() - start < MOST_SECONDS
