"""comparison.json: a comparison written down and read back."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from liteproof.errors import RunError
from liteproof.evidence.balanced import balanced
from liteproof.evidence.records import SCHEMA_VERSION, Evidence, Outcome

_EVIDENCE = TypeAdapter(Evidence)
VERSION = "schema_version"


def to_json(evidence: Evidence) -> str:
    """Return comparison.json; `schema` says what it holds."""
    value = _EVIDENCE.dump_python(evidence, mode="json")
    return json.dumps({VERSION: SCHEMA_VERSION, **value}, indent=1)


def read_evidence(path: Path) -> Evidence:
    """Read back what `to_json` wrote; what an older one did not write, and can be told, is added.

    Raises:
        RunError: it is missing, or something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value.pop(VERSION) != SCHEMA_VERSION:
            raise RunError(f"{path}: of another schema, expected {SCHEMA_VERSION}; compare again")
        evidence = _EVIDENCE.validate_python(value)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise RunError(f"{path}: not a comparison: {error!r:.200}; compare again") from None
    if evidence.balanced is None:
        return replace(evidence, balanced=balanced(evidence.classes))
    return evidence


def schema() -> dict[str, Any]:
    """Return the JSON schema of comparison.json."""
    found = _EVIDENCE.json_schema(mode="serialization")
    found["properties"] = {VERSION: {"const": SCHEMA_VERSION}, **found["properties"]}
    return found


def is_refuted(evidence: Evidence, *, strict: bool) -> bool:
    """Return whether a gate fails: the loss was shown, or, strictly, its absence was not."""
    if evidence.verdict is None:
        return False
    outcome = evidence.verdict.outcome
    return outcome is Outcome.REFUTED or (strict and outcome is Outcome.INCONCLUSIVE)
