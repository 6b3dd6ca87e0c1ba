"""Labelled accuracy on a board: pictures go there, and the answers of its release come back."""

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from liteproof.deployment.connection import Connection
from liteproof.deployment.plan import this_user
from liteproof.errors import DeploymentError
from liteproof_edge import idx
from liteproof_edge.bundle.manifest import MODEL


def measure(
    host: str, examples: idx.Examples, models: Collection[str], config: Path | None
) -> dict[str, Any]:
    """Have a board evaluate what it runs.

    Args:
        host: as ssh takes it.
        examples: model-ready pictures and their labels.
        models: SHA-256 of each .tflite that it may run.
        config: ssh's config; None takes the user's own.

    Returns:
        What `liteproof-edge evaluate --json` printed there.

    Raises:
        DeploymentError: it runs another model, it cannot, or it saw other pictures than were sent.
    """
    labels = examples.labels.astype(np.uint8)
    if not np.array_equal(labels, examples.labels):
        raise DeploymentError(f"{host}: more than 256 classes: IDX files hold no more")
    one_channel = examples.images.shape[-1] == 1
    images = examples.images[..., 0] if one_channel else examples.images
    contents = {
        f"{idx.Split.TEST.value}-images-idx{images.ndim}-ubyte": idx.encode(images),
        f"{idx.Split.TEST.value}-labels-idx1-ubyte": idx.encode(labels),
    }
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    with Connection(host, config) as board:
        board.ask("lock", holder=f"{this_user()}, who measures")
        status = board.ask("status")
        release, about = status["current"], status["about"]
        if release is None:
            raise DeploymentError(f"{host}: runs nothing; deploy a bundle first")
        if about.get("files", {}).get(MODEL) not in models:
            raise DeploymentError(
                f"{host}: runs {about.get('bundle')}, none of these models; deploy one first"
            )
        present = board.ask("have", files=list(hashes.values()))
        for name, data in contents.items():
            there = present[hashes[name]]
            if not there["whole"]:
                board.put(hashes[name], data, there["bytes"])
        done = board.ask("evaluate", files=hashes)
        try:
            found: dict[str, Any] = json.loads(done["printed"])
        except ValueError:
            raise DeploymentError(f"{host}: evaluate there: {done['said']}") from None
        if found.get("pictures_sha256") != idx.digest(examples):
            raise DeploymentError(f"{host}: it saw other pictures than were sent")
        about = {key: found[key] for key in ("top1_accuracy", "n")}
        board.ask("record", release=release, about=about)
    return found
