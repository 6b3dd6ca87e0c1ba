"""Options that several commands share, and what they say."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from liteproof.cluster.strategy import Layout, Strategy, all_gpus
from liteproof.commands.cluster_options import layout_options
from liteproof.locking import alone_in
from liteproof.tensorflow_setup import Device, available_cores, prepare

RUN_FOLDER = click.argument("path", metavar="RUN", type=click.Path(path_type=Path))
DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where TFDS keeps datasets.  [default: TFDS_DATA_DIR, or ~/tensorflow_datasets]",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def work_alone_in(run: Path, *, make: bool = False) -> None:
    """Keep other processes out of a run's folder until this command ends.

    Raises:
        RunError: another process is at work in it.
        StorageError: it cannot be made.
    """
    click.get_current_context().with_resource(alone_in(run, make=make))


def training_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of every command that trains."""
    for option in (
        click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="[default: the recipe's]"),
        click.option(
            "--threads",
            type=click.IntRange(1),
            help="Weights repeat bit for bit only with as many threads.  [default: all cores]",
        ),
        click.option(
            "--device",
            type=click.Choice([device.value for device in Device]),
            help="[default: auto, which takes a GPU if there is one]",
        ),
        DATA_DIR,
    ):
        command = option(command)
    return layout_options(command)


def read_settings(
    path: Path,
    training: Any,  # noqa: ANN401 - liteproof.recipes.schema.Training
    layout: Layout,
    *,
    resume: bool,
    seed: int | None,
    threads: int | None,
    device: str | None,
    data_dir: Path | None,
) -> tuple[Any, Layout]:  # liteproof.runs.run.Settings, which is imported here
    """Return what was asked for, else what the run began with, else the default."""
    from liteproof.data.dataset import default_data_dir  # noqa: PLC0415
    from liteproof.runs.run import Settings, find_run  # noqa: PLC0415
    from liteproof.training.precision import resolve_precision  # noqa: PLC0415

    found = find_run(path)
    before = found.settings if found else None
    if seed is None:
        seed = before.seed if before and resume else training.seed
    chosen = Device(device) if device else before.device if before else Device.AUTO
    threads = threads or (before.threads if before else available_cores())
    prepare(chosen, threads)
    if layout.strategy is Strategy.MIRRORED and not layout.devices:
        layout = replace(layout, devices=all_gpus(chosen))
    settings = Settings(
        seed=seed,
        threads=threads,
        device=chosen,
        precision=resolve_precision(training.precision, chosen),
        data_dir=(data_dir or (before.data_dir if before else default_data_dir())).absolute(),
        replicas=layout.replicas,
    )
    return settings, layout
