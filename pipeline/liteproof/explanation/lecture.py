"""The lecture: every topic of a course on convolutional networks, with numbers small enough to add.

The 5×5 picture under its 3×3 kernel is the lecture's own; its first output is 10.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from liteproof.explanation import words
from liteproof.explanation.drawings import curve, grid
from liteproof.explanation.page import render
from liteproof.explanation.stepping import Worked, as_json, sums
from liteproof.explanation.steps import Floats, Kind, Step, Window, pooled
from liteproof.recipes.reader import load_recipe
from liteproof.recipes.schema import Activation, Conv, Padding, Pool
from liteproof.storage import write_file

PICTURE = ((5, 2, 1, 3, 5), (4, 3, 2, 3, 4), (0, 2, 1, 2, 2), (3, 3, 2, 3, 2), (2, 1, 3, 2, 2))
KERNEL = ((1, 0, 1), (0, 1, 0), (1, 0, 1))
CENTRE = ((0, 0, 0), (0, 1, 0), (0, 0, 0))
BIASES = (0, 7, -1)  # of three filters
POINTS = (-3.0, -1.0, 0.0, 1.0, 3.0, 8.0)
REACH = 4.0  # of an activation's curve
DENSE = ((1, 0), (0, 1), (0, 1), (-1, 0))  # weights of two units for four values
DENSE_BIASES = (1, -2)
RECIPE, CLASSES = "mnist-fast", 10  # the practical example
VALID, SAME = (Window((3, 3), (1, 1), same) for same in (False, True))
STRIDED = Window((3, 3), (2, 2), same=False)
HALVING = Window((2, 2), (2, 2), same=False)
# As TensorFlow computes them; leaky_relu with Keras' own share of 0.2.
FUNCTIONS: dict[Activation, tuple[str, Callable[[float], float]]] = {
    Activation.RELU: ("max(x, 0)", lambda x: max(x, 0.0)),
    Activation.RELU6: ("min(max(x, 0), 6)", lambda x: min(max(x, 0.0), 6.0)),
    Activation.LEAKY_RELU: ("x, or 0.2·x below 0", lambda x: x if x > 0 else 0.2 * x),
    Activation.ELU: ("x, or eˣ − 1 below 0", lambda x: x if x > 0 else math.exp(x) - 1),
    Activation.GELU: ("x·Φ(x)", lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2),
    Activation.HARD_SWISH: (
        "x·min(max(x + 3, 0), 6) / 6",
        lambda x: x * min(max(x + 3, 0.0), 6.0) / 6,
    ),
    Activation.TANH: ("tanh x", math.tanh),
    Activation.SIGMOID: ("1 / (1 + e⁻ˣ)", lambda x: 1 / (1 + math.exp(-x))),
    Activation.LINEAR: ("x", lambda x: x),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A layer of the typical network: its words, what it makes, how that follows, its weights."""

    words: str
    shape: tuple[int, ...]
    formula: str
    parameters: int


@dataclass(frozen=True, slots=True)
class Bend:
    """An activation: its name, formula, curve, and values at POINTS."""

    name: str
    formula: str
    curve: Markup
    values: tuple[float, ...]


def picture() -> Floats:
    """Return the lecture's picture, float32 (5, 5, 1)."""
    return np.array(PICTURE, np.float32)[..., np.newaxis]


def colour() -> Floats:
    """Return three channels: the picture, fours, and the picture turned over: (5, 5, 3)."""
    one = picture()
    return np.concatenate([one, np.full_like(one, 4), one.transpose(1, 0, 2)], axis=-1)


def convolutions() -> list[Worked]:
    """Return what the page's script works out, each from a picture and kernels of whole numbers."""
    deep = np.stack([KERNEL, CENTRE, np.negative(CENTRE)], axis=-1)
    three = [np.array(each)[..., np.newaxis] for each in (KERNEL, CENTRE, np.negative(KERNEL))]
    return [
        _worked("valid padding", picture(), three[:1], VALID),
        _worked("same padding", picture(), three[:1], SAME),
        _worked("stride 2", picture(), three[:1], STRIDED),
        _worked("three channels", colour(), [deep], VALID),
        _worked("three filters", picture(), three, VALID, BIASES),
    ]


def _worked(
    name: str,
    taken: Floats,
    kernels: list[NDArray[np.int64]],
    window: Window,
    biases: tuple[int, ...] = (0,),
) -> Worked:
    kernel = np.stack(kernels, axis=-1).astype(np.float32)
    step = Step(name, Kind.CONVOLUTION, (-1,), np.zeros(0, np.float32), window=window)
    step.kernel, step.bias = kernel, np.array(biases, np.float32)
    worked = Worked(name, step, taken, 0)
    step.output = sums(worked).astype(np.float32)
    return worked


