"""`inspect`: what a .tflite holds, computes in and costs; read without a runtime."""

import argparse
import hashlib
import json
import os
from pathlib import Path

from liteproof_edge.bundle.manifest import MAX_FILE_BYTES, MODEL, read_file
from liteproof_edge.commands.inspection_text import graph_lines, summary
from liteproof_edge.commands.output import show_rows
from liteproof_edge.errors import one_line
from liteproof_edge.inspection.inspect import inspect
from liteproof_edge.model.flatbuffer import read_model


def run(options: argparse.Namespace) -> int:
    """Show any model."""
    show(Path(options.model), as_json=options.json, tensors=options.tensors, memory=options.memory)
    return 0


def show(path: Path, *, as_json: bool, tensors: bool, memory: bool) -> None:
    """Print what a model is; `liteproof inspect` is this too.

    Args:
        path: of any .tflite, or of a bundle.
        as_json: print one line of JSON, with everything: `Inspection.to_json` and, before
            it, `path` and `sha256`.
        tensors: list every tensor.
        memory: show which values live at each operator.

    Raises:
        BundleError: there is no such file, or it cannot be read.
        ModelError: it is no sound model.
    """
    if os.path.isdir(path):  # noqa: PTH112 - Path's raises where a name is too long
        path /= MODEL
    data = read_file(path, MAX_FILE_BYTES, "a .tflite model, or a bundle")
    inspection = inspect(read_model(data, str(path)), len(data), str(path))
    sha256 = hashlib.sha256(data).hexdigest()
    if as_json:
        print(json.dumps({"path": str(path), "sha256": sha256, **inspection.to_json()}))
        return
    show_rows([("model", one_line(str(path))), ("sha256", sha256), *summary(inspection)])
    for number, graph in enumerate(inspection.graphs):
        print()
        for line in graph_lines(number, graph, tensors=tensors, memory=memory):
            print(line)
