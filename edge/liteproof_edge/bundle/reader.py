"""The bundle: a model with everything needed to use it correctly and to check it.

A bundle is read in this order, and nothing is used before every step has passed: the manifest is
signed by someone whom this device trusts, if it does not trust everybody; it parses; its schema is
known; it is undamaged by its own digest; every file is there, with its size and hash; the model's
tensors, as our own flatbuffer reader reads them, are those of the manifest.
"""

import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from liteproof_edge.bundle.manifest import (
    MANIFEST,
    MAX_FILE_BYTES,
    MAX_MANIFEST_BYTES,
    MAX_SERIAL,
    MODEL,
    get,
    parse_manifest,
    read_file,
)
from liteproof_edge.bundle.signature import Trust, check_signature
from liteproof_edge.bundle.tensors import MAX_SCALE, TensorSpec, tensor_from_json
from liteproof_edge.errors import BundleError, ModelError
from liteproof_edge.model.ending import Ending, ending_of
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.preprocessing.prepared import Legibility
from liteproof_edge.preprocessing.spec import Spec, spec_from_json

GOLDEN = "golden.npz"
REQUIRED_FILES = (MODEL, GOLDEN)
MAX_CLASSES = 100_000
MAX_TEMPERATURE = 1000.0
MAX_LOGIT = 1e30


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model and what is needed to use it.

    Attributes:
        path: the folder it was read from.
        name: its name, as the manifest says.
        labels: one per class, in the order of the model's outputs.
        preprocessing: how a picture becomes the model's input.
        input: the model's input tensor.
        output: the model's output tensor.
        temperature: divides the logits before the softmax, so that probabilities are calibrated;
            the pipeline fitted it on validation pictures.
        least_logits: how large the largest logit must be for the answer not to be in doubt, by how
            well the picture shows its mark; empty in older bundles, which do not demand it.
        least_margins: how far it must be ahead of the second, likewise.
        golden_tolerance: how much outputs may differ from the golden ones, in codes, or in real
            values if the output is float32; 0 for a model that computes in integers only.
        golden_classes: how many classes have golden vectors: all, or only those of which there were
            pictures when the model was adopted.
        manifest: the contents of manifest.json.
        files: name → bytes, each checked against its hash.
        ending: what the outputs are: logits, or the probabilities of a softmax or a sigmoid.
        verified: whether every byte was checked. An unverified model never runs in this process.
        signer: who signed it, if a signature was checked; otherwise "".
        serial: a number that rises from one signed bundle of this name to the next.
    """

    path: Path
    name: str
    labels: tuple[str, ...]
    preprocessing: Spec
    input: TensorSpec
    output: TensorSpec
    temperature: float
    least_logits: Mapping[Legibility, float]
    least_margins: Mapping[Legibility, float]
    golden_tolerance: float
    golden_classes: int
    manifest: Mapping[str, Any]
    files: Mapping[str, bytes]
    ending: Ending = Ending.LOGITS
    verified: bool = True
    signer: str = ""
    serial: int = 0

    @property
    def model(self) -> bytes:
        """The flatbuffer: the very bytes that were hashed."""
        return self.files[MODEL]

    @property
    def golden(self) -> bytes:
        """The golden vectors, as an .npz file's bytes."""
        return self.files[GOLDEN]

    @classmethod
    def load(cls, path: str | Path, trust: Trust | None = None) -> "Bundle":
        """Read and check a bundle.

        Args:
            path: its folder.
            trust: whose to accept; None reads this user's ~/.config/liteproof/allowed_signers.

        Raises:
            BundleError: it is missing, damaged, not trusted, or not what its manifest says.
        """
        folder = Path(path)
        if os.path.isfile(folder):  # noqa: PTH113 - Path's raises where a name is too long
            raise BundleError(
                f"{path}: a file, expected a bundle's folder; `classify` can run a bare .tflite "
                "--unverified"
            )
        data = read_file(folder / MANIFEST, MAX_MANIFEST_BYTES)
        signer = check_signature(data, folder, trust or Trust.of_this_user())
        manifest = parse_manifest(data, folder / MANIFEST)
        where = str(folder / MANIFEST)
        files = _read_files(folder, get(manifest, "files", dict, where), where)
        name, labels = get(manifest, "name", str, where), _labels(manifest, where)
        if not _is_name(name):
            raise BundleError(f"{where}: name: {name!r}, expected a printable string")
        spec = spec_from_json(
            get(manifest, "preprocessing", dict, where), f"{where}: preprocessing"
        )
        tensors = [
            tensor_from_json(get(manifest, key, dict, where), f"{where}: {key}")
            for key in ("input", "output")
        ]
        confidence = get(manifest, "confidence", dict, where)
        bundle = cls(
            path=folder,
            name=name,
            labels=labels,
            preprocessing=spec,
            input=tensors[0],
            output=tensors[1],
            temperature=_temperature(confidence, where),
            least_logits=_least("least_logits", confidence, where),
            least_margins=_least("least_margins", confidence, where),
            golden_tolerance=_tolerance(get(manifest, "golden", dict, where), where),
            golden_classes=_golden_classes(manifest["golden"], len(labels), where),
            manifest=manifest,
            files=files,
            signer=signer,
            serial=_serial(manifest, where),
        )
        bundle._check_shapes(where)
        ending = bundle._check_model(str(folder / MODEL))
        return bundle if ending is Ending.LOGITS else replace(bundle, ending=ending)

    def _check_shapes(self, where: str) -> None:
        spec, n = self.preprocessing, len(self.labels)
        picture = (1, spec.height, spec.width, spec.channels)
        pictures = [
            picture,
            (1, math.prod(picture)),
            *([picture[:3]] if spec.channels == 1 else []),
        ]
        for key, actual, expected in (
            ("input.shape", self.input.shape, pictures),
            ("output.shape", self.output.shape, [(1, n), *([(1, 1)] if n == 2 else [])]),
        ):
            if actual not in expected:
                raise BundleError(f"{where}: {key}: {list(actual)}, expected {list(expected[0])}")

    def _check_model(self, where: str) -> Ending:
        """Hold the model's tensors to the manifest's; return what makes its outputs."""
        graph = read_model(self.model, where).subgraphs[0]
        for key, indices, expected in (
            ("input", graph.inputs, self.input),
            ("output", graph.outputs, self.output),
        ):
            if len(indices) != 1 or indices[0] < 0:
                raise ModelError(f"{where}: its {key} tensors are {indices}, expected one")
            try:
                actual = TensorSpec.of(graph.tensors[indices[0]])
            except ModelError as error:
                raise ModelError(f"{where}: {key}: {error}") from None
            if actual != expected:
                raise ModelError(
                    f"{where}: {key} tensor is {actual.to_json()}, "
                    f"the manifest says {expected.to_json()}"
                )
        return ending_of(graph)


