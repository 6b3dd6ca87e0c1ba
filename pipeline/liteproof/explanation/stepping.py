"""What the page's script needs to work out a convolution, value by value."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from liteproof.explanation.steps import Floats, Kind, Step, windows_of
from liteproof.explanation.tiles import packed

BUDGET = 900_000  # bytes of numbers, in base64
MOST_FILTERS = 16  # of a layer
MOST_CHANNELS = 1024


@dataclass(frozen=True, slots=True)
class Worked:
    """A convolution that can be stepped through.

    Attributes:
        name: of the layer.
        step: with its kernel and bias.
        taken: what it takes, float32 (height, width, channels).
        where: its place among the steps.
    """

    name: str
    step: Step
    taken: Floats
    where: int


def worked_steps(steps: list[Step], pixels: Floats) -> Iterable[Worked]:
    """Yield the convolutions, with what they take."""
    for at, step in enumerate(steps):
        if step.can_be_stepped and len(step.inputs) >= 1:
            taken = pixels if step.inputs[0] < 0 else steps[step.inputs[0]].output
            if taken.ndim == 3 and taken.shape[-1] <= MOST_CHANNELS:
                yield Worked(step.name, step, taken, at)


def within_budget(found: Iterable[Worked], budget: int = BUDGET) -> list[dict[str, Any]]:
    """Return as many of them as fit: the first, then those of the fewest numbers."""
    described = [(each, _filters(each)) for each in found]
    if not described:
        return []
    order = [described[0], *sorted(described[1:], key=lambda pair: _bytes(*pair))]
    chosen = []
    for each, filters in order:
        budget -= _bytes(each, filters)
        if budget < 0:
            break
        chosen.append(each)
    return [as_json(each, filters) for each, filters in described if each in chosen]


def as_json(
    worked: Worked, filters: int, start: tuple[int, int, int] | None = None
) -> dict[str, Any]:
    """Return a convolution for the script: of its filters, the first ones.

    Numbers are float32 in base64: `input` (height, width, channels), `kernel` (height, width,
    channels, filters), `bias` (filters), `output` (rows, columns, filters). Where it is depthwise,
    `input` has the channels of these filters only, and `kernel` 1 in place of the channels.
    """
    step = worked.step
    window, kernel, bias = step.window, step.kernel, step.bias
    if window is None or kernel is None or bias is None:
        raise ValueError(f"{step.name}: has no window or no weights, expected a convolution")
    depthwise = step.kind is Kind.DEPTHWISE
    taken = worked.taken[..., :filters] if depthwise else worked.taken
    shown = kernel[:, :, :filters, 0][:, :, np.newaxis] if depthwise else kernel[..., :filters]
    output = step.output[..., :filters]
    (top, _), (left, _) = window.padding(taken.shape)
    if start is None:  # where the output is largest
        row, column, at = map(int, np.unravel_index(int(np.argmax(output)), output.shape))
        start = row, column, at
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
        "inputShape": taken.shape,
        "outputShape": output.shape,
        "input": packed(taken),
        "kernel": packed(shown),
        "bias": packed(bias[:filters]),
        "output": packed(output),
        "start": start,
    }


def sums(worked: Worked) -> Floats:
    """Return what the script works out at every place: sums and bias, before the activation."""
    step = worked.step
    if step.window is None or step.kernel is None or step.bias is None:
        raise ValueError(f"{step.name}: has no window or no weights, expected a convolution")
    taken = windows_of(worked.taken, step.window, 0.0)
    if step.kind is Kind.DEPTHWISE:
        result: Floats = (taken * step.kernel[..., 0]).sum(axis=(2, 3)) + step.bias
    else:
        result = np.tensordot(taken, step.kernel, 3) + step.bias
    return result


def _filters(worked: Worked) -> int:
    return min(MOST_FILTERS, worked.step.output.shape[-1])


def _bytes(worked: Worked, filters: int) -> int:
    kernel = worked.step.kernel
    places = int(np.prod(worked.step.output.shape[:2]))
    if kernel is None:
        return 0
    channels = filters if worked.step.kind is Kind.DEPTHWISE else worked.taken.shape[-1]
    values = int(np.prod(worked.taken.shape[:2])) * channels + (places + 1) * filters
    values += (
        kernel.shape[0]
        * kernel.shape[1]
        * filters
        * (1 if worked.step.kind is Kind.DEPTHWISE else channels)
    )
    return values * 16 // 3
