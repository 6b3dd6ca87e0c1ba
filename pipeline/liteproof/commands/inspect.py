"""`inspect`: what a .tflite holds, computes in and takes; the same as `liteproof-edge inspect`."""

from pathlib import Path

import click

from liteproof.commands.options import JSON


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--tensors", is_flag=True, help="List every tensor.")
@click.option("--memory", is_flag=True, help="Show which values live at each operator.")
@JSON
def inspect(model: Path, *, tensors: bool, memory: bool, as_json: bool) -> None:
    """Show what any .tflite, or a bundle's, holds, computes in and takes; it is not run."""
    from liteproof_edge.commands.inspect import show  # noqa: PLC0415

    show(model, as_json=as_json, tensors=tensors, memory=memory)
