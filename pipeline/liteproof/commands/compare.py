"""`compare`: is the candidate as good as the baseline?"""

import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from liteproof.commands.board_options import SSH_CONFIG
from liteproof.commands.options import JSON, work_alone_in
from liteproof.tensorflow_setup import Device, available_cores, prepare

if TYPE_CHECKING:
    from liteproof.evidence.records import Evidence

MARGIN_POINTS = 0.2


@click.command()
@click.argument("paths", metavar="RUN | A B", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="For A and B: IDX files, or <class>/<picture>.",
)
@click.option(
    "--margin",
    "margin_points",
    type=click.FloatRange(0, 100),
    help=f"For A and B: points that B may lose.  [default: {MARGIN_POINTS}]",
)
@click.option(
    "--metric",
    type=click.Choice(["accuracy", "balanced"]),
    help="For A and B: what the margin applies to; balanced counts all classes the same.  "
    "[default: accuracy]",
)
@click.option(
    "--limit", type=click.IntRange(1), help="Compare only this many pictures, without a verdict."
)
@click.option("--damaged", is_flag=True, help="For a RUN: also compare on damaged pictures.")
@click.option("--strict", is_flag=True, help="Also fail if the pictures are too few to tell.")
@click.option(
    "--merge",
    "devices",
    multiple=True,
    type=click.Path(path_type=Path),
    help="For a RUN: what `liteproof-edge evaluate --json` printed on a device.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="For A and B: the folder for comparison.json and report.html.",
)
@click.option(
    "--on",
    "hosts",
    multiple=True,
    help="For a RUN: also measure on this board, which runs its bundle.",
)
@SSH_CONFIG
@click.option("--mean", type=float, default=0.0, help="For a Keras model: see `export`.")
@click.option("--scale", type=click.FloatRange(0, min_open=True), default=1.0, help="Likewise.")
@JSON
def compare(
    paths: tuple[Path, ...],
    *,
    data: Path | None,
    margin_points: float | None,
    metric: str | None,
    limit: int | None,
    damaged: bool,
    strict: bool,
    devices: tuple[Path, ...],
    hosts: tuple[str, ...],
    ssh_config: Path | None,
    out: Path | None,
    mean: float,
    scale: float,
    as_json: bool,
) -> None:
    """Compare a run's models with its Keras model, or any two.

    A and B are bundles, runs with a bundle, .tflite files or Keras models; B is judged against A.
    Exit code 6: B is shown to lose more than the margin; with --strict, also if the pictures
    are too few to tell.
    """
    from liteproof.comparison.stage import check  # noqa: PLC0415
    from liteproof.evidence.document import to_json  # noqa: PLC0415
    from liteproof.evidence.terminal import table  # noqa: PLC0415

    if len(paths) == 1:
        if data or out or metric or margin_points is not None:
            raise click.UsageError(
                "--data, --margin, --metric and --out go with A and B: a RUN has its own, the "
                "margin and its metric in its recipe's [gates]"
            )
        with tempfile.TemporaryDirectory(prefix="liteproof-") as temporary:
            measured = _measure(paths[0], hosts, limit, ssh_config, Path(temporary))
            part = None if hosts else limit
            evidence = _run(paths[0], part, (*devices, *measured), damaged=damaged)
    elif len(paths) == 2 and data is not None and not (devices or damaged or hosts):
        from liteproof.comparison.files import Question, compare_files  # noqa: PLC0415
        from liteproof.recipes.schema import Metric  # noqa: PLC0415

        prepare(Device.AUTO, available_cores())
        points = MARGIN_POINTS if margin_points is None else margin_points
        question = Question(
            *paths, data, points, limit, mean, scale, Metric(metric or Metric.ACCURACY.value)
        )
        with tempfile.TemporaryDirectory(prefix="liteproof-") as temporary:
            cache = out / "answers" if out else Path(temporary)
            evidence = compare_files(question, cache, out)
    else:
        raise click.UsageError("expected a RUN, or A and B with --data")
    click.echo(to_json(evidence) if as_json else table(evidence))
    check(evidence, strict=strict)


def _measure(
    path: Path, hosts: tuple[str, ...], limit: int | None, config: Path | None, folder: Path
) -> list[Path]:
    """Have boards answer the test pictures, or `limit` of them; return a file of each answer."""
    if not hosts:
        return []
    from liteproof.adoption.origin import pictures_of  # noqa: PLC0415
    from liteproof.comparison.stage import sample  # noqa: PLC0415
    from liteproof.deployment.measuring import measure  # noqa: PLC0415
    from liteproof.export.stage import exported  # noqa: PLC0415
    from liteproof.runs.run import open_run  # noqa: PLC0415

    run = open_run(path)
    dataset = pictures_of(run)
    paths = [run.tflite_model(variant) for variant in exported(run, dataset)]
    models = {hashlib.sha256(file.read_bytes()).hexdigest() for file in paths}
    examples = sample(dataset, limit or len(dataset.test.labels))
    files = []
    for number, host in enumerate(hosts):
        files.append(folder / f"{number}.json")
        files[-1].write_text(json.dumps(measure(host, examples, models, config)), "utf-8")
    return files


def _run(path: Path, limit: int | None, devices: tuple[Path, ...], *, damaged: bool) -> "Evidence":
    from liteproof.comparison import stage  # noqa: PLC0415
    from liteproof.runs.run import open_run  # noqa: PLC0415

    work_alone_in(path)
    if limit:
        return stage.compare_part(open_run(path), limit)
    return stage.compare_models(open_run(path), devices, damaged=damaged)
