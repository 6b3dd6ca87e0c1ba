"""Looking inside models while they run, in a process of its own: `diagnosis.worker`."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof.data.mapped import save_array
from liteproof.execution.tflite_model import run_worker
from liteproof.storage import writing
from liteproof_edge.model.affine import Normalisation


def probe(
    task: str,
    models: dict[str, bytes],
    plan: dict[str, Any],
    pictures: NDArray[np.uint8],
    normalisation: Normalisation | None,
) -> dict[str, NDArray[Any]]:
    """Run models on pictures, and return what their worker saw in them.

    Args:
        task: the worker's function.
        models: by the name that the task knows each by.
        plan: what else the task needs, as JSON.
        pictures: uint8 (n, height, width, channels).
        normalisation: what the models take pixels as; None where they take them as they are.

    Raises:
        ModelError: a model is not sound, or the runtime cannot run it on these pictures.
        RuntimeMissingError: there is no such runtime.
        StorageError: the temporary folder cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="liteproof-") as temporary:
        folder = Path(temporary)
        with writing(folder):
            for name, model in models.items():
                (folder / f"{name}.tflite").write_bytes(model)
            (folder / "plan.json").write_text(json.dumps({**plan, "normalisation": normalisation}))
            save_array(folder / "pictures.npy", pictures)
        run_worker("liteproof.diagnosis.worker", [str(folder), task], "layers", len(pictures))
        with np.load(folder / "seen.npz") as seen:
            return dict(seen)
