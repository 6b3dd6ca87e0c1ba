"""`adopt`: a model that was trained elsewhere becomes a run."""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from liteproof.commands.bundle import next_steps
from liteproof.commands.options import JSON, work_alone_in
from liteproof.tensorflow_setup import Device, available_cores, prepare

if TYPE_CHECKING:
    from liteproof.recipes.schema import Preprocessing


def _read_size(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,3})x([1-9][0-9]{0,3})", value)
    if match is None:
        raise click.BadParameter(f"{value!r}: expected HEIGHTxWIDTH, such as 224x224")
    return int(match[1]), int(match[2])


def _read_numbers(
    _: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in value.split(",")) if value is not None else ()
    except ValueError:
        numbers = (0.0, 0.0)
    if len(numbers) not in {0, 1, 3} or any(abs(number) > 1e6 for number in numbers):
        raise click.BadParameter(f"{value!r}: expected a number, or three with commas between")
    if parameter.name == "scale" and not all(number > 0 for number in numbers):
        raise click.BadParameter(f"{value!r}: expected numbers above 0")
    return numbers


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Labelled pictures: <class>/<picture>, or train/ and test/ with these, or IDX files.",
)
@click.option(
    "--test",
    type=click.Path(path_type=Path),
    help="The pictures to compare on, if they have a folder of their own.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="A text file, one class per line, in the order of the outputs.  [default: the folders' "
    "names in alphabetical order]",
)
@click.option("--out", "path", required=True, type=click.Path(path_type=Path), help="The run.")
@click.option(
    "--size", metavar="HxW", callback=_read_size, help="The input size, for a model that takes any."
)
@click.option("--output", metavar="NAME", help="Which output to use, if there are several.")
@click.option(
    "--preprocessing",
    "kind",
    type=click.Choice(["photo", "ink", "raw"]),
    default="photo",
    help="How a device turns a picture into the model's input.  [default: photo]",
)
@click.option(
    "--fit",
    type=click.Choice(["stretch", "cover", "contain"]),
    help="How a photo is fitted to the input.  [default: stretch, as Keras reads folders]",
)
@click.option("--bgr", is_flag=True, help="The model expects BGR channels.")
@click.option(
    "--mean",
    metavar="M[,M,M]",
    callback=_read_numbers,
    help="The model expects (pixel - mean) x scale.",
)
@click.option(
    "--scale",
    metavar="S[,S,S]",
    callback=_read_numbers,
    help="See --mean: 0.003921569 for a model that expects 0 to 1.  [default: found by trying]",
)
@click.option(
    "--margin",
    "margin_points",
    type=click.FloatRange(0, 100),
    default=0.2,
    help="Points of accuracy that int8 may lose.  [default: 0.2]",
)
@click.option(
    "--metric",
    type=click.Choice(["accuracy", "balanced"]),
    default="accuracy",
    help="What the margin applies to; balanced counts all classes the same.  [default: accuracy]",
)
@click.option("--quantize", is_flag=True, help="Convert a float32 .tflite to int8.")
@click.option("--skip-unreadable", is_flag=True, help="Leave out pictures that cannot be read.")
@click.option("--strict", is_flag=True, help="Also fail if the test pictures are too few to tell.")
@JSON
def adopt(
    *,
    path: Path,
    kind: str,
    fit: str | None,
    strict: bool,
    as_json: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Turn a model trained elsewhere into a run and a bundle.

    MODEL is a .keras, .h5 or .tflite file, or a SavedModel's folder. A .tflite is kept as it is.
    """
    from liteproof.adoption.request import Request  # noqa: PLC0415
    from liteproof.adoption.stage import adopt as adopt_model  # noqa: PLC0415
    from liteproof.chain import finish  # noqa: PLC0415
    from liteproof.evidence.document import to_json  # noqa: PLC0415
    from liteproof.evidence.terminal import table  # noqa: PLC0415

    prepare(Device.AUTO, available_cores())
    preprocessing = _preprocessing(kind, fit)
    work_alone_in(path, make=True)
    again = shlex.join(["liteproof", "adopt", options["model"].name, "--data", "DIR"])
    run = adopt_model(path, Request(preprocessing=preprocessing, again=again, **options))
    evidence = finish(run, strict=strict)
    click.echo(to_json(evidence) if as_json else f"\n{table(evidence)}\n")
    click.echo(f"report:    {path / 'report.html'}\n{next_steps(path / 'bundle')}", err=as_json)


def _preprocessing(kind: str, fit: str | None) -> "Preprocessing":
    from liteproof.recipes.schema import Ink, Photo, Raw  # noqa: PLC0415
    from liteproof_edge.preprocessing.photo import Fit  # noqa: PLC0415

    if fit and kind != "photo":
        raise click.UsageError(f"--fit goes with photo, not with {kind}")
    match kind:
        case "ink":
            return Ink(kind="ink")
        case "raw":
            return Raw(kind="raw")
    return Photo(kind="photo", fit=Fit(fit or "stretch"))
