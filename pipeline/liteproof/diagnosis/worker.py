"""The process that looks inside models: it imports liteproof_edge, and never TensorFlow.

`liteproof.diagnosis.probing` starts it. Its kernels are those that an application gets.

Standard output: a number for the pictures done, now and then; in the end one line of JSON.
"""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from liteproof.diagnosis.sums import Codes, LayerSums, dequantized, weight_figures
from liteproof_edge.errors import LiteproofError, ModelError
from liteproof_edge.model.affine import Normalisation, Quantization, quantize
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.runtime.loading import LoadedRuntime, load_runtime
from liteproof_edge.runtime.session import FAILURES

REPORT_EVERY = 10  # pictures


class Inside:
    """A model whose outputs, all of its activations, can be read after it has run.

    Args:
        model: a flatbuffer whose first input is a picture; `instrumentation` made it.
        runtime: from `load_runtime`.
        normalisation: what the model takes pixels as.

    Raises:
        ModelError: it is not a sound model, or the runtime cannot run it.
    """

    def __init__(
        self, model: bytes, runtime: LoadedRuntime, normalisation: Normalisation | None = None
    ) -> None:
        read_model(model)
        self._runtime, self._normalisation = runtime, normalisation
        try:
            self._interpreter = runtime.interpreter(
                model_content=model,
                num_threads=1,
                experimental_op_resolver_type=runtime.shipping_kernels,
            )
            self._interpreter.allocate_tensors()
        except FAILURES as error:
            raise ModelError(f"model: {runtime} cannot run it: {error}") from None
        self._pixels = self._interpreter.get_input_details()[0]

    def show(self, picture: NDArray[np.uint8]) -> None:
        """Run the model on uint8 (height, width, channels)."""
        taken = tuple(int(size) for size in self._pixels["shape"])
        # A given .tflite may take it without a channel, or as a row.
        if picture.dtype != np.uint8 or picture.size != math.prod(taken):
            raise ModelError(f"input: {picture.dtype} {picture.shape}, expected uint8 {taken[1:]}")
        dtype, (scale, zero_point) = np.dtype(self._pixels["dtype"]), self._pixels["quantization"]
        mean, factor = self._normalisation or (0.0, 1.0)
        real = (np.array(factor) * (picture - np.array(mean))).astype(np.float32)
        quantization = Quantization(float(scale), int(zero_point))
        codes = quantize(real, quantization, dtype) if scale else real.astype(dtype)
        self.run({self._pixels["index"]: codes.reshape(taken)})

    def run(self, inputs: dict[int, NDArray[Any]]) -> None:
        """Run the model on the values of the input tensors of these indices."""
        try:
            for index, value in inputs.items():
                self._interpreter.set_tensor(index, value)
            self._interpreter.invoke()
        except FAILURES as error:
            raise ModelError(f"model: {self._runtime} failed on it: {error}") from None

    def tensor(self, index: int) -> NDArray[Any]:
        """Return what a tensor holds now."""
        return self._interpreter.get_tensor(index)


class Task(Protocol):
    """What is to be found out, picture by picture."""

    def see(self, picture: NDArray[np.uint8]) -> None:
        """Run the models on a picture."""

    def seen(self) -> dict[str, NDArray[Any]]:
        """Return what was found."""


class Ranges:
    """The extremes of each tensor in each picture.

    Args:
        load: gives a model by its name: `float`.
        plan: `tensors`, their indices.
    """

    def __init__(self, load: Callable[[str], Inside], plan: dict[str, Any]) -> None:
        self._model, self._tensors = load("float"), plan["tensors"]
        self._low: list[list[float]] = []
        self._high: list[list[float]] = []

    def see(self, picture: NDArray[np.uint8]) -> None:
        """Run the model on a picture."""
        self._model.show(picture)
        values = [self._model.tensor(index) for index in self._tensors]
        self._low.append([value.min() for value in values])
        self._high.append([value.max() for value in values])

    def seen(self) -> dict[str, NDArray[Any]]:
        """Return `low` and `high`: float32 (n pictures, tensors)."""
        shape = (-1, len(self._tensors))
        return {
            "low": np.array(self._low, np.float32).reshape(shape),
            "high": np.array(self._high, np.float32).reshape(shape),
        }


