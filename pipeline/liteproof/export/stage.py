"""The stage of a run that makes .tflite files of its model, and chooses the one that ships."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from liteproof.adoption.origin import pictures_of
from liteproof.calibration.choice import choose, without_twins
from liteproof.conversion.variants import Variant, Weights, every_variant, named
from liteproof.data.dataset import Dataset
from liteproof.errors import RunError
from liteproof.export.choices import Choices
from liteproof.export.exported import SCHEMA_VERSION, Exported
from liteproof.export.fallback import Fallback, descend, shipped_record
from liteproof.export.subject import Pictures, Subject
from liteproof.progress import say
from liteproof.randomness import Stream, random_stream
from liteproof.recipes.input_spec import shipped_spec
from liteproof.recipes.training import Qat
from liteproof.runs.run import Run
from liteproof.runs.stage import Stage, digest
from liteproof.storage import write_file
from liteproof.tensorflow_setup import quiet
from liteproof.training.stage import fine_tune, parts

if TYPE_CHECKING:
    from liteproof.export.exporter import Exporter
    from liteproof.export.given import GivenExporter

MakeExporter = Callable[[], "Exporter | GivenExporter"]
# Of the fallback's fine-tuning, where the recipe has none of its own.
QAT_EPOCHS, QAT_SHARE_OF_LEARNING_RATE = 2, 0.1


def export(run: Run, variants: Sequence[Variant], choices: Choices) -> list[Exported]:
    """Convert a run's trained model into each of the variants.

    Raises:
        RunError: there is no finished training.
        DatasetError: the calibration set will not do.
        ConversionError: it cannot be converted, or the result is not what it is called.
        CompatibilityError: a target cannot run it.
    """
    dataset = pictures_of(run)
    with _exporter(run, dataset, choices) as exporter:
        return [_export(run, dataset, variant, choices, exporter) for variant in variants]


def export_gated(
    run: Run, forms: Sequence[Variant], gate_points: float, choices: Choices
) -> tuple[list[Exported], Fallback]:
    """Convert a run's trained model into the first form that loses little enough.

    It is measured on validation pictures and on the runtime that ships. What holds is what ships
    from then on.

    Args:
        run: a trained one.
        forms: of `fallback.CANDIDATES`.
        gate_points: how many points of accuracy it may lose.
        choices: as for `export`.

    Returns:
        What was found of float32 and of the form that ships, if any; and the path to it.

    Raises:
        As `export`, except where only one form cannot be tried.
    """
    dataset = pictures_of(run)
    if run.adoption or run.recipe.architecture.backbone:
        forms = [form for form in forms if form.weights is Weights.FLOAT]
    with _exporter(run, dataset, choices) as exporter:

        def make(variant: Variant, wide: Sequence[str]) -> Exported:
            if variant.weights is Weights.QAT:
                fine_tune(run, dataset, _qat(run))
            return _export(run, dataset, variant, choices, exporter, wide)

        def work() -> None:
            _export(run, dataset, run.first_form, choices, exporter)
            write_file(run.fallback, descend(forms, gate_points, make).to_json())

        inputs = [
            digest(run.source_model),
            run.recipe_file.part("quantization"),
            dataset.fingerprint,
        ]
        inputs += [str(gate_points), str(choices), *(form.name for form in forms)]
        inputs += [version("tensorflow")]
        Stage("export --gate", run.path, inputs, [run.fallback]).perform(work)
    path = Fallback.read(run.fallback)
    first = Exported.read(run.first_form.record_in(run.path))
    return [first, *shipped_record(run.path, path)], path


def shipped(run: Run) -> Variant:
    """Return the variant that ships: what held the gate, else the run's own."""
    if run.fallback.is_file():
        attempt = Fallback.read(run.fallback).shipped
        if attempt:
            return named(attempt.variant)
    return run.own_form


def forget_stale_fallback(run: Run) -> None:
    """Let the recipe's own int8 ship again where the gate was held by another training."""
    if run.fallback.is_file() and not _is_current(run, pictures_of(run), shipped(run)):
        say("export: what held the gate came from another training; the recipe's int8 ships")
        run.fallback.unlink()


