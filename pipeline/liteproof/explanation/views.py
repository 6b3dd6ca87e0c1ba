"""What the page shows of each step: pictures and drawings, ready for the template."""

from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup

from liteproof.diagnosis.sums import decibels
from liteproof.diagnosis.table import decibel_words
from liteproof.explanation import words
from liteproof.explanation.drawings import bars, grid, histogram
from liteproof.explanation.steps import POOLS, Entry, Floats, Kind, Step, pooled
from liteproof.explanation.tiles import Shown, tiles
from liteproof.report.wording import figures

KERNELS_DOWN = 4  # input channels whose kernels are shown
LARGEST_KERNEL = 16


@dataclass(frozen=True, slots=True)
class Pooling:
    """The same windows of the same map, by both ways of pooling."""

    before: Shown
    largest: Shown
    mean: Shown
    sentence: str


@dataclass(frozen=True, slots=True)
class Int8:
    """A step as the quantized model has it; `error` is None where there is no float model."""

    real: Shown | None
    error: Shown | None
    error_line: str
    codes_line: str
    example: str
    histogram: Markup | None


@dataclass(frozen=True, slots=True)
class View:
    """A step, for the template; what does not apply is None or empty."""

    number: int
    name: str
    title: str
    size: str
    weights: str
    note: str
    members: str
    values: str
    grids: tuple[tuple[str, Markup], ...]
    kernels: Shown | None
    kernels_line: str
    before: Shown | None
    activation: str
    maps: Shown | None
    bars: Markup | None
    pooling: Pooling | None
    int8: Int8 | None
    loss: str
    snr: str
    is_in_words: bool = False


def in_words(shown: View) -> View:
    """Return a step without its pictures, for a network of so many that they do not fit."""
    codes = shown.int8 and replace(shown.int8, real=None, error=None, histogram=None)
    return replace(
        shown,
        grids=(),
        kernels=None,
        before=None,
        maps=None,
        bars=None,
        pooling=None,
        int8=codes,
        is_in_words=True,
    )


def view(steps: list[Step], at: int, entry: Entry, labels: tuple[str, ...], most: int) -> View:
    """Return what there is to see of a step.

    Args:
        steps: all of them.
        at: which.
        entry: what goes into the model.
        labels: of the classes: names of the last step's values.
        most: channels that are shown.
    """
    step = steps[at]
    taken = [entry.values if place < 0 else steps[place].output for place in step.inputs[:1]]
    before = taken[0] if taken else entry.values
    maps = as_maps(step.output, most)
    is_end = at == len(steps) - 1 and step.output.shape == (len(labels),)
    names = labels if is_end else tuple(map(str, range(step.output.size)))
    shown = step.output if step.kind is not Kind.FLATTEN else None
    return View(
        number=at + 1,
        name=step.name,
        title=words.title(step),
        size=words.size_line(step, before.shape),
        weights=words.weights_line(step),
        note=words.ROUNDS_ANEW if step.rounds_anew else "",
        members=words.members_line(step),
        values=words.range_line(step),
        grids=_grids(step, before),
        kernels=_kernels(step, most),
        kernels_line=_kernels_line(step, most),
        before=_before(step, most),
        activation=words.activation_line(step),
        maps=None if maps is None else tiles(maps, _maps_alt(step, maps)),
        bars=bars(shown.tolist(), names, f"{step.name}: {shown.size} values")
        if maps is None and shown is not None and shown.ndim == 1
        else None,
        pooling=_pooling(step, before) if step.kind in POOLS else None,
        int8=_int8(step, most),
        loss="" if step.introduced is None else f"{100 * step.introduced:.2f} %",
        snr=_snr(step),
    )


def as_maps(values: Floats, most: int) -> Floats | None:
    """Return the first channels of a map; of a flattened one, a strip; None of a few units."""
    if values.ndim == 3 and values.shape[0] * values.shape[1] > 1:
        return values[..., :most]
    if values.ndim == 2:
        return values[..., np.newaxis]
    if values.ndim in {1, 3} and values.size > 64:
        wide = min(64, values.size)
        flat = values.reshape(-1)
        flat = np.pad(flat, (0, -len(flat) % wide))
        return flat.reshape(-1, wide, 1)
    return values[..., :most] if values.ndim == 3 else None


def _maps_alt(step: Step, maps: Floats) -> str:
    if step.output.ndim < 3 or maps.shape[-1] == 1 != step.output.shape[-1]:
        return f"{step.output.size} values of {step.name}, row by row"
    if step.output.shape[-1] == 1:
        return f"{step.name}, one channel"
    return f"channels 1 to {maps.shape[-1]} of {step.output.shape[-1]} of {step.name}"


def _grids(step: Step, taken: Floats) -> tuple[tuple[str, Markup], ...]:
    window = step.window
    if window is None or taken.ndim != 3 or window.size == taken.shape[:2]:
        return ()
    found = []
    for same in (window.same, not window.same):
        other = window._replace(same=same)
        sides = other.sides(taken.shape)
        if min(sides) < 1 or window.size == (1, 1):
            continue
        said = words.formula(other, taken.shape)
        alt = f"windows of {words.shape(window.size)} on {words.shape(taken.shape[:2])}, {said}"
        caption = f"{said}" if same == window.same else f"if it were {said}"
        found.append((caption, grid(taken.shape, other, alt)))
    return tuple(found)


