"""The chain that `liteproof run` walks: data → train → export → compare → bundle."""

import os
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

from liteproof.bundling import Ingredients, write_bundle
from liteproof.comparison import Comparison, compare
from liteproof.conversion.variants import FLOAT32, Variant
from liteproof.datasets import Dataset
from liteproof.distribution import ALONE, Layout
from liteproof.errors import RunError
from liteproof.execution import execute
from liteproof.export.choices import Choices
from liteproof.export.exported import Exported
from liteproof.export.stage import export, exported, forget_stale_fallback, shipped
from liteproof.recipe_file import RecipeFile
from liteproof.reference import keras_logits
from liteproof.runs import Run, Settings
from liteproof.seeds import Seeds
from liteproof.stage import Stage, digest
from liteproof.storage import write_file
from liteproof.training_stage import Existing, parts, train, trained
from liteproof_edge.runtime import installed


def compare_models(run: Run) -> Comparison:
    """Measure all exported models on the test pictures; `Comparison.check` holds the gate.

    Raises:
        RunError: the models have not been exported since the training.
    """
    dataset = trained(run)
    variants = exported(run, dataset)
    stage = _comparison_stage(run, dataset, variants)
    stage.perform(partial(_compare, run, dataset, variants))
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
        AccuracyError: the model loses more than the recipe's gate allows.
        ConversionError: no golden vectors can be found.
    """
    dataset = trained(run)
    variants, variant = exported(run, dataset), shipped(run)
    run.require(run.comparison, f"compare {run.path}")
    if not _comparison_stage(run, dataset, variants).is_done():
        raise RunError(f"{run.path}: the models were compared before they changed; compare again")
    comparison = Comparison.from_json(run.comparison)
    comparison.check()
    seeds = Seeds.read(seeds_file, run.recipe_file) if seeds_file else None
    made = Ingredients(
        run=run,
        dataset=dataset,
        validation=parts(run, dataset).validation,
        model=run.tflite_model(variant).read_bytes(),
        exported=Exported.read(variant.record_in(run.path)),
        comparison=comparison,
        seeds=seeds,
    )
    inputs = [run.recipe_file.text, digest(run.comparison), digest(run.tflite_model(variant))]
    inputs += [digest(run.fallback)] if run.fallback.is_file() else []
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
    forget_stale_fallback(run)
    export(run, (FLOAT32, run.int8), Choices())
    comparison = compare_models(run)
    comparison.check()
    bundle(run, run.bundle)
    return comparison


def _comparison_stage(run: Run, dataset: Dataset, variants: Sequence[Variant]) -> Stage:
    inputs = [digest(run.keras_model), shipped(run).name]
    inputs += [digest(run.tflite_model(variant)) for variant in variants]
    inputs += [run.recipe_file.part("gates"), dataset.fingerprint]
    inputs += [dataset.test_fingerprint]
    inputs += [version(runtime.value) for runtime in installed()]
    return Stage("compare", run.path, inputs, [run.comparison])


def _compare(run: Run, dataset: Dataset, variants: Sequence[Variant]) -> None:
    pictures = dataset.test.images
    before = keras_logits(run.keras_model, pictures, run.path / "logits" / "test")
    flatbuffers = {variant.name: run.tflite_model(variant).read_bytes() for variant in variants}
    answers = {
        name: (flatbuffer, execute(flatbuffer, pictures, label=name))
        for name, flatbuffer in flatbuffers.items()
    }
    comparison = compare(
        f"{dataset.name} test",
        dataset.test.labels,
        before,
        answers,
        shipped(run).name,
        run.recipe.gates.top1_drop_points,
    )
    write_file(run.comparison, comparison.to_json())
