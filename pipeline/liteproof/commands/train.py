"""`train`: find the weights."""

from pathlib import Path
from typing import Any

import click

from liteproof.commands.cluster_options import read_layout
from liteproof.commands.options import read_settings, training_options, work_alone_in


@click.command()
@click.argument("recipe")
@click.option("--out", "path", required=True, type=click.Path(path_type=Path), help="The run.")
@click.option("--resume", is_flag=True, help="Continue a training that was interrupted.")
@training_options
def train(recipe: str, path: Path, *, resume: bool, **options: Any) -> None:  # noqa: ANN401
    """Train a recipe: a shipped one by name, or a TOML file."""
    from liteproof.recipes.reader import load_recipe  # noqa: PLC0415
    from liteproof.training import stage  # noqa: PLC0415

    recipe_file = load_recipe(recipe)
    layout = read_layout(options)
    if not layout.index:
        work_alone_in(path, make=not resume)
    training = recipe_file.recipe.training
    settings, layout = read_settings(path, training, layout, resume=resume, **options)
    existing = stage.Existing.RESUME if resume else stage.Existing.REFUSE
    run = stage.train(path, recipe_file, settings, existing, layout)
    if layout.index:
        click.echo(f"{layout}: trained; the chief has the model")
        return
    click.echo(f"trained: {run.keras_model}; next: liteproof export {path}")
