"""Which runtimes can run a model, and why one cannot."""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from liteproof.compatibility.facts import RuntimeFacts, Target, Trap, facts
from liteproof.compatibility.operator_data import data_of
from liteproof.errors import CompatibilityError
from liteproof_edge.errors import one_line
from liteproof_edge.model.flatbuffer import Model
from liteproof_edge.model.operators import BUILTIN_OPERATORS, CUSTOM_OPERATORS, FLEX

__all__ = ["Assessment", "Target", "assess", "assess_all", "problems", "require", "runs_on"]

ANOTHER_WAY = "take another layer or scheme"


class Use(NamedTuple):
    """One kind of operator in a model."""

    operator: str
    version: int
    data: str  # as `data_of` says

    def __str__(self) -> str:
        return f"{one_line(self.operator)} {self.version} on {self.data}"


@dataclass(frozen=True, slots=True)
class Assessment:
    """A runtime's assessment of a model.

    Attributes:
        target: the runtime.
        problems: why it cannot run the model, each with what to do about it; none if it can.
        untried: kinds of operators that it loads, but that were never tried on such data: nobody
            knows whether the model, loaded, runs.
        notes: what else to know.
    """

    target: Target
    problems: tuple[str, ...]
    untried: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The runtime's name."""
        return facts().runtimes[self.target].name


def problems(model: Model, target: Target) -> tuple[str, ...]:
    """Return why a runtime cannot run a model, each with what to do about it; none if it can."""
    return assess(model, target).problems


def require(model: Model, target: Target, where: str) -> None:
    """Refuse a model that a runtime cannot run.

    Args:
        model: as `read_model` reads it.
        target: the runtime that it is meant for.
        where: what to call the model in the error, usually its path.

    Raises:
        CompatibilityError: the runtime cannot run it; the first problem, and how many more.
    """
    found = problems(model, target)
    if found:
        more = f" (and {len(found) - 1} more: see `liteproof forecast`)" if found[1:] else ""
        name = facts().runtimes[target].name
        raise CompatibilityError(f"{where}: {name} cannot run it: {found[0]}{more}")


def assess(model: Model, target: Target) -> Assessment:
    """Return what a runtime makes of a model: of every operator and tensor of every graph."""
    known = facts().runtimes[target]
    uses = Counter(
        Use(operator.name, operator.version, data_of(graph, operator))
        for graph in model.subgraphs
        for operator in graph.operators
    )
    types = Counter(tensor.dtype for graph in model.subgraphs for tensor in graph.tensors)
    refused = {use: problem for use in uses if (problem := _problem(use, target))}
    return Assessment(
        target=target,
        problems=(
            *(
                f"{count} of its tensors are {dtype}, which {known.name} does not read; "
                f"{ANOTHER_WAY}"
                for dtype, count in types.items()
                if dtype not in known.types
            ),
            *(f"{_counted(use, uses)}: {problem}" for use, problem in refused.items()),
        ),
        untried=tuple(
            _counted(use, uses)
            for use in uses
            if use not in refused and use.data not in known.ran.get(use.operator, ())
        ),
        notes=(
            *(
                f"{_counted(use, uses)}: {trap.what}; {trap.remedy}"
                for use in uses
                if (trap := _trap(use, target, fatal=False))
            ),
            *_missing_reference([use for use in uses if use not in refused], known),
        ),
    )


def assess_all(model: Model) -> tuple[Assessment, ...]:
    """Return what each runtime makes of a model."""
    return tuple(assess(model, target) for target in Target)


def runs_on(assessments: tuple[Assessment, ...]) -> tuple[str, ...]:
    """Return a line of the runtimes that run the model, and a line for each that cannot."""
    return (
        ", ".join(one.name for one in assessments if not one.problems) or "no runtime known here",
        *(f"not on {one.name}: {one.problems[0]}" for one in assessments if one.problems),
    )


def _problem(use: Use, target: Target) -> str | None:
    """Return why a runtime cannot run an operator, and what to do."""
    if trap := _trap(use, target, fatal=True):
        return f"{trap.what}; {trap.remedy}"
    refusal = _refusal(use, facts().runtimes[target])
    if refusal is None:
        return None
    if use.operator in CUSTOM_OPERATORS:
        return refusal
    if use.operator.startswith(FLEX):
        return f"{refusal}; convert with TensorFlow Lite's builtin operators only"
    able = [facts().runtimes[other].name for other in Target if not _blocked(use, other)]
    advice = f"{' and '.join(able)} can, or {ANOTHER_WAY}" if able else ANOTHER_WAY
    return f"{refusal}; {advice}"


def _blocked(use: Use, target: Target) -> bool:
    return bool(_trap(use, target, fatal=True) or _refusal(use, facts().runtimes[target]))


def _refusal(use: Use, known: RuntimeFacts) -> str | None:
    """Return why a runtime cannot run an operator."""
    name, runtime = use.operator, known.name
    if name in known.custom:
        return None
    highest = known.operators.get(name, 0)
    refused, wrong = known.refused.get(name, ()), known.wrong.get(name, ())
    refusals = (
        (name.startswith(FLEX), f"TensorFlow's own operator, for which {runtime} has no delegate"),
        (name in CUSTOM_OPERATORS, CUSTOM_OPERATORS.get(name, "")),
        (name not in BUILTIN_OPERATORS, f"a custom operator that {runtime} does not include"),
        (not highest, f"{runtime} has no such operator"),
        (use.version > highest, f"{runtime} knows it up to version {highest}"),
        (use.data in refused, f"{runtime} loads it, and refuses such data when it runs"),
        (use.data in wrong, f"{runtime} loads it, and gives wrong answers"),
    )
    return next((why for holds, why in refusals if holds), None)


def _trap(use: Use, target: Target, *, fatal: bool) -> Trap | None:
    """Return the trap that an operator falls into."""
    return next(
        (
            trap
            for trap in facts().traps
            if target in trap.runtimes
            and trap.fatal is fatal
            and (trap.operator, trap.data) == (use.operator, use.data)
        ),
        None,
    )


def _missing_reference(uses: list[Use], known: RuntimeFacts) -> tuple[str, ...]:
    """Say what keeps `liteproof-edge verify` from comparing bytes, which needs these kernels."""
    lacking = [use for use in uses if use.version > known.reference.get(use.operator, use.version)]
    return tuple(
        f"{use}: {known.name}'s reference kernels lack it, so that `verify` cannot compare bytes"
        for use in lacking
    )


def _counted(use: Use, uses: Counter[Use]) -> str:
    return f"{use} ({uses[use]} times)" if uses[use] > 1 else str(use)
