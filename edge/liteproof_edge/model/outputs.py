"""Which of a model's outputs answers, where it has several."""

from liteproof_edge.errors import ModelError
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.model.tables import Buffer, Table

GRAPHS, SIGNATURES = 2, 7  # slots of a model
OUTPUTS = 2  # the slot of a graph


def with_one_output(data: bytes, name: str | None, where: str) -> tuple[bytes, int]:
    """Return a model that gives one output, and which of them it was.

    The list of the first graph's outputs is shortened in place: nothing else changes.

    Args:
        data: a .tflite.
        name: of the output that answers, as the model's signature calls it, or else its tensor;
            None where the model has one output.
        where: what to call it in an error.

    Raises:
        ModelError: it is no sound model, has no such output, or has several and none is named.
    """
    graph = read_model(data, where).subgraphs[0]
    table = model_table(data)
    called = _signature(table)
    names = [
        called.get(index) or (graph.tensors[index].name if index >= 0 else "")
        for index in graph.outputs
    ]
    expected = f"one of {', '.join(map(repr, names))}"
    if name is None:
        if len(names) > 1:
            raise ModelError(f"{where}: gives {len(names)} outputs; expected --output, {expected}")
        return data, 0
    if name not in names:
        raise ModelError(f"{where}: no output {name!r}, expected {expected}")
    at = names.index(name)
    if len(names) == 1:
        return data, at
    start = next(table.tables(GRAPHS)).vector_at(OUTPUTS)
    if start is None:
        raise ModelError(f"{where}: gives no output")
    size = 4
    chosen = graph.outputs[at].to_bytes(size, "little")
    head = data[:start] + (1).to_bytes(size, "little") + chosen
    return head + data[len(head) :], at


def model_table(data: bytes) -> Table:
    """Return the table of a sound .tflite that all others hang on."""
    buffer = Buffer(data)
    return Table(buffer, buffer.follow(0))


def _signature(model: Table) -> dict[int, str]:
    """Return tensor → what the first signature calls it, where that is of the first graph."""
    signature = next(model.tables(SIGNATURES), None)
    if signature is None or signature.integer(4, "I"):
        return {}
    return {each.integer(1, "I"): each.text(0) for each in signature.tables(1)}
