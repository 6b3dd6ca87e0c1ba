"""What to compute in, where a recipe leaves that to the machine."""

from pathlib import Path

from liteproof.recipes.training import Precision
from liteproof.tensorflow_setup import Device

CPUINFO, NVIDIA = Path("/proc/cpuinfo"), Path("/dev/nvidia0")
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # the last one is ARM's


def resolve_precision(wanted: Precision, device: Device) -> Precision:
    """Return the precision to train in, never `auto`.

    Without instructions for it bfloat16 is slower than float32. On a GPU float32 is computed by its
    fast units (TF32) already, so that it stays.
    """
    if wanted is not Precision.AUTO:
        return wanted
    gpu = device is not Device.CPU and NVIDIA.exists()
    has_bfloat16 = not gpu and not BFLOAT16_FLAGS.isdisjoint(_processor_flags())
    return Precision.BFLOAT16 if has_bfloat16 else Precision.FLOAT32


def _processor_flags() -> set[str]:
    try:
        return set(CPUINFO.read_text(encoding="utf-8").split())
    except (OSError, ValueError):
        return set()
