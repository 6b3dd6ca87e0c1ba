"""`info`: what a bundle is, and which runtime here runs it."""

import argparse
import json
import platform
from collections.abc import Iterator
from typing import Any

from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.bundle.tensors import TensorSpec
from liteproof_edge.commands.output import show_rows
from liteproof_edge.errors import LiteproofError, one_line
from liteproof_edge.preprocessing.spec import spec_to_json
from liteproof_edge.runtime.loading import Runtime, load_runtime
from liteproof_edge.runtime.opening import open_session


def run(options: argparse.Namespace) -> int:
    """Show what the manifest says, and try each runtime on the model."""
    bundle = Bundle.load(options.bundle)
    runtimes = {runtime.value: _answer(bundle, runtime) for runtime in Runtime}
    if options.json:
        print(json.dumps({**bundle.manifest, "runtimes": runtimes}))
        return 0
    stated = spec_to_json(bundle.preprocessing)
    spec = {key: value for key, value in stated.items() if value != ()}
    kind = spec.pop("kind")
    show_rows(
        [
            ("bundle", f"{bundle.name}, {len(bundle.model):,} bytes of model"),
            ("labels", ", ".join(bundle.labels)),
            ("preprocessing", f"{kind} ({', '.join(f'{k} {v}' for k, v in spec.items())})"),
            ("input", _tensor(bundle.input)),
            ("output", _tensor(bundle.output)),
            ("temperature", f"{bundle.temperature:g}"),
            *_stated(bundle),
            ("here", f"Python {platform.python_version()} on {platform.machine()}"),
            *runtimes.items(),
        ]
    )
    return 0


def _stated(bundle: Bundle) -> Iterator[tuple[str, object]]:
    """Return what the manifest says of how the model was made and measured, where it does."""
    accuracy: Any = bundle.manifest.get("accuracy")
    try:
        shipped = accuracy["shipped"]
        after = f"{shipped['top1_accuracy']:.2%}"
        before = (
            "compared with nothing"
            if "alone" in accuracy
            else f"{accuracy['float']['top1_accuracy']:.2%} float"
        )
        form, where = shipped["model"], f"n = {shipped['n']}, {accuracy['dataset']}"
    except (KeyError, TypeError, ValueError, OverflowError):  # optional, so it may hold anything
        yield "accuracy", "not stated"
    else:
        yield "accuracy", one_line(f"{after} {form}, {before} ({where})")
    verified = bundle.manifest.get("verified_runtimes")
    if isinstance(verified, list):
        yield "verified on", one_line(", ".join(map(str, verified)))


def _answer(bundle: Bundle, runtime: Runtime) -> str:
    """Return whether a runtime runs the model here, or why not."""
    try:
        loaded = load_runtime(runtime)
        with open_session(bundle, loaded):
            return f"{loaded.version} runs it"
    except LiteproofError as error:
        return str(error)


def _tensor(tensor: TensorSpec) -> str:
    shape = "x".join(map(str, tensor.shape))
    if tensor.quantization is None:
        return f"{tensor.dtype} {shape}"
    scale, zero_point = tensor.quantization.scale, tensor.quantization.zero_point
    return f"{tensor.dtype} {shape}, scale {scale:.6g}, zero point {zero_point}"
