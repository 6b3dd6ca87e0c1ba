"""Running models on the shipped runtime, in a worker process without TensorFlow."""

import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liteproof import progress
from liteproof.data.mapped import save_array
from liteproof.execution.crash import crash_cause
from liteproof.storage import writing
from liteproof_edge.errors import ModelError, RuntimeMissingError
from liteproof_edge.model.affine import Normalisation
from liteproof_edge.runtime.loading import Runtime, installed


class RuntimeCrashError(ModelError):
    """A process that ran a model died of it."""


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
    normalisation: Normalisation | None = None,
) -> Execution:
    """Run a model on pictures, one at a time in one thread, as a device would.

    Args:
        model: the flatbuffer.
        pictures: uint8 (n, height, width, channels).
        label: what the progress bar says.
        runtime: which; None takes the preferred one of those installed that can run it.
        kernels: which.
        normalisation: what the model takes pixels as; None where it takes them as they are.

    Raises:
        ModelError: the runtime cannot run it, or crashed on it.
        RuntimeMissingError: there is no such runtime.
        StorageError: the temporary folder cannot be written.
    """
    able = partial(
        _execute, model, pictures, label=label, kernels=kernels, normalisation=normalisation
    )
    try:
        return able(runtime)
    except ModelError:
        if runtime is None:
            for other in installed()[1:]:
                with suppress(ModelError):
                    return able(other)
        raise


def _execute(
    model: bytes,
    pictures: NDArray[np.uint8],
    runtime: Runtime | None,
    *,
    label: str,
    kernels: Kernels,
    normalisation: Normalisation | None,
) -> Execution:
    with tempfile.TemporaryDirectory(prefix="liteproof-") as temporary:
        folder = Path(temporary)
        with writing(folder):
            (folder / "model.tflite").write_bytes(model)
            save_array(folder / "pictures.npy", pictures)
        taken = json.dumps(normalisation)
        arguments = [str(folder), runtime.value if runtime else "", kernels.value, taken]
        try:
            about = run_worker("liteproof.execution.worker", arguments, label, len(pictures))
        except RuntimeCrashError as error:
            raise ModelError(f"{error}{crash_cause(model)}") from None
        with np.load(folder / "outputs.npz") as results:
            return Execution(
                outputs=results["outputs"],
                logits=results["logits"],
                times_us=results["times_us"],
                runtime=about["runtime"],
            )


def run_worker(module: str, arguments: list[str], label: str, total: int) -> dict[str, str]:
    """Run a module that imports a runtime, and never TensorFlow, in a process of its own.

    Args:
        module: it prints how many pictures are done, now and then, and in the end a line of JSON;
            where it fails, it prints one line to standard error and ends with that exit code.
        arguments: for it.
        label: what the progress bar says.
        total: how many pictures there are.

    Returns:
        What the line of JSON says.

    Raises:
        ModelError: it failed.
        RuntimeCrashError: it crashed.
        RuntimeMissingError: there is no such runtime.
    """
    command = [sys.executable, "-m", module, *arguments]
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
        raise RuntimeCrashError(f"model: the runtime crashed on it (signal {-exit_code})")
    if exit_code:
        raise ModelError(message)
    return dict(json.loads(last))
