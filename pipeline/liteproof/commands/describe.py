"""`describe`: what a recipe's model will be."""

import re
from pathlib import Path
from typing import Any

import click

from liteproof.commands.options import DATA_DIR, JSON
from liteproof.tensorflow_setup import quiet


def _read_shape(
    _: click.Context, __: click.Parameter, value: str | None
) -> tuple[int, int, int] | None:
    if value is None:
        return None
    from liteproof_edge.preprocessing.spec import MAX_SIDE  # noqa: PLC0415

    match = re.fullmatch(r"([1-9][0-9]{0,3})x([1-9][0-9]{0,3})x([13])", value)
    height, width, channels = map(int, match.groups()) if match else (0, 0, 0)
    if not 1 <= max(height, width) <= MAX_SIDE:
        raise click.BadParameter(
            f"{value!r}: expected HEIGHTxWIDTHxCHANNELS, such as 28x28x1: sides of 1 to "
            f"{MAX_SIDE}, 1 or 3 channels"
        )
    return height, width, channels


@click.command()
@click.argument("recipe")
@click.option(
    "--input",
    "shape",
    metavar="HxWxC",
    callback=_read_shape,
    help="Height, width and channels of a picture, such as 28x28x1.  [default: the dataset's]",
)
@click.option("--classes", type=click.IntRange(2, 100_000), help="[default: the dataset's]")
@DATA_DIR
@JSON
def describe(recipe: str, data_dir: Path | None, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401
    """Show what a recipe's model will be and cost, before training."""
    from liteproof.data.dataset import default_data_dir  # noqa: PLC0415
    from liteproof.description.dimensions import dimensions  # noqa: PLC0415
    from liteproof.recipes.reader import load_recipe  # noqa: PLC0415

    found = load_recipe(recipe).recipe
    taken = dimensions(found, data_dir or default_data_dir(), **given)
    with quiet():
        from liteproof.description.describe import describe as describe_recipe  # noqa: PLC0415

    described = describe_recipe(found, taken)
    click.echo(described.to_json() if as_json else described.table())
