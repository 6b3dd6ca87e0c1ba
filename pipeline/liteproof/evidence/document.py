"""comparison.json: a comparison written down, read back, and shown in a terminal."""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from liteproof.errors import RunError
from liteproof.evidence.records import SCHEMA_VERSION, Cell, Evidence, Outcome
from liteproof_edge.text_table import aligned

_EVIDENCE = TypeAdapter(Evidence)
VERSION = "schema_version"


def to_json(evidence: Evidence) -> str:
    """Return comparison.json; `schema` says what it holds."""
    value = _EVIDENCE.dump_python(evidence, mode="json")
    return json.dumps({VERSION: SCHEMA_VERSION, **value}, indent=1)


def read_evidence(path: Path) -> Evidence:
    """Read back what `to_json` wrote.

    Raises:
        RunError: it is missing, or something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value.pop(VERSION) != SCHEMA_VERSION:
            raise RunError(f"{path}: of another schema, expected {SCHEMA_VERSION}; compare again")
        return _EVIDENCE.validate_python(value)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise RunError(f"{path}: not a comparison: {error!r:.200}; compare again") from None


def schema() -> dict[str, Any]:
    """Return the JSON schema of comparison.json."""
    found = _EVIDENCE.json_schema(mode="serialization")
    found["properties"] = {VERSION: {"const": SCHEMA_VERSION}, **found["properties"]}
    return found


def table(evidence: Evidence) -> str:
    """Return the figures for a terminal: every execution, and the verdict."""
    rows = [("model", "runs on", "accuracy", "95 % interval", "same label", "size", "latency")]
    for cell in evidence.cells:
        low, high = cell.interval
        size, latency = evidence.sizes.get(cell.model), cell.latency_us.get(50)
        rows.append(
            (
                cell.model,
                _where(cell),
                f"{cell.correct / cell.n:.2%}",
                f"{100 * low:.2f} to {100 * high:.2f}",
                "" if cell.agreement is None else f"{cell.agreement:.2%}",
                f"{size / 1000:.1f} kB" if size else "",
                f"{latency:.0f} µs" if latency else "",
            )
        )
    lines = aligned(rows, range(2, len(rows[0])))
    pair, (low, high) = evidence.pair, evidence.pair.interval
    part = f" of {evidence.total:,}: partial, so no verdict" if evidence.verdict is None else ""
    drop = (
        f"{evidence.candidate.name} against {evidence.baseline.name}: drop {100 * pair.drop:+.2f} "
        f"points, 95 % interval {100 * low:+.2f} to {100 * high:+.2f};\n{pair.broken} broken, "
        f"{pair.fixed} fixed, McNemar p = {pair.mcnemar_p:.3g}; same label on {pair.agreement:.2%}."
    )
    data = f"{evidence.dataset}, n = {pair.n:,}{part}. Latency is this machine's, one thread."
    lines += ["", data, drop]
    if evidence.damage_sentence:
        lines.append(f"damaged: {evidence.damage_sentence}.")
    if evidence.verdict:
        lines.append(f"{evidence.verdict.outcome.value}: {evidence.verdict.sentence}.")
    return "\n".join(lines)


def is_refuted(evidence: Evidence, *, strict: bool) -> bool:
    """Return whether a gate fails: the loss was shown, or, strictly, its absence was not."""
    if evidence.verdict is None:
        return False
    outcome = evidence.verdict.outcome
    return outcome is Outcome.REFUTED or (strict and outcome is Outcome.INCONCLUSIVE)


def _where(cell: Cell) -> str:
    return f"{cell.runtime}, {cell.machine}"
