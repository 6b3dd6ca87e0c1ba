"""Every key of a recipe, from the pydantic schema and the comments beside its fields."""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter

from liteproof.recipes import schema, training
from liteproof.recipes.schema import Recipe

PREFIX = "#/$defs/"
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
INTRODUCTION = """# Recipe reference

Every table and key that a recipe may hold, with types, ranges and defaults. Any other key is
an error that names it. [Recipes](../recipes.md) explains how they are used, and `liteproof describe
RECIPE` checks one. This page is made from the schema by `make docs`.
"""
# Where in a recipe each table stands, in the order in which a recipe is written.
TABLES = {
    "Recipe": "At the top",
    "DatasetChoice": "`[dataset]`",
    "Raw": '`[preprocessing]`, `kind = "raw"`',
    "Ink": '`[preprocessing]`, `kind = "ink"`',
    "Photo": '`[preprocessing]`, `kind = "photo"`',
    "Architecture": "`[architecture]`",
    "Conv": 'Layer `type = "conv"`',
    "Pool": 'Layer `type = "max_pool"` or `"average_pool"`',
    "GlobalPool": 'Layer `type = "global_max_pool"` or `"global_average_pool"`',
    "Dense": 'Layer `type = "dense"`',
    "Dropout": 'Layer `type = "dropout"`',
    "Residual": 'Layer `type = "residual"`',
    "Training": "`[training]`",
    "Augmentation": "`[training.augmentation]`",
    "Distillation": "`[training.distillation]`",
    "FineTuning": "`[training.fine_tuning]`",
    "Qat": "`[training.qat]`",
    "QuantizationChoice": "`[quantization]`",
    "Gates": "`[gates]`",
}


def recipe_page() -> str:
    """Return the page, in Markdown."""
    whole = TypeAdapter(Recipe).json_schema()
    tables: dict[str, Any] = {"Recipe": whole, **whole["$defs"]}
    named = {name: table for name, table in tables.items() if "properties" in table}
    order = [*(name for name in TABLES if name in named), *(n for n in named if n not in TABLES)]
    return "\n".join([INTRODUCTION, *(_section(name, named[name], tables) for name in order)])


def _section(name: str, table: Mapping[str, Any], tables: Mapping[str, Any]) -> str:
    comments = _comments(name)
    title = TABLES.get(name, f"`{name}`")
    rows = "\n".join(
        f"| `{key}` | {_type(value, tables)} | {_default(key, value, table)} | {comments[key]} |"
        for key, value in table["properties"].items()
    )
    head = f"## {title}\n\n{_paragraph(table.get('description', ''))}\n"
    return f"{head}\n| key | type | default | |\n|---|---|---|---|\n{rows}\n"


def _type(value: Mapping[str, Any], tables: Mapping[str, Any]) -> str:
    """Return a key's type and range in words."""
    options = tables.get(value.get("$ref", "").removeprefix(PREFIX), value).get("enum")
    if options:
        return _one_of(options)
    if "$ref" in value or "oneOf" in value:
        return "a table, below"
    if "anyOf" in value:
        kinds = [_type(kind, tables) for kind in value["anyOf"] if kind.get("type") != "null"]
        return " or ".join(kinds)
    if "const" in value:
        return f"`{_toml(value['const'])}`"
    if value["type"] == "array":
        items = value.get("prefixItems")
        return f"[{'; '.join(_type(item, tables) for item in items)}]" if items else "a list, below"
    bounds = [f"{sign} {value[key]:,}" for key, sign in BOUNDS.items() if key in value]
    pattern = [f"matching `{value['pattern']}`"] if "pattern" in value else []
    return ", ".join([str(value["type"]), *bounds, *pattern])


def _default(key: str, value: Mapping[str, Any], table: Mapping[str, Any]) -> str:
    if key in table.get("required", ()):
        return "*required*"
    default = value.get("default")
    return "" if default is None else f"`{_toml(default)}`"


def _one_of(options: list[Any]) -> str:
    return ", ".join(f"`{_toml(option)}`" for option in options)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _paragraph(text: str) -> str:
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text)


def _comments(name: str) -> Mapping[str, str]:
    """Return what the comment beside each field of a class says, base classes' too."""
    found = {**vars(training), **vars(schema)}[name]
    return {
        key: comment
        for kind in reversed(found.__mro__[:-1])
        for key, comment in _fields(inspect.getsource(kind))
    }


def _fields(source: str) -> Iterator[tuple[str, str]]:
    lines = source.splitlines()
    (definition,) = ast.parse(source).body
    if not isinstance(definition, ast.ClassDef):
        return
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            line = lines[(node.end_lineno or node.lineno) - 1][node.end_col_offset or 0 :]
            yield node.target.id, line.partition("#")[2].strip().replace("None:", "not given:")
