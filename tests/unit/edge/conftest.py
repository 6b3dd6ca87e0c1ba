import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liteproof_edge.__main__ import main
from liteproof_edge.bundle.golden import Golden
from liteproof_edge.bundle.manifest import BLANK_SEAL, SEAL
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.classifier import Classifier
from liteproof_edge.model.flatbuffer import Operator, Subgraph, Tensor
from liteproof_edge.preprocessing.spec import InkSpec, RawSpec
from liteproof_edge.runtime import loading
from liteproof_edge.runtime.loading import Runtime

# A bundle released once, so that tests of what it holds do not change with each release.
RELEASED = Path(__file__).parents[2] / "bundle"
INSTALLED = loading.installed()


@pytest.fixture(autouse=True)
def no_named_runtime(monkeypatch):
    """Leave out of account the runtime that whoever runs the tests may have named."""
    monkeypatch.delenv(loading.VARIABLE, raising=False)


@pytest.fixture(scope="session")
def released():
    return RELEASED


@pytest.fixture(scope="session")
def bundle():
    return Bundle.load(RELEASED)


@pytest.fixture(scope="session")
def golden(bundle):
    return Golden.from_bytes(bundle.golden, "golden.npz")


@pytest.fixture(scope="session")
def classifier(bundle):
    with Classifier(bundle) as loaded:
        yield loaded


def installed_or_skip(runtime):
    if runtime not in INSTALLED:
        pytest.skip(f"{runtime.value} is not installed: it has no wheel for every Python")
    return runtime


@pytest.fixture(params=list(Runtime), ids=lambda runtime: runtime.value)
def each_runtime(request):
    return installed_or_skip(request.param)


@pytest.fixture(scope="session")
def tflite_runtime():
    return installed_or_skip(Runtime.TFLITE_RUNTIME)


@pytest.fixture(scope="session")
def ink():
    return InkSpec(height=28, width=28, channels=1, box=20)


@pytest.fixture(scope="session")
def raw():
    return RawSpec(height=28, width=28, channels=1)


@pytest.fixture(scope="session")
def encoded():
    """Encode a Pillow image or an array as a picture file; options are Pillow's."""

    def encode(picture, file_format="PNG", **options):
        image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
        file = io.BytesIO()
        image.save(file, file_format, **options)
        return file.getvalue()

    return encode


@pytest.fixture
def copied(tmp_path):
    """A copy of the released bundle, to be damaged."""
    return shutil.copytree(RELEASED, tmp_path / "bundle")


@pytest.fixture(scope="session")
def edit_manifest():
    """Change the manifest of a copied bundle: `change` is given it as a dict.

    It is written with JSON's escapes, which can hold what UTF-8 cannot, and sealed again.
    """

    def edit(folder, change):
        path = folder / "manifest.json"
        manifest = json.loads(path.read_text())
        change(manifest)
        data = json.dumps(manifest | {SEAL: BLANK_SEAL}).encode()
        digest = hashlib.sha256(data).hexdigest()
        path.write_bytes(data.replace(BLANK_SEAL.encode(), digest.encode()))

    return edit


@pytest.fixture(scope="session")
def replace_file(edit_manifest):
    """Replace a file of a copied bundle, with the size and hash that the manifest lists."""

    def replace(folder, name, data):
        (folder / name).write_bytes(data)
        entry = {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        edit_manifest(folder, lambda manifest: manifest["files"].update({name: entry}))

    return replace


@pytest.fixture
def digit_files(tmp_path, golden):
    """The golden picture files, of digits 0, 0, 1, 1, and so on to 9, 9."""
    folder = tmp_path / "digits"
    folder.mkdir()
    paths = []
    for number, data in enumerate(golden.pictures):
        paths.append(folder / f"{number:02}.png")
        paths[-1].write_bytes(data)
    return paths


@pytest.fixture
def label_folders(tmp_path, golden):
    """A folder for each label, with its golden pictures."""
    folder = tmp_path / "labelled"
    for number, (data, label) in enumerate(zip(golden.pictures, golden.classes, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        (folder / str(label) / f"{number:02}.png").write_bytes(data)
    return folder


@pytest.fixture(scope="session")
def idx_bytes():
    """Encode a uint8 array as an IDX file."""

    def encode(array):
        sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
        return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()

    return encode


@pytest.fixture
def idx_folder(tmp_path, golden, idx_bytes):
    """The golden input tensors and labels as the test part of an IDX dataset."""
    folder = tmp_path / "idx"
    folder.mkdir()
    images = golden.inputs[..., 0]
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(images))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(golden.classes))
    return folder


@pytest.fixture
def bare_model(tmp_path, bundle):
    """The released model as a file alone."""
    path = tmp_path / "digits.tflite"
    path.write_bytes(bundle.model)
    return path


@pytest.fixture
def bad_picture(tmp_path):
    path = tmp_path / "bad.png"
    path.write_text("no picture")
    return path


@pytest.fixture
def two_digits(tmp_path, golden):
    """A picture of a 0 and, apart from it, a 7."""
    pixels = np.zeros((80, 160), np.uint8)
    for left, number in ((20, 0), (100, 14)):
        digit = Image.open(io.BytesIO(golden.pictures[number]))
        pixels[20:48, left : left + 28] = np.asarray(digit)
    path = tmp_path / "two.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command in this process; returns its exit code and the lines of both streams."""

    def run_main(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        exit_code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return exit_code, captured.out.splitlines(), captured.err.splitlines()

    return run_main


@pytest.fixture
def no_runtime(monkeypatch):
    """Make both runtimes look as if they were not installed."""
    monkeypatch.setattr(loading, "installed", lambda: ())


@pytest.fixture(scope="session")
def command():
    """Run `liteproof-edge` as a user does, in a process of its own.

    `environment` is added to the tests' own; the streams are subprocess.run's.
    """

    def run(
        *arguments,
        environment=None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ):
        return subprocess.run(
            [sys.executable, "-m", "liteproof_edge", *map(os.fspath, arguments)],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=os.environ | (environment or {}),
            check=False,
            encoding="utf-8",
            timeout=60,
        )

    return run


@pytest.fixture(scope="session")
def make_graph():
    """Make a graph by hand of shapes and of (operator, inputs, outputs).

    A tensor is int8 and named `layer/t<index>`, as far as `dtypes` and `names` say nothing else;
    `constants` and `quantized` are indices. The last tensor is the output.
    """

    def make(
        shapes,
        operators,
        *,
        constants=(),
        quantized=(),
        dtypes=None,
        names=None,
        inputs=(0,),
        outputs=None,
    ):
        tensors = tuple(
            Tensor(
                index=index,
                name=(names or {}).get(index, f"layer/t{index}"),
                dtype=(dtypes or {}).get(index, "int8"),
                shape=shape,
                shape_signature=shape,
                scales=(0.5,) if index in quantized else (),
                zero_points=(0,) if index in quantized else (),
                quantized_dimension=0,
                size_bytes=4 if index in constants else 0,
            )
            for index, shape in enumerate(shapes)
        )
        steps = tuple(
            Operator(name, 1, tuple(taken), tuple(made)) for name, taken, made in operators
        )
        ends = (len(tensors) - 1,) if outputs is None else outputs
        return Subgraph("main", tensors, inputs, ends, steps)

    return make
