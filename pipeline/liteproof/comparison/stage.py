"""The stage of a run that compares its models on the test pictures: evidence, and a report."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liteproof.adoption.origin import pictures_of
from liteproof.comparison.robustness import KERAS, compare_damaged, damage_stage, read_damages
from liteproof.conversion.variants import Variant
from liteproof.data.dataset import Dataset
from liteproof.errors import AccuracyError
from liteproof.evidence.comparing import Entry, Terms, compare, device_cell
from liteproof.evidence.contender import Contender
from liteproof.evidence.document import is_refuted, read_evidence, to_json
from liteproof.evidence.records import Evidence
from liteproof.export.exported import Exported
from liteproof.export.stage import exported, shipped
from liteproof.recipes.input_spec import red_first, shipped_spec
from liteproof.report.page import write_report
from liteproof.runs.run import DEVICES, Run
from liteproof.runs.stage import Stage, digest
from liteproof.storage import make_folder, write_file
from liteproof_edge import idx
from liteproof_edge.inspection.kinds import Kind
from liteproof_edge.preprocessing.raw import RawSpec
from liteproof_edge.runtime.loading import installed


def compare_models(run: Run, devices: Sequence[Path] = (), *, damaged: bool = False) -> Evidence:
    """Compare all exported models with the Keras model, on every test picture.

    Args:
        run: a trained and exported one.
        devices: what devices measured of themselves: files of `liteproof-edge evaluate --json`.
        damaged: compare on damaged pictures too.

    Raises:
        RunError: the models have not been exported since the training.
        DatasetError: a device's file is not valid.
    """
    dataset = pictures_of(run)
    variants = exported(run, dataset)
    for file in devices:
        _keep(run, file)
    if damaged:
        compare_damaged(run, dataset, shipped(run))

    def work() -> None:
        evidence = _compare(run, dataset, variants, len(dataset.test.labels))
        write_file(run.comparison, to_json(evidence))
        spec = shipped_spec(run.recipe, dataset.shape)
        write_report(evidence, lambda at: red_first(dataset.test.images[at], spec), run.report)

    comparison_stage(run, dataset, variants).perform(work)
    return read_evidence(run.comparison)


def compare_part(run: Run, limit: int) -> Evidence:
    """Compare on some of the test pictures, drawn evenly: no verdict, and nothing is written.

    Raises:
        RunError: the models have not been exported since the training.
    """
    dataset = pictures_of(run)
    evidence = _compare(run, dataset, exported(run, dataset), limit)
    return replace(evidence, verdict=None)  # also where the limit is above the number of pictures


def check(evidence: Evidence, *, strict: bool = False) -> None:
    """Check a comparison against its margin.

    Raises:
        AccuracyError: the candidate was shown to lose more; or, strictly, it was not shown that it
            loses no more.
    """
    if is_refuted(evidence, strict=strict) and evidence.verdict:
        raise AccuracyError(
            f"{evidence.verdict.sentence}; `liteproof export RUN --gate "
            f"{100 * evidence.verdict.margin:g}` looks for a form that holds"
        )


def comparison_stage(run: Run, dataset: Dataset, variants: Sequence[Variant]) -> Stage:
    """Return the stage, which depends on all exported models and on the runtimes that are here."""
    inputs = [digest(run.source_model), shipped(run).name]
    inputs += [digest(run.tflite_model(variant)) for variant in variants]
    inputs += [run.recipe_file.part("gates"), dataset.fingerprint, dataset.test_fingerprint]
    inputs += [version(runtime.value) for runtime in installed()]
    inputs += [file.name for file in run.devices]
    if damage_stage(run, dataset, shipped(run)).is_done():
        inputs += [digest(run.robustness)]
    return Stage("compare", run.path, inputs, [run.comparison, run.report])


def _keep(run: Run, file: Path) -> None:
    """Keep what a device measured, under a name that its bytes decide."""
    device_cell(file, {})
    data = file.read_bytes()
    make_folder(run.path / DEVICES)
    write_file(run.path / DEVICES / f"{hashlib.sha256(data).hexdigest()[:16]}.json", data)


def _compare(run: Run, dataset: Dataset, variants: Sequence[Variant], n: int) -> Evidence:
    total = len(dataset.test.labels)
    chosen = _chosen(total, n)
    pictures = dataset.test.images if n >= total else dataset.test.images[chosen]
    spec = RawSpec(*dataset.shape)
    taken = shipped_spec(run.recipe, dataset.shape).normalisation
    entries = {
        variant: Entry(
            Contender(
                name=variant.name,
                path=run.tflite_model(variant),
                model=run.tflite_model(variant).read_bytes(),
                spec=spec,
                normalisation=taken,
                labels=dataset.labels,
            ),
            pictures,
        )
        for variant in variants
    }
    candidate = shipped(run)
    if run.is_given:
        baseline = entries[run.first_form]
    else:
        keras = Contender(KERAS, run.keras_model, None, spec, None, dataset.labels)
        baseline = Entry(keras, pictures)
    made = Exported.read(candidate.record_in(run.path))
    is_damaged = damage_stage(run, dataset, candidate).is_done()
    damages, sentence = read_damages(run) if is_damaged else ((), "")
    terms = Terms(
        dataset=f"{dataset.name} test",
        labels=dataset.test.labels[chosen],
        indices=chosen,
        total=total,
        names=dataset.labels,
        margin=run.recipe.gates.top1_drop_points / 100,
        metric=run.recipe.gates.metric,
        provenance=_provenance(run, dataset, candidate),
        layers=made.layer_errors,
        diagnosis=made.diagnosis,
        calibration=made.calibration,
        devices=run.devices,
        seen=lambda n: idx.digest(sample(dataset, n)),
        damages=damages,
        damage_sentence=sentence,
        alone=_alone(made) if baseline is entries[candidate] else "",
    )
    others = list(entries.values())
    return compare(
        baseline,
        entries[candidate],
        others,
        terms,
        run.path / "logits" / ("test" if n >= total else "part"),
    )


def _alone(made: Exported) -> str:
    """Say why a model that was given is compared with nothing."""
    if Kind(made.kind) is Kind.FLOAT32:
        return (
            "it is a float32 model, which is kept as it is and is its own reference; "
            "`adopt --quantize` makes int8 of it"
        )
    return (
        f"it was {made.kind} when it was given, and no float model is here to compare it with; "
        "`liteproof compare A B` takes one"
    )


def _chosen(total: int, n: int) -> NDArray[np.int64]:
    """Return which of all test pictures are taken where only n are: evenly drawn."""
    return np.linspace(0, total - 1, min(n, total)).astype(np.int64)


def sample(dataset: Dataset, n: int) -> idx.Examples:
    """Return n of the test pictures, as the model takes them, and their labels."""
    total = len(dataset.test.labels)
    chosen = _chosen(total, n)
    return idx.Examples(dataset.test.images[chosen], dataset.test.labels[chosen].astype(np.int64))


def _provenance(run: Run, dataset: Dataset, candidate: Variant) -> dict[str, str]:
    adoption = run.adoption
    return {
        "recipe": f"{run.recipe.name}: {run.recipe.description}",
        "training": f"elsewhere: {adoption.model}, SHA-256 {adoption.sha256}"
        if adoption
        else str(run.settings),
        "data": f"{dataset.name}, SHA-256 {dataset.fingerprint} "
        f"({'calibration' if adoption else 'training'}), {dataset.test_fingerprint} (test)",
        "given" if run.is_given else "Keras model": f"SHA-256 {digest(run.source_model)}",
        candidate.name: f"SHA-256 {digest(run.tflite_model(candidate))}",
        "tools": ", ".join(
            f"{tool} {version(tool)}" for tool in ("liteproof", "tensorflow", "keras", "numpy")
        ),
        "again": adoption.again
        if adoption
        else f"liteproof run {run.recipe.name} --seed {run.settings.seed} "
        f"--threads {run.settings.threads}",
    }
