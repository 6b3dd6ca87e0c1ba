"""Writing a bundle: the model and everything needed to use it correctly and to check it."""

import hashlib
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof.bundling.golden_choice import Choice, choose_golden
from liteproof.bundling.model_card import model_card
from liteproof.data.dataset import Dataset
from liteproof.errors import ConversionError, StorageError
from liteproof.evidence.confidence import fit_doubts, fit_temperature
from liteproof.evidence.records import Evidence, Side
from liteproof.evidence.seeds import Seeds
from liteproof.execution.tflite_model import execute
from liteproof.export.exported import Exported
from liteproof.export.fallback import Fallback
from liteproof.progress import say
from liteproof.recipes.input_spec import shipped_spec
from liteproof.runs.run import Run
from liteproof.storage import make_folder, new_folder
from liteproof_edge.bundle.manifest import MANIFEST, MODEL, SCHEMA_VERSION, seal
from liteproof_edge.bundle.reader import GOLDEN, Bundle
from liteproof_edge.bundle.signature import ANYBODY
from liteproof_edge.bundle.tensors import TensorSpec
from liteproof_edge.classifier import log_shares
from liteproof_edge.inspection.kinds import Kind
from liteproof_edge.model.ending import Ending, ending_of
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.preprocessing.spec import Spec, spec_to_json

