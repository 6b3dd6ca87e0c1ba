"""The bundle of a run: made once from what was trained, exported and compared."""

import os
from functools import partial
from pathlib import Path

from liteproof.adoption.origin import pictures_of
from liteproof.bundling.writer import Ingredients, write_bundle
from liteproof.comparison.stage import check, comparison_stage
from liteproof.errors import RunError
from liteproof.evidence.document import read_evidence
from liteproof.evidence.seeds import Seeds
from liteproof.export.exported import Exported
from liteproof.export.stage import exported, shipped
from liteproof.runs.run import Run
from liteproof.runs.stage import Stage, digest
from liteproof.training.stage import parts


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
    dataset = pictures_of(run)
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