class Errors:
    """What a quantized model makes of each tensor, against the float one.

    Args:
        load: gives a model by its name: `float`, `quantized`, and `isolated`, in which each
            operator of the float model takes its inputs from tensors that we fill.
        plan: `layers`, each the keyword arguments of `LayerSums`, its tensor's index in each of the
            three models, and its weights'; `feeds`, from the indices of the isolated model's inputs
            to those of the quantized model's tensors, with their scale and zero point.
    """

    def __init__(self, load: Callable[[str], Inside], plan: dict[str, Any]) -> None:
        self._models = [load(name) for name in ("float", "quantized", "isolated")]
        self._layers, self._feeds = plan["layers"], plan["feeds"]
        self._sums = [LayerSums(Codes(*layer["codes"])) for layer in self._layers]

    def see(self, picture: NDArray[np.uint8]) -> None:
        """Run all three models on a picture."""
        real, quantized, isolated = self._models
        real.show(picture)
        quantized.show(picture)
        isolated.run(
            {
                feed["input"]: dequantized(quantized.tensor(feed["tensor"]), Codes(*feed["codes"]))
                for feed in self._feeds
            }
        )
        for layer, sums in zip(self._layers, self._sums, strict=True):
            wanted = real.tensor(layer["float"])
            if not np.isfinite(wanted).all():
                raise ModelError(f"float model: {layer['layer']}: its values are not all finite")
            sums.add(
                wanted,
                quantized.tensor(layer["quantized"]),
                isolated.tensor(layer["float"]) if layer["fed"] else None,
            )

    def seen(self) -> dict[str, NDArray[Any]]:
        """Return each field of `LayerSums.figures` and of `weight_figures`: (layers, ...)."""
        found = []
        for layer, sums in zip(self._layers, self._sums, strict=True):
            weights = layer["weights"]
            figures = sums.figures()
            if weights:
                real, quantized, _ = self._models
                figures |= weight_figures(
                    real.tensor(weights["float"]),
                    quantized.tensor(weights["quantized"]),
                    np.array(weights["scales"]),
                    weights["axis"],
                )
            found.append(figures)
        names = {name for figures in found for name in figures}
        missing = np.float64(np.nan)
        return {name: np.array([figures.get(name, missing) for figures in found]) for name in names}


class Values:
    """What tensors hold, activations and constants alike, for one picture.

    Args:
        load: gives a model by its name.
        plan: `tensors`, the indices by the model's name.
    """

    def __init__(self, load: Callable[[str], Inside], plan: dict[str, Any]) -> None:
        self._tensors = plan["tensors"]
        self._models = {name: load(name) for name in self._tensors}

    def see(self, picture: NDArray[np.uint8]) -> None:
        """Run the models on the picture."""
        for model in self._models.values():
            model.show(picture)

    def seen(self) -> dict[str, NDArray[Any]]:
        """Return each tensor by its model's name and its index, as in `quantized 3`."""
        return {
            f"{name} {index}": self._models[name].tensor(index)
            for name, indices in self._tensors.items()
            for index in indices
        }


TASKS: dict[str, Callable[[Callable[[str], Inside], dict[str, Any]], Task]] = {
    "ranges": Ranges,
    "errors": Errors,
    "values": Values,
}


def main() -> int:
    """Do a task on the models and on `pictures.npy` of the folder given; write `seen.npz`."""
    folder, task_name = Path(sys.argv[1]), sys.argv[2]
    pictures = np.load(folder / "pictures.npy", mmap_mode="r")
    plan = json.loads((folder / "plan.json").read_text())
    normalisation = Normalisation(*plan["normalisation"]) if plan["normalisation"] else None
    try:
        loaded = load_runtime()
        task = TASKS[task_name](
            lambda name: Inside((folder / f"{name}.tflite").read_bytes(), loaded, normalisation),
            plan,
        )
        for done, picture in enumerate(pictures):
            if done % REPORT_EVERY == 0:
                print(done, flush=True)
            task.see(picture)
    except LiteproofError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    np.savez(folder / "seen.npz", **task.seen())
    print(json.dumps({"runtime": str(loaded)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
