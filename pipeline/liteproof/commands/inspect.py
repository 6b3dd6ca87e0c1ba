"""`inspect`: what a .tflite holds, computes in and costs; the same as `liteproof-edge inspect`."""

from pathlib import Path

import click

from liteproof.commands.options import JSON


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--tensors", is_flag=True, help="List every tensor.")
@click.option("--memory", is_flag=True, help="Show which values live at each operator.")
@JSON
def inspect(model: Path, *, tensors: bool, memory: bool, as_json: bool) -> None:
    """Show what a model holds, computes in and costs; it is not run.

    The model is any .tflite file, or a bundle's.
    """
    from liteproof_edge.commands.inspect import show  # noqa: PLC0415

    show(model, as_json=as_json, tensors=tensors, memory=memory)
