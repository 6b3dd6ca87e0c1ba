"""What `/v1/model` and `/readyz` say of the model that answers."""

from dataclasses import asdict
from typing import Any

from liteproof_edge.bundle.manifest import SEAL
from liteproof_edge.preprocessing.spec import spec_to_json
from liteproof_edge.serving.feed import Feed
from liteproof_edge.serving.models import Model, ModelSlot, Refusal


def describe(model: Model, feed: Feed | None) -> dict[str, Any]:
    """Return what the bundle says of itself, what verification showed here, and what there is."""
    bundle, verification = model.bundle, model.verification
    return {
        "bundle": bundle.name,
        "manifest_sha256": bundle.manifest[SEAL],
        "labels": list(bundle.labels),
        "model_bytes": len(bundle.model),
        "preprocessing": spec_to_json(bundle.preprocessing),
        "input": bundle.input.to_json(),
        "accuracy": bundle.manifest.get("accuracy"),
        "camera": feed is not None,
        "verification": {**asdict(verification), "at": model.verified_at.isoformat("T", "seconds")},
    }


def readiness(slot: ModelSlot, *, stopping: bool) -> dict[str, Any]:
    """Return whether requests are answered, by what, and what is not taken in its place."""
    model = slot.model
    return {
        "status": "stopping" if stopping else "ready",
        "bundle": model.bundle.name,
        "manifest_sha256": model.bundle.manifest[SEAL],
        "runtime": model.verification.runtime,
        "refused": _refused(slot.refusal),
    }


def _refused(refusal: Refusal | None) -> dict[str, str] | None:
    if refusal is None:
        return None
    return {"reason": refusal.reason, "at": refusal.at.isoformat("T", "seconds")}
