"""Running models on the shipped runtime, in a worker process without TensorFlow."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liteproof import progress
from liteproof.storage import writing
from liteproof_edge.errors import ModelError, RuntimeMissingError
from liteproof_edge.runtime import Runtime


class Kernels(Enum):
    """`shipping` is what an application gets; `reference` gives the same bytes on every CPU."""

    SHIPPING = "shipping"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Execution:
    """What a model answered.

    Attributes:
        outputs: (n, classes), codes or float32, as the model gave them.
        logits: float32 (n, classes), what they stand for.
        times_us: float64 (n,), each picture's time.
        runtime: its name and version.
    """

    outputs: NDArray[np.generic]
    logits: NDArray[np.float32]
    times_us: NDArray[np.float64]
    runtime: str


def execute(
    model: bytes,
    pictures: NDArray[np.uint8],
    *,
    label: str,
    runtime: Runtime | None = None,
    kernels: Kernels = Kernels.SHIPPING,
) -> Execution:
    """Run a model on pictures, one at a time in one thread, as a device would.

    Args:
        model: the flatbuffer.
        pictures: uint8 (n, height, width, channels).
        label: what the progress bar says.
        runtime: which; None takes the preferred one of those installed.
        kernels: which.

    Raises:
        ModelError: the runtime cannot run it, or crashed on it.
        RuntimeMissingError: there is no such runtime.
        StorageError: the temporary folder cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="liteproof-") as temporary:
        folder = Path(temporary)
        with writing(folder):
            (folder / "model.tflite").write_bytes(model)
            np.save(folder / "pictures.npy", pictures)
        arguments = [str(folder), runtime.value if runtime else "", kernels.value]
        about = _run_worker(arguments, label, len(pictures))
        with np.load(folder / "outputs.npz") as results:
            return Execution(
                outputs=results["outputs"],
                logits=results["logits"],
                times_us=results["times_us"],
                runtime=about["runtime"],
            )


def _run_worker(arguments: list[str], label: str, total: int) -> dict[str, str]:
    command = [sys.executable, "-m", "liteproof.worker", *arguments]
    last = "{}"
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as worker,  # noqa: S603
        progress.bar(label, total) as bar,
    ):
        done = 0
        for line in worker.stdout or ():
            if line.strip().isdigit():
                bar.update(int(line) - done)
                done = int(line)
            else:
                last = line
        exit_code = worker.wait()
        errors.seek(0)
        message = (errors.read().strip().splitlines() or ["it said nothing"])[-1]
    if exit_code == RuntimeMissingError.exit_code:
        raise RuntimeMissingError(message)
    if exit_code < 0:
        raise ModelError(f"model: the runtime crashed on it (signal {-exit_code})")
    if exit_code:
        raise ModelError(message)
    return dict(json.loads(last))
