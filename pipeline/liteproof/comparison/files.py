"""Comparing anything with anything: bundles, runs, .tflite files, Keras models, on one dataset."""

import platform
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from liteproof.evidence.comparing import Entry, Terms, compare
from liteproof.evidence.contender import Contender, read_contender
from liteproof.evidence.document import to_json
from liteproof.evidence.labelled import read_labelled
from liteproof.evidence.records import Evidence
from liteproof.recipes.schema import Metric
from liteproof.report.page import write_report
from liteproof.storage import make_folder, write_file
from liteproof_edge.errors import DatasetError


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: whether B is as good as A.

    Attributes:
        a: path of the baseline.
        b: path of the candidate.
        data: a folder of IDX files, or of pictures for each class.
        margin_points: how many points B may lose.
        metric: of what.
        limit: how many pictures to compare, without a verdict; None for all of them.
        mean: of a Keras model, what it expects to be subtracted from each pixel.
        scale: of a Keras model, what it expects the difference to be multiplied by.
    """

    a: Path
    b: Path
    data: Path
    margin_points: float
    limit: int | None = None
    mean: float = 0.0
    scale: float = 1.0
    metric: Metric = Metric.ACCURACY


def compare_files(question: Question, cache: Path, out: Path | None = None) -> Evidence:
    """Compare two models, and write comparison.json and report.html where that is asked for.

    Args:
        question: what is asked.
        cache: a folder for answers: what is there already is not computed again.
        out: a folder for the evidence.

    Raises:
        DatasetError: the data does not go with the models.
        ModelError: one is not a model, or no runtime here can run it.
        StorageError: `out` cannot be written.
    """
    if question.a == question.b:
        raise DatasetError(f"{question.a}: given twice, expected two models")
    sides = tuple(
        read_contender(path, question.mean, question.scale) for path in (question.a, question.b)
    )
    labelled = read_labelled(question.data, sides)
    total = len(labelled.labels)
    n = min(question.limit or total, total)
    chosen = np.linspace(0, total - 1, n).astype(np.int64)
    entries = [
        Entry(side, pictures[chosen])
        for side, pictures in zip(sides, labelled.pictures, strict=True)
    ]
    terms = Terms(
        dataset=str(question.data),
        labels=labelled.labels[chosen],
        indices=chosen,
        total=total,
        names=labelled.names,
        margin=question.margin_points / 100,
        metric=question.metric,
        provenance=_provenance(question, sides),
    )
    evidence = compare(entries[0], entries[1], (), terms, cache)
    if question.limit is not None:
        evidence = replace(evidence, verdict=None)
    if out is not None:
        make_folder(out)
        write_file(out / "comparison.json", to_json(evidence))
        write_report(evidence, labelled.pictures[1].__getitem__, out / "report.html")
    return evidence


def _provenance(question: Question, sides: tuple[Contender, ...]) -> dict[str, str]:
    return {
        **{f"{side.name}": f"SHA-256 {side.digest}" for side in sides},
        "tools": f"liteproof {version('liteproof')}, Python {platform.python_version()}",
        "again": f"liteproof compare {question.a} {question.b} --data {question.data} "
        f"--margin {question.margin_points:g}"
        + (f" --metric {question.metric.value}" if question.metric is not Metric.ACCURACY else ""),
    }
