"""bench.json: the rows of every section, and the machine that they were measured on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench.row import Better, Row

SCHEMA_VERSION = 1


def to_json(machine: Mapping[str, Any], sections: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Return the whole record; a row's keys are the attributes of `Row`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "machine": dict(machine),
        "sections": {name: [row_to_json(row) for row in rows] for name, rows in sections.items()},
    }


def row_to_json(row: Row) -> dict[str, Any]:
    """Return a row as bench.json holds it."""
    return {**asdict(row), "better": row.better.value}


def row_from_json(value: Mapping[str, Any]) -> Row:
    """Read back what `row_to_json` made."""
    return Row(**{**value, "better": Better(value["better"])})
