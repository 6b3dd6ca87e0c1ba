"""A runtime in a process of its own, which a model may crash, stall or fill without harm to ours.

tflite-runtime 2.14 crashed on 43 of 260 damaged models and stalled on one. What this guards against
is damage, not an attacker: the child, `confined`, may do whatever its user may.

The child says when its runtime is loaded; it is sent the model and answers with the model's tensors
as JSON; then it is sent one input after the other and answers each with the output. An answer is
HEADER and a payload. Nothing in it is believed: each has one length and one deadline.
"""

import json
import math
import signal
import socket
import struct
import subprocess
import sys
import time
import weakref
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.bundle.tensors import MAX_SCALE, MODEL_DTYPES
from liteproof_edge.errors import one_line
from liteproof_edge.runtime.loading import LoadedRuntime, Runtime

START_SECONDS = 60.0  # for Python and the runtime: seconds on a small board, and no model's fault
SPARE_SECONDS = 5.0  # how long after its deadline the child ends itself
HEADER = struct.Struct("<?Q")  # whether an answer or an error follows, and its size in bytes
TEXT_BYTES = 4096  # of the tensors or of what went wrong, padded with spaces
INPUT, OUTPUT = 0, 1
# (1, height, width, channels), (1, height, width) or (1, pixels); and (1, classes)
RANKS = ({4, 3, 2}, {2})


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model may take; see `confine`."""

    seconds: float
    memory_bytes: int


class Kernels(Enum):
    """The kernels that the child is to use: each a field of its own LoadedRuntime."""

    SHIPPING = "shipping_kernels"
    REFERENCE = "reference_kernels"


def confine(
    runtime: LoadedRuntime, *, seconds: float = 10.0, memory_bytes: int = 1 << 30
) -> LoadedRuntime:
    """Return the same runtime with interpreters that run in processes of their own.

    Args:
        runtime: from `load_runtime`.
        seconds: that a model may take to load, and for each inference.
        memory_bytes: of address space, beyond what the runtime and the model's bytes take (Linux).
    """
    limits = Limits(seconds, memory_bytes)
    interpreter = partial(ConfinedInterpreter, runtime.runtime, limits)
    return LoadedRuntime(
        runtime.runtime, runtime.version, interpreter, Kernels.SHIPPING, Kernels.REFERENCE
    )


class ConfinedInterpreter:
    """What `Session` uses of an interpreter, in a process that ends with it.

    Args:
        runtime: which.
        limits: of time and memory.
        model_content: the flatbuffer.
        num_threads: for the interpreter.
        experimental_op_resolver_type: the kernels.

    Raises:
        RuntimeError: the model cannot be run. From `invoke` too, after which nothing more can be.
    """

    def __init__(
        self,
        runtime: Runtime,
        limits: Limits,
        *,
        model_content: bytes,
        num_threads: int,
        experimental_op_resolver_type: Kernels,
    ) -> None:
        self._seconds = limits.seconds
        self._process, self._channel = _start(
            {
                "runtime": runtime.value,
                "kernels": experimental_op_resolver_type.value,
                "threads": num_threads,
                "seconds": limits.seconds + SPARE_SECONDS,
                "memory_bytes": limits.memory_bytes,
                "model_bytes": len(model_content),
            }
        )
        self._end = weakref.finalize(self, _end, self._process, self._channel)
        self._ask(b"", START_SECONDS, 0)
        stated = self._ask(model_content, limits.seconds, TEXT_BYTES)
        try:
            source, target = json.loads(stated)
            self._details = [
                _details(INPUT, source, limits.memory_bytes),
                _details(OUTPUT, target, limits.memory_bytes),
            ]
        except (ValueError, TypeError, RecursionError):
            self._end()
            raise RuntimeError(
                f"its tensors are {_text(stated)}, expected a picture and its classes"
            ) from None
        self._tensors = [np.zeros(item["shape"], item["dtype"]) for item in self._details]

    def allocate_tensors(self) -> None:
        """Do nothing: the child did, when it loaded the model."""

    def get_input_details(self) -> list[dict[str, Any]]:
        """Return index, dtype, shape and quantization of the one input."""
        return [self._details[INPUT]]

    def get_output_details(self) -> list[dict[str, Any]]:
        """Return index, dtype, shape and quantization of the one output."""
        return [self._details[OUTPUT]]

    def set_tensor(self, index: int, value: NDArray[np.generic]) -> None:
        """Set the input; `value` has the shape and dtype of its details."""
        np.copyto(self._tensors[index], value, casting="no")

    def invoke(self) -> None:
        """Run the model on the input that was set."""
        output = self._tensors[OUTPUT]
        answer = self._ask(self._tensors[INPUT].tobytes(), self._seconds, output.nbytes)
        self._tensors[OUTPUT] = np.frombuffer(answer, output.dtype).reshape(output.shape)

    def get_tensor(self, index: int) -> NDArray[np.generic]:
        """Return the input that was set or the output of the last `invoke`."""
        return self._tensors[index]

    def _ask(self, request: bytes, seconds: float, size: int) -> bytearray:
        """Send a request and return the answer of `size` bytes; if there is none, end the child."""
        if not self._end.alive:
            raise RuntimeError("its process has ended")
        deadline, answer = time.monotonic() + seconds, None
        try:
            self._channel.settimeout(seconds)
            self._channel.sendall(request)
            sound, actual = HEADER.unpack(read(self._channel, HEADER.size, deadline))
            expected = size if sound else TEXT_BYTES
            if actual != expected:
                raise RuntimeError(f"it answered with {actual} bytes, expected {expected}")
            payload = read(self._channel, expected, deadline)
            if not sound:
                raise RuntimeError(_text(payload))
            answer = payload
        except TimeoutError:
            raise RuntimeError(f"it took longer than {seconds:g} s") from None
        except (EOFError, OSError):
            raise RuntimeError(_cause_of_death(self._process)) from None
        finally:
            if answer is None:  # at Ctrl-C too: a late answer would be taken for the next one
                self._end()
        return answer


def read(channel: socket.socket, size: int, deadline: float | None = None) -> bytearray:
    """Read exactly `size` bytes; TimeoutError at the deadline, EOFError where there are fewer."""
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        if deadline is not None:
            channel.settimeout(max(deadline - time.monotonic(), 1e-6))
        count = channel.recv_into(rest)
        if not count:
            raise EOFError
        rest = rest[count:]
    return data


def _start(options: dict[str, object]) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start the child, which ignores Ctrl-C; what it prints is dropped."""
    ours, theirs = socket.socketpair()
    module = f"{__package__}.confined"
    with theirs:
        try:
            process = subprocess.Popen(  # noqa: S603 - a module of our own
                [sys.executable, "-m", module, str(theirs.fileno()), json.dumps(options)],
                cwd=Path(__file__).parents[2],  # -m looks here first: at this very package
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            ours.close()
            raise RuntimeError(f"no process can be started for it: {error}") from None
    return process, ours


def _end(process: subprocess.Popen[bytes], channel: socket.socket) -> None:
    channel.close()
    process.kill()
    process.wait()


def _cause_of_death(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(timeout=1.0)
    except subprocess.TimeoutExpired:
        return "it closed its connection"
    names = {-number: number.name for number in signal.Signals}
    return f"it crashed the runtime ({names.get(code, f'exit code {code}')})"


def _text(payload: bytes | bytearray) -> str:
    return one_line(payload.decode("utf-8", "replace").strip())


def _details(index: int, stated: Any, most_bytes: int) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return a tensor's details as an interpreter does, if they are those of a sound tensor.

    Raises:
        ValueError or TypeError: they are not.
    """
    dtype, shape, scale, zero_point = stated
    if not (
        dtype in MODEL_DTYPES
        and len(shape) in RANKS[index]
        and all(type(size) is int and size > 0 for size in shape)
        and shape[0] == 1
        and math.prod(shape) * np.dtype(dtype).itemsize <= most_bytes
        and type(scale) is float
        and 0 <= scale < MAX_SCALE
        and type(zero_point) is int
    ):
        raise ValueError
    if scale:
        limits = np.iinfo(dtype)  # a ValueError for float32, which has no scale
        if not limits.min <= zero_point <= limits.max:
            raise ValueError
    return {
        "index": index,
        "dtype": np.dtype(dtype).type,
        "shape": np.array(shape, np.int32),
        "quantization": (scale, zero_point),
    }
