"""A model loaded into a runtime: the one place that calls an interpreter."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.affine import Quantization, dequantize, quantize
from liteproof_edge.errors import ModelError
from liteproof_edge.runtime import LoadedRuntime

# Pixels go in as they are: real = 1.0 · (code - 0).
AS_THEY_ARE = Quantization(1.0, 0)


class Session(AbstractContextManager["Session"]):
    """Runs one model, one picture at a time.

    Not thread-safe: an interpreter owns its tensors. Give each thread a session of its own.

    Args:
        model: a flatbuffer with one input (1, height, width, channels) and one output (1, classes).
            It must have been read by `flatbuffer.read_model` first: a damaged one can crash.
        runtime: from `load_runtime`.
        reference_kernels: slow kernels that give the same bytes on every CPU.
        threads: more than one stalled tflite-runtime's int8 kernels in 4 of 11 runs (2 cores).

    Raises:
        ModelError: the runtime cannot run this model.
    """

    def __init__(
        self,
        model: bytes,
        runtime: LoadedRuntime,
        *,
        reference_kernels: bool = False,
        threads: int = 1,
    ) -> None:
        self.runtime = runtime
        kernels = runtime.reference_kernels if reference_kernels else runtime.shipping_kernels
        try:
            self._interpreter = runtime.interpreter(
                model_content=model, num_threads=threads, experimental_op_resolver_type=kernels
            )
            self._interpreter.allocate_tensors()
            (self._input,) = self._interpreter.get_input_details()
            (self._output,) = self._interpreter.get_output_details()
        except (ValueError, RuntimeError, MemoryError, SystemError) as error:
            raise ModelError(f"model: {runtime} cannot run it: {error}") from None
        self.input_shape: tuple[int, ...] = tuple(int(size) for size in self._input["shape"][1:])
        self.input_quantization = _quantization(self._input)
        self.output_quantization = _quantization(self._output)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the interpreter; the session cannot run any more."""
        self._interpreter = None

    def run(self, pixels: NDArray[np.uint8]) -> NDArray[np.generic]:
        """Run the model on one picture.

        Args:
            pixels: uint8 of shape `input_shape`.

        Returns:
            (classes,): codes, or float32 where the model's output is float.

        Raises:
            ModelError: the shape or dtype is another, or the session was closed.
        """
        if pixels.dtype != np.uint8 or pixels.shape != self.input_shape:
            raise ModelError(
                f"input: {pixels.dtype} {pixels.shape}, expected uint8 {self.input_shape}"
            )
        if self._interpreter is None:
            raise ModelError("model: its session is closed")
        self._interpreter.set_tensor(self._input["index"], self._codes(pixels)[np.newaxis])
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output["index"])[0])

    def run_many(
        self,
        pictures: NDArray[np.uint8],
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> tuple[NDArray[np.generic], NDArray[np.float64]]:
        """Run the model on many pictures, one after the other.

        Args:
            pictures: uint8 (n, *input_shape).
            on_progress: called with the number of pictures that are done, now and then.

        Returns:
            The outputs (n, classes), and each picture's time in microseconds (n,).

        Raises:
            ModelError: the shape or dtype is another.
        """
        outputs = np.empty((len(pictures), self._output["shape"][-1]), self._output["dtype"])
        times_us = np.empty(len(pictures))
        for index, picture in enumerate(pictures):
            start = time.perf_counter_ns()
            outputs[index] = self.run(picture)
            times_us[index] = (time.perf_counter_ns() - start) / 1000
            if index % 256 == 255:
                on_progress(index + 1)
        on_progress(len(pictures))
        return outputs, times_us

    def real(self, outputs: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return the logits that the model's outputs stand for: float32 of the same shape."""
        if self.output_quantization is None:
            return outputs.astype(np.float32)
        return dequantize(outputs.astype(np.int32), self.output_quantization)

    def _codes(self, pixels: NDArray[np.uint8]) -> NDArray[np.generic]:
        dtype = np.dtype(self._input["dtype"])
        if self.input_quantization is None:
            return pixels.astype(dtype)
        if dtype == np.uint8 and self.input_quantization == AS_THEY_ARE:
            return pixels
        return quantize(pixels.astype(np.float32), self.input_quantization, dtype)


def _quantization(details: dict[str, Any]) -> Quantization | None:
    scale, zero_point = details["quantization"]
    return Quantization(float(scale), int(zero_point)) if scale else None