def exported(run: Run, dataset: Dataset) -> list[Variant]:
    """Return the variants that were exported from the present training; the first form is one.

    Raises:
        RunError: float32 or what ships is not among them.
    """
    found = [variant for variant in every_variant() if _is_current(run, dataset, variant)]
    for variant in (run.first_form, shipped(run)):
        if variant not in found:
            command = f"export {run.path} --scheme {variant.scheme.value}"
            model = run.require(run.tflite_model(variant), command)
            raise RunError(f"{model}: was exported from another training; `liteproof {command}`")
    return found


@contextmanager
def _exporter(run: Run, dataset: Dataset, choices: Choices) -> Iterator[MakeExporter]:
    """Yield what makes the exporter, when it is first needed: it takes TensorFlow."""
    with ExitStack() as stack:

        @cache
        def exporter() -> "Exporter | GivenExporter":
            with quiet():
                from liteproof.export.exporter import Exporter  # noqa: PLC0415 - TensorFlow
                from liteproof.export.given import GivenExporter  # noqa: PLC0415 - the same
            subject = _subject(run, dataset)
            if run.is_given:
                return stack.enter_context(GivenExporter(subject, choices))
            return stack.enter_context(Exporter(subject, choices))

        yield exporter


def _subject(run: Run, dataset: Dataset) -> Subject:
    train, divided = dataset.train, parts(run, dataset)
    chosen = choose(
        train.labels,
        divided.training,
        run.recipe.quantization.calibration_pictures,
        random_stream(run.settings.seed, Stream.CALIBRATION),
    )
    held_out = train.images[divided.validation]
    chosen = without_twins(train.images, chosen, (held_out, dataset.test.images))
    return Subject(
        folder=run.path,
        name=run.recipe.name,
        description=run.recipe.description,
        labels=dataset.labels,
        models={weights: run.trained_model(weights) for weights in Weights},
        representative=Pictures(train.images[chosen], train.labels[chosen]),
        validation=Pictures(held_out, train.labels[divided.validation]),
        held_out={"validation": held_out, "test": dataset.test.images},
        normalisation=shipped_spec(run.recipe, dataset.shape).normalisation,
        seen=frozenset(np.unique(train.labels).tolist()),
    )


def _export(
    run: Run,
    dataset: Dataset,
    variant: Variant,
    choices: Choices,
    exporter: MakeExporter,
    wide: Sequence[str] = (),
) -> Exported:
    if run.adoption and variant.weights is Weights.QAT:
        raise RunError(f"{run.path}: {variant.name}: an adopted model is not trained further here")
    if run.recipe.architecture.backbone and variant.weights is Weights.QAT:
        raise RunError(f"{run.path}: {variant.name}: a backbone has no rounded form to train")
    run.require(run.trained_model(variant.weights), f"train {run.recipe.name} --out {run.path}")
    stage = _stage(run, dataset, variant, strip=choices.strip, wide=wide)
    stage.perform(lambda: exporter().export(variant, wide))
    choices.check(run.tflite_model(variant).read_bytes(), variant)
    return Exported.read(variant.record_in(run.path))


def _stage(
    run: Run, dataset: Dataset, variant: Variant, *, strip: bool, wide: Sequence[str]
) -> Stage:
    inputs = [digest(run.trained_model(variant.weights)), run.recipe_file.part("quantization")]
    inputs += [run.recipe.name, run.recipe.description, *dataset.labels]
    inputs += [str(strip), *wide, version("tensorflow"), f"record {SCHEMA_VERSION}"]
    products = [run.tflite_model(variant), variant.record_in(run.path)]
    return Stage(f"export {variant.name}", run.path, inputs, products)


def _is_current(run: Run, dataset: Dataset, variant: Variant) -> bool:
    if not run.trained_model(variant.weights).is_file():
        return False
    try:
        made = Exported.read(variant.record_in(run.path))
    except RunError:  # it is not there, or of another version of ours
        return False
    return _stage(run, dataset, variant, strip=made.stripped, wide=made.wide).is_done()


def _qat(run: Run) -> Qat:
    training = run.recipe.training
    rate = QAT_SHARE_OF_LEARNING_RATE * training.learning_rate
    return training.qat or Qat(epochs=QAT_EPOCHS, learning_rate=rate)
