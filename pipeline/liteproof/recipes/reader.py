"""Reading a recipe from its TOML file, and saying what is wrong with it.

Every key is checked: an unknown one is refused with the nearest name that exists, a value out of
its range with the range.
"""

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin, get_type_hints

import tomllib
from pydantic import TypeAdapter, ValidationError

from liteproof.errors import RecipeError
from liteproof.recipes.consistency import check_consistency
from liteproof.recipes.schema import (
    AdoptedRecipe,
    Conv,
    Dense,
    Dropout,
    GlobalPool,
    Ink,
    Photo,
    Pool,
    Raw,
    Recipe,
    Residual,
)

# What a `type` or `kind` chooses; in a problem's place it stands as if it were a key.
CHOICES: dict[str, type] = {
    "conv": Conv,
    "max_pool": Pool,
    "average_pool": Pool,
    "global_max_pool": GlobalPool,
    "global_average_pool": GlobalPool,
    "dense": Dense,
    "dropout": Dropout,
    "residual": Residual,
    "raw": Raw,
    "ink": Ink,
    "photo": Photo,
}
UNKNOWN = "unexpected_keyword_argument"
ADOPTION = "adoption"  # the table of a model that was trained elsewhere


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """A recipe, and the text that it was read from."""

    recipe: Recipe
    text: str

    def part(self, *names: str) -> str:
        """Return the named parts of the recipe as canonical JSON: what a stage depends on."""
        whole = TypeAdapter(type(self.recipe)).dump_python(self.recipe, mode="json")
        return json.dumps({name: whole[name] for name in names}, sort_keys=True)


def shipped_recipes() -> dict[str, str]:
    """Return the recipes that come with liteproof: name → text."""
    folder = files("liteproof") / "recipes"
    found = {
        entry.name.removesuffix(".toml"): entry.read_text()
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }
    return dict(sorted(found.items()))


def load_recipe(name_or_path: str) -> RecipeFile:
    """Read a recipe that ships with liteproof, by name, or any other, by path.

    Raises:
        RecipeError: there is none of that name, or it is not a recipe.
    """
    shipped = shipped_recipes()
    if name_or_path in shipped:
        return parse_recipe(shipped[name_or_path], name_or_path)
    path = Path(name_or_path)
    try:
        if not path.exists():
            raise RecipeError(
                f"{path}: no such file, and no recipe of that name{_nearest(name_or_path, shipped)}"
            )
        if not path.is_file():  # a device may have no end
            raise RecipeError(f"{path}: cannot be read: not a file")
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise RecipeError(f"{name_or_path}: cannot be read: {error}") from None
    found = parse_recipe(text, name_or_path)
    if isinstance(found.recipe, AdoptedRecipe):
        raise RecipeError(f"{path}: is of an adopted model, which `liteproof adopt` makes")
    return found


def parse_recipe(text: str, where: str) -> RecipeFile:
    """Check a recipe's text.

    Raises:
        RecipeError: it is not TOML, or a key or value in it is wrong.
    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"{where}: not TOML: {error}") from None
    kind = AdoptedRecipe if ADOPTION in table else Recipe
    try:
        # By way of JSON, where a strict check still turns lists into tuples and words into enums.
        adapter: TypeAdapter[Recipe] = TypeAdapter(kind)
        recipe = adapter.validate_json(json.dumps(table, default=str))
    except ValidationError as error:
        raise RecipeError(f"{where}: {_explain(error, kind)}") from None
    check_consistency(recipe, where)
    return RecipeFile(recipe, text)


def _explain(error: ValidationError, kind: type[Recipe]) -> str:
    """Return the first problem in one line: the key's path, what is wrong, what was expected."""
    problems = error.errors()
    # An unknown key often leaves a required one missing: the unknown one is the cause.
    problem = next((item for item in problems if item["type"] == UNKNOWN), problems[0])
    path, keys = _locate(problem["loc"], kind)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if problem["type"] == UNKNOWN:
        return f"{path}: unknown key{_nearest(str(problem['loc'][-1]), keys)}{more}"
    if problem["type"] == "missing":
        return f"{path}: missing{more}"
    message = problem["msg"][0].lower() + problem["msg"][1:]
    found = problem["input"]
    given = "" if isinstance(found, dict | list) else f"{found!r}: "
    return f"{path}: {given}{message}{more}"


def _locate(location: tuple[int | str, ...], kind: type[Recipe]) -> tuple[str, list[str]]:
    """Return a problem's path as in the TOML file, and the keys known at that level."""
    path, keys = "", list[str]()
    table: type = kind
    for part in location:
        if part in CHOICES:
            table = CHOICES[str(part)]
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
        if isinstance(part, str):
            hints = get_type_hints(table)
            keys = list(hints)
            hint = hints.get(part, table)
            optional = get_origin(hint) in {Union, UnionType}  # a table, or none
            table = get_args(hint)[0] if optional else hint
    return path, keys


def _nearest(word: str, known: Iterable[str]) -> str:
    matches = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {matches[0]!r}?" if matches else f"; expected one of {', '.join(known)}"
