"""An inspection for a person to read, in a terminal."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice

from liteproof_edge.commands.output import rows, table
from liteproof_edge.errors import one_line
from liteproof_edge.inspection.findings import Finding
from liteproof_edge.inspection.inspect import InspectedGraph, Inspection
from liteproof_edge.model.flatbuffer import Subgraph, Tensor

LONGEST_NAME = 60  # characters; --json has them whole
MOST_FINDINGS = 12
MOST_SHOWN = 3  # tensors in one cell
BAR = 24  # characters of the longest


def summary(inspection: Inspection) -> Iterator[tuple[str, str]]:
    """Return what a model is and takes: names and values."""
    cost = inspection.cost
    unpacked = sum(graph.memory.unpacked_bytes for graph in inspection.graphs)
    yield "kind", f"{inspection.kind.value}: {inspection.why}"
    parts = (
        f"{inspection.weight_bytes:,} of weights and biases, "
        f"{inspection.overhead_bytes:,} of everything else"
    )
    yield "size", f"{cost.size_bytes:,} bytes: {parts}"
    yield "parameters", f"{cost.parameters:,}"
    once = " (each graph's once)" if len(inspection.graphs) > 1 else ""
    yield "MACs", f"{cost.macs:,}{once}"
    yield "memory", f"{cost.peak_activation_bytes:,} bytes at most for values between layers"
    if unpacked:
        yield "", f"{unpacked:,} bytes of weights, where the runtime unpacks them"
    runtime = one_line(inspection.minimum_runtime)[:LONGEST_NAME] or "not stated"
    yield "runtime", f"{runtime} (as the converter states)"
    findings = _findings(inspection.findings)
    yield "findings", next(findings, "none")
    yield from (("", line) for line in findings)


def graph_lines(
    number: int, inspected: InspectedGraph, *, tensors: bool, memory: bool
) -> Iterator[str]:
    """Return a graph's lines.

    Args:
        number: the graph's own.
        inspected: the graph.
        tensors: whether to list every tensor.
        memory: whether to show which values live at each operator.
    """
    graph = inspected.graph
    yield f"graph {number}  {_cut(graph.name)}"
    counts = Counter(f"{_cut(op.name)} v{op.version}" for op in graph.operators)
    yield from rows(
        [
            ("operators", ", ".join(f"{n} {operator}" for operator, n in counts.items())),
            ("inputs", _ends(graph, graph.inputs)),
            ("outputs", _ends(graph, graph.outputs)),
        ]
    )
    if graph.operators:
        yield ""
        yield from _memory(inspected) if memory else _operators(inspected)
    if tensors:
        yield ""
        head = ("tensor", "type", "shape", "bytes", "scale", "zero point", "name")
        yield from table(head, map(_tensor_cells, graph.tensors))


def _operators(inspected: InspectedGraph) -> Iterator[str]:
    head = ("op", "operator", "layer", "input", "output", "weights", "bytes", "MACs")
    values = inspected.values
    cells = [
        (
            index,
            f"{_cut(cost.operator.name)} v{cost.operator.version}",
            "" if cost.layer == f"operator {index}" else _cut(cost.layer),
            _values(inspected.graph, values, cost.operator.inputs),
            _values(inspected.graph, values, cost.operator.outputs),
            f"{cost.weights:,}" if cost.weights else "",
            f"{cost.weight_bytes:,}" if cost.weights else "",
            f"{cost.macs:,}" if cost.macs else "",
        )
        for index, cost in enumerate(inspected.operators)
        if not cost.unpacks
    ]
    yield from _without_empty_columns(head, cells)
    if hidden := len(inspected.operators) - len(cells):
        yield f"not shown: {hidden} that unpack weights"


def _memory(inspected: InspectedGraph) -> Iterator[str]:
    """Show the values that live at each operator: how many bytes, as a bar, and which tensors."""
    plan = inspected.memory
    births, deaths = defaultdict(list), defaultdict(list)
    for value in plan.lifetimes:
        births[value.first].append(value)
        deaths[value.last].append(value)
    living: dict[int, int] = {}  # tensor → its size, in order of creation
    cells = []
    for index, (cost, live) in enumerate(zip(inspected.operators, plan.live_bytes, strict=True)):
        living |= {value.tensor: value.size_bytes for value in births[index]}
        if not cost.unpacks:
            bar = "█" * round(BAR * live / max(plan.peak_bytes, 1))
            shown = [f"{tensor} ({size:,})" for tensor, size in islice(living.items(), MOST_SHOWN)]
            peak = "  ← peak" if index == plan.peak else ""
            cells.append(
                (
                    index,
                    _cut(cost.operator.name),
                    f"{live:,}",
                    bar.ljust(BAR),
                    _many(shown, len(living)) + peak,
                )
            )
        for value in deaths[index]:
            living.pop(value.tensor, None)
    yield from table(("op", "operator", "bytes", "", "tensors that live (bytes)"), cells)


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    """Return a line for each group of like findings, and one for the groups that are left out."""
    alike: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        alike[finding.kind.value, finding.what].append(finding)
    for (kind, what), found in islice(alike.items(), MOST_FINDINGS):
        layers = list(dict.fromkeys(_cut(finding.layer) for finding in found if finding.layer))
        count = f"{len(found):,} " if len(found) > 1 else ""
        where = f" at {_many(layers[:MOST_SHOWN], len(layers))}" if layers else ""
        yield f"{kind}: {count}{one_line(what)}{where}"
    if len(alike) > MOST_FINDINGS:
        yield f"and {len(alike) - MOST_FINDINGS:,} more"


def _tensor_cells(tensor: Tensor) -> Iterator[object]:
    yield tensor.index
    yield tensor.dtype
    yield _shape(tensor.shape_signature)
    yield f"{tensor.size_bytes:,}" if tensor.size_bytes else ""
    yield _range(tensor.scales)
    yield _range(tensor.zero_points)
    yield _cut(tensor.name)


def _without_empty_columns(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    kept = [at for at in range(len(head)) if any(row[at] != "" for row in rows)]
    return table([head[at] for at in kept], ([row[at] for at in kept] for row in rows))


def _values(graph: Subgraph, values: frozenset[int], indices: tuple[int, ...]) -> str:
    """Return type and shape of an operator's first values; of an input, not its constants."""
    tensors = [graph.tensors[index] for index in indices if index in values]
    return _many([_typed(tensor) for tensor in tensors[:MOST_SHOWN]], len(tensors))


def _ends(graph: Subgraph, indices: tuple[int, ...]) -> str:
    """Return a graph's inputs or outputs, with their quantization."""
    shown = [
        _typed(tensor)
        + (f", scale {_range(tensor.scales)}" if tensor.scales else "")
        + (f", zero point {_range(tensor.zero_points)}" if tensor.scales else "")
        + (f" '{_cut(tensor.name)}'" if tensor.name else "")
        for tensor in (graph.tensors[index] for index in indices[:MOST_SHOWN] if index >= 0)
    ]
    return _many(shown, len(indices))


def _typed(tensor: Tensor) -> str:
    return f"{tensor.dtype} {_shape(tensor.shape_signature)}"


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"


def _many(shown: Sequence[str], count: int) -> str:
    more = f", {count - len(shown):,} more" if count > len(shown) else ""
    return ", ".join(shown) + more


def _range(values: tuple[float, ...]) -> str:
    """Return the one value, or the smallest and the largest of many."""
    if not values:
        return ""
    low, high = min(values), max(values)
    many = f" ({len(values)})" if len(values) > 1 else ""
    return (f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}") + many


def _cut(name: str) -> str:
    return one_line(name[:LONGEST_NAME]) + ("…" if len(name) > LONGEST_NAME else "")
