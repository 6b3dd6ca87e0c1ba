"""Reading a model of others, by what its file is; nothing that it brings along is executed."""

import tempfile
from pathlib import Path

import keras
import numpy as np

from liteproof.adoption.saved_model import load_saved_model
from liteproof.conversion.quantization import load_keras
from liteproof.errors import ConversionError
from liteproof.storage import write_file
from liteproof_edge.errors import ModelError

NARROW = {"float16", "bfloat16"}
EXPECTED = "expected a .keras or .h5 file, or a SavedModel's folder"


def load_model(path: Path) -> keras.Model:
    """Load a model of any of these forms.

    Raises:
        ModelError: there is none.
        ConversionError: it does not load here.
    """
    if not path.exists():
        raise ModelError(f"{path}: not found; {EXPECTED}")
    if path.suffix.lower() == ".tflite":
        raise ModelError(f"{path}: {EXPECTED}; `liteproof adopt` takes a .tflite")
    model = load_saved_model(path) if path.is_dir() else _in_float32(load_keras(path))
    for variable in model.variables:
        if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
            raise ConversionError(f"{path}: weights {variable.path} are NaN or infinite")
    return model


def _in_float32(model: keras.Model) -> keras.Model:
    """Have a model that was trained in mixed precision compute as its weights are: in float32.

    No operator of TFLite computes in float16.
    """
    for layer in [model, *model._flatten_layers(include_self=False)]:  # noqa: SLF001 - nested too
        if layer.compute_dtype in NARROW:
            layer.dtype_policy = keras.DTypePolicy("float32")
    return model


def save_model(model: keras.Model, path: Path) -> None:
    """Write a .keras file, whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="liteproof-") as temporary:
        whole = Path(temporary) / path.name
        model.save(whole)
        write_file(path, whole.read_bytes())
