"""What the page says of a step, in few words."""

from itertools import pairwise

import numpy as np

from liteproof.explanation.steps import POOLS, WINDOWED, Entry, Kind, Quantized, Step, Window
from liteproof.report.wording import figures, name, percent

SHAPE = "×"
ROUNDS_ANEW = (
    "Its weights are int8, and the runtime rounds what they meet to int8 for each picture: its "
    "sums are not those of the values shown here, and are not stepped through."
)
FORMULAS = {
    "relu": "max(x, 0)",
    "relu6": "min(max(x, 0), 6)",
    "leaky_relu": "x above 0, a small share of x below",
    "elu": "x above 0, eˣ − 1 below",
    "gelu": "x·Φ(x)",
    "hard_swish": "x·min(max(x + 3, 0), 6) / 6",
    "hard_silu": "x·min(max(x + 3, 0), 6) / 6",
    "tanh": "tanh x",
    "sigmoid": "1 / (1 + e⁻ˣ)",
    "silu": "x / (1 + e⁻ˣ)",
    "swish": "x / (1 + e⁻ˣ)",
}


def shape(sides: tuple[int, ...]) -> str:
    """Return `28×28×1`."""
    return SHAPE.join(map(str, sides))


def formula(window: Window, before: tuple[int, ...]) -> str:
    """Return how the sides of a map follow from those of the one before.

    Source: Dumoulin and Visin 2016, arXiv:1603.07285, sections 2.2 to 2.4.
    """
    sides = zip(before[:2], window.size, window.strides, window.sides(before), strict=True)
    found = [
        f"⌈{side}/{stride}⌉ = {after}"
        if window.same
        else f"⌊({side}−{reach})/{stride}⌋ + 1 = {after}"
        for side, reach, stride, after in sides
    ]
    return f"{'same' if window.same else 'valid'}: {', '.join(dict.fromkeys(found))}"


def title(step: Step) -> str:
    """Return what a step is: `convolution 5×5, 16 filters, stride 2, same, relu`."""
    words = [step.kind.value if step.kind is not Kind.OTHER else step.type]
    if step.window:
        words[0] += f" {shape(step.window.size)}"
    if step.kind is Kind.CONVOLUTION:
        words.append(f"{step.output.shape[-1]} filters")
    if step.kind is Kind.DENSE:
        words.append(f"{step.output.shape[-1]} units")
    if step.window and (step.kind in WINDOWED or step.kind in POOLS):
        stride = step.window.strides
        if stride != ((1, 1) if step.kind in WINDOWED else step.window.size):
            words.append(f"stride {stride[0] if stride[0] == stride[1] else shape(stride)}")
        words.append("same" if step.window.same else "valid")
    words += [each for each in (step.activation, step.formula) if each]
    return ", ".join(words)


def entry_formula(entry: Entry) -> str:
    """Return how a pixel becomes the value that the first layer reads."""
    if entry.normalisation is None:
        return "value = pixel"
    each = [_taken("pixel", *pair) for pair in zip(*entry.normalisation, strict=True)]
    if len(set(each)) == 1:
        return f"value = {each[0]}"
    return "; ".join(f"channel {at + 1}: value = {said}" for at, said in enumerate(each))


def entry_example(entry: Entry) -> str:
    """Return what becomes of the pixel whose value is farthest from 0, and its code."""
    at = np.unravel_index(int(np.argmax(np.abs(entry.values))), entry.values.shape)
    row, column, channel = map(int, at)
    pixel = int(entry.pixels[at])
    said = f"row {row + 1}, column {column + 1}"
    if entry.values.shape[-1] > 1:
        said += f", channel {channel + 1}"
    said += f": pixel {pixel}"
    if entry.normalisation:
        mean, scale = (each[channel] for each in entry.normalisation)
        said += f", value {_taken(str(pixel), mean, scale)} = {figures(scale * (pixel - mean), 4)}"
    held = entry.quantized
    if held is None:
        return minus(said)
    code = int(held.codes[at])
    said += f", code {code}"
    if figures(float(held.real[at]), 4) != str(code):
        said += f", which is {meaning(held, code)} = {figures(float(held.real[at]), 4)}"
    return minus(said)


def meaning(held: Quantized, code: int) -> str:
    """Return what a code stands for, as a formula."""
    zero_point = str(held.zero_point) if held.zero_point >= 0 else f"({held.zero_point})"
    return minus(f"{figures(held.scale, 4)} · ({code} − {zero_point})")


def _taken(pixel: str, mean: float, scale: float) -> str:
    shifted = f"({pixel} − {figures(mean, 4)})" if mean else pixel
    return minus(f"{shifted} · {figures(scale, 4)}")


def minus(text: str) -> str:
    """Return numbers with the sign for minus that is as wide as plus."""
    return text.replace("-", "−")


def size_line(step: Step, before: tuple[int, ...]) -> str:
    """Return how a step's size comes about."""
    after = step.output.shape
    said = f"{shape(before)} → {shape(after)}"
    if step.window:
        return f"{said}. {formula(step.window, before)}"
    if step.kind is Kind.FLATTEN and len(before) > 1:
        return f"{said}. {'·'.join(map(str, before))} = {after[0]}"
    return said


def weights_line(step: Step) -> str:
    """Return how many parameters a step has, and why."""
    if step.kernel is None or step.bias is None:
        return f"{step.parameters:,} parameters" if step.parameters else ""
    kernel = step.kernel.shape[:3] if step.kind is Kind.DEPTHWISE else step.kernel.shape
    product = "·".join(map(str, kernel))
    return f"{product} + {step.bias.size} = {step.kernel.size + step.bias.size:,} parameters"


def activation_line(step: Step) -> str:
    """Return what the activation does to this picture's values."""
    if step.before is None:
        return ""
    said = (
        f"{step.activation}(x) = {FORMULAS[step.activation]}"
        if (step.activation in FORMULAS)
        else step.activation
    )
    if step.activation in {"relu", "relu6"}:
        said += f". {percent(float(np.mean(step.before <= 0)), 0)} of the values become 0"
    return f"{said}."


def range_line(step: Step) -> str:
    """Return the lowest and the highest value."""
    low, high = float(step.output.min()), float(step.output.max())
    return minus(f"values {figures(low)} to {figures(high)}")


def members_line(step: Step) -> str:
    """Return which layers are one step here."""
    others = [name(after) for _, after in pairwise(step.members)]
    return f"with {', '.join(others)}" if others else ""
