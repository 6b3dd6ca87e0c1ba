"""Looking at a folder, making it a dataset, and writing a recipe for it."""

import re
from dataclasses import dataclass
from pathlib import Path

from liteproof.data.acquisition import Report
from liteproof.data.picture_folder import PictureFolder, record_path, recorded_name
from liteproof.data.sources import Given, get_source
from liteproof.errors import RecipeError
from liteproof.recipes.reader import parse_recipe, shipped_recipes
from liteproof.starting.advice import advise
from liteproof.starting.starter import starter, summary
from liteproof.starting.survey import survey
from liteproof.storage import write_file
from liteproof_edge import idx
from liteproof_edge.errors import DatasetError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Started:
    """What was written, and what was seen: lines for a person."""

    recipe: Path
    lines: tuple[str, ...]


def start(name: str, given: Given, data_dir: Path, report: Report) -> Started:
    """Write NAME.toml here for a folder of pictures, which becomes the dataset of that name.

    Args:
        name: of the recipe, and, in small letters, of the dataset.
        given: the folder.
        data_dir: where datasets are recorded.
        report: told in a line what happens.

    Raises:
        RecipeError: the name cannot be one, or there is such a recipe already.
        DatasetError: the folder is none of pictures, or some cannot be read.
        StorageError: the recipe, or the record of the dataset, cannot be written.
    """
    recipe = Path(f"{name}.toml")
    if not NAME.fullmatch(name):
        raise RecipeError(f"{name}: not a name of a recipe; expected letters, digits, _ - and .")
    if name in shipped_recipes():
        raise RecipeError(f"{name}: a recipe of that name ships; choose another")
    if recipe.exists():
        raise RecipeError(f"{recipe}: is there already; choose another name, or remove it")
    if not given.folder.is_dir():
        raise DatasetError(f"{given.folder}: not a folder; expected one of pictures")
    if idx.is_idx_folder(given.folder):
        raise DatasetError(f"{given.folder}: holds IDX files; expected <class>/<picture>")
    dataset = re.sub(r"[^a-z0-9_]+", "_", name.lower())
    taken = recorded_name(dataset, data_dir)
    if taken and taken != given.folder.absolute():
        raise DatasetError(
            f"{dataset}: already the dataset of {taken} (by {record_path(dataset, data_dir)}); "
            "choose another name"
        )
    pictures = get_source(dataset, data_dir, report, given)
    if not isinstance(pictures, PictureFolder):
        raise DatasetError(f"{given.folder}: not a folder of pictures")
    found = survey(pictures)
    text = starter(name, dataset, found, advise(found))
    parse_recipe(text, str(recipe))
    write_file(recipe, text)
    return Started(recipe, tuple(summary(found)))
