"""Which runtime runs models here: the one place that imports tflite-runtime or LiteRT."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from liteproof_edge.errors import RuntimeMissingError


class Runtime(Enum):
    """The runtimes, by the name of their distribution; the order is the order of preference."""

    TFLITE_RUNTIME = "tflite-runtime"
    LITERT = "ai-edge-litert"


@dataclass(frozen=True, slots=True)
class LoadedRuntime:
    """An imported runtime."""

    runtime: Runtime
    version: str
    interpreter: Callable[..., Any]
    shipping_kernels: Any  # what an application gets by default: optimized, with XNNPACK
    reference_kernels: Any  # slow, and the same on every CPU

    def __str__(self) -> str:
        return f"{self.runtime.value} {self.version}"


def installed() -> tuple[Runtime, ...]:
    """Return the runtimes that are installed here, the preferred one first."""
    return tuple(runtime for runtime in Runtime if _version(runtime))


def load_runtime(runtime: Runtime | None = None) -> LoadedRuntime:
    """Import a runtime.

    Args:
        runtime: which; None takes the preferred one of those installed.

    Raises:
        RuntimeMissingError: it is not installed, or cannot work beside this numpy.
    """
    if runtime is None:
        runtime = next(iter(installed()), None)
    here = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if runtime is None:
        wanted = " or ".join(runtime.value for runtime in Runtime)
        raise RuntimeMissingError(f"no runtime is installed ({here}): pip install {wanted}")
    found = _version(runtime)
    if found is None:
        raise RuntimeMissingError(
            f"{runtime.value} is not installed ({here}): pip install {runtime.value}"
        )
    if runtime is Runtime.TFLITE_RUNTIME and int(np.__version__.split(".")[0]) >= 2:
        raise RuntimeMissingError(
            f"tflite-runtime {found} breaks beside numpy {np.__version__}: pip install 'numpy<2'"
        )
    try:
        if runtime is Runtime.TFLITE_RUNTIME:
            from tflite_runtime import interpreter as module  # noqa: PLC0415 - only if chosen
        else:
            from ai_edge_litert import interpreter as module  # noqa: PLC0415 - only if chosen
    except (ImportError, OSError) as error:
        raise RuntimeMissingError(f"{runtime.value} {found} cannot start: {error}") from None
    kernels = module.OpResolverType
    return LoadedRuntime(runtime, found, module.Interpreter, kernels.AUTO, kernels.BUILTIN_REF)


def _version(runtime: Runtime) -> str | None:
    try:
        return version(runtime.value)
    except PackageNotFoundError:
        return None
