"""The chain that `liteproof run` walks: data → train → export → compare → bundle."""

from pathlib import Path

from liteproof.bundling.stage import bundle
from liteproof.cluster.strategy import ALONE, Layout
from liteproof.comparison.stage import check, compare_models
from liteproof.evidence.records import Evidence
from liteproof.export.choices import Choices
from liteproof.export.stage import export, forget_stale_fallback
from liteproof.recipes.reader import RecipeFile
from liteproof.runs.run import Run, Settings
from liteproof.training.stage import Existing, train


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
    return finish(train(path, recipe_file, settings, Existing.REPLACE, layout), strict=strict)


def finish(run: Run, *, strict: bool = False) -> Evidence:
    """Walk what comes after a model is there, trained or adopted.

    Raises:
        LiteproofError: as each of the stages does.
    """
    forget_stale_fallback(run)
    export(run, run.forms, Choices())
    evidence = compare_models(run)
    check(evidence, strict=strict)
    bundle(run, run.bundle)
    return evidence
