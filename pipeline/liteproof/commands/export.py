"""`export`: to .tflite."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from liteproof.commands.options import JSON, work_alone_in
from liteproof.compatibility.facts import Target
from liteproof.conversion.variants import FLOAT32, Granularity, Interface, Scheme, Variant, Weights
from liteproof.tensorflow_setup import Device, available_cores, prepare, quiet

if TYPE_CHECKING:
    from liteproof.export.exported import Exported
    from liteproof.export.fallback import Fallback


def _choice(kind: Any) -> click.Choice[str]:  # noqa: ANN401 - an Enum class
    return click.Choice([member.value for member in kind if member is not Scheme.GIVEN])


@click.command()
@click.argument("path", metavar="[RUN]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--scheme",
    "schemes",
    multiple=True,
    type=_choice(Scheme),
    help="Repeatable; with --gate, the forms to try.  "
    "[default: float32 and int8; with --gate: all]",
)
@click.option("--io", "interface", type=_choice(Interface), help="[default: the scheme's own]")
@click.option(
    "--granularity",
    type=_choice(Granularity),
    help="How many scales the weights have.  [default: per_channel]",
)
@click.option(
    "--weights", type=_choice(Weights), help="[default: qat for int8, if the recipe trains it]"
)
@click.option(
    "--gate",
    "gate_points",
    type=click.FloatRange(0, 100),
    help="Take the first form that loses at most this many points on validation pictures.",
)
@click.option(
    "--target",
    "targets",
    multiple=True,
    type=_choice(Target),
    help="Fail if this runtime cannot run the result; repeatable.",
)
@click.option("--strip/--no-strip", default=True, help="Leave out the names inside the graph.")
@click.option("--layers", "with_layers", is_flag=True, help="Show the error of each layer.")
@click.option(
    "--keras",
    "keras_file",
    type=click.Path(path_type=Path),
    help="Instead of RUN: any Keras classifier, with --representative and --out.",
)
@click.option(
    "--representative",
    type=click.Path(path_type=Path),
    help="Pictures for calibration: a folder, or a .npy or .npz file of uint8 pixels.",
)
@click.option(
    "--out", "folder", type=click.Path(path_type=Path), help="With --keras: where its files go."
)
@click.option("--mean", type=float, default=0.0, help="The model expects (pixel - mean) x scale.")
@click.option(
    "--scale",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    help="See --mean: 0.003921568627 for a model that expects 0 to 1.",
)
@JSON
def export(path: Path | None, *, as_json: bool, with_layers: bool, **options: Any) -> None:  # noqa: ANN401
    """Convert a run's model, or any Keras classifier, to .tflite.

    Each form is proven, measured, and its error explained.
    """
    made, fallback = _export(path, **options)
    if as_json:
        forms = [json.loads(each.to_json()) for each in made]
        path_taken = json.loads(fallback.to_json()) if fallback else None
        click.echo(json.dumps({"exported": forms, "fallback": path_taken}, indent=1))
    else:
        folder = path or options["folder"]
        click.echo("\n".join(each.summary(folder, with_layers=with_layers) for each in made))
    if fallback:
        fallback.check()
        if not as_json:
            click.echo(f"ships: {fallback.shipped}")


def _export(
    path: Path | None,
    *,
    schemes: tuple[str, ...],
    gate_points: float | None,
    targets: tuple[str, ...],
    strip: bool,
    keras_file: Path | None,
    representative: Path | None,
    folder: Path | None,
    mean: float,
    scale: float,
    **form: str | None,
) -> "tuple[list[Exported], Fallback | None]":
    """Do what the options ask for, to a run or to a Keras model."""
    from liteproof.export import stage  # noqa: PLC0415
    from liteproof.export.choices import Choices  # noqa: PLC0415
    from liteproof.runs.run import open_run  # noqa: PLC0415

    if (path is None) == (keras_file is None):
        raise click.UsageError("expected a RUN, or --keras")
    if gate_points is None and Scheme.INT8_MIXED.value in schemes:
        raise click.UsageError(
            "int8-mixed goes with --gate, which finds the layers to keep in float32"
        )
    choices = Choices(strip, tuple(map(Target, targets)))
    if path is not None:
        if representative or folder:
            raise click.UsageError("--representative and --out go with --keras")
        work_alone_in(path)
        run = open_run(path)
        if gate_points is not None:
            return stage.export_gated(run, _forms(schemes, form), gate_points, choices)
        if not schemes:
            run.fallback.unlink(missing_ok=True)  # the recipe's own int8 ships again
        if run.is_given and not schemes:
            variants = list(run.forms)
        else:
            variants = _variants(schemes, run.int8.weights, **form)
        return stage.export(run, variants, choices), None
    if keras_file is None or representative is None or folder is None:
        raise click.UsageError("--keras takes --representative and --out")
    prepare(Device.AUTO, available_cores())
    with quiet():
        from liteproof.export import foreign  # noqa: PLC0415 - TensorFlow
    subject = foreign.read_subject(keras_file, representative, folder, mean, scale)
    if gate_points is not None:
        return foreign.export_gated(subject, _forms(schemes, form), gate_points, choices)
    return foreign.export(subject, _variants(schemes, Weights.FLOAT, **form), choices), None


def _forms(schemes: tuple[str, ...], form: dict[str, str | None]) -> list[Variant]:
    from liteproof.export.fallback import CANDIDATES  # noqa: PLC0415

    if any(form.values()):
        raise click.UsageError("--gate tries forms of its own: no --io, --granularity, --weights")
    return [each for each in CANDIDATES if not schemes or each.scheme.value in schemes]


def _variants(
    schemes: tuple[str, ...],
    int8_weights: Weights,
    *,
    interface: str | None,
    granularity: str | None,
    weights: str | None,
) -> list[Variant]:
    """Return the forms asked for; the options apply to each of them."""
    variants = [] if schemes else [FLOAT32]
    for scheme in map(Scheme, schemes or (Scheme.INT8.value,)):
        default = int8_weights if scheme is Scheme.INT8 else Weights.FLOAT
        variants.append(
            Variant(
                scheme,
                Interface(interface) if interface else None,
                Granularity(granularity) if granularity else Granularity.PER_CHANNEL,
                Weights(weights) if weights else default,
            )
        )
    return variants
