"""Measure which operators each runtime has, and on which data they run: facts.toml.

    python scripts/measure_operators.py --micro PYTHON    # that of an environment with tflite-micro

Every builtin operator in every version is asked of every runtime by a model that holds just that.
Then small models of every operator, in every scheme, are converted and run on all of them: an
operator that stands in the way of one is written down with the data it refused, all operators of a
model that ran with the data they ran on. Takes two minutes on 2 cores.
"""

import argparse
import base64
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from liteproof.compatibility.operator_data import data_of
from liteproof.tensorflow_setup import quiet
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.model.operators import BUILTIN_OPERATORS, TENSOR_TYPES
from small_models import MODELS, Form, convert

ROOT = Path(__file__).parent.parent
FACTS = ROOT / "pipeline" / "liteproof" / "compatibility" / "facts.toml"
MARK = "# ---- below: written by scripts/measure_operators.py; do not edit ----\n"
PROBE = Path(__file__).with_name("probe_runtime.py")
VERSIONS = range(1, 41)
ANY_VERSION = (1, 40)  # asked of tflite-micro, which does not look at them
MODULES = {
    "tflite-runtime-2.14": "tflite_runtime",
    "litert": "ai_edge_litert",
    "tflite-micro": "tflite_micro",
}
MISSING = ("Didn't find op", "out of range", "no custom_code", "unresolved custom op")
# The custom operators that the runtimes' own resolvers add: tensorflow/lite/kernels/register.cc.
CUSTOM = ("AudioSpectrogram", "Mfcc", "NumericVerify", "TFLite_Detection_PostProcess")
NO_BREAK = "\N{NO-BREAK SPACE}"
INT8 = TENSOR_TYPES.index("int8")
# By how much of the range of its outputs a model may miss what its float32 form gave: int8 missed
# by 0.08 at most, on eight calibration pictures; kernels that are wrong by 0.106 and more.
TOLERANCE = 0.1


class Outcome(NamedTuple):
    """What a runtime made of a model; `values` are its outputs, None where it did not run."""

    ok: bool
    message: str
    values: list[float] | None


class Measured(NamedTuple):
    """What was found of one runtime: operator → its data, or its highest version."""

    operators: dict[str, int]
    reference: dict[str, int]
    custom: list[str]
    types: list[str]
    ran: dict[str, set[str]]
    refused: dict[str, set[str]]
    wrong: dict[str, set[str]]


