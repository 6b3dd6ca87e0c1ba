"""The first stage of a run: data, and a training that can be interrupted anywhere and resumed."""

import hashlib
import json
import shutil
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from enum import Enum
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from liteproof.cluster.rendezvous import Identity
from liteproof.cluster.strategy import ALONE, Layout, Strategy
from liteproof.cluster.team import Team
from liteproof.data.dataset import Dataset, Parts, cached_dataset, divide, load_dataset
from liteproof.errors import RecipeError, RunError
from liteproof.locking import LOCK, taking_turns
from liteproof.progress import say
from liteproof.randomness import Stream, random_stream
from liteproof.recipes.input_spec import preprocessing_spec
from liteproof.recipes.reader import RecipeFile, load_recipe
from liteproof.recipes.schema import IMAGENET, NOTHING, Recipe
from liteproof.recipes.training import Precision, Qat
from liteproof.runs.run import Run, Settings, begin, find_run
from liteproof.runs.stage import Stage, digest
from liteproof.storage import PARTIAL, make_folder
from liteproof.training.precision import resolve_precision

TRAINED_BY = ("dataset", "architecture", "training")  # the parts of a recipe that make the weights


class Existing(Enum):
    """What to do with a folder that holds a run already."""

    REFUSE = "refuse"  # unless it is this training, finished
    RESUME = "resume"  # it must be this training
    REPLACE = "replace"  # if it is another training


def train(
    path: Path,
    recipe_file: RecipeFile,
    settings: Settings,
    existing: Existing,
    layout: Layout = ALONE,
) -> Run:
    """Train a recipe in a run's folder; what an earlier, interrupted training did is kept.

    Only the layout's chief reads and writes the folder; the others follow it.

    Raises:
        RecipeError: the recipe does not go with the layout.
        RunError: the folder holds what `existing` refuses.
        DatasetError: the data cannot be obtained.
        DeviceError: a device or a machine is not there, or has gone.
        TrainingError: training cannot go on.
    """
    return _train_together(Team(layout, settings.device), path, recipe_file, settings, existing)


def trained(run: Run) -> Dataset:
    """Return the data of a finished training."""
    run.require(run.trained_models[-1], f"train {run.recipe.name} --out {run.path} --resume")
    recipe, data_dir = run.recipe, run.settings.data_dir
    dataset = load_dataset(recipe.dataset, recipe.preprocessing, data_dir, say)
    if not _training(run).is_done() or run.fingerprint != dataset.fingerprint:
        raise RunError(
            f"{run.trained_models[-1]}: was not trained by this recipe on this data; train again"
        )
    return dataset


def fine_tune(run: Run, dataset: Dataset, qat: Qat) -> None:
    """Continue a finished training through the rounding of int8, unless its recipe did so itself.

    Raises:
        TrainingError: training cannot go on.
    """
    if run.recipe.training.qat:
        return
    inputs = [digest(run.keras_model), str(run.settings), repr(qat)]
    stage = Stage("fine-tune", run.path, inputs, [run.qat_model])
    stage.perform(partial(_fine_tune, run, dataset, qat))


def parts(run: Run, dataset: Dataset) -> Parts:
    """Hold out the same pictures whatever the seed: a teacher has not seen them either."""
    rng = random_stream(0, Stream.DIVISION)
    return divide(dataset, run.recipe.dataset.validation_pictures, rng)


def _train_together(
    team: Team, path: Path, recipe_file: RecipeFile, settings: Settings, existing: Existing
) -> Run:
    _check_shares(recipe_file.recipe, settings)
    if team.is_chief:
        run, dataset = _begin(path, recipe_file, settings, existing, team.layout)
    else:
        dataset = _data(recipe_file.recipe, settings, team.layout)
        run = Run(path, recipe_file, settings, dataset.fingerprint)
    stage = _training(run)
    is_done = stage.is_done()
    if team.is_connected:  # a teacher's training: the chief's disk decides for all
        is_done = team.from_chief(bytes([is_done])) == bytes([True])
    if team.is_chief:
        stage.perform(partial(_train, run, dataset, team))
    elif not is_done:
        _train(run, dataset, team)
    return run


def _check_shares(recipe: Recipe, settings: Settings) -> None:
    """Refuse what several devices cannot share."""
    batch, replicas = recipe.training.batch_size, settings.replicas
    if batch % replicas:
        raise RecipeError(
            f"training.batch_size: {batch}, expected a multiple of {replicas}, the number of "
            "devices that share it"
        )
    if replicas > 1 and settings.precision is Precision.FLOAT16:
        # Keras' LossScaleOptimizer looks for infinities in each device's own gradients.
        raise RecipeError("training.precision: float16 is for one device; expected bfloat16")


def _begin(
    path: Path, recipe_file: RecipeFile, settings: Settings, existing: Existing, layout: Layout
) -> tuple[Run, Dataset]:
    """Make the run's folder ready, and return what to train with."""
    found = find_run(path)
    difference = _difference(found, recipe_file, settings) if found else ""
    _check_existing(path, found, difference, existing)
    make_folder(path)  # before the data is fetched: it may not be writable
    dataset = _data(recipe_file.recipe, settings, layout)
    preprocessing_spec(recipe_file.recipe.preprocessing, dataset.shape)
    if found and not difference and found.fingerprint != dataset.fingerprint:
        difference = "its data has changed since"
        _check_existing(path, found, difference, existing)
    if found and difference:
        say(f"train: starting anew: {difference}")
        for folder in (found.checkpoints, found.tensorboard):
            shutil.rmtree(folder, ignore_errors=True)
    return begin(path, recipe_file, settings, dataset.fingerprint), dataset


