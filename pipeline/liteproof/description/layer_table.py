"""A recipe's layers as a table: what each makes of its input's shape, and what it costs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from liteproof.network.architecture import OUTPUT
from liteproof.recipes.schema import (
    Activation,
    Architecture,
    Conv,
    Dense,
    Dropout,
    GlobalPool,
    Layer,
    Padding,
    Pool,
    Residual,
)

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One layer.

    Attributes:
        depth: 0, or 1 for a part of the layer above.
        layer: its words, as in the recipe.
        output: the shape that it makes, without the batch: (height, width, channels) or (units,).
        formula: how a side of the output, or the number of values, follows from the input's.
        parameters: weights and biases, batch normalisation folded into them.
        macs: multiply-accumulates for one picture.
    """

    depth: int
    layer: str
    output: Shape
    formula: str = ""
    parameters: int = 0
    macs: int = 0


def layer_table(architecture: Architecture, model: Any) -> tuple[Row, ...]:  # noqa: ANN401
    """Return a row for each layer of a recipe, and for each part of one that has parts.

    Args:
        architecture: from the recipe.
        model: what `architecture.build` made of it.
    """
    return tuple(_Table(model).rows(architecture))


class _Table:
    """Finds the Keras layers by the names that `network.architecture` gave them."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - keras.Model has no types
        self.layers = {layer.name: layer for layer in model.layers}
        self.pixels = model.input.shape[1:]

    def rows(self, architecture: Architecture) -> Iterator[Row]:
        yield Row(0, "pixels", self.pixels)
        if architecture.backbone:
            yield self._backbone(architecture)
        for index, layer in enumerate(architecture.layers):
            yield from self._layer(layer, f"{layer.type}_{index}", 0)
        yield from self._flatten("flatten", 0)
        logits = self.layers[OUTPUT].output.shape[-1]
        yield self._weighted(OUTPUT, f"dense, {logits} units: the logits", "one for each class", 0)

    def _backbone(self, architecture: Architecture) -> Row:
        """Return the row of all layers but those after it, and of what scales the pixels."""
        after = tuple(f"{layer.type}_{index}" for index, layer in enumerate(architecture.layers))
        own = [
            layer
            for layer in self.layers.values()
            if not layer.name.startswith(after) and layer.name not in {"flatten", OUTPUT}
        ]
        kernels = [
            (layer, math.prod(layer.kernel.shape))
            for layer in own
            if layer.weights and hasattr(layer, "kernel")
        ]
        name = architecture.backbone.value if architecture.backbone else ""
        return Row(
            0,
            _words(name, f"alpha {architecture.alpha:g}"),
            tuple(own[-1].output.shape[1:]),
            f"{len(own) - 1} layers",
            sum(kernel + layer.output.shape[-1] for layer, kernel in kernels),
            sum(kernel * math.prod(layer.output.shape[1:-1]) for layer, kernel in kernels),
        )

    def _layer(self, layer: Layer, name: str, depth: int) -> Iterator[Row]:
        match layer:
            case Conv(separable=True):
                yield from self._separable(layer, name, depth)
            case Conv():
                yield self._weighted(name, conv_words(layer), self._sides(name), depth)
            case Pool() | GlobalPool():
                words = pool_words(layer) if isinstance(layer, Pool) else layer.type
                yield Row(depth, words, self._output(name), self._sides(name))
            case Dense():
                yield from self._flatten(f"{name}_flatten", depth)
                words = _words("dense", f"{layer.units} units", layer.activation.value)
                yield self._weighted(name, words, "", depth)
            case Dropout():
                words = f"dropout {layer.rate:g}, while training"
                yield Row(depth, words, self._output(name))
            case Residual():
                yield from self._residual(layer, name)

    def _separable(self, layer: Conv, name: str, depth: int) -> Iterator[Row]:
        depthwise, pointwise = f"{name}_depthwise", f"{name}_pointwise"
        yield Row(depth, conv_words(layer), self._output(pointwise))
        words = f"depthwise {_window(layer.kernel_size)}, a filter for each channel"
        yield self._weighted(depthwise, words, self._sides(depthwise), depth + 1)
        words = f"pointwise 1×1, {layer.filters} filters"
        yield self._weighted(pointwise, words, self._sides(pointwise), depth + 1)

    def _residual(self, layer: Residual, name: str) -> Iterator[Row]:
        total = self._output(f"{name}_add")
        yield Row(0, _words("residual", layer.activation.value), total)
        for index, inner in enumerate(layer.layers):
            yield from self._layer(inner, f"{name}_{inner.type}_{index}", 1)
        shortcut = f"{name}_shortcut"
        if shortcut in self.layers:
            words = f"shortcut: conv 1×1, {self._output(shortcut)[-1]} filters"
            yield self._weighted(shortcut, words, self._sides(shortcut), 1)
        else:
            yield Row(1, "shortcut: the input as it is", self._input(f"{name}_add"))
        yield Row(1, "sum of both", total)

    def _flatten(self, name: str, depth: int) -> Iterator[Row]:
        if name in self.layers:
            before, after = self._input(name), self._output(name)
            yield Row(depth, "flatten", after, f"{'·'.join(map(str, before))} = {after[0]}")

    def _weighted(self, name: str, words: str, formula: str, depth: int) -> Row:
        """Return the row of a layer with weights, each used once at every place of the output."""
        output = self._output(name)
        kernel = math.prod(self.layers[name].kernel.shape)
        places = math.prod(output[:-1])
        return Row(depth, words, output, formula, kernel + output[-1], kernel * places)

    def _sides(self, name: str) -> str:
        """Return how the sides of a map follow from those of the one before.

        Source: Dumoulin and Visin 2016, arXiv:1603.07285, sections 2.2 to 2.4.
        """
        layer = self.layers[name]
        padding = Padding(layer.padding)
        windows = layer.pool_size if hasattr(layer, "pool_size") else layer.kernel_size
        sides = zip(
            self._input(name)[:2], windows, layer.strides, self._output(name)[:2], strict=True
        )
        formulas = [
            f"⌈{side}/{stride}⌉ = {after}"
            if padding is Padding.SAME
            else f"⌊({side}−{window})/{stride}⌋+1 = {after}"
            for side, window, stride, after in sides
        ]
        return f"{padding.value}: {', '.join(dict.fromkeys(formulas))}"

    def _input(self, name: str) -> Shape:
        value = self.layers[name].input
        return tuple((value[0] if isinstance(value, list) else value).shape[1:])

    def _output(self, name: str) -> Shape:
        return tuple(self.layers[name].output.shape[1:])


def conv_words(layer: Conv) -> str:
    """Return a convolution in words: `conv 5×5, 12 filters, stride 2, same, relu`."""
    return _words(
        f"{'separable ' if layer.separable else ''}conv {_window(layer.kernel_size)}",
        f"{layer.filters} filters",
        _stride(layer.strides, 1),
        layer.padding.value,
        layer.activation.value,
        "" if layer.batch_normalization else "not normalised",
    )


def pool_words(layer: Pool) -> str:
    """Return a pool in words: `max_pool 2×2, valid`."""
    strides = layer.strides or layer.pool_size
    return _words(
        f"{layer.type} {_window(layer.pool_size)}",
        _stride(strides, layer.pool_size),
        layer.padding.value,
    )


def _words(*words: str) -> str:
    return ", ".join(word for word in words if word and word != Activation.LINEAR.value)


def _window(side: int) -> str:
    return f"{side}×{side}"


def _stride(stride: int, usual: int) -> str:
    return "" if stride == usual else f"stride {stride}"
