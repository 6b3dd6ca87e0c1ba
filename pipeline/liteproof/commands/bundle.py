"""`bundle`: the model, and what a device needs with it."""

import shutil
import sys
import time
from pathlib import Path

import click

from liteproof.commands.options import RUN_FOLDER, work_alone_in
from liteproof_edge.bundle.manifest import MAX_SERIAL


@click.command()
@RUN_FOLDER
@click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="The bundle.")
@click.option(
    "--seeds",
    "seeds_file",
    type=click.Path(path_type=Path),
    help="What scripts/seeds.py measured for this recipe; it goes onto the model card.",
)
@click.option(
    "--sign",
    "key",
    type=click.Path(path_type=Path),
    help="Sign it with this OpenSSH key, or with the agent's for this public key.",
)
@click.option(
    "--serial",
    type=click.IntRange(0, MAX_SERIAL),
    help="With --sign: devices refuse lower ones later.  [default: seconds since 1970]",
)
def bundle(
    path: Path, folder: Path, seeds_file: Path | None, key: Path | None, serial: int | None
) -> None:
    """Write a bundle: the model and all that a device needs."""
    from liteproof.bundling import stage  # noqa: PLC0415
    from liteproof.bundling.signing import sign  # noqa: PLC0415
    from liteproof.runs.run import open_run  # noqa: PLC0415

    if serial is not None and key is None:
        raise click.UsageError("--serial goes with --sign")
    work_alone_in(path)
    stage.bundle(open_run(path), folder, seeds_file)
    if key is not None:
        sign(folder, key, int(time.time()) if serial is None else serial)
    click.echo(next_steps(folder))


def next_steps(bundle: Path) -> str:
    """Return the exact commands that come next."""
    edge, liteproof = (_as_found(name) for name in ("liteproof-edge", "liteproof"))
    return "\n".join(
        (
            f"bundle:    {bundle}",
            f"verify:    {edge} verify {bundle}",
            f"classify:  {edge} classify {bundle} PICTURE",
            f"deploy:    {liteproof} deploy {bundle} pi@raspberrypi.local",
        )
    )


def _as_found(command: str) -> str:
    """Return how to call a program of ours: by its path, where the environment is not activated."""
    return command if shutil.which(command) else str(Path(sys.argv[0]).with_name(command))
