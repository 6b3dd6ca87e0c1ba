"""Which runtime runs models here: the one place that imports tflite-runtime or LiteRT."""

import os
import platform
import struct
import sys
from collections.abc import Callable
from enum import Enum
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from liteproof_edge.errors import RuntimeMissingError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VARIABLE = "LITEPROOF_RUNTIME"  # an environment variable that names a runtime where no option does
LAST_PYTHON_OF_TFLITE_RUNTIME = (3, 11)


class Runtime(Enum):
    """The runtimes, by the name of their distribution; the order is the order of preference."""

    TFLITE_RUNTIME = "tflite-runtime"
    LITERT = "ai-edge-litert"


# The systems and architectures, as `platform` calls them, that each has wheels for.
WHEELS = {
    Runtime.TFLITE_RUNTIME: {("Linux", "x86_64"), ("Linux", "aarch64"), ("Linux", "armv7l")},
    Runtime.LITERT: {
        ("Linux", "x86_64"),
        ("Linux", "aarch64"),
        ("Darwin", "arm64"),
        ("Windows", "AMD64"),
    },
}
PACKAGES = {Runtime.TFLITE_RUNTIME: "tflite_runtime", Runtime.LITERT: "ai_edge_litert"}


class Interpreter(Protocol):
    """What we use of either runtime's interpreter."""

    def allocate_tensors(self) -> None:
        """Prepare to run."""

    def get_input_details(self) -> list[dict[str, Any]]:
        """Return each input's index, dtype, shape and quantization."""

    def get_output_details(self) -> list[dict[str, Any]]:
        """Return each output's index, dtype, shape and quantization."""

    def set_tensor(self, index: int, value: "NDArray[np.generic]") -> None:
        """Copy a value in."""

    def invoke(self) -> None:
        """Run the model."""

    def get_tensor(self, index: int) -> "NDArray[np.generic]":
        """Return a copy of a value."""


class LoadedRuntime(NamedTuple):
    """An imported runtime."""

    runtime: Runtime
    version: str
    interpreter: Callable[..., Interpreter]
    shipping_kernels: Any  # what an application gets by default: optimized, with XNNPACK
    reference_kernels: Any  # slow, and the same on every CPU

    def __str__(self) -> str:
        return f"{self.runtime.value} {self.version}"


def installed() -> tuple[Runtime, ...]:
    """Return the runtimes that are installed here, the preferred one first."""
    return tuple(runtime for runtime in Runtime if find_spec(PACKAGES[runtime]))


def load_runtime(runtime: Runtime | None = None) -> LoadedRuntime:
    """Import a runtime.

    Args:
        runtime: which; None takes what LITEPROOF_RUNTIME names, or else the preferred one of those
            that are installed and work with this numpy.

    Raises:
        RuntimeMissingError: it is not installed, or cannot work with this numpy.
    """
    found = installed()
    runtime = runtime or _named() or next(filter(_works, found), next(iter(found), None))
    if runtime not in found:
        raise RuntimeMissingError(_advice(runtime))
    if not _works(runtime):
        raise RuntimeMissingError(
            f"tflite-runtime breaks with numpy {_numpy_version()}: pip install 'numpy<2'"
        )
    try:
        if runtime is Runtime.TFLITE_RUNTIME:
            import tflite_runtime as package  # noqa: PLC0415 - only if chosen
            from tflite_runtime import interpreter as module  # noqa: PLC0415 - only if chosen
        else:
            import ai_edge_litert as package  # noqa: PLC0415 - only if chosen
            from ai_edge_litert import interpreter as module  # noqa: PLC0415 - only if chosen
    except (ImportError, OSError) as error:
        raise RuntimeMissingError(f"{runtime.value} cannot start: {error}") from None
    kernels = module.OpResolverType
    return LoadedRuntime(
        runtime, package.__version__, module.Interpreter, kernels.AUTO, kernels.BUILTIN_REF
    )


def _named() -> Runtime | None:
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    try:
        return Runtime(name)
    except ValueError:
        names = " or ".join(runtime.value for runtime in Runtime)
        raise RuntimeMissingError(f"{VARIABLE}: {name!r}, expected {names}") from None


def _works(runtime: Runtime) -> bool:
    """Whether a runtime works with this numpy: 2 breaks tflite-runtime at its first model."""
    return runtime is not Runtime.TFLITE_RUNTIME or int(_numpy_version().split(".")[0]) < 2


def _numpy_version() -> str:
    import numpy as np  # noqa: PLC0415 - what needs no runtime starts without it

    return np.__version__


def _advice(wanted: Runtime | None) -> str:
    """Say that a runtime is missing, and how to get one here."""
    python, machine = sys.version_info[:2], _machine()
    here = f"Python {python[0]}.{python[1]} on {platform.system()} {machine}"
    missing = f"{wanted.value} is not installed" if wanted else "no runtime is installed"
    choices = [runtime.value for runtime in _with_wheel(platform.system(), machine, python)]
    if wanted and wanted.value in choices:
        choices = [wanted.value]
    if choices:
        return f"{missing} ({here}): pip install {' or '.join(choices)}"
    return (
        f"{missing}, and none has a wheel for {here}: "
        "take 64-bit Linux, or 32-bit Raspberry Pi OS bookworm (Python 3.11, not ARMv6)"
    )


def _machine() -> str:
    """Return the architecture of this Python, which may be 32-bit on a 64-bit kernel."""
    machine = platform.machine()
    if struct.calcsize("P") == 4:
        return {"aarch64": "armv7l", "x86_64": "i686", "AMD64": "x86"}.get(machine, machine)
    return machine


def _with_wheel(system: str, machine: str, python: tuple[int, int]) -> list[Runtime]:
    """Return the runtimes that have a wheel (tflite-runtime 2.14; ai-edge-litert 2.3)."""
    known = [runtime for runtime in Runtime if (system, machine) in WHEELS[runtime]]
    if python > LAST_PYTHON_OF_TFLITE_RUNTIME:
        known = [runtime for runtime in known if runtime is not Runtime.TFLITE_RUNTIME]
    return known
