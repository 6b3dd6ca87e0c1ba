"""What is known of runtimes, wheels and systems: facts.toml, as dataclasses."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any

import tomllib

FACTS = "facts.toml"


class Target(Enum):
    """The runtimes that a model can be meant for."""

    TFLITE_RUNTIME = "tflite-runtime-2.14"
    LITERT = "litert"
    TFLITE_MICRO = "tflite-micro"


@dataclass(frozen=True, slots=True)
class RuntimeFacts:
    """What was measured of a runtime.

    Attributes:
        name: for a person.
        measured: the version that was measured.
        types: the tensor types that it reads.
        custom: the custom operators that it, or its delegate, includes.
        operators: builtin operator → the highest version of it that loads.
        reference: the same of the reference kernels, where they know less; 0 is not at all.
        ran: operator → on which data (`operator_data.data_of`) its answers were right.
        refused: operator → on which data it was loaded and then refused.
        wrong: operator → on which data its answers were wrong.
    """

    name: str
    measured: str
    types: frozenset[str]
    custom: frozenset[str]
    operators: Mapping[str, int]
    reference: Mapping[str, int]
    ran: Mapping[str, frozenset[str]]
    refused: Mapping[str, frozenset[str]]
    wrong: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Wheel:
    """What pip finds of a runtime: on which platforms, from which glibc on (None: no glibc)."""

    runtime: Target
    requirements: tuple[str, ...]
    platforms: frozenset[str]
    pythons: tuple[str, ...]
    glibc: str | None


@dataclass(frozen=True, slots=True)
class System:
    """A system that a board or a computer runs."""

    name: str
    platform: str  # as Python's platform.system() and platform.machine() say
    pythons: tuple[str, ...]
    glibc: str | None


@dataclass(frozen=True, slots=True)
class Trap:
    """What the tables do not tell; every field that is not None or empty must match."""

    runtimes: frozenset[Target]
    platforms: frozenset[str]
    operator: str | None
    data: str | None
    fatal: bool
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it."""

    runtimes: Mapping[Target, RuntimeFacts]
    wheels: tuple[Wheel, ...]
    systems: tuple[System, ...]
    traps: tuple[Trap, ...]


@cache
def facts() -> Facts:
    """Read facts.toml, which is part of the package."""
    table = tomllib.loads((files("liteproof.compatibility") / FACTS).read_text("utf-8"))
    return Facts(
        runtimes={target: _runtime(table, target.value) for target in Target},
        wheels=tuple(map(_wheel, table["wheels"])),
        systems=tuple(map(_system, table["systems"])),
        traps=tuple(map(_trap, table["traps"])),
    )


def _runtime(table: Mapping[str, Any], name: str) -> RuntimeFacts:
    found = table["runtimes"][name]
    data = {
        kind: {operator: frozenset(on) for operator, on in found[kind].items()}
        for kind in ("ran", "refused", "wrong")
    }
    delegated = {one["operator"] for one in table["delegated"] if one["runtime"] == name}
    return RuntimeFacts(
        name=table["names"][name],
        measured=table["measured"][name],
        types=frozenset(found["types"]),
        custom=frozenset(found["custom"]) | delegated,
        operators=found["operators"],
        reference=found["reference"],
        **data,
    )


def _wheel(entry: Mapping[str, Any]) -> Wheel:
    return Wheel(
        runtime=Target(entry["runtime"]),
        requirements=tuple(entry["requirements"]),
        platforms=frozenset(entry["platforms"]),
        pythons=tuple(entry["pythons"]),
        glibc=entry.get("glibc"),
    )


def _system(entry: Mapping[str, Any]) -> System:
    return System(entry["name"], entry["platform"], tuple(entry["pythons"]), entry.get("glibc"))


def _trap(entry: Mapping[str, Any]) -> Trap:
    return Trap(
        runtimes=frozenset(map(Target, entry["runtimes"])),
        platforms=frozenset(entry.get("platforms", ())),
        operator=entry.get("operator"),
        data=entry.get("data"),
        fatal=entry["fatal"],
        what=entry["what"],
        remedy=entry["remedy"],
    )
