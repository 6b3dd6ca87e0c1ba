"""What a board reports of itself, and what makes its measurements doubtful."""

import os
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MAX_FILE_BYTES = 1 << 20
MODEL = "proc/device-tree/model"
CPU_INFO = "proc/cpuinfo"
TEMPERATURE = "sys/class/thermal/thermal_zone0/temp"
GOVERNOR = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
FREQUENCY = "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"
THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"

HOT_CELSIUS = 80.0  # where a Raspberry Pi begins to lower its clock
SENSOR_CELSIUS = (-100.0, 200.0)  # outside these limits a sensor is broken
MAX_FREQUENCY_MHZ = 100_000.0
NOW, SINCE_BOOT = "now", "since boot"
# The firmware's bits: what holds now, and 16 bits further on what has occurred since boot.
# Source: raspberrypi/linux, pull request 2397.
LIMITS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")
LIMIT_BITS = {
    first_bit + bit: f"{limit} {when}"
    for first_bit, when in ((0, NOW), (16, SINCE_BOOT))
    for bit, limit in enumerate(LIMITS)
}
X86 = re.compile(r"x86_64|amd64|i[3-6]86", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Machine:
    """A board, as it was at one moment; None where it does not say.

    Attributes:
        model: the board's name, or its processor's.
        architecture: the kernel's, and whether this Python is a 32-bit one on a 64-bit kernel.
        cores: how many this process may use.
        temperature_celsius: of the first thermal zone, in °C.
        governor: what sets the first core's clock.
        frequency_mhz: of the first core, in MHz, as the kernel asked for it: on a Raspberry Pi the
            firmware may run it slower (raspberrypi/linux, issue 2986), which `throttled` tells.
        throttled: each limit that the firmware of a Raspberry Pi imposes or has imposed, such as
            "under-voltage now" and "throttled since boot".
    """

    model: str | None
    architecture: str | None
    cores: int | None
    temperature_celsius: float | None
    governor: str | None
    frequency_mhz: float | None
    throttled: tuple[str, ...] | None

    def warnings(self) -> tuple[str, ...]:
        """Return what makes times measured here doubtful, one line each."""
        limits = self.throttled or ()
        now = ", ".join(limit for limit in limits if limit.endswith(NOW))
        since_boot = ", ".join(limit for limit in limits if limit.endswith(SINCE_BOOT))
        found: list[str] = []
        if self.architecture is not None and X86.match(self.architecture):
            found.append(
                "x86 does not predict ARM: tflite-runtime's int8 kernels there are slower than "
                "its float ones"
            )
        if self.governor not in {None, "performance"}:
            found.append(
                f"governor is {self.governor}: latency varies; performance gives steady figures"
            )
        if now:
            found.append(f"{now}: this board is slower than it could be")
        if since_boot:
            found.append(f"{since_boot}: this board may have been slower than it could be")
        if self.temperature_celsius is not None and self.temperature_celsius >= HOT_CELSIUS:
            found.append(
                f"temperature is {self.temperature_celsius:.1f} °C: from {HOT_CELSIUS:.0f} °C on "
                "boards slow down"
            )
        return tuple(found)


def read_machine(root: Path = Path("/")) -> Machine:
    """Ask this board for its model and its state.

    Args:
        root: the folder that holds `proc` and `sys`.

    Returns:
        What it says; None for each value whose file is absent or holds something else.
    """
    millidegrees = _number(root / TEMPERATURE, int)
    kilohertz = _number(root / FREQUENCY, int)
    bits = _number(root / THROTTLED, lambda text: int(text, 16))
    return Machine(
        model=_text(root / MODEL) or _processor(root / CPU_INFO),
        architecture=_architecture(),
        cores=_cores(),
        temperature_celsius=_within(millidegrees, *SENSOR_CELSIUS),
        governor=_text(root / GOVERNOR),
        frequency_mhz=_within(kilohertz, 0.0, MAX_FREQUENCY_MHZ),
        throttled=_limits(bits),
    )


def _architecture() -> str | None:
    machine = platform.machine() or None
    if machine in {"aarch64", "x86_64"} and sys.maxsize < 1 << 32:
        return f"{machine}, 32-bit Python"
    return machine


def _cores() -> int | None:
    if hasattr(os, "sched_getaffinity"):  # only Linux has it
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _processor(path: Path) -> str | None:
    """Return the board's name (`Model`, ARM) or the processor's (`model name`, x86)."""
    entries: dict[str, str] = {}
    for line in _read(path).splitlines():
        key, _, value = line.partition(":")
        entries.setdefault(key.strip(), value.strip())
    return _name(entries.get("Model", "")) or _name(entries.get("model name", ""))


def _limits(bits: int | None) -> tuple[str, ...] | None:
    if bits is None or not 0 <= bits < 1 << 32:
        return None
    return tuple(limit for bit, limit in LIMIT_BITS.items() if bits >> bit & 1)


def _within(thousandths: int | None, low: float, high: float) -> float | None:
    if thousandths is None or not 1000 * low <= thousandths <= 1000 * high:
        return None
    return thousandths / 1000


def _number(path: Path, parse: Callable[[str], int]) -> int | None:
    try:
        return parse(_read(path))
    except ValueError:
        return None


def _text(path: Path) -> str | None:
    return _name(_read(path))


def _name(text: str) -> str | None:
    return text if text and text.isprintable() else None


def _read(path: Path) -> str:
    """Return a file's text without blanks and NULs around it; "" where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES).decode().strip("\0 \t\r\n")
    except (OSError, ValueError):
        return ""
