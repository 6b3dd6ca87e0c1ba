"""A model loaded into a runtime: the one place that calls an interpreter."""

import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.errors import ModelError
from liteproof_edge.model.affine import Normalisation, Quantization, dequantize, quantize
from liteproof_edge.runtime.loading import Interpreter, LoadedRuntime
from liteproof_edge.runtime.native_output import without_greetings

BLOCK = 256  # pictures between two reports of progress, and between two turns of other threads
FAILURES = (ValueError, RuntimeError, MemoryError, SystemError)  # what runtimes raise


class Session(AbstractContextManager["Session"]):
    """Runs one model, one picture at a time.

    Threads may share a session: a lock lets one picture in at a time, since an interpreter owns its
    tensors. To run in parallel, give each thread a session of its own.

    Args:
        model: a flatbuffer with one input (1, height, width, channels) and one output (1, classes).
            It must have been read by `flatbuffer.read_model` first: a damaged one can crash.
        runtime: from `load_runtime`.
        normalisation: what the model takes pixels as; None where it takes them as they are.
        shape: of a picture, where the model takes it without a channel or as a row; None where its
            own is a picture's.
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
        normalisation: Normalisation | None = None,
        shape: tuple[int, ...] | None = None,
        reference_kernels: bool = False,
        threads: int = 1,
    ) -> None:
        self.runtime = runtime
        self._lock = threading.Lock()
        kernels = runtime.reference_kernels if reference_kernels else runtime.shipping_kernels
        try:
            with without_greetings():
                self._interpreter: Interpreter | None = runtime.interpreter(
                    model_content=model, num_threads=threads, experimental_op_resolver_type=kernels
                )
                self._interpreter.allocate_tensors()
            (source,) = self._interpreter.get_input_details()
            (target,) = self._interpreter.get_output_details()
        except FAILURES as error:
            raise ModelError(f"model: {runtime} cannot run it: {error}") from None
        self._input_index, self._output_index = source["index"], target["index"]
        self._output_dtype = np.dtype(target["dtype"])
        # One output is the share of the second of two classes, as a sigmoid gives it.
        self._is_share = int(target["shape"][-1]) == 1
        self.classes = 2 if self._is_share else int(target["shape"][-1])
        taken = tuple(int(size) for size in source["shape"])
        # A model may take [1, height, width] of one channel, or [1, height * width * channels].
        same = shape is not None and math.prod(shape) == math.prod(taken)
        self._taken = taken if len(taken) == 3 or (same and len(taken) == 2) else None
        self.input_shape: tuple[int, ...] = taken[1:]
        if self._taken:
            self.input_shape = (*taken[1:], 1) if len(taken) == 3 else tuple(shape or ())
        self.input_quantization = _quantization(source)
        self.output_quantization = _quantization(target)
        self._channels = np.arange(self.input_shape[-1])
        self._codes = _code_table(
            np.dtype(source["dtype"]), self.input_quantization, normalisation, len(self._channels)
        )

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        runtime: LoadedRuntime,
        *,
        reference_kernels: bool = False,
        threads: int = 1,
    ) -> "Session":
        """Load a bundle's model, whatever it is; `opening.open_session` asks first.

        Raises:
            ModelError: the runtime cannot run it, or finds other shapes in it than the bundle says.
        """
        spec = bundle.preprocessing
        session = cls(
            bundle.model,
            runtime,
            normalisation=spec.normalisation,
            shape=(spec.height, spec.width, spec.channels),
            reference_kernels=reference_kernels,
            threads=threads,
        )
        actual, expected = (
            (session.input_shape, session.classes),
            ((spec.height, spec.width, spec.channels), len(bundle.labels)),
        )
        if actual != expected:
            session.close()
            raise ModelError(f"model: {runtime} finds {actual} in it, expected {expected}")
        return session

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the interpreter; the session cannot run any more."""
        with self._lock:
            self._interpreter = None

    def run(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.generic], float]:
        """Run the model on one picture.

        Args:
            pixels: uint8 of shape `input_shape`.

        Returns:
            The output (classes,): codes, or float32 where the model's output is float; and the
            model's time in microseconds.

        Raises:
            ModelError: the shape or dtype is another, the session was closed, or the model fails.
        """
        self._check(pixels.dtype, pixels.shape)
        answers, times_ns = self._run_block(pixels[np.newaxis])
        return answers[0][0], times_ns[0] / 1000

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
            ModelError: as `run` does.
        """
        self._check(pictures.dtype, pictures.shape[1:])
        answers: list[NDArray[np.generic]] = [np.empty((0, self.classes), self._output_dtype)]
        times_ns: list[int] = []
        for first in range(0, len(pictures), BLOCK):
            block_answers, block_ns = self._run_block(pictures[first : first + BLOCK])
            answers += block_answers
            times_ns += block_ns
            on_progress(len(times_ns))
        return np.concatenate(answers), np.array(times_ns) / 1000

    def _check(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        if dtype != np.uint8 or shape != self.input_shape:
            raise ModelError(f"input: {dtype} {shape}, expected uint8 {self.input_shape}")

    def _run_block(
        self, pictures: NDArray[np.uint8]
    ) -> tuple[list[NDArray[np.generic]], list[int]]:
        """Return the output (1, classes) of each picture, and each one's time in nanoseconds."""
        clock, codes, channels = time.perf_counter_ns, self._codes, self._channels
        source, target, taken = self._input_index, self._output_index, self._taken
        with self._lock:
            if self._interpreter is None:
                raise ModelError("model: its session is closed")
            # Looked up once: on LiteRT a picture takes some 20 µs, and this loop is in all of them.
            set_tensor, invoke = self._interpreter.set_tensor, self._interpreter.invoke
            get_tensor = self._interpreter.get_tensor
            answers: list[NDArray[np.generic]] = []
            times_ns: list[int] = []
            try:
                for index in range(len(pictures)):
                    start = clock()
                    picture = pictures[index : index + 1]
                    given = picture if codes is None else codes[picture, channels]
                    set_tensor(source, given if taken is None else given.reshape(taken))
                    invoke()
                    answers.append(get_tensor(target))
                    times_ns.append(clock() - start)
            except FAILURES as error:
                raise ModelError(f"model: {self.runtime} failed on it: {error}") from None
        return [both_shares(answer) for answer in answers] if self._is_share else answers, times_ns

    def real(self, outputs: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return the logits that the model's outputs stand for: float32 of the same shape."""
        if self.output_quantization is None:
            return outputs.astype(np.float32)
        return dequantize(outputs.astype(np.int32), self.output_quantization)


def both_shares(second: NDArray[Any]) -> NDArray[np.generic]:
    """Return the shares of two classes (…, 2) of that of the second (…, 1).

    Codes of 0 to 255, or -128 to 127, stand for shares of 0 to 1: what is left has the other end's
    codes, so that the second class is the answer from one half on.
    """
    if second.dtype.kind == "f":
        return np.concatenate([1 - second.astype(np.float32), second], axis=-1)
    limits = np.iinfo(second.dtype)
    wide = second.astype(np.int64)
    first = (limits.max + limits.min - wide).astype(second.dtype)
    return np.concatenate([first, second], axis=-1)


def _quantization(details: dict[str, Any]) -> Quantization | None:
    scale, zero_point = details["quantization"]
    return Quantization(float(scale), int(zero_point)) if scale else None


def _code_table(
    dtype: np.dtype[Any],
    quantization: Quantization | None,
    normalisation: Normalisation | None,
    channels: int,
) -> NDArray[np.generic] | None:
    """Return (256, channels): the code of each pixel value; None where it is the pixel itself."""
    mean = normalisation.mean if normalisation else (0.0,) * channels
    scale = normalisation.scale if normalisation else (1.0,) * channels
    pixels = np.arange(256)[:, np.newaxis]
    real = (np.array(scale) * (pixels - np.array(mean))).astype(np.float32)
    codes = real.astype(dtype) if quantization is None else quantize(real, quantization, dtype)
    return None if dtype == np.uint8 and (codes == pixels).all() else codes
