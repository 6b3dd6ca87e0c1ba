"""`compare`: float against int8."""

from pathlib import Path

import click

from liteproof.commands.options import JSON, RUN_FOLDER


@click.command()
@RUN_FOLDER
@JSON
def compare(path: Path, *, as_json: bool) -> None:
    """Measure float against int8 on all test pictures, on the shipped runtime."""
    from liteproof import runs, stages  # noqa: PLC0415

    comparison = stages.compare_models(runs.open_run(path))
    click.echo(comparison.to_json() if as_json else comparison.table())
    comparison.check()
