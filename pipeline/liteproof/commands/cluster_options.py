"""The options of `liteproof` that say on which devices and machines to train."""

from collections.abc import Callable
from typing import Any

import click

from liteproof.cluster.strategy import ALONE, Layout, Strategy, host_and_port

NAMES = ("strategy", "devices", "workers", "task_index", "cluster_timeout")


def layout_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add them to a command, which gets them as one, `layout`."""
    for option in (
        click.option(
            "--cluster-timeout",
            type=click.IntRange(1, 86_400),
            metavar="SECONDS",
            help=f"How long to wait for the other workers.  [default: {ALONE.timeout_seconds:g}]",
        ),
        click.option(
            "--task-index",
            type=click.IntRange(0),
            metavar="I",
            help="Which of the workers this machine is; 0 is the chief, which writes the run.",
        ),
        click.option(
            "--workers",
            metavar="HOST:PORT,...",
            callback=_read_workers,
            help="All machines, in the same order on each; on trusted networks only.",
        ),
        click.option(
            "--devices",
            type=click.IntRange(1, 1024),
            metavar="N",
            help="Devices per machine.  [default: 1; with mirrored, all GPUs]",
        ),
        click.option(
            "--strategy",
            type=click.Choice([strategy.value for strategy in Strategy]),
            help="mirrored: several devices of this machine; multiworker: several machines.",
        ),
    ):
        command = option(command)
    return command


def read_layout(options: dict[str, Any]) -> Layout:
    """Take the options of `layout_options` out of a command's, and return what they say.

    Devices that were not given are 0 where all GPUs are meant.

    Raises:
        click.UsageError: they contradict one another.
    """
    given = {name: options.pop(name) for name in NAMES}
    strategy = Strategy(given["strategy"] or Strategy.NONE.value)
    workers, index, devices = given["workers"], given["task_index"], given["devices"]
    if strategy is not Strategy.MULTIWORKER:
        for name in ("workers", "task_index", "cluster_timeout"):
            if given[name] is not None:
                option = f"--{name.replace('_', '-')}"
                raise click.UsageError(f"{option}: expected with --strategy multiworker only")
    elif workers is None or index is None:
        raise click.UsageError("--strategy multiworker: expected --workers and --task-index too")
    elif index >= len(workers):
        raise click.UsageError(
            f"--task-index {index}: expected 0 to {len(workers) - 1}, for {len(workers)} workers"
        )
    if strategy is Strategy.NONE and devices not in {None, 1}:
        raise click.UsageError(f"--devices {devices}: expected with --strategy mirrored")
    return Layout(
        strategy=strategy,
        devices=devices or (0 if strategy is Strategy.MIRRORED else 1),
        workers=workers or (),
        index=index or 0,
        timeout_seconds=float(given["cluster_timeout"] or ALONE.timeout_seconds),
    )


def _read_workers(
    _: click.Context, __: click.Parameter, value: str | None
) -> tuple[str, ...] | None:
    if value is None:
        return None
    workers = tuple(value.split(","))
    try:
        places = [host_and_port(worker) for worker in workers]
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if len(places) < 2:
        raise click.BadParameter(f"{value!r}: expected two or more, with commas between")
    if len(set(places)) < len(places):
        raise click.BadParameter(f"{value!r}: names one worker twice")
    return workers
