"""The chain that `liteproof run` walks: data → train → export → compare → bundle."""

import os
from functools import partial
from pathlib import Path

from liteproof.bundling import Ingredients, write_bundle
from liteproof.comparison_stage import check, compare_models, comparison_stage
from liteproof.conversion.variants import FLOAT32
from liteproof.distribution import ALONE, Layout
from liteproof.errors import RunError
from liteproof.evidence.document import read_evidence
from liteproof.evidence.records import Evidence
from liteproof.export.choices import Choices
from liteproof.export.exported import Exported
from liteproof.export.stage import export, exported, forget_stale_fallback, shipped
from liteproof.recipe_file import RecipeFile
from liteproof.runs import Run, Settings
from liteproof.seeds import Seeds
from liteproof.stage import Stage, digest
from liteproof.training_stage import Existing, parts, train, trained


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
    if not comparison_stage(run, dataset, variants).is_done():
        raise RunError(f"{run.path}: the models were compared before they changed; compare again")
    evidence = read_evidence(run.comparison)
    check(evidence)
    seeds = Seeds.read(seeds_file, run.recipe_file) if seeds_file else None
    made = Ingredients(
        run=run,
        dataset=dataset,
        validation=parts(run, dataset).validation,
        model=run.tflite_model(variant).read_bytes(),
        exported=Exported.read(variant.record_in(run.path)),
        evidence=evidence,
        seeds=seeds,
    )
    inputs = [run.recipe_file.text, digest(run.comparison), digest(run.tflite_model(variant))]
    inputs += [digest(run.fallback)] if run.fallback.is_file() else []
    inputs += [*dataset.labels, seeds.to_json() if seeds else ""]
    place = "" if folder == run.bundle else f" {os.path.relpath(folder, run.path)}"
    stage = Stage(f"bundle{place}", run.path, inputs, [folder])
    stage.perform(partial(write_bundle, made, folder))


def run_all(
    path: Path,
    recipe_file: RecipeFile,
    settings: Settings,
    layout: Layout = ALONE,
    *,
    strict: bool = False,
) -> Evidence:
    """Walk the whole chain; a stage whose inputs have not changed is skipped.

    Raises:
        LiteproofError: as each of the stages does.
    """
    run = train(path, recipe_file, settings, Existing.REPLACE, layout)
    forget_stale_fallback(run)
    export(run, (FLOAT32, run.int8), Choices())
    evidence = compare_models(run)
    check(evidence, strict=strict)
    bundle(run, run.bundle)
    return evidence
