"""The model that answers, and its replacement by the one that lies on disk by now."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.classifier import Classifier
from liteproof_edge.errors import LiteproofError, VerificationError
from liteproof_edge.measurement.verification import Verification, verify
from liteproof_edge.runtime.loading import Runtime

POLL_S = 1.0
WARM_UP = 5  # pictures


@dataclass(frozen=True, slots=True)
class Model:
    """A bundle that this device was seen to run as the host does.

    Attributes:
        bundle: what was loaded.
        classifier: of it.
        verification: what its golden vectors showed here.
        verified_at: when that was.
        latency_us: its own time for a picture, once it is warm.
    """

    bundle: Bundle
    classifier: Classifier
    verification: Verification
    verified_at: datetime
    latency_us: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """A bundle on disk that was not taken, and why."""

    reason: str
    at: datetime


def load_model(path: Path, runtime: Runtime | None, threads: int) -> Model:
    """Read a bundle, verify it on this device, and load its model.

    Raises:
        BundleError: it is missing or damaged.
        VerificationError: this device does not answer as the host did.
        RuntimeMissingError: there is no such runtime here.
    """
    bundle = Bundle.load(path)
    verification = verify(bundle, runtime)
    if not verification.passed:
        raise VerificationError(
            f"{path}: this device does not answer as the host did; see `liteproof-edge verify`"
        )
    classifier = Classifier(bundle, runtime=runtime, threads=threads)
    blank = np.zeros(bundle.input.shape[1:], np.uint8)
    latency_us = min(classifier.classify_tensor(blank).latency_us for _ in range(WARM_UP))
    return Model(bundle, classifier, verification, datetime.now(timezone.utc), latency_us)


class ModelSlot:
    """Holds the model that answers, and watches the folder that it came from.

    What replaces it is loaded beside it. The one before is not closed: requests that it is just
    answering hold it, and its memory goes with the last of them.

    Args:
        path: the bundle's folder, or a link to it that may be switched.
        load: reads, verifies and loads the bundle at a path.
        report: called after each attempt to replace the model, with whether it succeeded.
    """

    def __init__(
        self, path: Path, load: Callable[[Path], Model], report: Callable[[bool], None]
    ) -> None:
        self._path, self._load, self._report = path, load, report
        self._known = _state(path)
        self.model = load(_real(path))
        self.refusal: Refusal | None = None

    async def watch(self, poll_s: float = POLL_S) -> None:
        """Replace the model whenever what is on disk has changed, and stays as it is for a poll."""
        before = self._known
        while True:
            await asyncio.sleep(poll_s)
            now = await asyncio.to_thread(_state, self._path)
            if now == before != self._known:
                self._known = now
                await asyncio.to_thread(self._replace)
            before = now

    def _replace(self) -> None:
        try:
            self.model, self.refusal = self._load(_real(self._path)), None
        except LiteproofError as error:
            self.refusal = Refusal(str(error), datetime.now(timezone.utc))
        self._report(self.refusal is None)


def _real(path: Path) -> Path:
    """Follow links once, so that all files are read from one folder, whatever is switched then."""
    return Path(os.path.realpath(path))


def _state(path: Path) -> object:
    """Return what changes whenever the bundle does: where it is, and each file's time and size."""
    real = _real(path)
    try:
        with os.scandir(real) as entries:
            files = [(entry.name, entry.stat()) for entry in entries]
    except OSError as error:
        return real, error.errno
    return real, sorted((name, at.st_mtime_ns, at.st_size, at.st_ino) for name, at in files)
