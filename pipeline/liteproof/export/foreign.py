"""Exporting a user's Keras model, with the same checks as a recipe's."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liteproof.adoption.loading import load_model, save_model
from liteproof.adoption.shaping import as_classifier, input_shape, without_ending
from liteproof.calibration.check import check_calibration
from liteproof.calibration.choice import choose
from liteproof.calibration.form import ModelInput
from liteproof.calibration.source import Given, read_calibration
from liteproof.conversion.variants import FLOAT32, Variant, Weights
from liteproof.export.choices import Choices
from liteproof.export.exported import Exported
from liteproof.export.exporter import Exporter
from liteproof.export.fallback import Fallback, descend, shipped_record
from liteproof.export.subject import Pictures, Subject
from liteproof.network.first_layers import own_arithmetic
from liteproof.storage import make_folder, write_file
from liteproof_edge.errors import DatasetError
from liteproof_edge.model.affine import Normalisation
from liteproof_edge.preprocessing.photo import PhotoSpec

CALIBRATION_PICTURES = 500
SEED = 0  # of the choice of these pictures


def read_subject(
    file: Path, representative: Path, folder: Path, mean: float, scale: float
) -> Subject:
    """Read a user's model and pictures.

    Half of the pictures, at most 500, calibrate; candidates are measured on the others. Where the
    pictures have no classes, the float model's answers stand for the truth.

    Args:
        file: a classifier of pictures of one size, in any form that `adopt` takes.
        representative: a folder of pictures, or a .npy or .npz file.
        folder: where the exported models go.
        mean: what is taken from each pixel.
        scale: what the difference is multiplied with: 1/255 for a model that takes 0 to 1.

    Raises:
        ConversionError: it is not a Keras model, or does not classify pictures of one size.
        DatasetError: the pictures cannot be read, or cannot be the model's.
    """
    model = load_model(file)
    shape = input_shape(model, None, str(file))
    scaled_by = own_arithmetic(model)
    ending = without_ending(model, None, str(file))
    each = (mean,) * shape[2], (scale,) * shape[2]
    stated = None if (mean, scale) == (0.0, 1.0) else Normalisation(*each)
    given = read_calibration(representative, PhotoSpec(*shape))
    if given.classes is not None and len(given.classes) != ending.classes:
        raise DatasetError(
            f"{representative}: {len(given.classes)} class folders, expected {ending.classes}, one "
            "for each of the model's outputs, or pictures without folders"
        )
    labels = given.classes or tuple(map(str, range(ending.classes)))
    takes = ModelInput(shape, stated, scaled_by)
    report = check_calibration(given.pictures, takes, labels=given.labels, classes=labels)
    report.check(str(representative))
    calibrating = _calibrating(given)
    network = make_folder(folder) / "model.keras"
    save_model(as_classifier(ending, shape, *each, bgr=False), network)
    return Subject(
        folder=folder,
        name=re.sub(r"[^A-Za-z0-9_.-]+", "-", file.stem),
        description=f"Keras model {file.name}",
        labels=labels,
        models={Weights.FLOAT: network},
        representative=_select(given, calibrating),
        validation=_select(given, np.setdiff1d(np.arange(len(given.pictures)), calibrating)),
    )


def export(subject: Subject, variants: Sequence[Variant], choices: Choices) -> list[Exported]:
    """Convert a user's model into each of the variants.

    Raises:
        As `Exporter.export`.
    """
    make_folder(subject.folder)
    with Exporter(subject, choices) as exporter:
        return [exporter.export(variant) for variant in variants]


def export_gated(
    subject: Subject, forms: Sequence[Variant], gate_points: float, choices: Choices
) -> tuple[list[Exported], Fallback]:
    """Convert a user's model into the first form that loses little enough.

    Fine-tuning is not among them: it would take the model's training data.

    Raises:
        As `Exporter.export`, except where only one form cannot be tried.
    """
    make_folder(subject.folder)
    with Exporter(subject, choices) as exporter:
        made = [exporter.export(FLOAT32)]
        tried = [form for form in forms if form.weights is Weights.FLOAT]
        path = descend(tried, gate_points, exporter.export)
    write_file(subject.folder / "fallback.json", path.to_json())
    return [*made, *shipped_record(subject.folder, path)], path


def _calibrating(given: Given) -> NDArray[np.int64]:
    """Choose half of the pictures, equally many of each class where these are known."""
    n = len(given.pictures)
    half, rng = min(CALIBRATION_PICTURES, (n + 1) // 2), np.random.default_rng(SEED)
    if given.labels is None:
        return np.sort(rng.permutation(n)[:half])
    return choose(given.labels.astype(np.int64), np.arange(n), half, rng)


def _select(given: Given, chosen: NDArray[np.int64]) -> Pictures:
    labels = None if given.labels is None else given.labels[chosen].astype(np.int64)
    return Pictures(given.pictures[chosen], labels)
