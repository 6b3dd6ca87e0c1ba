"""Where a model will run: runtime by runtime, system by system, with the wheel to install."""

import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import Enum

from liteproof.compatibility.assessment import Assessment, assess_all
from liteproof.compatibility.facts import System, Target, Wheel, facts
from liteproof_edge.errors import one_line
from liteproof_edge.model.flatbuffer import Model
from liteproof_edge.text_table import aligned

WIDTH = 100  # of a terminal, in characters
WITH_WHEELS = (Target.TFLITE_RUNTIME, Target.LITERT)  # tflite-micro is compiled into firmware


class Verdict(Enum):
    """What becomes of the model."""

    RUNS = "runs"
    LOADS = "loads; not tried on such data"
    CANNOT = "cannot run it"


@dataclass(frozen=True, slots=True)
class Row:
    """One runtime on one system.

    Attributes:
        system: its name.
        platform: as Python's `platform` says.
        pythons: those that a wheel is for; all of the system's where there is none.
        runtime: which.
        verdict: what becomes of the model there.
        requirements: for pip; none where it cannot run.
        reason: why it cannot; "" where it can.
    """

    system: str
    platform: str
    pythons: tuple[str, ...]
    runtime: Target
    verdict: Verdict
    requirements: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """Where a model will run.

    Attributes:
        assessments: what each runtime makes of it.
        rows: each runtime on each system.
        advice: what to know of the systems on which it runs.
        operators: of the model, sorted: what a firmware registers with tflite-micro.
    """

    assessments: tuple[Assessment, ...]
    rows: tuple[Row, ...]
    advice: tuple[str, ...]
    operators: tuple[str, ...]

    def to_json(self) -> str:
        """Return all of it."""
        value = {
            "runtimes": [
                {
                    **asdict(found),
                    "target": found.target.value,
                    "verdict": verdict(found).name.lower(),
                    "measured": facts().runtimes[found.target].measured,
                }
                for found in self.assessments
            ],
            "systems": [
                {
                    **asdict(row),
                    "runtime": row.runtime.value,
                    "verdict": row.verdict.name.lower(),
                }
                for row in self.rows
            ],
            "advice": self.advice,
            "operators": self.operators,
        }
        return json.dumps(value, indent=1, ensure_ascii=False)

    def table(self) -> str:
        """Return all of it, for a terminal."""
        names = [found.name for found in self.assessments]
        lines = aligned(
            [(name, verdict(one).value) for name, one in zip(names, self.assessments, strict=True)]
        )
        for found in self.assessments:
            lines += _listed(f"Why {found.name} cannot run it", found.problems)
            lines += _listed(f"Loaded by {found.name}, but not tried", found.untried)
            lines += _listed(f"To know of {found.name}", found.notes)
        cells = [("system", "Python", "runtime", "pip install, or why not")]
        for before, row in zip((None, *self.rows), self.rows, strict=False):
            new = before is None or before.system != row.system
            cells.append(
                (
                    row.system if new else "",
                    _span(row.pythons),
                    facts().runtimes[row.runtime].name,
                    " ".join(map(_quoted, row.requirements)) or f"none: {row.reason}",
                )
            )
        head, *body = aligned(cells)
        rule = "─" * max(map(len, (head, *body)))
        lines += ["", head, rule, *body]
        lines += _listed("Advice", self.advice)
        micro = next(one for one in self.assessments if one.target is Target.TFLITE_MICRO)
        if not micro.problems:
            title = "Operators that a firmware with tflite-micro registers"
            lines += _listed(title, (" ".join(self.operators),))
        return "\n".join(lines)


def forecast(model: Model) -> Forecast:
    """Say where a model will run.

    Args:
        model: as `liteproof_edge.model.flatbuffer.read_model` reads it.
    """
    assessments = assess_all(model)
    found = {one.target: one for one in assessments}
    rows = tuple(
        _row(system, found[target]) for system in facts().systems for target in WITH_WHEELS
    )
    running = {(row.runtime, row.platform) for row in rows if row.requirements}
    return Forecast(
        assessments=assessments,
        rows=rows,
        advice=tuple(
            f"{', '.join(sorted(where))}: {trap.what}; {trap.remedy}"
            for trap in facts().traps
            if (where := {p for target, p in running if target in trap.runtimes} & trap.platforms)
        ),
        operators=tuple(
            sorted({one_line(use.name) for graph in model.subgraphs for use in graph.operators})
        ),
    )


def verdict(found: Assessment) -> Verdict:
    """Return what becomes of the model on a runtime that is there."""
    if found.problems:
        return Verdict.CANNOT
    return Verdict.LOADS if found.untried else Verdict.RUNS


def _row(system: System, found: Assessment) -> Row:
    wheels = [wheel for wheel in facts().wheels if wheel.runtime is found.target]
    wheel = next((one for one in wheels if system.platform in one.platforms), None)
    reason = _no_wheel(system, wheel)
    if not reason and found.problems:
        reason = "it cannot run this model"
    runs = wheel is not None and not reason
    matching = tuple(one for one in system.pythons if wheel and one in wheel.pythons)
    return Row(
        system=system.name,
        platform=system.platform,
        pythons=matching or system.pythons,
        runtime=found.target,
        verdict=verdict(found) if runs else Verdict.CANNOT,
        requirements=wheel.requirements if wheel and runs else (),
        reason=reason,
    )


def _no_wheel(system: System, wheel: Wheel | None) -> str:
    """Return why pip finds no wheel of a runtime that works on a system; "" where it does."""
    if wheel is None:
        return f"no wheel for {system.platform}"
    if not set(system.pythons) & set(wheel.pythons):
        return f"no wheel for Python {_span(system.pythons)}"
    if wheel.glibc and system.glibc and _number(wheel.glibc) > _number(system.glibc):
        return f"needs glibc {wheel.glibc}, has {system.glibc}"
    return ""


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _span(pythons: tuple[str, ...]) -> str:
    first, last = min(pythons, key=_number), max(pythons, key=_number)
    return first if first == last else f"{first}-{last}"


def _quoted(requirement: str) -> str:
    """Return a requirement as a shell takes it."""
    return f"'{requirement}'" if set("<>") & set(requirement) else requirement


def _listed(title: str, lines: tuple[str, ...]) -> Iterator[str]:
    if lines:
        yield from ("", f"{title}:")
        for line in lines:
            yield from textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent="    ")
