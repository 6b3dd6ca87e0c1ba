"""`liteproof`: commands that parse, call one function, and print."""

import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from liteproof import distribution
from liteproof.distribution import Device, Layout, Strategy
from liteproof.layout_options import layout_options, read_layout
from liteproof_edge.errors import LiteproofError

RUN_FOLDER = click.argument("path", metavar="RUN", type=click.Path(path_type=Path))
DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="TFDS's folder.  [default: TFDS_DATA_DIR, or ~/tensorflow_datasets]",
)
INTERRUPTED = "interrupted; `run` goes on by itself from here, `train` with --resume"
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class ErrorHandlingGroup(click.Group):
    """The one place where an expected error becomes a line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own
        """Run a command."""
        try:
            return super().invoke(ctx)
        except LiteproofError as error:
            click.echo(f"liteproof: {error}", err=True)
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, SystemError) as error:
            # An interrupt inside TensorFlow's own code comes out as the cause of a SystemError.
            if not isinstance(error.__cause__ or error, KeyboardInterrupt):
                raise
            click.echo(f"\nliteproof: {INTERRUPTED}", err=True)
            ctx.exit(1)


def training_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of every command that trains."""
    for option in (
        click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="[default: the recipe's]"),
        click.option(
            "--threads",
            type=click.IntRange(1),
            help="Weights repeat bit for bit only at one number of threads.  [default: all cores]",
        ),
        click.option("--device", type=click.Choice([device.value for device in Device])),
        DATA_DIR,
    ):
        command = option(command)
    return layout_options(command)


def _read_shape(
    _: click.Context, __: click.Parameter, value: str | None
) -> tuple[int, int, int] | None:
    if value is None:
        return None
    from liteproof_edge.preprocessing import MAX_SIDE  # noqa: PLC0415

    match = re.fullmatch(r"([1-9][0-9]{0,3})x([1-9][0-9]{0,3})x([13])", value)
    height, width, channels = map(int, match.groups()) if match else (0, 0, 0)
    if not 1 <= max(height, width) <= MAX_SIDE:
        raise click.BadParameter(
            f"{value!r}: expected HEIGHTxWIDTHxCHANNELS, such as 28x28x1: sides of 1 to "
            f"{MAX_SIDE}, 1 or 3 channels"
        )
    return height, width, channels


@click.group(cls=ErrorHandlingGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="liteproof")
def main() -> None:
    """Train an image classifier, quantize it to int8, and prove that the device answers as it did.

    Exit codes: 0 done and every gate held; 1 a bug of ours, or interrupted; 2 usage or recipe;
    3 data or run; 4 bundle or model; 5 training or conversion failed; 6 a gate failed; 7 no runtime
    or device; 8 something cannot be written.
    """
    distribution.prepare(Device.AUTO, distribution.available_cores())


@main.command()
@click.argument("name")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    help="A folder of raw IDX files, or of pictures, which replaces what is there.",
)
@click.option(
    "--skip-unreadable", is_flag=True, help="Leave out pictures of it that cannot be read."
)
@DATA_DIR
def data(name: str, source: Path | None, *, skip_unreadable: bool, data_dir: Path | None) -> None:
    """Get a dataset: TFDS's, from IDX files, or from a folder of pictures.

    A folder of pictures is train/<class>/* with test/<class>/*, or <class>/*, of which a fifth of
    each class is held out for testing. The pictures stay where they are.
    """
    from liteproof.datasets import default_data_dir, fetch_dataset  # noqa: PLC0415
    from liteproof.progress import say  # noqa: PLC0415

    data_dir = data_dir or default_data_dir()
    click.echo(fetch_dataset(name, data_dir, say, source, skip_unreadable=skip_unreadable))


