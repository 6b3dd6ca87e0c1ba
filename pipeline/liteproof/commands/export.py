"""`export`: to .tflite."""

from pathlib import Path

import click

from liteproof.commands.options import RUN_FOLDER


@click.command()
@RUN_FOLDER
@click.option(
    "--scheme",
    "schemes",
    multiple=True,
    type=click.Choice(["int8", "float32"]),
    help="May be given more than once.  [default: all]",
)
def export(path: Path, schemes: tuple[str, ...]) -> None:
    """Convert a run's model to .tflite."""
    from liteproof import runs, stages  # noqa: PLC0415
    from liteproof.recipe import Scheme  # noqa: PLC0415

    run = runs.open_run(path)
    chosen = [Scheme(name) for name in schemes] or list(Scheme)
    stages.export(run, chosen)
    for scheme in chosen:
        model = run.tflite_model(scheme)
        click.echo(f"{scheme.value}: {model} ({model.stat().st_size:,} bytes)")
