"""A bundle that nobody answers for is tried in a process of its own before it runs in this one.

A bundle's digests tell damage, not malice: whoever alters a model can write its digests anew, and
such a model can crash its runtime. So its golden inputs are run once where that does no harm. That
it did none is remembered in the user's state folder, for these very bytes, kernels and runtime.
"""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.bundle.manifest import MODEL
from liteproof_edge.bundle.reader import GOLDEN, Bundle
from liteproof_edge.errors import ModelError
from liteproof_edge.folders import state_folder
from liteproof_edge.runtime.loading import LoadedRuntime
from liteproof_edge.runtime.session import Session

TRIED = "tried"  # the folder of those that did no harm
SECONDS, SECONDS_PER_MIB = 10.0, 2.0  # to load it, and for each picture: large models take longer


def try_out(bundle: Bundle, runtime: LoadedRuntime, *, reference_kernels: bool) -> None:
    """Try a bundle's model out, unless that was done before.

    Raises:
        BundleError: the golden vectors are damaged.
        ModelError: the model crashes, stalls or fills its process, or the runtime refuses it.
    """
    mark = _mark(bundle, runtime, reference_kernels=reference_kernels)
    if mark is None or not mark.exists():
        from liteproof_edge.bundle.golden import Golden  # noqa: PLC0415 - once on a device

        golden = Golden.from_bytes(bundle.golden, str(bundle.path / GOLDEN))
        answer_apart(bundle, runtime, golden.inputs, reference_kernels=reference_kernels)


def answer_apart(
    bundle: Bundle, runtime: LoadedRuntime, pictures: NDArray[np.uint8], *, reference_kernels: bool
) -> NDArray[np.generic]:
    """Return a bundle's outputs as `Session.run_many` does, from a process of their own.

    Args:
        bundle: from `Bundle.load`.
        runtime: from `load_runtime`.
        pictures: its golden inputs: that these did no harm is remembered.
        reference_kernels: which kernels.

    Raises:
        ModelError: as `try_out` does.
    """
    from liteproof_edge.runtime.confinement import confine  # noqa: PLC0415 - once on a device

    seconds = SECONDS + SECONDS_PER_MIB * len(bundle.model) / (1 << 20)
    apart = confine(runtime, seconds=seconds)
    try:
        with Session.of(bundle, apart, reference_kernels=reference_kernels) as session:
            outputs, _ = session.run_many(pictures)
    except ModelError as error:
        raise ModelError(f"{bundle.path / MODEL}: tried apart: {error}") from None
    _remember(_mark(bundle, runtime, reference_kernels=reference_kernels))
    return outputs


def _mark(bundle: Bundle, runtime: LoadedRuntime, *, reference_kernels: bool) -> Path | None:
    """Return the file that says so of these bytes; None where there is no place for it."""
    folder = state_folder()
    if folder is None:
        return None
    kernels = "reference" if reference_kernels else "shipping"
    tried = hashlib.sha256(f"{runtime} {kernels}".encode())
    for data in (bundle.model, bundle.golden):
        tried.update(hashlib.sha256(data).digest())
    return folder / TRIED / tried.hexdigest()


def _remember(mark: Path | None) -> None:
    if mark is None:
        return
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError as error:
        import logging  # noqa: PLC0415 - rarely needed

        logging.getLogger(__package__).warning(
            "%s: cannot be written: %s; the model is tried apart at every start",
            mark.parent,
            error.strerror,
        )
