"""`inspect`: what a .tflite holds, read without a runtime."""

import argparse
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from liteproof_edge.bundle import MAX_FILE_BYTES, MODEL
from liteproof_edge.commands.output import show_rows, show_table
from liteproof_edge.errors import one_line
from liteproof_edge.flatbuffer import Subgraph, Tensor, read_model
from liteproof_edge.manifest import read_file

LONGEST_NAME = 60  # characters; --json has them whole


def run(options: argparse.Namespace) -> int:
    """Show the operators and tensors of a model, ours or not."""
    path = Path(options.model)
    if os.path.isdir(path):  # noqa: PTH112 - Path's raises where a name is too long
        path /= MODEL
    data = read_file(path, MAX_FILE_BYTES, "a .tflite model, or a bundle")
    model = read_model(data, str(path))
    sha256 = hashlib.sha256(data).hexdigest()
    if options.json:
        about = {"path": str(path), "size_bytes": len(data), "sha256": sha256}
        print(json.dumps({**about, **model.to_json()}))
        return 0
    constants = sum(tensor.size_bytes for graph in model.subgraphs for tensor in graph.tensors)
    show_rows(
        [
            ("model", one_line(str(path))),
            ("size", f"{len(data):,} bytes, {constants:,} of them constants"),
            ("sha256", sha256),
            (
                "runtime",
                f"{one_line(model.minimum_runtime) or 'not stated'} (the converter's word)",
            ),
        ]
    )
    for number, graph in enumerate(model.subgraphs):
        print(f"\ngraph {number}  {one_line(graph.name)}")
        _show_graph(graph)
    return 0


def _show_graph(graph: Subgraph) -> None:
    counts = Counter(
        f"{one_line(operator.name)} v{operator.version}" for operator in graph.operators
    )
    show_rows(
        [
            ("operators", ", ".join(f"{n} {operator}" for operator, n in counts.items())),
            ("inputs", _names(graph.inputs)),
            ("outputs", _names(graph.outputs)),
        ]
    )
    print()
    show_table(
        ("operator", "version", "inputs", "outputs"),
        (
            (
                one_line(operator.name),
                operator.version,
                _names(operator.inputs),
                _names(operator.outputs),
            )
            for operator in graph.operators
        ),
    )
    print()
    show_table(
        ("tensor", "type", "shape", "bytes", "scale", "zero point", "name"),
        map(_row, graph.tensors),
    )


def _row(tensor: Tensor) -> Iterator[object]:
    yield tensor.index
    yield tensor.dtype
    yield "x".join(map(str, tensor.shape_signature)) or "scalar"
    yield tensor.size_bytes or ""
    yield _range(tensor.scales)
    yield _range(tensor.zero_points)
    name = one_line(tensor.name)
    yield name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


def _range(values: tuple[float, ...]) -> str:
    """Return the one value, or the smallest and the largest of many."""
    if not values:
        return ""
    low, high = min(values), max(values)
    many = f" ({len(values)})" if len(values) > 1 else ""
    return (f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}") + many


def _names(indices: tuple[int, ...]) -> str:
    return " ".join(map(str, indices))