def pools() -> dict[str, Floats]:
    """Return the picture pooled by windows of 2×2: `max` and `average`, (2, 2, 1) each."""
    kinds = {"max": Kind.MAX_POOL, "average": Kind.AVERAGE_POOL}
    return {name: pooled(picture(), HALVING, kind) for name, kind in kinds.items()}


def dense() -> Floats:
    """Return what two units make of the max pooled picture's four values."""
    result: Floats = pools()["max"].reshape(-1) @ np.array(DENSE, np.float32) + np.array(
        DENSE_BIASES, np.float32
    )
    return result


def shares(logits: Floats) -> Floats:
    """Return the softmax of logits."""
    powers = np.exp(logits - logits.max())
    result: Floats = powers / powers.sum()
    return result


def bends() -> list[Bend]:
    """Return the activations that a recipe may name."""
    along = np.linspace(-REACH, REACH, 97)
    return [
        Bend(
            each.value,
            formula,
            curve([(float(x), function(float(x))) for x in along], REACH, each.value),
            tuple(function(point) + 0.0 for point in POINTS),  # −0 is 0
        )
        for each, (formula, function) in FUNCTIONS.items()
    ]


def typical() -> list[Row]:
    """Return the practical example's layers, from the recipe itself."""
    return list(_rows())


def _rows() -> Iterator[Row]:
    shape: tuple[int, ...] = (28, 28, 1)
    yield Row("pixels", shape, "", 0)
    for layer in load_recipe(RECIPE).recipe.architecture.layers:
        if isinstance(layer, Conv):
            side = layer.kernel_size
            window = Window((side, side), (layer.strides,) * 2, layer.padding is Padding.SAME)
            parameters = (side * side * shape[2] + 1) * layer.filters
            said = f"convolution {side}×{side}, {layer.filters} filters, {layer.activation.value}"
            after = (*window.sides(shape), layer.filters)
        elif isinstance(layer, Pool):
            side, stride = layer.pool_size, layer.strides or layer.pool_size
            window = Window((side, side), (stride, stride), layer.padding is Padding.SAME)
            parameters, said = 0, f"max pooling {side}×{side}"
            after = (*window.sides(shape), shape[2])
        else:
            raise TypeError(f"{RECIPE}: {layer.type}, expected convolutions and pools")
        yield Row(said, after, words.formula(window, shape), parameters)
        shape = after
    flat = math.prod(shape)
    yield Row("flatten", (flat,), f"{'·'.join(map(str, shape))} = {flat}", 0)
    yield Row("fully connected: the logits", (CLASSES,), "one for each class", (flat + 1) * CLASSES)


def write_lecture(path: Path) -> None:
    """Write the lecture's page, whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    write_file(path, render_lecture())


def render_lecture() -> str:
    """Return the lecture's page."""
    worked = {each.name: each for each in convolutions()}
    shape = picture().shape
    windows = {"valid": VALID, "same": SAME, "stride 2": STRIDED}
    rows = typical()
    return render(
        "lecture.html",
        [as_json(each, (0, 0, 0)) for each in worked.values()],
        picture=picture(),
        kernel=np.array(KERNEL)[..., np.newaxis],
        outputs={name: each.step.output for name, each in worked.items()},
        kernels={
            "three channels": _kernel(worked["three channels"])[..., 0],
            "three filters": _kernel(worked["three filters"])[:, :, 0],
        },
        colour=colour(),
        sums=[int(each) for each in _channel_sums(worked["three channels"])],
        biases=BIASES,
        grids={name: grid(shape, each, f"{name} on 5×5") for name, each in windows.items()},
        formulas={name: words.formula(each, shape) for name, each in windows.items()},
        pools=pools(),
        bends=bends(),
        points=POINTS,
        dense_weights=DENSE,
        dense_biases=DENSE_BIASES,
        dense=dense().tolist(),
        shares=shares(dense()).tolist(),
        rows=rows,
        parameters=sum(row.parameters for row in rows),
        recipe=RECIPE,
        shape=words.shape,
    )


def _channel_sums(worked: Worked) -> Floats:
    """Return what each channel adds to the first output."""
    first = worked.taken[:3, :3] * _kernel(worked)[..., 0]
    result: Floats = first.sum(axis=(0, 1))
    return result


def _kernel(worked: Worked) -> Floats:
    return np.array(worked.step.kernel, np.float32)
