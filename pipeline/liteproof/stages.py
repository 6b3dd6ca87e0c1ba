"""The chain that `liteproof run` walks: data → train → export → compare → bundle."""

import os
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

from liteproof import distribution
from liteproof.bundling import Ingredients, write_bundle
from liteproof.calibration import representative
from liteproof.comparison import Comparison, compare
from liteproof.datasets import Dataset
from liteproof.distribution import ALONE, Layout
from liteproof.errors import RunError
from liteproof.execution import execute
from liteproof.randomness import Stream, random_stream
from liteproof.recipe import Scheme
from liteproof.recipe_file import RecipeFile
from liteproof.reference import keras_logits
from liteproof.runs import Run, Settings
from liteproof.seeds import Seeds
from liteproof.stage import Stage, digest
from liteproof.storage import write_file
from liteproof.training_stage import Existing, parts, train, trained
from liteproof_edge.runtime import installed


def export(run: Run, schemes: Sequence[Scheme]) -> None:
    """Convert a run's trained model, by each of the schemes.

    Raises:
        RunError: there is no finished training.
        ConversionError: it cannot be converted, or the result is not what the scheme promises.
    """
    dataset = trained(run)
    for scheme in schemes:
        _export_stage(run, scheme).perform(partial(_export, run, dataset, scheme))


def compare_models(run: Run) -> Comparison:
    """Measure a run's models on the test pictures; `Comparison.check` holds them to the gate.

    Raises:
        RunError: the models have not been exported since the training.
    """
    dataset = trained(run)
    for scheme in Scheme:
        _exported(run, scheme)
    _comparison_stage(run, dataset).perform(partial(_compare, run, dataset))
    return Comparison.from_json(run.comparison)


def bundle(run: Run, folder: Path, seeds_file: Path | None = None) -> None:
    """Write a run's bundle.

    Args:
        run: a compared one.
        folder: where to.
        seeds_file: what several seeds of the recipe gave, for the manifest and the card.

    Raises:
        RunError: the models have not been compared since they were exported, or the seeds are of
            another recipe.
        AccuracyError: int8 loses more than the recipe's gate allows.
        ConversionError: no golden vectors can be found.
    """
    dataset = trained(run)
    model = _exported(run, Scheme.INT8).read_bytes()
    run.require(run.comparison, f"compare {run.path}")
    if not _comparison_stage(run, dataset).is_done():
        raise RunError(f"{run.path}: the models were compared before they changed; compare again")
    comparison = Comparison.from_json(run.comparison)
    comparison.check()
    seeds = Seeds.read(seeds_file, run.recipe_file) if seeds_file else None
    made = Ingredients(run, dataset, parts(run, dataset).validation, model, comparison, seeds)
    inputs = [run.recipe_file.text, digest(run.comparison), digest(run.tflite_model(Scheme.INT8))]
    inputs += [*dataset.labels, seeds.to_json() if seeds else ""]
    place = "" if folder == run.bundle else f" {os.path.relpath(folder, run.path)}"
    stage = Stage(f"bundle{place}", run.path, inputs, [folder])
    stage.perform(partial(write_bundle, made, folder))


def run_all(
    path: Path, recipe_file: RecipeFile, settings: Settings, layout: Layout = ALONE
) -> Comparison:
    """Walk the whole chain; a stage whose inputs have not changed is skipped.

    Raises:
        LiteproofError: as each of the stages does.
    """
    run = train(path, recipe_file, settings, Existing.REPLACE, layout)
    export(run, tuple(Scheme))
    comparison = compare_models(run)
    comparison.check()
    bundle(run, run.bundle)
    return comparison


def _export_stage(run: Run, scheme: Scheme) -> Stage:
    inputs = [digest(run.trained_model(scheme)), run.recipe_file.part("quantization")]
    inputs += [version("tensorflow")]
    return Stage(f"export {scheme.value}", run.path, inputs, [run.tflite_model(scheme)])


def _export(run: Run, dataset: Dataset, scheme: Scheme) -> None:
    with distribution.quiet():
        from liteproof.quantization import convert, load_keras  # noqa: PLC0415 - TensorFlow
    pictures = representative(
        dataset.train,
        parts(run, dataset).training,
        run.recipe.quantization.calibration_pictures,
        random_stream(run.settings.seed, Stream.CALIBRATION),
    )
    flatbuffer = convert(load_keras(run.trained_model(scheme)), scheme, pictures)
    write_file(run.tflite_model(scheme), flatbuffer)


def _exported(run: Run, scheme: Scheme) -> Path:
    """Return the model that was exported from the present training."""
    command = f"export {run.path} --scheme {scheme.value}"
    model = run.require(run.tflite_model(scheme), command)
    if not _export_stage(run, scheme).is_done():
        raise RunError(f"{model}: was exported from another training; `liteproof {command}`")
    return model


def _comparison_stage(run: Run, dataset: Dataset) -> Stage:
    inputs = [digest(run.keras_model), *(digest(run.tflite_model(scheme)) for scheme in Scheme)]
    inputs += [run.recipe_file.part("gates"), dataset.fingerprint]
    inputs += [dataset.test_fingerprint]
    inputs += [version(runtime.value) for runtime in installed()]
    return Stage("compare", run.path, inputs, [run.comparison])


def _compare(run: Run, dataset: Dataset) -> None:
    pictures = dataset.test.images
    before = keras_logits(run.keras_model, pictures, run.path / "logits")
    flatbuffers = {scheme.value: run.tflite_model(scheme).read_bytes() for scheme in Scheme}
    answers = {
        name: (flatbuffer, execute(flatbuffer, pictures, label=name))
        for name, flatbuffer in flatbuffers.items()
    }
    comparison = compare(
        f"{dataset.name} test",
        dataset.test.labels,
        before,
        answers,
        run.recipe.gates.top1_drop_points,
    )
    write_file(run.comparison, comparison.to_json())
