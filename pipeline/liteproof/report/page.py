"""Writing the report: the sections' contents, and one HTML file of all of them."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liteproof.diagnosis.table import decibel_words
from liteproof.evidence.records import Balanced, Cell, ClassChange, Evidence, Outcome, Pair, Side
from liteproof.recipes.schema import Metric
from liteproof.report import charts, sentences
from liteproof.report.confusion import View, matrix, shown_classes
from liteproof.report.gallery import Card, Pictures, cards
from liteproof.report.house import HOUSE, page_environment, parts, read_template
from liteproof.storage import write_file

LARGEST = 2_000_000  # bytes of a report
MOST_CLASSES = 300  # rows of the table of classes, which shows the largest changes
MOST_LAYERS = 40
MOST_CELLS = 100
MOST_TEXTS = 40  # values of the provenance, findings, sentences
SHORT = 4  # characters of a label that stands upright above a narrow column
FIRST_CLASSES = 12  # rows that are not folded away


@dataclass(frozen=True, slots=True)
class Model:
    """A row of the table of sizes: what is not known is None."""

    name: str
    size_bytes: int | None
    correct: int | None
    n: int | None
    interval: tuple[float, float] | None
    latency_us: float | None


def write_report(evidence: Evidence, pictures: Pictures, path: Path) -> None:
    """Write a comparison as one offline HTML file of less than 2 MB, whole or not at all.

    Args:
        evidence: what was found.
        pictures: gives the test pictures, uint8 (n, height, width, channels), of n indices, each a
            `Change.index`: an array's own `__getitem__` does.
        path: the file.

    Raises:
        StorageError: it cannot be written.
    """
    page = _render(evidence, ())
    gallery = cards(evidence, pictures, LARGEST - len(page.encode()))
    while gallery:
        page = _render(evidence, gallery)
        if len(page.encode()) <= LARGEST:
            break
        gallery = gallery[: len(gallery) * 9 // 10]  # names may be longer than a card's allowance
    write_file(path, page)


def _render(evidence: Evidence, gallery: tuple[Card, ...]) -> str:
    environment = page_environment()
    environment.filters |= {
        "longest": lambda latency_us: max(latency_us.values()),
        "decibel": lambda value: decibel_words(float("inf") if value is None else value),
    }
    changes = [card.change for card in gallery]
    template = environment.from_string(read_template(HOUSE, "report.html"))
    return template.render(
        evidence=evidence,
        **parts(HOUSE, ["report.css"], ["report.js"]),
        say=sentences,
        outcome=evidence.verdict.outcome if evidence.verdict else None,
        judged=_judged(evidence),
        Outcome=Outcome,
        models=_models(evidence),
        views={view: matrix(evidence, view, changes) for view in _views(evidence)},
        shown=(shown := shown_classes(evidence)),
        tall=any(len(evidence.labels[at]) > SHORT for at in shown),
        cards=gallery,
        kinds=Counter(change.kind.value for change in changes),
        touched=sorted({change.label for change in changes}),
        classes=_classes(evidence),
        first_classes=FIRST_CLASSES,
        layers=_layers(evidence),
        cells=evidence.cells[:MOST_CELLS],
        timed=[cell for cell in evidence.cells if cell.latency_us][:MOST_CELLS],
        provenance=list(evidence.provenance.items())[:MOST_TEXTS],
        most_texts=MOST_TEXTS,
        charts=charts,
        class_reach=max(
            (abs(end) for each in evidence.classes if each.n for end in each.interval), default=0.0
        ),
    )


def _judged(evidence: Evidence) -> Pair | Balanced:
    """Return what the verdict is of."""
    is_balanced = evidence.verdict and evidence.verdict.metric is Metric.BALANCED
    return evidence.balanced if is_balanced and evidence.balanced else evidence.pair


def _views(evidence: Evidence) -> tuple[View, ...]:
    return (View.CANDIDATE,) if evidence.alone else tuple(View)


def _models(evidence: Evidence) -> tuple[Model, ...]:
    """Return the two sides, then what else has a size or was executed."""
    sides = {side.name: side for side in (evidence.baseline, evidence.candidate)}
    names = dict.fromkeys([*sides, *evidence.sizes, *(cell.model for cell in evidence.cells)])
    return tuple(_model(evidence, each) for each in names)


def _model(evidence: Evidence, name: str) -> Model:
    cells = [cell for cell in evidence.cells if cell.model == name]
    sides = [side for side in (evidence.baseline, evidence.candidate) if side.name == name]
    measured: list[Side | Cell] = [*sides, *cells]
    first = measured[0] if measured else None
    return Model(
        name=name,
        size_bytes=evidence.sizes.get(name),
        correct=first.correct if first else None,
        n=first.n if first else None,
        interval=first.interval if first else None,
        latency_us=_median(cells),
    )


def _median(cells: list[Cell]) -> float | None:
    """Return the median of the first cell that was timed: the machine that compared."""
    return next((cell.latency_us[50] for cell in cells if 50 in cell.latency_us), None)


def _classes(evidence: Evidence) -> list[ClassChange]:
    """Return the classes that have pictures, those that lose most first."""
    seen = [each for each in evidence.classes if each.n]
    ranked = sorted(seen, key=lambda each: (each.before - each.after) / each.n, reverse=True)
    if len(ranked) <= MOST_CLASSES:
        return ranked
    return [*ranked[: MOST_CLASSES // 2], *ranked[-MOST_CLASSES // 2 :]]


def _layers(evidence: Evidence) -> list[dict[str, Any]]:
    """Return the layers that lose most, the worst first."""
    return sorted(evidence.layers, key=lambda each: each["introduced"] or 0.0, reverse=True)[
        :MOST_LAYERS
    ]
