"""The stage of a run that compares float and int8 on damaged pictures; it can be resumed."""

import hashlib
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from liteproof import progress
from liteproof.conversion.variants import Variant
from liteproof.data.dataset import Dataset
from liteproof.evidence.corruption import STRENGTHS, VERSION, Kind
from liteproof.evidence.records import Damage
from liteproof.evidence.robustness import Answer, Trial, chosen, conclude, robustness
from liteproof.execution.keras_model import keras_function
from liteproof.execution.tflite_model import execute
from liteproof.recipes.input_spec import shipped_spec
from liteproof.runs.run import Run
from liteproof.runs.stage import Stage, digest
from liteproof.storage import make_folder, write_array, write_file

KERAS = "keras"


def compare_damaged(run: Run, dataset: Dataset, candidate: Variant) -> None:
    """Write a run's robustness.json, unless it is there for these models.

    The baseline is Keras' model, or the .tflite that was given.

    Raises:
        ModelError: the runtime cannot run the model.
        StorageError: the run cannot be written.
    """
    stage = damage_stage(run, dataset, candidate)
    stage.perform(partial(_compare, run, dataset, candidate))


def damage_stage(run: Run, dataset: Dataset, candidate: Variant) -> Stage:
    """Return the stage, which depends on both models and on the test pictures."""
    inputs = [digest(run.source_model), digest(run.tflite_model(candidate))]
    inputs += [dataset.test_fingerprint, f"corruption {VERSION}"]
    return Stage("robustness", run.path, inputs, [run.robustness])


def read_damages(run: Run) -> tuple[tuple[Damage, ...], str]:
    """Return what robustness.json says: each damage, and what follows from all of them."""
    value = json.loads(run.robustness.read_text(encoding="utf-8"))
    return tuple(Damage(**damage) for damage in value["damages"]), str(value["sentence"])


def _compare(run: Run, dataset: Dataset, candidate: Variant) -> None:
    indices = chosen(dataset.test.labels)
    pictures, labels = dataset.test.images[indices], dataset.test.labels[indices]
    after: Answer | None = _answers_of(run, dataset, candidate)
    if run.is_given:
        baseline, before = run.first_form.name, _answers_of(run, dataset, run.first_form)
        after = None if candidate == run.first_form else after
    else:
        baseline, before = KERAS, keras_function(run.keras_model)
    key = hashlib.sha256(json.dumps(damage_stage(run, dataset, candidate).inputs).encode())
    kept = run.path / "logits" / f"robustness-{key.hexdigest()[:16]}"
    trials = {
        (kind, strength): Trial(kind, strength, *np.load(file))
        for kind in Kind
        for strength in STRENGTHS
        if (file := _file(kept, kind, strength)).is_file()
    }
    total = len(Kind) * len(STRENGTHS) * len(labels)
    with progress.bar("damaged pictures", total) as bar:
        bar.update(len(trials) * len(labels))
        for trial in robustness(
            pictures,
            labels,
            before,
            after,
            bar.update,
            trials,
        ):
            make_folder(kept)
            file = _file(kept, trial.kind, trial.strength)
            write_array(file, np.stack([trial.before, trial.after]))
            trials[trial.kind, trial.strength] = trial
    ordered = [trials[kind, strength] for kind in Kind for strength in STRENGTHS]
    found = conclude(ordered, baseline, candidate.name)
    value = {
        "sentence": found.sentence,
        "drop": found.drop,
        "interval": found.interval,
        "damages": [asdict(trial.damage) for trial in ordered],
    }
    write_file(run.robustness, json.dumps(value, indent=1))


def _answers_of(run: Run, dataset: Dataset, variant: Variant) -> Answer:
    """Return what asks a .tflite of the run."""
    model = run.tflite_model(variant).read_bytes()
    taken = shipped_spec(run.recipe, dataset.shape).normalisation
    return lambda asked: execute(model, asked, label="", normalisation=taken).logits


def _file(folder: Path, kind: Kind, strength: int) -> Path:
    return folder / f"{kind.value}-{strength}.npy"
