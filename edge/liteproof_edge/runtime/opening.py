"""A bundle's model, opened no further than the bundle can be trusted."""

import os

from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.runtime.loading import LoadedRuntime
from liteproof_edge.runtime.session import Session


def needs_trial(bundle: Bundle) -> bool:
    """Whether nobody answers for a bundle, and this system (not Windows) can confine a process."""
    return not bundle.signer and os.name == "posix"


def open_session(
    bundle: Bundle,
    runtime: LoadedRuntime,
    *,
    reference_kernels: bool = False,
    threads: int = 1,
) -> Session:
    """Load a bundle's model for use.

    One that was not verified runs in a process of its own; one that was, but that nobody answers
    for, is tried in one first.

    Raises:
        ModelError: the runtime cannot run it, or finds other shapes in it than the bundle says; or
            the trial ended badly.
    """
    if not bundle.verified:
        from liteproof_edge.runtime.confinement import confine  # noqa: PLC0415 - rarely needed

        runtime = confine(runtime)
    elif needs_trial(bundle):
        from liteproof_edge.runtime.trial import try_out  # noqa: PLC0415 - it starts slowly

        try_out(bundle, runtime, reference_kernels=reference_kernels)
    return Session.of(bundle, runtime, reference_kernels=reference_kernels, threads=threads)