@main.command()
@click.argument("recipe")
@click.option(
    "--input",
    "shape",
    metavar="HxWxC",
    callback=_read_shape,
    help="Height, width and channels of a picture, such as 28x28x1.  [default: the dataset's]",
)
@click.option("--classes", type=click.IntRange(2, 100_000), help="[default: the dataset's]")
@DATA_DIR
@JSON
def describe(recipe: str, data_dir: Path | None, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401
    """Show what a recipe's model will be and take of a device, before any training."""
    from liteproof.datasets import default_data_dir  # noqa: PLC0415
    from liteproof.dimensions import dimensions  # noqa: PLC0415
    from liteproof.recipe_file import load_recipe  # noqa: PLC0415

    found = load_recipe(recipe).recipe
    taken = dimensions(found, data_dir or default_data_dir(), **given)
    with distribution.quiet():
        from liteproof import description  # noqa: PLC0415 - takes seconds

    described = description.describe(found, taken)
    click.echo(described.to_json() if as_json else described.table())


@main.command()
@click.argument("recipe")
@click.option("--out", "path", required=True, type=click.Path(path_type=Path), help="The run.")
@click.option("--resume", is_flag=True, help="Go on where a training was interrupted.")
@training_options
def train(recipe: str, path: Path, *, resume: bool, **options: Any) -> None:  # noqa: ANN401
    """Train a recipe: a shipped one by name, or a TOML file."""
    from liteproof import training_stage  # noqa: PLC0415
    from liteproof.recipe_file import load_recipe  # noqa: PLC0415

    recipe_file = load_recipe(recipe)
    layout = read_layout(options)
    settings, layout = _settings(
        path, recipe_file.recipe.training, layout, resume=resume, **options
    )
    existing = training_stage.Existing.RESUME if resume else training_stage.Existing.REFUSE
    run = training_stage.train(path, recipe_file, settings, existing, layout)
    if layout.index:
        click.echo(f"{layout}: trained; the chief has the model")
        return
    click.echo(f"trained: {run.keras_model}; next: liteproof export {path}")


@main.command()
@RUN_FOLDER
@click.option(
    "--scheme",
    "schemes",
    multiple=True,
    type=click.Choice(["int8", "float32"]),
    help="May be given more than once.  [default: all]",
)
def export(path: Path, schemes: tuple[str, ...]) -> None:
    """Convert a run's model to .tflite."""
    from liteproof import runs, stages  # noqa: PLC0415
    from liteproof.recipe import Scheme  # noqa: PLC0415

    run = runs.open_run(path)
    chosen = [Scheme(name) for name in schemes] or list(Scheme)
    stages.export(run, chosen)
    for scheme in chosen:
        model = run.tflite_model(scheme)
        click.echo(f"{scheme.value}: {model} ({model.stat().st_size:,} bytes)")


@main.command()
@RUN_FOLDER
@JSON
def compare(path: Path, *, as_json: bool) -> None:
    """Measure float against int8 on all test pictures, on the shipped runtime."""
    from liteproof import runs, stages  # noqa: PLC0415

    comparison = stages.compare_models(runs.open_run(path))
    click.echo(comparison.to_json() if as_json else comparison.table())
    comparison.check()


@main.command()
@RUN_FOLDER
@click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="The bundle.")
@click.option(
    "--seeds",
    "seeds_file",
    type=click.Path(path_type=Path),
    help="What scripts/seeds.py measured of this recipe, for the model card.",
)
def bundle(path: Path, folder: Path, seeds_file: Path | None) -> None:
    """Write a run's bundle: the model and all that a device needs to use and check it."""
    from liteproof import runs, stages  # noqa: PLC0415

    stages.bundle(runs.open_run(path), folder, seeds_file)
    click.echo(_next_steps(folder))


@main.command()
@click.argument("recipe", default="mnist-fast")
@click.option(
    "--out", "path", type=click.Path(path_type=Path), help="The run.  [default: runs/<recipe>]"
)
@training_options
@JSON
def run(recipe: str, path: Path | None, *, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Do it all: data, train, export, compare, bundle. What has not changed is skipped."""
    from liteproof import stages, training_stage  # noqa: PLC0415
    from liteproof.recipe_file import load_recipe  # noqa: PLC0415

    recipe_file = load_recipe(recipe)
    path = path or Path("runs", recipe_file.recipe.name)
    layout = read_layout(options)
    settings, layout = _settings(path, recipe_file.recipe.training, layout, resume=False, **options)
    if layout.index:
        training_stage.train(path, recipe_file, settings, training_stage.Existing.REPLACE, layout)
        click.echo(f"{layout}: trained; the chief has the model, and goes on with it", err=as_json)
        return
    comparison = stages.run_all(path, recipe_file, settings, layout)
    click.echo(comparison.to_json() if as_json else f"\n{comparison.table()}\n")
    click.echo(_next_steps(path / "bundle"), err=as_json)


def _settings(
    path: Path,
    training: Any,  # noqa: ANN401 - liteproof.recipe.Training
    layout: Layout,
    *,
    resume: bool,
    seed: int | None,
    threads: int | None,
    device: str | None,
    data_dir: Path | None,
) -> tuple[Any, Layout]:  # liteproof.runs.Settings, which is imported here
    """Return what was asked for, else what the run was begun with, else the default."""
    from liteproof.datasets import default_data_dir  # noqa: PLC0415
    from liteproof.precision import resolve_precision  # noqa: PLC0415
    from liteproof.runs import Settings, find_run  # noqa: PLC0415

    found = find_run(path)
    before = found.settings if found else None
    if seed is None:
        seed = before.seed if before and resume else training.seed
    chosen = Device(device) if device else before.device if before else Device.AUTO
    threads = threads or (before.threads if before else distribution.available_cores())
    distribution.prepare(chosen, threads)
    if layout.strategy is Strategy.MIRRORED and not layout.devices:
        layout = replace(layout, devices=distribution.all_gpus(chosen))
    settings = Settings(
        seed=seed,
        threads=threads,
        device=chosen,
        precision=resolve_precision(training.precision, chosen),
        data_dir=(data_dir or (before.data_dir if before else default_data_dir())).absolute(),
        replicas=layout.replicas,
    )
    return settings, layout


def _next_steps(bundle: Path) -> str:
    """Return the exact commands that come next."""
    command = "liteproof-edge"
    if shutil.which(command) is None:  # the environment is not activated
        command = str(Path(sys.argv[0]).with_name(command))
    return "\n".join(
        (
            f"bundle:    {bundle}",
            f"verify:    {command} verify {bundle}",
            f"classify:  {command} classify {bundle} PICTURE",
            f"deploy:    scp -r edge {bundle} pi@raspberrypi: (and there: pip install ./edge)",
        )
    )
