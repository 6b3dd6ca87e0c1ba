"""The chain that `liteproof run` walks: data → train → export → compare → bundle."""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from functools import partial
from importlib.metadata import version
from pathlib import Path

from liteproof import distribution, runs
from liteproof.bundling import Ingredients, preprocessing_spec, write_bundle
from liteproof.calibration import representative
from liteproof.comparison import Comparison, compare
from liteproof.datasets import Dataset, Parts, cached_dataset, divide, load_dataset
from liteproof.errors import RunError
from liteproof.execution import execute
from liteproof.progress import say
from liteproof.randomness import Stream, random_stream
from liteproof.recipe import Recipe, Scheme
from liteproof.recipe_file import RecipeFile
from liteproof.reference import keras_logits
from liteproof.runs import Run, Settings
from liteproof.stage import Stage, digest
from liteproof.storage import PARTIAL, make_folder, write_file
from liteproof_edge.runtime import installed

TRAINED_BY = ("dataset", "architecture", "training")  # the parts of a recipe that make the weights


class Existing(Enum):
    """What to do with a folder that holds a run already."""

    REFUSE = "refuse"  # unless that is this training, finished
    RESUME = "resume"  # it must be this training
    REPLACE = "replace"  # if it is another training


def train(path: Path, recipe_file: RecipeFile, settings: Settings, existing: Existing) -> Run:
    """Train a recipe in a run's folder; what an earlier, interrupted training did is kept.

    Raises:
        RunError: the folder holds what `existing` refuses.
        DatasetError: the data is not to be had.
        TrainingError: training cannot go on.
    """
    found = runs.find_run(path)
    difference = _difference(found, recipe_file, settings) if found else ""
    _check_existing(path, found, difference, existing)
    make_folder(path)  # what cannot be written is better known before the data is fetched
    try:
        dataset = _data(recipe_file.recipe, settings)
        preprocessing_spec(recipe_file.recipe.preprocessing, dataset.shape)
    except BaseException:
        with suppress(OSError):  # it is only removed where it is empty
            path.rmdir()
        raise
    if found and not difference and found.fingerprint != dataset.fingerprint:
        difference = "its data has changed since"
        _check_existing(path, found, difference, existing)
    if found and difference:
        say(f"train: starting anew: {difference}")
        for folder in (found.checkpoints, found.tensorboard):
            shutil.rmtree(folder, ignore_errors=True)
    run = runs.begin(path, recipe_file, settings, dataset.fingerprint)
    _training(run).perform(partial(_train, run, dataset))
    return run


def export(run: Run, schemes: Sequence[Scheme]) -> None:
    """Convert a run's trained model, by each of the schemes.

    Raises:
        RunError: there is no finished training.
        ConversionError: it cannot be converted, or the result is not what the scheme promises.
    """
    dataset = _trained(run)
    for scheme in schemes:
        _export_stage(run, scheme).perform(partial(_export, run, dataset, scheme))


def compare_models(run: Run) -> Comparison:
    """Measure a run's models on the test pictures; `Comparison.check` holds them to the gate.

    Raises:
        RunError: the models have not been exported since the training.
    """
    dataset = _trained(run)
    for scheme in Scheme:
        _exported(run, scheme)
    _comparison_stage(run, dataset).perform(partial(_compare, run, dataset))
    return Comparison.from_json(run.comparison)


def bundle(run: Run, folder: Path) -> None:
    """Write a run's bundle.

    Raises:
        RunError: the models have not been compared since they were exported.
        AccuracyError: int8 loses more than the recipe's gate allows.
        ConversionError: no golden vectors can be found.
    """
    dataset = _trained(run)
    model = _exported(run, Scheme.INT8).read_bytes()
    run.require(run.comparison, f"compare {run.path}")
    if not _comparison_stage(run, dataset).is_done():
        raise RunError(f"{run.path}: the models were compared before they changed; compare again")
    comparison = Comparison.from_json(run.comparison)
    comparison.check()
    made = Ingredients(run, dataset, _parts(run, dataset).validation, model, comparison)
    inputs = [run.recipe_file.text, digest(run.comparison), digest(run.tflite_model(Scheme.INT8))]
    place = "" if folder == run.bundle else f" {os.path.relpath(folder, run.path)}"
    stage = Stage(f"bundle{place}", run.path, inputs, [folder])
    stage.perform(partial(write_bundle, made, folder))


