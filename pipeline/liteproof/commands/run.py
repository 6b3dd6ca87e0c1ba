"""`run`: the whole chain."""

from pathlib import Path
from typing import Any

import click

from liteproof.commands.bundle import next_steps
from liteproof.commands.cluster_options import read_layout
from liteproof.commands.options import JSON, read_settings, training_options, work_alone_in


@click.command()
@click.argument("recipe", default="mnist-fast")
@click.option(
    "--out", "path", type=click.Path(path_type=Path), help="The run.  [default: runs/<recipe>]"
)
@click.option("--strict", is_flag=True, help="Also fail if the test pictures are too few to tell.")
@training_options
@JSON
def run(
    recipe: str,
    path: Path | None,
    *,
    strict: bool,
    as_json: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Do it all: data, train, export, compare, bundle. Stages without changes are skipped."""
    from liteproof.chain import run_all  # noqa: PLC0415
    from liteproof.evidence.document import to_json  # noqa: PLC0415
    from liteproof.evidence.terminal import table  # noqa: PLC0415
    from liteproof.recipes.reader import load_recipe  # noqa: PLC0415
    from liteproof.training.stage import Existing, train  # noqa: PLC0415

    recipe_file = load_recipe(recipe)
    path = path or Path("runs", recipe_file.recipe.name)
    layout = read_layout(options)
    if not layout.index:
        work_alone_in(path, make=True)
    training = recipe_file.recipe.training
    settings, layout = read_settings(path, training, layout, resume=False, **options)
    if layout.index:
        train(path, recipe_file, settings, Existing.REPLACE, layout)
        click.echo(f"{layout}: trained; the chief has the model, and goes on with it", err=as_json)
        return
    evidence = run_all(path, recipe_file, settings, layout, strict=strict)
    click.echo(to_json(evidence) if as_json else f"\n{table(evidence)}\n")
    click.echo(f"report:    {path / 'report.html'}\n{next_steps(path / 'bundle')}", err=as_json)
