"""Comparing contenders on the same pictures: every execution, and a verdict on two of them."""

import json
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof.evidence import statistics
from liteproof.evidence.balanced import balanced, strata
from liteproof.evidence.contender import Contender
from liteproof.evidence.executions import Executed, execute_keras, execute_tflite
from liteproof.evidence.logits import Logits
from liteproof.evidence.paired import Counts
from liteproof.evidence.records import Cell, Damage, Evidence
from liteproof.evidence.verdict import judge
from liteproof.progress import say
from liteproof.recipes.schema import Metric
from liteproof_edge.errors import DatasetError, ModelError
from liteproof_edge.measurement.evaluation import wilson_interval
from liteproof_edge.measurement.latency import Latency
from liteproof_edge.runtime.loading import installed

LSB, LOGITS = "LSB", "logits"


@dataclass(frozen=True, slots=True)
class Entry:
    """A contender, and the pictures as it takes them: uint8 (n, height, width, channels)."""

    contender: Contender
    pictures: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a comparison is about, besides the contenders.

    Attributes:
        dataset: what the pictures are called.
        labels: int64 (n,), the truth of those that are compared.
        indices: int64 (n,), where these stand among all pictures.
        total: how many pictures the dataset has: with fewer, there is no verdict.
        names: of the classes.
        margin: how much the candidate may lose, 0 to 1.
        metric: of what.
        provenance: name → value, in words.
        layers: of the candidate's export; see `Evidence`.
        diagnosis: the same.
        calibration: the same.
        devices: files of `liteproof-edge evaluate --json`.
        seen: how many pictures → the digest by which a device says that it saw these.
        damages: of the robustness comparison.
        damage_sentence: what follows from them.
        alone: why the baseline is the candidate itself; see `Evidence`.
    """

    dataset: str
    labels: NDArray[np.int64]
    indices: NDArray[np.int64]
    total: int
    names: tuple[str, ...]
    margin: float
    metric: Metric = Metric.ACCURACY
    provenance: Mapping[str, str] = field(default_factory=dict)
    layers: Sequence[dict[str, Any]] = ()
    diagnosis: tuple[str, ...] = ()
    calibration: dict[str, Any] | None = None
    devices: Sequence[Path] = ()
    seen: Callable[[int], str] = lambda _: ""
    damages: tuple[Damage, ...] = ()
    damage_sentence: str = ""
    alone: str = ""


def compare(
    baseline: Entry, candidate: Entry, others: Sequence[Entry], terms: Terms, cache: Path
) -> Evidence:
    """Run every contender on every runtime here, and judge the candidate against the baseline.

    Paired figures are those of the preferred runtime; the other executions are in the cells.

    Args:
        baseline: what the candidate is compared with.
        candidate: what is judged.
        others: what is only measured; either of these two among them counts once.
        terms: of the comparison.
        cache: a folder for answers: what is there already is not computed again.

    Raises:
        DatasetError: the sides have other classes, or a device's file is none.
        ModelError: no runtime here can run the baseline or the candidate.
    """
    cells: list[Cell] = []
    first: dict[str, Executed] = {}
    entries = {entry.contender.name: entry for entry in (baseline, candidate, *others)}
    for name, entry in entries.items():
        for answers in _executions(entry, cache):
            first.setdefault(name, answers)
            _check_classes(name, answers, baseline.contender.name, first)
            cells.append(_cell(name, answers, first, baseline.contender.name, terms))
    before, after = (first[side.contender.name] for side in (baseline, candidate))
    labels = terms.labels
    known = {entry.contender.digest: name for name, entry in entries.items()}
    pair = statistics.pair(labels, before.real, after.real)
    classes = statistics.class_changes(terms.names, labels, before.real, after.real)
    verdict = None
    if len(labels) == terms.total and not terms.alone:
        is_balanced = terms.metric is Metric.BALANCED
        verdict = judge(
            strata(classes) if is_balanced else [Counts(pair.broken, pair.fixed, pair.n)],
            terms.margin,
            baseline.contender.name,
            candidate.contender.name,
            terms.metric,
        )
    return Evidence(
        dataset=terms.dataset,
        total=terms.total,
        labels=terms.names,
        sizes={
            name: len(entry.contender.model)
            for name, entry in entries.items()
            if entry.contender.model
        },
        baseline=statistics.side(baseline.contender.name, labels, before.real),
        candidate=statistics.side(candidate.contender.name, labels, after.real),
        pair=pair,
        classes=classes,
        balanced=balanced(classes),
        changes=statistics.changes(labels, before.real, after.real, terms.indices),
        cells=(*cells, *(device_cell(file, known, terms.seen) for file in terms.devices)),
        verdict=verdict,
        damages=terms.damages,
        damage_sentence=terms.damage_sentence,
        provenance=dict(terms.provenance),
        layers=list(terms.layers),
        diagnosis=terms.diagnosis,
        calibration=terms.calibration,
        alone=terms.alone,
    )


def _check_classes(
    name: str, answers: Executed, baseline: str, first: Mapping[str, Executed]
) -> None:
    actual, expected = answers.real.shape[1], first[baseline].real.shape[1]
    if actual != expected:
        raise DatasetError(f"{name}: {actual} classes, expected {expected} as {baseline} has")


def _executions(entry: Entry, cache: Path) -> Iterator[Executed]:
    """Answer on every runtime here; one that cannot run the model is reported, unless none can."""
    if entry.contender.model is None:
        yield execute_keras(entry.contender, entry.pictures, cache)
        return
    failure: ModelError | None = None
    answered = False
    for runtime in installed():
        try:
            yield execute_tflite(entry.contender, entry.pictures, cache, runtime)
            answered = True
        except ModelError as error:  # noqa: PERF203 - a handful of runtimes
            failure = error
            say(f"{entry.contender.name}: {runtime.value}: {error}")
    if failure and not answered:
        raise failure


def _cell(
    name: str, answers: Executed, first: Mapping[str, Executed], baseline: str, terms: Terms
) -> Cell:
    correct = int((answers.real.argmax(axis=1) == terms.labels).sum())
    reference, same = first[baseline], first[name]
    agreement = (answers.real.argmax(axis=1) == reference.real.argmax(axis=1)).mean()
    is_codes = answers is not same and answers.outputs.dtype.kind in "iu"
    if is_codes:
        codes, others = (each.outputs.astype(np.int64) for each in (answers, same))
        difference = float(np.abs(codes - others).max())
    else:
        before = Logits.of(baseline, reference.real)
        difference = Logits.of(name, answers.real).largest_change(before)
    times = answers.times_us
    return Cell(
        model=name,
        runtime=answers.runtime,
        machine=platform.machine(),
        correct=correct,
        n=len(terms.labels),
        interval=wilson_interval(correct, len(terms.labels)),
        agreement=float(agreement),
        largest_difference=difference,
        unit=LSB if is_codes else LOGITS,
        latency_us={} if times is None else Latency.of(times.tolist()).by_percentile(),
    )


def device_cell(
    path: Path, known: Mapping[str, str], seen: Callable[[int], str] = lambda _: ""
) -> Cell:
    """Read what a device measured of itself: `liteproof-edge evaluate --json`.

    Args:
        path: of the file.
        known: SHA-256 of a model → what it is called here.
        seen: how many pictures → `idx.digest` of so many of those that are compared here.

    Raises:
        DatasetError: it is none.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        correct, n = int(value["correct"]), int(value["n"])
        latency = {int(share): float(each) for share, each in value["latency_us"].items()}
        model = known.get(value["model_sha256"], f"{value['bundle']} (another model)")
        runtime = str(value["runtime"])
        board = value.get("board")
        machine = f"{value['machine']} ({board})" if board else str(value["machine"])
        if not 0 <= correct <= n or not n:
            raise ValueError(f"{correct} of {n} right")
        if (pictures := value.get("pictures_sha256")) != seen(n):
            machine += ", other pictures" if pictures else ", unknown pictures"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{path}: not what `liteproof-edge evaluate --json` prints: {error!r:.200}"
        ) from None
    return Cell(
        model=model,
        runtime=runtime,
        machine=machine,
        correct=correct,
        n=n,
        interval=wilson_interval(correct, n),
        agreement=None,
        largest_difference=None,
        unit="",
        latency_us=latency,
    )
