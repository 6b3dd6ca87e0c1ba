"""The stage that an adopted model's run begins with, in place of training."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from liteproof.adoption.candidate import Candidate
from liteproof.adoption.digest import model_digest
from liteproof.adoption.pictures import dataset_name, load_pictures, record_pictures
from liteproof.adoption.request import Request
from liteproof.data.dataset import Dataset
from liteproof.errors import ConversionError, RunError
from liteproof.locking import LOCK
from liteproof.progress import say
from liteproof.recipes.input_spec import preprocessing_spec
from liteproof.recipes.reader import RecipeFile, parse_recipe
from liteproof.recipes.schema import Adoption, DatasetChoice
from liteproof.recipes.training import Precision
from liteproof.runs.run import Run, Settings, begin, find_run
from liteproof.runs.stage import Stage
from liteproof.storage import make_folder
from liteproof.tensorflow_setup import Device, available_cores, quiet
from liteproof_edge.bundle.labels import read_labels
from liteproof_edge.errors import DatasetError

DATA = "data"  # the folder in a run that holds its decoded pictures


def adopt(path: Path, request: Request) -> Run:
    """Make a run of a model that was trained elsewhere; one that is there is brought up to date.

    Raises:
        RunError: the folder holds something else.
        ModelError: there is no such model.
        ConversionError: it does not load here, or is no classifier of pictures.
        DatasetError: the pictures cannot be read, or their classes are not the model's.
        StorageError: the folder cannot be written.
    """
    _check_folder(path)
    candidate = _candidate(request)
    # ImageNet has two cranes.
    if labels := read_labels(request.labels, unique=False) if request.labels else ():
        _check_number(labels, candidate, str(request.labels))
    elif candidate.labels:
        labels = candidate.labels
        say(f"labels: the {len(labels)} in {request.model.name}; --labels says others")
    shape = candidate.shape
    preprocessing_spec(request.preprocessing, shape)
    choice = DatasetChoice(
        name=dataset_name(request.data), size=shape[:2], channels=1 if shape[2] == 1 else 3
    )
    with _pictures_in(path) as data_dir:
        record_pictures(
            request.data, request.test, data_dir, skip_unreadable=request.skip_unreadable
        )
        is_given = _is_given(request.model)
        bgr = request.bgr and is_given  # a Keras model is made one that takes red first
        dataset = load_pictures(choice, request.preprocessing, data_dir, labels, bgr=bgr)
        if len(dataset.labels) != candidate.classes:
            raise DatasetError(
                f"{request.data}: {len(dataset.labels)} classes, expected {candidate.classes}, one "
                f"for each of the outputs of {request.model.name}; --labels names them"
            )
        if not labels:
            say(f"labels: {', '.join(dataset.labels)}, in this order; --labels says another")
        _tell_classes_seen(dataset)
        completed = candidate.complete(dataset.train)
        say(f"pixels: {completed.takes}")
        adoption = Adoption(
            model=request.model.name,
            sha256=model_digest(request.model),
            labels=dataset.labels,
            takes=completed.takes,
            gives=candidate.gives,
            again=request.again,
            given=is_given,
            quantize=request.quantize,
            mean=completed.mean,
            scale=completed.scale,
            bgr=bgr,
        )
        recipe_file = _recipe(request, choice, adoption)
        settings = Settings(0, available_cores(), Device.AUTO, Precision.FLOAT32, data_dir)
        run = begin(path, recipe_file, settings, dataset.fingerprint)
    _stage(run).perform(partial(completed.save, run.source_model))
    return run


def adopted(run: Run) -> Dataset:
    """Return the labelled pictures of an adopted run.

    Raises:
        RunError: it is unfinished, or its model or pictures are others by now.
    """
    adoption = run.adoption
    if adoption is None:
        raise ValueError(f"{run.path}: was trained here")
    command = f"adopt MODEL --data DIR --out {run.path}"
    run.require(run.source_model, command)
    choice, preprocessing = run.recipe.dataset, run.recipe.preprocessing
    dataset = load_pictures(
        choice, preprocessing, run.path / DATA, adoption.labels, bgr=adoption.bgr
    )
    if not _stage(run).is_done() or run.fingerprint != dataset.fingerprint:
        raise RunError(f"{run.path}: its model or pictures have changed; `liteproof {command}`")
    return dataset


def _is_given(model: Path) -> bool:
    return model.suffix.lower() == ".tflite"


def _candidate(request: Request) -> Candidate:
    if _is_given(request.model):
        from liteproof.adoption.given import read_given  # noqa: PLC0415 - rarely needed

        return read_given(request)
    if request.quantize:
        raise ConversionError(
            f"{request.model}: --quantize is of a .tflite; int8 is made of others anyway"
        )
    with quiet():
        from liteproof.adoption.network import read_network  # noqa: PLC0415 - TensorFlow
    return read_network(request)


def _check_number(labels: tuple[str, ...], candidate: Candidate, where: str) -> None:
    if len(labels) != candidate.classes:
        raise DatasetError(
            f"{where}: {len(labels)} labels, expected {candidate.classes}, one for each of the "
            "model's classes"
        )


def _tell_classes_seen(dataset: Dataset) -> None:
    """Say which share of a model's classes there are pictures of, where it is not all of them."""
    seen, total = len(np.unique(dataset.train.labels)), len(dataset.labels)
    if seen < total:
        say(
            f"classes: pictures of {seen} of {total} ({seen / total:.1%}): what is calibrated, "
            "measured and verified is of these alone"
        )


def _check_folder(path: Path) -> None:
    found = find_run(path)
    if found and found.adoption is None:
        raise RunError(f"{path}: holds a run of recipe '{found.recipe.name}'; choose another --out")
    if found is None and path.is_dir() and any(entry.name != LOCK for entry in path.iterdir()):
        raise RunError(f"{path}: is not empty and holds no run; choose another --out")


@contextmanager
def _pictures_in(path: Path) -> Iterator[Path]:
    """Give the folder of a run's pictures; one that was made for nothing is removed."""
    is_new = not (path / DATA).exists()
    data_dir = make_folder(path / DATA).absolute()
    try:
        yield data_dir
    except BaseException:
        if is_new:
            shutil.rmtree(path / DATA, ignore_errors=True)
        raise


def _recipe(request: Request, choice: DatasetChoice, adoption: Adoption) -> RecipeFile:
    """Return the recipe that says all this, as a run keeps it."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", request.model.stem).strip("-._")[:100] or "model"
    tables = {
        "": {"name": name, "description": f"{request.model.name}, trained elsewhere"},
        "dataset": vars(choice),
        "preprocessing": vars(request.preprocessing),
        "gates": {"top1_drop_points": float(request.margin_points), "metric": request.metric},
        "adoption": vars(adoption),
    }
    lines: list[str] = []
    for table, values in tables.items():
        lines += ["", f"[{table}]"] if table else []
        lines += [f"{key} = {_toml(value)}" for key, value in values.items() if value is not None]
    return parse_recipe("\n".join([*lines, ""]), "the adoption's recipe")


def _toml(value: object) -> str:
    """Return a value as TOML, which for texts, numbers and lists of these writes as JSON does."""
    return json.dumps(value, ensure_ascii=False, default=lambda each: each.value)


def _stage(run: Run) -> Stage:
    inputs = [run.recipe_file.part("adoption", "dataset", "preprocessing"), run.fingerprint]
    return Stage("adopt", run.path, inputs, [run.source_model])