SHOWN = 5  # classes that are named
INTEGERS_ALONE = (Kind.INT8, Kind.UINT8, Kind.INT16X8)
TOOLS = ("liteproof", "liteproof-edge", "tensorflow", "keras", "numpy", "pillow")


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a bundle is made of."""

    run: Run
    dataset: Dataset
    validation: NDArray[np.int64]  # indices into the training pictures
    model: bytes
    exported: Exported
    evidence: Evidence
    seeds: Seeds | None = None


def write_bundle(ingredients: Ingredients, folder: Path) -> None:
    """Write a bundle, whole or not at all, and read it back as a device will.

    Raises:
        ConversionError: no golden vectors can be found.
        StorageError: `folder` cannot be written, or holds something that is not a bundle.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise StorageError(f"{folder}: is not empty and holds no bundle; choose another folder")
    make_folder(folder.parent)
    run = ingredients.run
    spec = shipped_spec(run.recipe, ingredients.dataset.shape)
    choice = choose_golden(
        ingredients.model,
        spec,
        ingredients.dataset.train,
        ingredients.validation,
        is_integer=Kind(ingredients.exported.kind) in INTEGERS_ALONE,
    )
    _check_classes(choice, ingredients)
    manifest = _describe(ingredients, spec, choice, _calibrate(ingredients, spec))
    contents = {
        MODEL: ingredients.model,
        GOLDEN: choice.golden.to_bytes(),
        "recipe.toml": run.recipe_file.text.encode(),
        "MODEL_CARD.md": model_card(run.recipe, manifest).encode(),
    }
    manifest["files"] = {
        name: {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in contents.items()
    }
    contents[MANIFEST] = seal(manifest)
    with new_folder(folder) as partial:
        for name, data in contents.items():
            (partial / name).write_bytes(data)
        Bundle.load(partial, ANYBODY)


def _calibrate(ingredients: Ingredients, spec: Spec) -> dict[str, Any]:
    """Return what probabilities and doubts rest on: the shipping kernels' validation answers."""
    train, chosen = ingredients.dataset.train, ingredients.validation
    answered = execute(
        ingredients.model,
        train.images[chosen],
        label="confidence",
        normalisation=spec.normalisation,
    )
    labels, outputs = train.labels[chosen], answered.logits
    doubts = fit_doubts(outputs, labels)
    if ending_of(read_model(ingredients.model).subgraphs[0]) is not Ending.LOGITS:
        outputs = log_shares(outputs.astype(np.float64)).astype(np.float32)
    return {
        "dataset": f"{ingredients.dataset.name} validation",
        **fit_temperature(outputs, labels).to_json(),
        **doubts,
    }


def _score(evidence: Evidence, side: Side) -> dict[str, Any]:
    """Return what one side was measured to do, on the preferred runtime."""
    cell = next(cell for cell in evidence.cells if cell.model == side.name)
    return {
        "model": side.name,
        "correct": side.correct,
        "n": side.n,
        "top1_accuracy": side.correct / side.n,
        "interval": side.interval,
        "size_bytes": evidence.sizes.get(side.name),
        "runtime": cell.runtime,
        "median_latency_us": cell.latency_us.get(50),
        "p99_latency_us": cell.latency_us.get(99),
    }


def _against(evidence: Evidence) -> dict[str, Any]:
    """Return how the model does against the float one, or why there is none to compare it with."""
    if evidence.alone:
        return {"alone": evidence.alone}
    return {
        "float": _score(evidence, evidence.baseline),
        "drop": evidence.pair.drop,
        "drop_interval": evidence.pair.interval,
        "agreement": evidence.pair.agreement,
        "verdict": _verdict(evidence),
    }


def _verdict(evidence: Evidence) -> dict[str, Any] | None:
    if evidence.verdict is None:
        return None
    words = {"outcome": evidence.verdict.outcome.value, "metric": evidence.verdict.metric.value}
    return {**asdict(evidence.verdict), **words}


def _recalls(evidence: Evidence) -> dict[str, dict[str, Any]]:
    """Return each class's own pictures, and the share of them that each side has right."""
    return {
        each.label: {
            "n": each.n,
            "float": each.before / each.n if each.n and not evidence.alone else None,
            "shipped": each.after / each.n if each.n else None,
        }
        for each in evidence.classes
    }


def _check_classes(choice: Choice, ingredients: Ingredients) -> None:
    """Refuse a model trained here that knows no picture of some class; say so of any other one.

    Raises:
        ConversionError: it was trained here, and a class has no golden picture.
    """
    if not choice.without:
        return
    names = [ingredients.dataset.labels[label] for label in choice.without[:SHOWN]]
    problem = (
        f"golden vectors: none of the validation pictures of {', '.join(names)}"
        f"{', …' if choice.without[SHOWN:] else ''} is {choice.quality}"
    )
    if ingredients.run.adoption is None:
        raise ConversionError(problem)
    say(f"{problem}: left out")


def _shown(choice: Choice, classes: int) -> dict[str, int]:
    """Return how many classes have golden vectors, where it is not all of them."""
    shown = len(np.unique(choice.golden.classes))
    return {"classes": shown} if shown < classes else {}


def _fallback(run: Run) -> list[dict[str, Any]]:
    """Return the path to the model that ships, where `export --gate` chose it."""
    if not run.fallback.is_file():
        return []
    return [asdict(attempt) for attempt in Fallback.read(run.fallback).attempts]


def _origin(ingredients: Ingredients) -> dict[str, Any]:
    """Return how the float model came about, and the pictures that it was made or measured with."""
    run, dataset = ingredients.run, ingredients.dataset
    pictures = {
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
        "pictures": len(dataset.train.labels) - len(ingredients.validation),
        "validation_pictures": len(ingredients.validation),
    }
    if run.adoption:
        stated = {key: value for key, value in asdict(run.adoption).items() if key != "labels"}
        threshold = {"threshold": 0.5} if run.adoption.gives == "sigmoid" else {}
        return {"adoption": {**stated, **threshold, **pictures}}
    settings = {"seed": run.settings.seed, "threads": run.settings.threads}
    return {"training": {**pictures, **settings}}


def _describe(
    ingredients: Ingredients, spec: Spec, choice: Choice, confidence: dict[str, Any]
) -> dict[str, Any]:
    run, dataset = ingredients.run, ingredients.dataset
    model = read_model(ingredients.model)
    graph = model.subgraphs[0]
    evidence, exported = ingredients.evidence, ingredients.exported
    return {
        "schema_version": SCHEMA_VERSION,
        "name": run.recipe.name,
        "labels": list(dataset.labels),
        "preprocessing": spec_to_json(spec),
        "input": TensorSpec.of(graph.tensors[graph.inputs[0]]).to_json(),
        "output": TensorSpec.of(graph.tensors[graph.outputs[0]]).to_json(),
        "minimum_runtime": model.minimum_runtime,  # as the converter states; not a guarantee
        "verified_runtimes": list(choice.runtimes),
        "golden": {"tolerance": choice.tolerance, **_shown(choice, len(dataset.labels))},
        "quantization": {
            "kind": exported.kind,
            "variant": exported.variant,
            "float32_layers": list(exported.wide),
            "calibration": exported.calibration,
            "fallback": _fallback(run),
        },
        "accuracy": {
            "dataset": evidence.dataset,
            "shipped": _score(evidence, evidence.candidate),
            "balanced": asdict(evidence.balanced) if evidence.balanced else None,
            "recalls": _recalls(evidence),
            **_against(evidence),
            **({"several_seeds": ingredients.seeds.summary()} if ingredients.seeds else {}),
        },
        "confidence": confidence,
        **_origin(ingredients),
        "tools": {"python": platform.python_version(), **{tool: version(tool) for tool in TOOLS}},
    }