def main() -> None:
    """Measure every runtime, and write what was found below the mark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--micro", required=True, help="python of an environment with tflite-micro")
    pythons = {**dict.fromkeys(MODULES, sys.executable), "tflite-micro": parser.parse_args().micro}
    with quiet():
        models = zoo()
    print(f"{len(models)} models", file=sys.stderr)
    measured = {name: measure(name, python, models) for name, python in pythons.items()}
    written, _, _ = FACTS.read_text().partition(MARK)
    FACTS.write_text(written + MARK + "".join(map(as_toml, measured, measured.values())))


def probe_model(code: int, version: int, *, tensor_type: int = INT8, custom: str = "") -> bytes:
    """Return a model that needs one operator, and whose one tensor is its input and output.

    Another type of tensor is asked for on its own: the graph then is without operators.
    """
    operator_code = schema.OperatorCodeT()
    operator_code.builtinCode, operator_code.version = code, version
    operator_code.deprecatedBuiltinCode = min(code, 127)  # where code has been since schema 3a
    operator_code.customCode = custom or None
    tensor = schema.TensorT()
    tensor.shape, tensor.type, tensor.buffer, tensor.name = [1], tensor_type, 0, "x"
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0], [0]
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs = [tensor], [0], [0]
    graph.operators = [operator] if tensor_type == INT8 else []
    model = schema.ModelT()
    model.version, model.buffers = 3, [schema.BufferT()]
    model.operatorCodes, model.subgraphs = [operator_code], [graph]
    builder = flatbuffers.Builder(512)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def attempt(
    name: str, python: str, models: Iterable[bytes], mode: str, kernels: str = "shipping"
) -> list[Outcome]:
    """Give models to a runtime: to build its interpreter of them (`load`), or to `run` them."""
    lines = b"\n".join(base64.b64encode(model) for model in models)
    done = subprocess.run(
        [python, str(PROBE), MODULES[name], mode, kernels],
        input=lines,
        capture_output=True,
        check=True,
    )
    return [Outcome(**json.loads(line)) for line in done.stdout.splitlines()]


def highest_versions(
    name: str, python: str, versions: Iterable[int] = VERSIONS, kernels: str = "shipping"
) -> dict[str, int]:
    """Return each builtin operator that a runtime registers, with the highest version of it."""
    asked = [
        (code, operator, version)
        for code, operator in enumerate(BUILTIN_OPERATORS)
        for version in versions
    ]
    models = [probe_model(code, version) for code, _, version in asked]
    outcomes = attempt(name, python, models, "load", kernels)
    found: dict[str, int] = {}
    for (_, operator, version), outcome in zip(asked, outcomes, strict=True):
        if not any(sign in outcome.message for sign in MISSING):
            found[operator] = max(version, found.get(operator, 0))
    return found


def zoo() -> dict[tuple[str, Form], bytes]:
    """Convert every model in every form that TensorFlow can give it."""
    wanted = [(name, form) for name in MODELS for form in Form]
    converted = {key: convert(*key) for key in wanted if key[1] is not Form.FLEX}
    converted["erf", Form.FLEX] = convert("erf", Form.FLEX)
    return {key: model for key, model in converted.items() if model}


def measure(name: str, python: str, models: Mapping[tuple[str, Form], bytes]) -> Measured:
    """Measure one runtime."""
    versions = ANY_VERSION if name == "tflite-micro" else VERSIONS
    operators = highest_versions(name, python, versions)
    # tflite-micro has one set of kernels, whatever is asked of it.
    reference = highest_versions(name, python, versions, kernels="reference")
    code = BUILTIN_OPERATORS.index("CUSTOM")
    customs = attempt(name, python, [probe_model(code, 1, custom=one) for one in CUSTOM], "run")
    floor = BUILTIN_OPERATORS.index("FLOOR")
    typed = [probe_model(floor, 1, tensor_type=number) for number in range(len(TENSOR_TYPES))]
    types = attempt(name, python, typed, "load")
    ran, refused, wrong = kernels_that_run(models, attempt(name, python, models.values(), "run"))
    return Measured(
        operators=operators,
        reference={
            operator: reference.get(operator, 0)
            for operator, version in operators.items()
            if reference.get(operator, 0) < version
        },
        custom=[
            one
            for one, outcome in zip(CUSTOM, customs, strict=True)
            if not any(sign in outcome.message for sign in (*MISSING, "op code CUSTOM"))
        ],
        types=[one for one, outcome in zip(TENSOR_TYPES, types, strict=True) if outcome.ok],
        ran=ran,
        refused=refused,
        wrong=wrong,
    )


def kernels_that_run(
    models: Mapping[tuple[str, Form], bytes], outcomes: Sequence[Outcome]
) -> tuple[dict[str, set[str]], dict[str, set[str]], dict[str, set[str]]]:
    """Return operator → data: what ran, what was refused, and what only ran with wrong answers."""
    by_key = dict(zip(models, outcomes, strict=True))
    right: dict[str, set[str]] = {}
    doubtful: dict[str, set[str]] = {}
    refused: dict[str, set[str]] = {}
    for (name, form), outcome in by_key.items():
        graph = read_model(models[name, form]).subgraphs[0]
        expected = by_key.get((name, Form.FLOAT32), outcome)
        if not outcome.ok:
            blamed = re.search(r"number (\d+)", outcome.message)
            number = int(blamed.group(1)) if blamed else len(graph.operators)
            # A delegate's node is numbered after all operators.
            operator = graph.operators[number] if number < len(graph.operators) else None
            if operator and operator.name in BUILTIN_OPERATORS:
                refused.setdefault(operator.name, set()).add(data_of(graph, operator))
            continue
        found = right if agrees(outcome, expected) else doubtful
        for operator in graph.operators:
            found.setdefault(operator.name, set()).add(data_of(graph, operator))
    wrong = {one: data - right.get(one, set()) for one, data in doubtful.items()}
    return right, refused, {one: data for one, data in wrong.items() if data}


def agrees(outcome: Outcome, expected: Outcome) -> bool:
    """Whether outputs are those of the float32 form, but for what a scheme rounds away."""
    if expected.values is None or outcome.values is None:
        return outcome.ok
    values, wanted = np.array(outcome.values), np.array(expected.values)
    return bool(np.abs(values - wanted).max() <= TOLERANCE * max(np.ptp(wanted), 1e-9))


def as_toml(name: str, measured: Measured) -> str:
    """Return a runtime's tables."""
    name = json.dumps(name)
    lines = [f"\n[runtimes.{name}]", f"types = {_array(measured.types)}"]
    lines.append(f"custom = {_array(measured.custom)}")
    for table in ("operators", "reference"):
        lines.append(f"\n[runtimes.{name}.{table}]")
        lines += [f"{key} = {value}" for key, value in sorted(getattr(measured, table).items())]
    for table in ("ran", "refused", "wrong"):
        lines.append(f"\n[runtimes.{name}.{table}]")
        lines += [
            f"{key} = {_array(sorted(data))}"
            for key, data in sorted(getattr(measured, table).items())
        ]
    return "\n".join(lines) + "\n"


def _array(items: Iterable[str]) -> str:
    """Return an array whose lines break between items, and never within one."""
    whole = (json.dumps(item, ensure_ascii=False).replace(" ", NO_BREAK) for item in items)
    text = ", ".join(whole)
    if len(text) >= 70:  # an operator's name stands before it
        lines = textwrap.wrap(text, 98, break_on_hyphens=False)
        text = "".join(["\n", *(f"  {line}\n" for line in lines)])
    return f"[{text}]".replace(NO_BREAK, " ")


if __name__ == "__main__":
    main()
