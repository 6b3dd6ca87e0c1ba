"""`data`: get a dataset."""

from pathlib import Path

import click

from liteproof.commands.options import DATA_DIR


@click.command()
@click.argument("name")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    help="A folder of raw IDX files or of pictures; it replaces a dataset of that name.",
)
@click.option("--skip-unreadable", is_flag=True, help="Leave out pictures that cannot be read.")
@DATA_DIR
def data(name: str, source: Path | None, *, skip_unreadable: bool, data_dir: Path | None) -> None:
    """Get a dataset from TFDS, IDX files or a folder of pictures.

    A folder of pictures is train/<class>/* with test/<class>/*, or <class>/*, of which a fifth of
    each class is held out for testing. The pictures stay where they are.
    """
    from liteproof.data.dataset import default_data_dir, fetch_dataset  # noqa: PLC0415
    from liteproof.data.sources import Given  # noqa: PLC0415
    from liteproof.progress import say  # noqa: PLC0415

    data_dir = data_dir or default_data_dir()
    given = Given(source, skip_unreadable) if source else None
    click.echo(fetch_dataset(name, data_dir, say, given))
