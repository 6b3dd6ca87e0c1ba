"""What the page's script needs to work out a convolution, value by value.

Of a small layer that is all of it. Of a large one it is a part of the map, around the largest value
of the filters that are shown, with just what the windows of that part take.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from liteproof.explanation.steps import Entry, Floats, Kind, Quantized, Step, Window, windows_of
from liteproof.explanation.tiles import as_codes, in_base64

BUDGET = 1_500_000  # bytes of numbers, in base64
# How many filters, and how many rows and columns of their maps, from all to the fewest.
EXTENTS = ((16, 4096), (8, 4096), (8, 16), (4, 12), (4, 8), (4, 6), (2, 5), (2, 4), (1, 3), (1, 2))
REAL_BYTES = 4
OVERVIEW = 48  # rows and columns of the picture of a whole map, at most
ABOUT = 700  # bytes of a convolution's names, sizes and commas


@dataclass(frozen=True, slots=True)
class Worked:
    """A convolution that can be stepped through.

    Attributes:
        name: of the layer.
        step: with its kernel and bias.
        taken: what it takes, float32 (height, width, channels).
        where: its place among the steps.
        codes: what `taken` is the meaning of, where it is.
        extent: which of `EXTENTS` is shown.
    """

    name: str
    step: Step
    taken: Floats
    where: int
    codes: Quantized | None = None
    extent: int = 0


class Part(NamedTuple):
    """Some rows and columns of a map."""

    row: int
    column: int
    rows: int
    columns: int

    def of(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return that part of a map (height, width, channels)."""
        return values[self.row : self.row + self.rows, self.column : self.column + self.columns]


def worked_steps(steps: list[Step], entry: Entry) -> Iterator[Worked]:
    """Yield the convolutions, with what they take."""
    for at, step in enumerate(steps):
        if step.can_be_stepped and step.inputs:
            taken, held = _before(steps, step, entry)
            if taken.ndim == 3:
                codes = held if held is not None and held.real is taken else None
                yield Worked(step.name, step, taken, at, codes)


def _before(steps: list[Step], step: Step, entry: Entry) -> tuple[Floats, Quantized | None]:
    """Return what a step takes: real values, and a tensor whose codes may stand for them."""
    place = step.inputs[0]
    if place < 0:
        return entry.values, entry.quantized
    if step.taken:
        return step.taken.real, step.taken
    return steps[place].output, steps[place].quantized


def within_budget(found: Iterable[Worked], budget: int = BUDGET) -> list[Worked]:
    """Return convolutions that fit: less of each of the largest, and then without these."""
    chosen = {each.where: each for each in found}
    sizes = {where: size(each) for where, each in chosen.items()}
    while chosen and sum(sizes.values()) > budget:
        able = [at for at, each in chosen.items() if each.extent + 1 < len(EXTENTS)]
        largest = max(able or chosen, key=sizes.__getitem__)
        if able:
            chosen[largest] = replace(chosen[largest], extent=chosen[largest].extent + 1)
            sizes[largest] = size(chosen[largest])
        else:
            del chosen[largest], sizes[largest]
    return list(chosen.values())


def as_json(worked: Worked, start: tuple[int, int, int] | None = None) -> dict[str, Any]:
    """Return a convolution for the script.

    Numbers are in base64: float32, or `codes` with their `scale` and `zeroPoint`. Of `part`, given
    as row, column, rows and columns of the output, are `output` (rows, columns, filters), and
    `input`: what its windows take, which is `taken` of the input, in the same form. `kernel` is
    (height, width, channels, filters). Where it is depthwise, `input` has the channels of these
    filters only, and `kernel` 1 in place of the channels. `overview` are colours, uint8, of the
    whole output, where that is more than the part, in its `every`th rows and columns.
    """
    step = worked.step
    window, kernel, bias = _weights(step)
    filters, part = _shown(worked)
    taken = _taken(window, part, worked.taken.shape)
    shown = step.output[..., :filters]
    depthwise = step.kind is Kind.DEPTHWISE
    used = slice(filters if depthwise else None)
    (top, _), (left, _) = window.padding(worked.taken.shape)
    is_all = (part.rows, part.columns) == shown.shape[:2]
    held = worked.codes
    return {
        "at": worked.where,
        "name": worked.name,
        "depthwise": depthwise,
        "size": window.size,
        "strides": window.strides,
        "pad": (top, left),
        "same": window.same,
        "activation": step.activation,
        "all": int(step.output.shape[-1]),
        "inputShape": worked.taken[..., used].shape,
        "outputShape": shown.shape,
        "part": part,
        "taken": taken,
        "input": _packed(taken.of(worked.taken)[..., used])
        if held is None
        else _packed_codes(held, taken.of(held.codes)[..., used]),
        "kernel": _packed(
            kernel[:, :, :filters, 0][:, :, np.newaxis] if depthwise else kernel[..., :filters]
        ),
        "bias": _packed(bias[:filters]),
        "output": _packed(part.of(shown)),
        "every": (every := _every(shown)),
        "overview": "" if is_all else in_base64(as_codes(shown[::every, ::every], None)),
        "start": start or _largest(shown),  # where the output is largest
    }


