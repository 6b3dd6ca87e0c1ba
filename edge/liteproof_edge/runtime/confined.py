"""The process that `confinement` starts: its one model may crash, stall or fill the memory."""

import json
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from liteproof_edge.runtime.confinement import (
    HEADER,
    SPARE_SECONDS,
    START_SECONDS,
    TEXT_BYTES,
    read,
)
from liteproof_edge.runtime.loading import Runtime, load_runtime


def main() -> None:
    """Serve the socket that the first argument numbers until its other end is closed."""
    import resource  # noqa: PLC0415 - where there is none, the rest of the package must still import

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _end_after(START_SECONDS + SPARE_SECONDS)
    descriptor, options = sys.argv[1:]
    with socket.socket(fileno=int(descriptor)) as channel, suppress(OSError):
        try:
            _serve(channel, json.loads(options))
        except Exception as error:  # noqa: BLE001 - a runtime may raise anything
            text = (str(error) or type(error).__name__).encode("utf-8", "replace")
            _answer(channel, text[:TEXT_BYTES].ljust(TEXT_BYTES), sound=False)


def _serve(channel: socket.socket, options: dict[str, Any]) -> None:
    loaded = load_runtime(Runtime(options["runtime"]))
    _answer(channel, b"")
    model = bytes(read(channel, options["model_bytes"]))
    _grow_at_most(options["memory_bytes"])
    _end_after(options["seconds"])
    interpreter = loaded.interpreter(
        model_content=model,
        num_threads=options["threads"],
        experimental_op_resolver_type=getattr(loaded, options["kernels"]),
    )
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    stated = json.dumps([_stated(source), _stated(target)]).encode()
    _answer(channel, stated.ljust(TEXT_BYTES))
    codes = np.zeros(source["shape"], source["dtype"])
    while True:
        _end_after(0)  # never, while it waits
        data = read(channel, codes.nbytes)
        _end_after(options["seconds"])
        codes = np.frombuffer(data, codes.dtype).reshape(codes.shape)
        interpreter.set_tensor(source["index"], codes)
        interpreter.invoke()
        _answer(channel, interpreter.get_tensor(target["index"]).tobytes())


def _answer(channel: socket.socket, payload: bytes, *, sound: bool = True) -> None:
    channel.sendall(HEADER.pack(sound, len(payload)) + payload)


def _end_after(seconds: float) -> None:
    """Have the system end this process, whatever it is doing, even when its parent has died."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _grow_at_most(more_bytes: int) -> None:
    import resource  # noqa: PLC0415 - as above

    pages = Path("/proc/self/statm")
    if pages.exists():
        now = int(pages.read_text("ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + more_bytes, now + more_bytes))


def _stated(details: dict[str, Any]) -> tuple[str, list[int], float, int]:
    scale, zero_point = details["quantization"]
    return np.dtype(details["dtype"]).name, details["shape"].tolist(), float(scale), int(zero_point)


if __name__ == "__main__":
    main()
