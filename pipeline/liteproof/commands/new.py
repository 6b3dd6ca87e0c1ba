"""`new`: a starter recipe for a folder of pictures."""

import shlex
from pathlib import Path

import click

from liteproof.commands.options import DATA_DIR


@click.command()
@click.argument("name")
@click.option(
    "--from",
    "source",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder: <class>/<picture>, or train/ and test/ with these.",
)
@click.option("--skip-unreadable", is_flag=True, help="Leave out pictures that cannot be read.")
@DATA_DIR
def new(name: str, source: Path, *, skip_unreadable: bool, data_dir: Path | None) -> None:
    """Look at a folder of pictures and write NAME.toml for it.

    Comments in the recipe say what was seen, and why it is as it is. The folder becomes the
    dataset of that name; the pictures stay where they are.
    """
    from liteproof.data.dataset import default_data_dir  # noqa: PLC0415
    from liteproof.data.sources import Given  # noqa: PLC0415
    from liteproof.progress import say  # noqa: PLC0415
    from liteproof.starting.stage import start  # noqa: PLC0415

    given = Given(source, skip_unreadable)
    started = start(name, given, data_dir or default_data_dir(), say)
    click.echo("\n".join(started.lines))
    where = ["--data-dir", str(data_dir)] if data_dir else []
    command = shlex.join(["liteproof", "run", str(started.recipe), *where])
    click.echo(f"\n{started.recipe} says why it says what it says. Now:\n  {command}")