def run_all(path: Path, recipe_file: RecipeFile, settings: Settings) -> Comparison:
    """Walk the whole chain; a stage whose inputs have not changed is skipped.

    Raises:
        LiteproofError: as each of the stages does.
    """
    run = train(path, recipe_file, settings, Existing.REPLACE)
    export(run, tuple(Scheme))
    comparison = compare_models(run)
    comparison.check()
    bundle(run, run.bundle)
    return comparison


def _check_existing(path: Path, found: Run | None, difference: str, existing: Existing) -> None:
    """Refuse to train into a folder that is not there for it."""
    if found is None:
        if existing is Existing.RESUME:
            raise RunError(f"{path}: holds no run to resume; begin it without --resume")
        if path.is_dir() and any(not _is_leftover(entry) for entry in path.iterdir()):
            raise RunError(f"{path}: is not empty and holds no run; choose another folder")
    elif difference and existing is not Existing.REPLACE:
        raise RunError(f"{path}: holds another run: {difference}; choose another --out")
    elif existing is Existing.REFUSE and not found.keras_model.is_file():
        raise RunError(f"{path}: holds an unfinished training; go on with it by --resume")


def _is_leftover(entry: Path) -> bool:
    """Whether a file is what a run leaves that was killed while it was begun."""
    return entry.name == "recipe.toml" or PARTIAL in entry.name


def _difference(found: Run, recipe_file: RecipeFile, settings: Settings) -> str:
    """Say in what a run's training differs from the one that is wanted, or nothing."""
    for part in TRAINED_BY:
        if found.recipe_file.part(part) != recipe_file.part(part):
            return f"its recipe '{found.recipe.name}' has another [{part}]"
    if str(found.settings) != str(settings):
        return f"it was begun with {found.settings}, not {settings}"
    return ""


def _data(recipe: Recipe, settings: Settings) -> Dataset:
    if cached_dataset(recipe.dataset.name, settings.data_dir):
        say("data: nothing has changed, skipped")
    return load_dataset(recipe.dataset.name, settings.data_dir, say)


def _parts(run: Run, dataset: Dataset) -> Parts:
    rng = random_stream(run.settings.seed, Stream.DIVISION)
    return divide(dataset, run.recipe.dataset.validation_pictures, rng)


def _training(run: Run) -> Stage:
    inputs = [run.recipe_file.part(*TRAINED_BY), str(run.settings), run.fingerprint]
    return Stage("train", run.path, inputs, [run.keras_model])


def _train(run: Run, dataset: Dataset) -> None:
    strategy = distribution.strategy(run.settings.device)
    from liteproof import training  # noqa: PLC0415 - imports TensorFlow

    training.train(run, dataset, _parts(run, dataset), strategy)


def _trained(run: Run) -> Dataset:
    """Return the data of a finished training."""
    run.require(run.keras_model, f"train {run.recipe.name} --out {run.path} --resume")
    dataset = load_dataset(run.recipe.dataset.name, run.settings.data_dir, say)
    if not _training(run).is_done() or run.fingerprint != dataset.fingerprint:
        raise RunError(
            f"{run.keras_model}: was not trained by this recipe on this data; train again"
        )
    return dataset


def _export_stage(run: Run, scheme: Scheme) -> Stage:
    inputs = [digest(run.keras_model), run.recipe_file.part("quantization"), version("tensorflow")]
    return Stage(f"export {scheme.value}", run.path, inputs, [run.tflite_model(scheme)])


def _export(run: Run, dataset: Dataset, scheme: Scheme) -> None:
    with distribution.quiet():
        from liteproof.quantization import convert, load_keras  # noqa: PLC0415 - TensorFlow
    pictures = representative(
        dataset.train,
        _parts(run, dataset).training,
        run.recipe.quantization.calibration_pictures,
        random_stream(run.settings.seed, Stream.CALIBRATION),
    )
    flatbuffer = convert(load_keras(run.keras_model), scheme, pictures)
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