def _kernels(step: Step, most: int) -> Shown | None:
    if step.kernel is None or step.kernel.ndim != 4 or max(step.kernel.shape[:2]) > LARGEST_KERNEL:
        return None
    if step.kind is Kind.DEPTHWISE:
        return tiles(step.kernel[:, :, :most, 0], f"kernels of {step.name}, one for each channel")
    height, width, channels, _ = step.kernel.shape
    if (height, width) == (1, 1):
        matrix = step.kernel[0, 0, :64, :64]
        return tiles(matrix[..., np.newaxis], f"1×1 kernels of {step.name}: a row for each channel")
    rows = min(channels, KERNELS_DOWN)
    shown = step.kernel[:, :, :rows, :8].reshape(height, width, -1)
    return tiles(shown, f"kernels of {step.name}: a row for each input channel")


def _kernels_line(step: Step, most: int) -> str:
    if step.kernel is None or step.kernel.ndim != 4:
        return ""
    height, width, channels, filters = step.kernel.shape
    if step.kind is Kind.DEPTHWISE:
        return f"A kernel for each channel, {min(channels, most)} of {channels}."
    if (height, width) == (1, 1):
        return "1×1: across, the filters; down, the channels that each of them weighs."
    if channels == 1:
        return f"Across, the filters: {min(8, filters)} of {filters}."
    return (
        f"Across, the filters: {min(8, filters)} of {filters}; down, the kernel of each input "
        f"channel: {min(channels, KERNELS_DOWN)} of {channels}."
    )


def _before(step: Step, most: int) -> Shown | None:
    maps = None if step.before is None else as_maps(step.before, most)
    if maps is None:
        return None
    return tiles(maps, f"{step.name} before {step.activation}")


def _pooling(step: Step, taken: Floats) -> Pooling | None:
    if step.window is None or taken.ndim != 3:
        return None
    channel = int(np.argmax(taken.max(axis=(0, 1))))
    one = taken[..., channel : channel + 1]
    largest, mean = (pooled(one, step.window, kind) for kind in (Kind.MAX_POOL, Kind.AVERAGE_POOL))
    reach = float(np.abs(one).max()) or 1.0
    place = np.unravel_index(int(np.argmax(largest)), largest.shape)
    row, column = int(place[0]), int(place[1])
    return Pooling(
        before=tiles(one, f"channel {channel + 1} before pooling", reach),
        largest=tiles(largest, "the largest of each window", reach),
        mean=tiles(mean, "the mean of each window", reach),
        sentence=(
            f"Channel {channel + 1}, window in row {row + 1}, column {column + 1}: the largest is "
            f"{figures(float(largest[row, column, 0]))}, the mean "
            f"{figures(float(mean[row, column, 0]))}. This layer takes the "
            f"{'largest' if step.kind is Kind.MAX_POOL else 'mean'}."
        ),
    )


def _int8(step: Step, most: int) -> Int8 | None:
    quantized = step.quantized
    if quantized is None:
        return None
    shown, error, error_line = as_maps(quantized.real, most), None, ""
    reach = float(np.abs(step.output).max()) or 1.0
    difference = quantized.real - step.output
    if np.any(difference) or step.introduced is not None:
        maps = as_maps(difference, most)
        largest = float(np.abs(difference).max())
        rmse = float(np.sqrt(np.mean(np.square(difference))))
        error_line = f"largest {figures(largest)}, root mean square {figures(rmse)}"
        if quantized.scale:
            error_line += f", which is {rmse / quantized.scale:.2f} codes"
        error = None if maps is None else tiles(maps, f"error of {step.name}")
    codes_line = f"{quantized.codes.dtype}: real values in the file"
    example, drawing = "", None
    if quantized.scale:
        limits = np.iinfo(quantized.codes.dtype)
        used = np.unique(quantized.codes).size
        codes_line = words.minus(
            f"{quantized.codes.dtype}, scale {figures(quantized.scale, 4)}, zero point "
            f"{quantized.zero_point}; this picture uses {used:,} of "
            f"{int(limits.max) - int(limits.min) + 1:,} codes"
        )
        at = int(np.argmax(np.abs(quantized.real)))
        code, real = int(quantized.codes.flat[at]), float(quantized.real.flat[at])
        example = words.minus(
            f"{words.meaning(quantized, code)} = "
            f"{figures(real, 4)}, and float has {figures(float(step.output.flat[at]), 4)}"
        )
        if not error_line:
            example = example.split(", and float")[0]
        drawing = histogram(quantized.codes, int(limits.min), int(limits.max), quantized.zero_point)
    return Int8(
        real=None
        if shown is None
        else tiles(shown, f"{step.name}, what its codes stand for", reach),
        error=error,
        error_line=words.minus(error_line),
        codes_line=codes_line,
        example=example,
        histogram=drawing,
    )


def _snr(step: Step) -> str:
    if step.quantized is None or step.introduced is None:
        return ""
    noise = float(np.square(step.quantized.real.astype(np.float64) - step.output).sum())
    return decibel_words(decibels(float(np.square(step.output.astype(np.float64)).sum()), noise))
