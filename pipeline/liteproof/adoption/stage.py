"""The stage that an adopted model's run begins with, in place of training."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from liteproof.adoption.pictures import dataset_name, load_pictures, record_pictures
from liteproof.adoption.request import Request
from liteproof.calibration.choice import choose
from liteproof.data.dataset import Dataset
from liteproof.errors import RunError
from liteproof.locking import LOCK
from liteproof.progress import say
from liteproof.randomness import Stream, random_stream
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

if TYPE_CHECKING:  # they import TensorFlow
    import keras

    from liteproof.adoption.shaping import Ending

DATA = "data"  # the folder in a run that holds its decoded pictures
TRIED = 200  # pictures: enough to tell 0 to 255 from 0 to 1 by any model that knows its classes


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
    with quiet():
        from liteproof.adoption.loading import load_model, model_digest, save_model  # noqa: PLC0415 - TensorFlow
        from liteproof.adoption.shaping import input_shape, without_ending  # noqa: PLC0415

    where = str(request.model)
    model = load_model(request.model)
    shape = input_shape(model, request.size, where)
    ending = without_ending(model, request.output, where)
    labels = read_labels(request.labels) if request.labels else ()
    if labels and len(labels) != ending.classes:
        raise DatasetError(
            f"{request.labels}: {len(labels)} labels, expected {ending.classes}, one for each of "
            "the model's classes"
        )
    preprocessing_spec(request.preprocessing, shape)
    choice = DatasetChoice(
        name=dataset_name(request.data), size=shape[:2], channels=1 if shape[2] == 1 else 3
    )
    with _pictures_in(path) as data_dir:
        record_pictures(request.data, request.test, data_dir)
        dataset = load_pictures(choice, request.preprocessing, data_dir, labels)
        if len(dataset.labels) != ending.classes:
            raise DatasetError(
                f"{request.data}: {len(dataset.labels)} classes, expected {ending.classes}, one "
                f"for each of the outputs of {request.model.name}; --labels names them"
            )
        if not labels:
            say(f"labels: {', '.join(dataset.labels)}, in this order; --labels says another")
        network, takes = _complete(ending, shape, dataset, request)
        adoption = Adoption(
            model=request.model.name,
            sha256=model_digest(request.model),
            labels=dataset.labels,
            takes=takes,
            gives=ending.was,
            again=request.again,
        )
        recipe_file = _recipe(request, choice, adoption)
        settings = Settings(0, available_cores(), Device.AUTO, Precision.FLOAT32, data_dir)
        run = begin(path, recipe_file, settings, dataset.fingerprint)
    _stage(run).perform(partial(save_model, network, run.keras_model))
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
    run.require(run.keras_model, command)
    choice, preprocessing = run.recipe.dataset, run.recipe.preprocessing
    dataset = load_pictures(choice, preprocessing, run.path / DATA, adoption.labels)
    if not _stage(run).is_done() or run.fingerprint != dataset.fingerprint:
        raise RunError(f"{run.path}: its model or pictures have changed; `liteproof {command}`")
    return dataset


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


def _complete(
    ending: "Ending", shape: tuple[int, int, int], dataset: Dataset, request: Request
) -> "tuple[keras.Model, str]":
    """Return the model from pixels to logits, and in words what it takes them as."""
    from liteproof.adoption.shaping import as_classifier  # noqa: PLC0415 - TensorFlow
    from liteproof.network.first_layers import own_arithmetic  # noqa: PLC0415 - TensorFlow

    channels = shape[2]
    mean, scale = request.mean or (0.0,), request.scale or (1.0,)
    own = own_arithmetic(ending.model)
    if request.mean or request.scale:
        takes = f"(pixel - {_listed(mean)}) x {_listed(scale)}, as was said"
        takes += f"; then it scales them itself, beginning with {own}" if own else ""
    elif own:
        takes = f"0 to 255, since it begins with {own}"
    else:
        (mean, scale), takes = _tried(ending, shape, dataset, bgr=request.bgr)
    say(f"pixels: {takes}")
    each = [values * channels if len(values) == 1 else values for values in (mean, scale)]
    return as_classifier(ending, shape, *each, bgr=request.bgr), takes


def _tried(
    ending: "Ending", shape: tuple[int, int, int], dataset: Dataset, *, bgr: bool
) -> tuple[tuple[tuple[float, ...], tuple[float, ...]], str]:
    """Find out what a model takes pixels as, and say what speaks for it."""
    from liteproof.adoption.trial import try_ranges  # noqa: PLC0415 - TensorFlow

    labels = dataset.train.labels
    everything = random_stream(0, Stream.DIVISION).permutation(len(labels))
    chosen = choose(labels, everything, TRIED, random_stream(0, Stream.CALIBRATION))[:TRIED]
    best, *others = try_ranges(ending, shape, dataset.train, chosen, bgr=bgr)
    told = "; ".join(map(str, (best, *others)))
    takes = f"{best.range.name}, found on {best.n} labelled pictures (right: {told})"
    return ((best.range.mean,), (best.range.scale,)), takes


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
    return Stage("adopt", run.path, inputs, [run.keras_model])


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