def _read_files(folder: Path, entries: Mapping[str, Any], where: str) -> dict[str, bytes]:
    for required in REQUIRED_FILES:
        if required not in entries:
            raise BundleError(f"{where}: files: lists no {required}")
    files = {}
    for name, entry in entries.items():
        if not name or name.startswith(".") or set(name) & set("/\\\0"):
            raise BundleError(f"{where}: files: {name!r}, expected a plain file name")
        if not isinstance(entry, dict):
            raise BundleError(f"{where}: files.{name}: expected an object")
        size = get(entry, "size_bytes", int, f"{where}: files.{name}")
        sha256 = get(entry, "sha256", str, f"{where}: files.{name}")
        if not 0 <= size <= MAX_FILE_BYTES:
            raise BundleError(f"{where}: files.{name}.size_bytes: {size} is out of bounds")
        data = read_file(folder / name, size)
        if len(data) != size:
            raise BundleError(f"{folder / name}: {len(data)} bytes, the manifest says {size}")
        actual = hashlib.sha256(data).hexdigest()
        if actual != sha256:
            raise BundleError(f"{folder / name}: sha256 {actual}, the manifest says {sha256}")
        files[name] = data
    return files


def _labels(manifest: Mapping[str, Any], where: str) -> tuple[str, ...]:
    labels = get(manifest, "labels", list, where)
    if not 2 <= len(labels) <= MAX_CLASSES or not all(map(_is_name, labels)):
        raise BundleError(f"{where}: labels: expected 2 to {MAX_CLASSES} printable strings")
    if len(set(labels)) != len(labels):
        raise BundleError(f"{where}: labels: some are the same")
    return tuple(labels)


def _serial(manifest: Mapping[str, Any], where: str) -> int:
    value = manifest.get("serial", 0)
    if type(value) is not int or not 0 <= value <= MAX_SERIAL:
        raise BundleError(f"{where}: serial: {value!r}, expected 0 to {MAX_SERIAL}")
    return value


def _temperature(confidence: Mapping[str, Any], where: str) -> float:
    value: Any = confidence.get("temperature")
    if type(value) not in {int, float} or not 1 / MAX_TEMPERATURE <= value <= MAX_TEMPERATURE:
        raise BundleError(
            f"{where}: confidence.temperature: {value!r}, "
            f"expected {1 / MAX_TEMPERATURE:g} to {MAX_TEMPERATURE:g}"
        )
    return float(value)


def _least(key: str, confidence: Mapping[str, Any], where: str) -> Mapping[Legibility, float]:
    if key not in confidence:
        return {}
    table = get(confidence, key, dict, f"{where}: confidence")
    values = {legibility: table.get(legibility.value) for legibility in Legibility}
    for legibility, value in values.items():
        if type(value) not in {int, float} or not abs(value) < MAX_LOGIT:
            raise BundleError(
                f"{where}: confidence.{key}.{legibility.value}: {value!r}, expected a number"
            )
    return values


def _tolerance(golden: Mapping[str, Any], where: str) -> float:
    value: Any = golden.get("tolerance")
    if type(value) not in {int, float} or not 0 <= value < MAX_SCALE:
        raise BundleError(f"{where}: golden.tolerance: {value!r}, expected a number, 0 or more")
    return float(value)


def _golden_classes(golden: Mapping[str, Any], classes: int, where: str) -> int:
    value: Any = golden.get("classes", classes)
    if type(value) is not int or not 1 <= value <= classes:
        raise BundleError(f"{where}: golden.classes: {value!r}, expected 1 to {classes}")
    return value


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != "" and value.isprintable()