def sums(worked: Worked) -> Floats:
    """Return what the script works out at every place: sums and bias, before the activation."""
    window, kernel, bias = _weights(worked.step)
    taken = windows_of(worked.taken, window, 0.0)
    if worked.step.kind is Kind.DEPTHWISE:
        result: Floats = (taken * kernel[..., 0]).sum(axis=(2, 3)) + bias
    else:
        result = np.tensordot(taken, kernel, 3) + bias
    return result


def size(worked: Worked) -> int:
    """Return about how many bytes of the page a convolution takes."""
    step = worked.step
    window, _, _ = _weights(step)
    filters, part = _shown(worked)
    taken = _taken(window, part, worked.taken.shape)
    channels = worked.taken.shape[-1]
    each = REAL_BYTES if worked.codes is None else worked.codes.codes.itemsize
    weighed = 1 if step.kind is Kind.DEPTHWISE else channels
    read = filters if step.kind is Kind.DEPTHWISE else channels
    places = part.rows * part.columns
    found = taken.rows * taken.columns * read * each
    found += REAL_BYTES * filters * (window.size[0] * window.size[1] * weighed + 1 + places)
    if places < step.output.shape[0] * step.output.shape[1]:
        every = _every(step.output)
        found += step.output[::every, ::every, :filters].size
    return found * 4 // 3 + ABOUT


def _shown(worked: Worked) -> tuple[int, Part]:
    """Return how many filters are shown, and which part of their maps."""
    most, side = EXTENTS[worked.extent]
    output = worked.step.output
    filters = min(most, output.shape[-1])
    row, column, _ = _largest(output[..., :filters])
    (top, rows), (left, columns) = (
        (min(max(at - min(side, all_) // 2, 0), all_ - min(side, all_)), min(side, all_))
        for at, all_ in ((row, output.shape[0]), (column, output.shape[1]))
    )
    return filters, Part(top, left, rows, columns)


def _taken(window: Window, part: Part, shape: tuple[int, ...]) -> Part:
    """Return what the windows of a part of the output take of the input; of all of it, all."""
    if (part.rows, part.columns) == window.sides(shape):
        return Part(0, 0, shape[0], shape[1])
    spans = []
    for first, count, stride, reach, (before, _), side in zip(
        part[:2], part[2:], window.strides, window.size, window.padding(shape), shape, strict=False
    ):
        start = first * stride - before
        end = start + (count - 1) * stride + reach
        spans.append((max(start, 0), min(end, side)))
    (top, bottom), (left, right) = spans
    return Part(top, left, bottom - top, right - left)


def _every(values: Floats) -> int:
    return math.ceil(max(values.shape[:2]) / OVERVIEW)


def _largest(values: Floats) -> tuple[int, int, int]:
    row, column, at = map(int, np.unravel_index(int(np.argmax(values)), values.shape))
    return row, column, at


def _weights(step: Step) -> tuple[Window, Floats, Floats]:
    if step.window is None or step.kernel is None or step.bias is None:
        raise ValueError(f"{step.name}: has no window or no weights, expected a convolution")
    return step.window, step.kernel, step.bias


def _packed(values: Floats) -> dict[str, Any]:
    return {"values": in_base64(values.astype("<f4"))}


def _packed_codes(meaning: Quantized, codes: NDArray[Any]) -> dict[str, Any]:
    return {
        "values": in_base64(codes.astype(codes.dtype.newbyteorder("<"))),
        "codes": str(codes.dtype),
        "scale": meaning.scale,
        "zeroPoint": meaning.zero_point,
    }
