"""What contenders answer to the pictures, computed once and kept."""

import hashlib
import io
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liteproof.data.mapped import in_parts
from liteproof.evidence.contender import Contender
from liteproof.execution.keras_model import keras_logits
from liteproof.execution.tflite_model import Execution, execute
from liteproof.storage import make_folder, write_file
from liteproof_edge.runtime.loading import Runtime

ARRAYS = ("outputs", "logits", "times_us")


@dataclass(frozen=True, slots=True)
class Executed:
    """One contender on all the pictures.

    Attributes:
        real: float32 (n, classes): logits, or probabilities where its last layer is a softmax.
        outputs: (n, classes) as the model gave them, codes perhaps; of Keras the real ones.
        times_us: float64 (n,), each picture's time; None where pictures were answered together.
        runtime: its name and version.
    """

    real: NDArray[np.float32]
    outputs: NDArray[np.generic]
    times_us: NDArray[np.float64] | None
    runtime: str


def execute_keras(contender: Contender, pictures: NDArray[np.uint8], cache: Path) -> Executed:
    """Return what a Keras model answers.

    Args:
        contender: one without a .tflite.
        pictures: uint8 (n, height, width, channels).
        cache: a folder for the answers: what is there already is not computed again.

    Raises:
        ConversionError: it does not load here.
        StorageError: the cache cannot be written.
    """
    folder = cache / contender.digest[:16]
    real = keras_logits(contender.path, pictures, folder, contender.normalisation)
    return Executed(real, real, None, f"Keras {version('keras')}")


def execute_tflite(
    contender: Contender, pictures: NDArray[np.uint8], cache: Path, runtime: Runtime
) -> Executed:
    """Return what a .tflite answers on a runtime, by the kernels that ship, in one thread.

    Raises:
        ModelError: the runtime cannot run it.
        RuntimeMissingError: there is no such runtime.
        StorageError: the cache cannot be written.
    """
    if contender.model is None:
        raise ValueError(f"{contender.name}: no .tflite")
    digest = hashlib.sha256(contender.digest.encode())
    for part in in_parts(pictures):
        digest.update(part.tobytes())
    digest.update(f"{contender.normalisation} {runtime.value} {version(runtime.value)}".encode())
    file = cache / f"tflite-{digest.hexdigest()[:16]}.npz"
    if file.is_file():
        with np.load(file) as kept:
            arrays = {name: kept[name] for name in ARRAYS}
            done = Execution(**arrays, runtime=str(kept["runtime"]))
    else:
        done = execute(
            contender.model,
            pictures,
            label=f"{contender.name}, {runtime.value}",
            runtime=runtime,
            normalisation=contender.normalisation,
        )
        kept_file = io.BytesIO()
        np.savez(kept_file, runtime=done.runtime, **{name: getattr(done, name) for name in ARRAYS})
        make_folder(cache)
        write_file(file, kept_file.getvalue())
    return Executed(done.logits, done.outputs, done.times_us, done.runtime)
