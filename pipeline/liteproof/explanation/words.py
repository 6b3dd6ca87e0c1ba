"""What the page says of a step, in few words."""

from itertools import pairwise

import numpy as np

from liteproof.explanation.steps import POOLS, WINDOWED, Kind, Step, Window
from liteproof.report.wording import figures, name, percent

SHAPE = "×"
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
    if step.activation:
        words.append(step.activation)
    return ", ".join(words)


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
    return f"values {figures(low)} to {figures(high)}".replace("-", "−")


def members_line(step: Step) -> str:
    """Return which layers are one step here."""
    others = [name(after) for _, after in pairwise(step.members)]
    return f"with {', '.join(others)}" if others else ""
