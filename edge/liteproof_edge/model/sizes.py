"""A model that takes pictures of any size, made one that takes one size."""

from collections.abc import Mapping

from liteproof_edge.errors import ModelError
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.model.outputs import GRAPHS, model_table

TENSORS = 0  # the slot of a graph
SHAPE, SIGNATURE = 0, 7  # slots of a tensor
ANY = -1
INTEGER = 4  # bytes
Shape = tuple[int, ...]


def with_size(data: bytes, size: tuple[int, int] | None, where: str) -> bytes:
    """Return a model whose pictures have a height and a width.

    Of one whose input says them already, nothing changes. What comes after the input is worked out
    by the runtime; until then those tensors' shapes in the file are no figures (see `with_shapes`).

    Args:
        data: a .tflite.
        size: height and width, where it takes any.
        where: what to call it in an error.

    Raises:
        ModelError: it is no sound model, or takes any size and none is given, or not that one.
    """
    graph = read_model(data, where).subgraphs[0]
    if len(graph.inputs) != 1 or graph.inputs[0] < 0:
        return data
    index = graph.inputs[0]
    match graph.tensors[index].shape_signature:
        case (batch, height, width, *channels) if len(channels) < 2 and ANY in {height, width}:
            pass
        case _:
            return data
    if size is None:
        raise ModelError(f"{where}: takes a picture of any size: expected --size, such as 224x224")
    for side, given in ((height, size[0]), (width, size[1])):
        if side not in {ANY, given}:
            raise ModelError(f"{where}: takes {_told(height)}x{_told(width)}, --size says another")
    return with_shapes(data, {index: (abs(batch), *size, *channels)})


def with_shapes(data: bytes, shapes: Mapping[int, Shape]) -> bytes:
    """Return a model some of whose tensors have other shapes, of as many dimensions.

    They are changed in place: nothing else is. A shape that has another number of dimensions in
    the file stays as it is there.

    Args:
        data: a sound .tflite.
        shapes: of tensors of its first graph, by their indices.
    """
    changed = bytearray(data)
    tensors = list(next(model_table(data).tables(GRAPHS)).tables(TENSORS))
    for index, shape in shapes.items():
        for slot in (SHAPE, SIGNATURE):
            start = tensors[index].vector_at(slot)
            if start is None or len(tensors[index].integers(slot)) != len(shape):
                continue
            for at, side in enumerate(shape):
                place = start + INTEGER * (1 + at)  # after the number of dimensions
                changed[place : place + INTEGER] = side.to_bytes(INTEGER, "little")
    return bytes(changed)


def _told(side: int) -> str:
    return "any" if side == ANY else str(side)
