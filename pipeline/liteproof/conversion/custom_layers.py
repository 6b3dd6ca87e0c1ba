"""Which layers keep a Keras file from loading here: their code is not available."""

import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras

CONFIG, H5_CONFIG = "config.json", "model_config"
LAMBDA, OUTSIDE = "Lambda", "TFSMLayer"
OF_KERAS_2 = {"SlicingOpLambda", "TFOpLambda"}  # TensorFlow's functions, as Keras 2 saved them
MAX_CONFIG_BYTES = 1 << 26


def lambda_layers(path: Path) -> tuple[str, ...]:
    """Return the names of the Lambda layers in a Keras file: their code is in it, as bytes."""
    found = _objects(_config(path))
    return _once(_name(value) for value in found if value["class_name"] == LAMBDA)


def outside_models(path: Path) -> tuple[str, ...]:
    """Return the names of the layers of a Keras file that load a SavedModel from elsewhere."""
    found = _objects(_config(path))
    return _once(_name(value) for value in found if value["class_name"] == OUTSIDE)


def unknown_layers(path: Path) -> tuple[str, ...]:
    """Return the layers of a .keras file that are neither Keras' own nor registered, with types.

    Nothing where it is not such a file.
    """
    found = _objects(_config(path))
    return _once(f"{_name(value)} ({value['class_name']})" for value in found if _is_unknown(value))


def _config(path: Path) -> Any:  # noqa: ANN401 - JSON
    """Return what a .keras or HDF5 file says of its layers; None where it is neither."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if archive.getinfo(CONFIG).file_size > MAX_CONFIG_BYTES:
                    return None
                return json.loads(archive.read(CONFIG))
        with h5py.File(path) as file:
            return json.loads(file.attrs[H5_CONFIG])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, zipfile.BadZipFile):
        return None


def _objects(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Yield all that has a class, however deep it lies."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, dict):
            if "class_name" in value and isinstance(value.get("config"), dict):
                yield value
            waiting += reversed(list(value.values()))


def _name(value: dict[str, Any]) -> str:
    return f"'{value['config'].get('name', '?')}'"


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _is_unknown(value: dict[str, Any]) -> bool:
    if value["class_name"] in OF_KERAS_2:
        return True
    registered = value.get("registered_name")
    if str(value.get("module")).startswith(("keras", "builtins")):
        return False
    if not value.get("module") and not registered:  # as HDF5 files have it
        return False
    return not (registered and keras.saving.get_registered_object(registered))