def _check_existing(path: Path, found: Run | None, difference: str, existing: Existing) -> None:
    """Refuse to train into a folder that is not there for it."""
    if found is None:
        if existing is Existing.RESUME:
            raise RunError(f"{path}: holds no run to resume; start it without --resume")
        if path.is_dir() and any(not _is_leftover(entry) for entry in path.iterdir()):
            raise RunError(f"{path}: is not empty and holds no run; choose another folder")
    elif difference and existing is not Existing.REPLACE:
        raise RunError(f"{path}: holds another run: {difference}; choose another --out")
    elif existing is Existing.REFUSE and not found.trained_models[-1].is_file():
        raise RunError(f"{path}: holds an unfinished training; continue it with --resume")


def _is_leftover(entry: Path) -> bool:
    """Whether a file was left by a run that was killed while it was being created."""
    return entry.name in {"recipe.toml", LOCK} or PARTIAL in entry.name


def _difference(found: Run, recipe_file: RecipeFile, settings: Settings) -> str:
    """Say how a run's training differs from the one that is wanted, or nothing."""
    for part in TRAINED_BY:
        if found.recipe_file.part(part) != recipe_file.part(part):
            return f"its recipe '{found.recipe.name}' has another [{part}]"
    if str(found.settings) != str(settings):
        return f"it was begun with {found.settings}, not {settings}"
    return ""


def _data(recipe: Recipe, settings: Settings, layout: Layout) -> Dataset:
    dataset = cached_dataset(recipe.dataset, recipe.preprocessing, settings.data_dir)
    if dataset:
        say("data: nothing has changed, skipped")
        return dataset
    arguments = recipe.dataset, recipe.preprocessing, settings.data_dir, say
    if layout.strategy is not Strategy.NONE:
        # TFDS computes with TensorFlow, whose devices must be chosen before that: another process.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
            other.submit(_decode, *arguments).result()
    return load_dataset(*arguments)


def _decode(*arguments: Any) -> None:  # noqa: ANN401 - those of load_dataset
    load_dataset(*arguments)


def _training(run: Run) -> Stage:
    inputs = [run.recipe_file.part(*TRAINED_BY), str(run.settings), run.fingerprint]
    inputs += _pretrained(run.recipe)
    return Stage("train", run.path, inputs, run.trained_models)


def _pretrained(recipe: Recipe) -> list[str]:
    """Return the digest of the weights that a backbone begins with, where they are a file."""
    weights = recipe.architecture.weights
    if weights in {IMAGENET, NOTHING}:
        return []
    file = Path(weights).expanduser()
    if not file.is_file():
        raise RecipeError(f"architecture.weights: {weights}: no such file")
    return [digest(file)]


def _train(run: Run, dataset: Dataset, team: Team) -> None:
    team.connect(_identity(run, team.layout))
    with team.together():
        teacher = _teacher(run, team)
        from liteproof.training import loop, task  # noqa: PLC0415 - import TensorFlow

        loop.train(task.Task(run, dataset, parts(run, dataset), team, teacher))


def _fine_tune(run: Run, dataset: Dataset, qat: Qat) -> None:
    """Fine-tune on this machine only, in whatever layout the training was."""
    alone = Team(ALONE, run.settings.device)
    alone.connect(_identity(run, alone.layout))
    with alone.together():
        from liteproof.training import loop, task  # noqa: PLC0415 - import TensorFlow

        loop.fine_tune(task.Task(run, dataset, parts(run, dataset), alone), qat)


def _identity(run: Run, layout: Layout) -> Identity:
    recipe = run.recipe_file.part(*TRAINED_BY)
    return Identity(
        workers=",".join(layout.workers),
        software=f"liteproof {version('liteproof')}, tensorflow {version('tensorflow')}",
        recipe=hashlib.sha256(recipe.encode()).hexdigest(),
        settings=str(run.settings),
        data=run.fingerprint,
    )


def _teacher(run: Run, team: Team) -> Run | None:
    """Return the trained teacher that the run's recipe names, training it where that is needed.

    Teachers lie next to the data, so that every run of the recipe shares them.
    """
    distillation = run.recipe.training.distillation
    if distillation is None:
        return None
    recipe_file = load_recipe(distillation.teacher)
    teacher = recipe_file.recipe
    if teacher.training.distillation or teacher.dataset != run.recipe.dataset:
        raise RecipeError(
            f"training.distillation.teacher: {distillation.teacher!r} has another dataset, or a "
            "teacher itself; expected the same [dataset] and no distillation"
        )
    precision = resolve_precision(teacher.training.precision, run.settings.device)
    settings = replace(run.settings, seed=teacher.training.seed, precision=precision)
    trained_by = json.dumps([recipe_file.part(*TRAINED_BY), str(settings), run.fingerprint])
    name = f"{teacher.name}-{hashlib.sha256(trained_by.encode()).hexdigest()[:16]}"
    say(f"train: the teacher, {teacher.name}")
    path = settings.data_dir / ".liteproof" / "teachers" / name
    turn = taking_turns(path / LOCK, "train") if team.is_chief else nullcontext()
    with turn:
        return _train_together(team, path, recipe_file, settings, Existing.REPLACE)
