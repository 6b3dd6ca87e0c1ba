"""The accuracy-gated fallback: from int8 to wider forms, until one holds the gate."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from liteproof.conversion.variants import Scheme, Variant, Weights, named
from liteproof.errors import AccuracyError, CompatibilityError, ConversionError
from liteproof.export.exported import Exported, reading
from liteproof.export.validation import Validation
from liteproof.progress import say
from liteproof_edge.errors import ModelError

SCHEMA_VERSION = 1
QAT = Variant(Scheme.INT8, weights=Weights.QAT)
# In this order; int8-mixed is tried with more and more layers in float32.
CANDIDATES = (
    Variant(Scheme.INT8),
    Variant(Scheme.INT8_MIXED),
    Variant(Scheme.INT16X8),
    QAT,
    Variant(Scheme.DYNAMIC),
    Variant(Scheme.FLOAT16),
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One step of the path.

    Attributes:
        variant: its name.
        wide: the layers kept in float32.
        holds: whether it loses no more than the gate allows.
        why_not: what kept it from being measured, or "".
        size_bytes: of the file; None where there is none.
        validation: what was measured; None where nothing was.
    """

    variant: str
    wide: tuple[str, ...]
    holds: bool
    why_not: str = ""
    size_bytes: int | None = None
    validation: Validation | None = None

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Attempt":
        """Return what `asdict` was told of."""
        measured = value["validation"] and Validation.from_json(value["validation"])
        variant = named(value["variant"]).name
        wide = tuple(value["wide"])
        return cls(**{**value, "variant": variant, "wide": wide, "validation": measured})

    def __str__(self) -> str:
        """Return a line for a terminal."""
        name = f"{self.variant} ({len(self.wide)} layers float32)" if self.wide else self.variant
        if self.validation is None:
            return f"{name}: {self.why_not.removeprefix(f'{self.variant}: ')}"
        verdict = "holds" if self.holds else "does not hold"
        return f"{name}, {self.size_bytes:,} bytes: {self.validation}: {verdict}"


@dataclass(frozen=True, slots=True)
class Fallback:
    """The path that was taken, and where it ended."""

    gate_points: float
    attempts: tuple[Attempt, ...]

    @property
    def shipped(self) -> Attempt | None:
        """What holds the gate; None where nothing did."""
        return next((attempt for attempt in self.attempts if attempt.holds), None)

    def to_json(self) -> str:
        """Return fallback.json."""
        shipped = self.shipped
        value = {
            "schema_version": SCHEMA_VERSION,
            "shipped": shipped.variant if shipped else None,
            **asdict(self),
        }
        return json.dumps(value, indent=1)

    @classmethod
    def read(cls, path: Path) -> "Fallback":
        """Read back what `to_json` wrote.

        Raises:
            RunError: it is missing or damaged.
        """
        with reading(path, "the record of `export --gate`"):
            value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            attempts = tuple(map(Attempt.from_json, value["attempts"]))
            return cls(float(value["gate_points"]), attempts)

    def check(self) -> None:
        """Say what held the gate.

        Raises:
            AccuracyError: nothing did.
        """
        if self.shipped is None:
            measured = [attempt for attempt in self.attempts if attempt.validation]
            best = min(measured, key=_drop, default=None)
            nearest = f"; the nearest is {best}" if best else ""
            raise AccuracyError(
                f"none of {len(self.attempts)} attempts loses at most {self.gate_points:g} points "
                f"of accuracy against float{nearest}"
            )


def _drop(attempt: Attempt) -> float:
    return attempt.validation.drop if attempt.validation else 1.0


def descend(
    forms: Sequence[Variant],
    gate_points: float,
    make: Callable[[Variant, Sequence[str]], Exported],
) -> Fallback:
    """Try one form after the other, until one holds the gate.

    Args:
        forms: which, in order.
        gate_points: how many points of accuracy a form may lose on the validation pictures.
        make: exports and measures a variant, given the layers to keep in float32.

    Raises:
        DatasetError: the calibration set will not do.
    """
    attempts: list[Attempt] = []
    worst: tuple[tuple[str, ...], ...] | None = None  # until something is made
    for variant in forms:
        for wide in _kept_wide(variant, worst):
            attempt, made = _try(variant, wide, gate_points, make)
            worst = worst or (made.worst if made else worst)
            say(f"gate {gate_points:g}: {attempt}")
            attempts.append(attempt)
            if attempt.holds:
                return Fallback(gate_points, tuple(attempts))
    return Fallback(gate_points, tuple(attempts))


def shipped_record(folder: Path, path: Fallback) -> list[Exported]:
    """Return what was found of the form that held the gate; nothing where none did."""
    shipped = path.shipped
    return [Exported.read(named(shipped.variant).record_in(folder))] if shipped else []


def _kept_wide(
    variant: Variant, worst: tuple[tuple[str, ...], ...] | None
) -> Iterator[tuple[str, ...]]:
    """Yield the layers to keep in float32: of int8-mixed the worst 1, 2, 4, … up to half of all.

    Where int8 could not be made, those that have no integer form are in float32 by themselves.
    """
    if variant.scheme is not Scheme.INT8_MIXED or worst is None:
        yield ()
        return
    n = 1
    while n <= (len(worst) + 1) // 2:
        yield tuple(dict.fromkeys(chain.from_iterable(worst[:n])))
        n *= 2


def _try(
    variant: Variant,
    wide: Sequence[str],
    gate_points: float,
    make: Callable[[Variant, Sequence[str]], Exported],
) -> tuple[Attempt, Exported | None]:
    try:
        made = make(variant, wide)
    except (CompatibilityError, ConversionError, ModelError) as error:
        return Attempt(variant.name, tuple(wide), holds=False, why_not=str(error)), None
    # Rounded, so that 0.2 points count as no more than 0.2.
    holds = round(100 * made.validation.drop, 9) <= gate_points
    attempt = Attempt(variant.name, tuple(wide), holds, "", made.size_bytes, made.validation)
    return attempt, made
