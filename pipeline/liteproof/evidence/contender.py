"""What is compared: a bundle, a run's bundle, any .tflite, any Keras classifier."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from liteproof.tensorflow_setup import quiet
from liteproof_edge.bundle.manifest import MANIFEST
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.errors import ModelError
from liteproof_edge.model.affine import Normalisation
from liteproof_edge.preprocessing.photo import PhotoSpec
from liteproof_edge.preprocessing.spec import Spec
from liteproof_edge.runtime.unverified import read_unverified

KERAS_SUFFIXES = {".keras", ".h5", ".hdf5"}
EXPECTED = "expected a bundle, a run with its bundle, a .tflite or a Keras model"


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that answers pictures.

    Attributes:
        name: what it is called.
        path: where it was read.
        model: a .tflite's bytes; None where it is a Keras model.
        spec: how a picture becomes its input.
        normalisation: what it takes pixels as; None where it takes them as they are.
        labels: of its classes; None where they are unknown.
    """

    name: str
    path: Path
    model: bytes | None
    spec: Spec
    normalisation: Normalisation | None
    labels: tuple[str, ...] | None

    @property
    def digest(self) -> str:
        """SHA-256 of the model."""
        data = self.path.read_bytes() if self.model is None else self.model
        return hashlib.sha256(data).hexdigest()


def read_contender(path: Path, mean: float = 0.0, scale: float = 1.0) -> Contender:
    """Read something to compare.

    Args:
        path: of a bundle's folder, a run's folder, a .tflite, or a Keras model.
        mean: of a Keras model, what it expects to be subtracted from each pixel.
        scale: of a Keras model, what it expects the difference to be multiplied by.

    Raises:
        BundleError: a bundle is damaged.
        ModelError: it is none of these, or does not classify pictures.
        ConversionError: it is a Keras model that does not load here.
    """
    if path.is_dir():
        folder = path if (path / MANIFEST).is_file() else path / "bundle"
        if not (folder / MANIFEST).is_file():
            raise ModelError(f"{path}: no bundle in it; {EXPECTED}")
        bundle = Bundle.load(folder)
        spec = bundle.preprocessing
        return Contender(str(path), folder, bundle.model, spec, spec.normalisation, bundle.labels)
    if path.suffix.lower() in KERAS_SUFFIXES:
        return _keras(path, mean, scale)
    if not path.is_file():
        raise ModelError(f"{path}: not found; {EXPECTED}")
    bare = read_unverified(path)
    taken = bare.preprocessing
    spec = PhotoSpec(taken.height, taken.width, taken.channels)
    return Contender(str(path), path, bare.model, spec, taken.normalisation, labels=None)


def _keras(path: Path, mean: float, scale: float) -> Contender:
    with quiet():
        from liteproof.conversion.quantization import (  # noqa: PLC0415 - TensorFlow
            classifier_shape,
            load_keras,
        )
    shape, _ = classifier_shape(load_keras(path), path)
    normalisation = None
    if (mean, scale) != (0.0, 1.0):
        normalisation = Normalisation((mean,) * shape[2], (scale,) * shape[2])
    return Contender(str(path), path, None, PhotoSpec(*shape), normalisation, labels=None)
