"""`forecast`: where a model will run."""

import os
from pathlib import Path

import click

from liteproof.commands.options import JSON
from liteproof.compatibility.assessment import require
from liteproof.compatibility.facts import Target


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--target",
    "targets",
    multiple=True,
    type=click.Choice([target.value for target in Target]),
    help="Exit with code 4 if this runtime cannot run the model; repeatable.",
)
@JSON
def forecast(model: Path, targets: tuple[str, ...], *, as_json: bool) -> None:
    """Say where a model will run: any .tflite, or a bundle.

    By runtime, Raspberry Pi OS release, architecture and Python, with the wheel to install or the
    reason why it cannot.
    """
    from liteproof.compatibility import forecast as forecasting  # noqa: PLC0415 - as every command
    from liteproof_edge.bundle.manifest import MAX_FILE_BYTES, MODEL, read_file  # noqa: PLC0415
    from liteproof_edge.model.flatbuffer import read_model  # noqa: PLC0415

    path = model
    if os.path.isdir(path):  # noqa: PTH112 - Path's raises where a name is too long
        path /= MODEL
    data = read_file(path, MAX_FILE_BYTES, "a .tflite model, or a bundle")
    read = read_model(data, str(path))
    found = forecasting.forecast(read)
    click.echo(found.to_json() if as_json else found.table())
    for target in targets:
        require(read, Target(target), str(path))
