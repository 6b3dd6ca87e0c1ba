"""A model's input shape and number of classes, even before its dataset is here."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from liteproof.data.dataset import cached_dataset
from liteproof.data.preparation import make_builder
from liteproof.data.sources import find_source
from liteproof.recipes.input_spec import Original, Shape, decoding_spec
from liteproof.recipes.schema import DatasetChoice, Recipe
from liteproof.tensorflow_setup import import_tensorflow
from liteproof_edge.errors import DatasetError


class Dimensions(NamedTuple):
    """One picture's height, width and channels, and how many classes there are."""

    shape: Shape
    classes: int


def dimensions(
    recipe: Recipe, data_dir: Path, shape: Shape | None = None, classes: int | None = None
) -> Dimensions:
    """Return what a recipe's model takes and answers.

    Args:
        recipe: names the dataset, which need not be here if TFDS knows it.
        data_dir: TFDS's folder.
        shape: to take instead of the dataset's.
        classes: to take instead of the dataset's.

    Raises:
        DatasetError: the dataset is neither here nor one that TFDS knows the features of.
        RecipeError: the recipe's size is missing, or does not go with the pictures.
    """
    if shape and classes:
        return Dimensions(shape, classes)
    choice = recipe.dataset
    if shape:
        choice = replace(choice, size=shape[:2], channels=1 if shape[2] == 1 else 3)
    found = _decoded(recipe, choice, data_dir) or _encoded(recipe, choice, data_dir)
    return Dimensions(shape or found.shape, classes or found.classes)


def _decoded(recipe: Recipe, choice: DatasetChoice, data_dir: Path) -> Dimensions | None:
    dataset = cached_dataset(choice, recipe.preprocessing, data_dir)
    return Dimensions(dataset.shape, len(dataset.labels)) if dataset else None


def _encoded(recipe: Recipe, choice: DatasetChoice, data_dir: Path) -> Dimensions:
    """Return what the pictures will become, from what their source says of them."""
    source = find_source(choice.name, data_dir)
    if source:
        pictures = source.open()
        original, classes = pictures.original, len(pictures.labels)
    else:
        original, classes = _tfds_features(choice.name, data_dir)
    spec = decoding_spec(choice, recipe.preprocessing, original)
    return Dimensions((spec.height, spec.width, spec.channels), classes)


def _tfds_features(name: str, data_dir: Path) -> tuple[Original, int]:
    """Return what TFDS's definition of a dataset says of it, without any of its data."""
    import_tensorflow()  # TFDS would do it, and print messages
    import tensorflow_datasets as tfds  # noqa: PLC0415 - takes a second

    try:
        builder = make_builder(tfds.builder, name=name, data_dir=data_dir, try_gcs=False)
        info = builder.info
        picture, label = (info.features[key] for key in info.supervised_keys)
        (height, width, channels), classes = picture.shape, int(label.num_classes)
    except Exception as error:  # noqa: BLE001 - hundreds of definitions, each with code of its own
        raise DatasetError(
            f"{name}: neither in {data_dir} nor known to TFDS as labelled pictures "
            f"({type(error).__name__}); get it by `liteproof data`, or give the model's --input "
            "(such as 28x28x1) and --classes"
        ) from None
    fixed = None not in {height, width} and channels in {1, 3}
    size = (height, width) if fixed else None
    return Original(size, 1 if channels == 1 else 3, is_input=fixed), classes
