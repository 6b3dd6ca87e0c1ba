"""Which layers keep a .keras file from loading here: their code is not available."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

CONFIG = "config.json"
MAX_CONFIG_BYTES = 1 << 26


def unknown_layers(path: Path) -> tuple[str, ...]:
    """Return the layers of a .keras file that are neither Keras' own nor registered, with types.

    Nothing where it is not such a file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(CONFIG).file_size > MAX_CONFIG_BYTES:
                return ()
            config = json.loads(archive.read(CONFIG))
        return tuple(dict.fromkeys(_unknown(config)))
    except (OSError, ValueError, KeyError, RecursionError, zipfile.BadZipFile):
        return ()


def _unknown(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        for each in value:
            yield from _unknown(each)
    elif isinstance(value, dict):
        if _is_unknown(value):
            yield f"'{value.get('config', {}).get('name', '?')}' ({value['class_name']})"
        for each in value.values():
            yield from _unknown(each)


def _is_unknown(value: dict[str, Any]) -> bool:
    """Whether an object's code is missing: a Lambda's is in the file, and cannot be trusted."""
    if not {"class_name", "module", "config"} <= set(value):
        return False
    if value["class_name"] == "Lambda":
        return True
    if str(value["module"]).startswith(("keras", "builtins")):
        return False
    registered = value.get("registered_name")
    return not (registered and keras.saving.get_registered_object(registered))
