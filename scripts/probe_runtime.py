"""What one runtime makes of each model: run by that runtime's own Python, which has no TensorFlow.

    python scripts/probe_runtime.py MODULE {load,run} {shipping,reference} < models > outcomes

MODULE is tflite_runtime, ai_edge_litert or tflite_micro. Standard input: one model a line, in
base64. Standard output: one line of JSON for each: whether it went well, what the runtime said, and
the real values that a `run` gave. A model that is run has a process of its own: some crash theirs.
`load` builds the interpreter and no more: tflite-runtime and LiteRT look for operators there, and
so does tflite-micro, which allocates memory at once.
"""

import base64
import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

ARENA_BYTES = 1 << 20  # tflite-micro's; the models are small
SEED = 5  # of the one input that all runtimes get

Try = Callable[[bytes], list[float]]


def main() -> None:
    """Answer for each model of standard input."""
    module, mode, kernels = sys.argv[1:4]
    attempt = _micro(mode) if module == "tflite_micro" else _lite(module, mode, kernels)
    # Thousands are loaded, which crashed tflite-micro alone, where it prepares to run them.
    outcome = _here if mode == "load" and module != "tflite_micro" else _apart
    for line in sys.stdin:
        print(outcome(attempt, base64.b64decode(line)), flush=True)


def _here(attempt: Try, model: bytes) -> str:
    """Return the outcome of a model that is tried in this process."""
    try:
        return json.dumps({"ok": True, "message": "", "values": attempt(model)})
    except Exception as error:  # noqa: BLE001 - whatever a runtime raises is its answer
        return json.dumps({"ok": False, "message": str(error), "values": None})


def _apart(attempt: Try, model: bytes) -> str:
    """Return the outcome of a model that is tried in a child; what the runtime prints counts."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        try:
            last = json.dumps({"ok": True, "values": attempt(model)})
        except Exception as error:  # noqa: BLE001 - whatever a runtime raises is its answer
            last = json.dumps({"ok": False, "error": str(error)})
        os.write(writer, f"\n{last}".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, errors="replace") as said:
        printed, _, last = said.read().rpartition("\n")
    signal = os.waitpid(child, 0)[1]
    outcome = {"ok": False, "error": f"{printed}{last} crashed: {signal}"}
    if not signal:
        outcome = json.loads(last)
    message = " ".join(f"{printed} {outcome.get('error', '')}".split())
    return json.dumps({"ok": outcome["ok"], "message": message, "values": outcome.get("values")})


def _lite(module: str, mode: str, kernels: str) -> Try:
    package = importlib.import_module(f"{module}.interpreter")
    resolver = package.OpResolverType
    chosen = resolver.BUILTIN_REF if kernels == "reference" else resolver.AUTO

    def attempt(model: bytes) -> list[float]:
        interpreter = package.Interpreter(
            model_content=model, num_threads=1, experimental_op_resolver_type=chosen
        )
        if mode == "load":
            return []
        interpreter.allocate_tensors()
        source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        interpreter.set_tensor(source["index"], _codes(source))
        interpreter.invoke()
        return _real(interpreter.get_tensor(target["index"]), target)

    return attempt


def _micro(mode: str) -> Try:
    package = importlib.import_module("tflite_micro.python.tflite_micro.runtime")

    def attempt(model: bytes) -> list[float]:
        interpreter = package.Interpreter.from_bytes(
            model, custom_op_registerers=[], arena_size=ARENA_BYTES
        )
        if mode == "load":
            return []
        source, target = interpreter.get_input_details(0), interpreter.get_output_details(0)
        interpreter.set_input(_codes(source), 0)
        interpreter.invoke()
        return _real(interpreter.get_output(0), target)

    return attempt


def _codes(details: dict[str, Any]) -> Any:  # noqa: ANN401 - an array, untyped as its runtime is
    """Return the same real values in [0, 1) for every model, in what it takes."""
    real = np.random.default_rng(SEED).uniform(0, 1, details["shape"])
    dtype = np.dtype(details["dtype"])
    if dtype.kind == "f":
        return real.astype(dtype)
    scale, zero_point = _parameters(details)
    limits = np.iinfo(dtype)
    return np.clip(np.round(real / scale) + zero_point, limits.min, limits.max).astype(dtype)


def _real(output: Any, details: dict[str, Any]) -> list[float]:  # noqa: ANN401 - as above
    scale, zero_point = _parameters(details)
    values: list[float] = (scale * (output.astype(float) - zero_point)).ravel().tolist()
    return values


def _parameters(details: dict[str, Any]) -> tuple[float, int]:
    found = details["quantization_parameters"]
    if not len(found["scales"]):
        return 1.0, 0
    return float(found["scales"][0]), int(found["zero_points"][0])


if __name__ == "__main__":
    main()
