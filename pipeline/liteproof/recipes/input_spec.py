"""What a recipe says of the model's input: its shape, and how a picture becomes it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from liteproof.errors import RecipeError
from liteproof.recipes.schema import (
    AdoptedRecipe,
    DatasetChoice,
    Ink,
    Photo,
    Preprocessing,
    Raw,
    Recipe,
)
from liteproof_edge.preprocessing.photo import ChannelOrder, PhotoSpec
from liteproof_edge.preprocessing.raw import RawSpec
from liteproof_edge.preprocessing.spec import SPECS, Spec

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Original:
    """A dataset's pictures as they are stored.

    Attributes:
        size: height and width of all of them, or None where they differ.
        channels: 1 or 3.
        is_input: whether pictures of that size are what a model takes, as MNIST's are.
    """

    size: tuple[int, int] | None
    channels: int
    is_input: bool


def preprocessing_spec(choice: Preprocessing, shape: Shape) -> Spec:
    """Return the recipe's preprocessing, for a model that takes pictures of a shape.

    Raises:
        RecipeError: it cannot make pictures of that shape.
    """
    options = {key: value for key, value in vars(choice).items() if key != "kind"}
    try:
        return SPECS[choice.kind](*shape, **options)
    except ValueError as error:
        raise RecipeError(f"preprocessing: {error}") from None


def shipped_spec(recipe: Recipe, shape: Shape) -> Spec:
    """Return how a device makes a picture the model's, and what an adopted .tflite takes it as.

    Raises:
        RecipeError: as `preprocessing_spec`.
    """
    spec = preprocessing_spec(recipe.preprocessing, shape)
    if isinstance(recipe, AdoptedRecipe):
        spec = replace(spec, mean=recipe.adoption.mean, scale=recipe.adoption.scale)
        if recipe.adoption.bgr and isinstance(spec, PhotoSpec):
            spec = replace(spec, order=ChannelOrder.BGR)
    return spec


def red_first(pixels: NDArray[np.uint8], spec: Spec) -> NDArray[np.uint8]:
    """Return pixels (…, channels) that are in a model's order as a picture has them."""
    is_bgr = isinstance(spec, PhotoSpec) and spec.order is ChannelOrder.BGR
    return pixels[..., ::-1] if is_bgr else pixels


def decoding_spec(choice: DatasetChoice, preprocessing: Preprocessing, original: Original) -> Spec:
    """Return how a dataset's pictures become the model's input for training.

    Pictures that are a model's input already are taken as they are, whatever the device does with a
    person's pictures: MNIST's digits need no `ink`.

    Raises:
        RecipeError: the model's size is unknown, or these pictures cannot be brought to it.
    """
    size = choice.size or original.size
    if size is None:
        raise RecipeError(
            f"dataset.size: missing, and the pictures of {choice.name} are of many sizes; expected "
            "[height, width] of the model's input"
        )
    shape = (*size, choice.channels or _channels(preprocessing, original))
    own = (*original.size, original.channels) if original.size else None
    if original.is_input and shape == own:
        return RawSpec(*own)
    if isinstance(preprocessing, Raw) and original.size not in {None, size}:
        raise RecipeError(
            f"dataset.size: {size[0]}x{size[1]}, but the pictures of {choice.name} are "
            f"{original.size[0]}x{original.size[1]} and preprocessing 'raw' changes none; "
            "expected their size, or 'photo' or 'ink'"
        )
    return preprocessing_spec(preprocessing, shape)


def _channels(preprocessing: Preprocessing, original: Original) -> int:
    if original.is_input or isinstance(preprocessing, Raw):
        return original.channels
    return {Ink: 1, Photo: 3}[type(preprocessing)]
