"""What a board is: processor, Python, C library, disk, clock, and what slows it down."""

import getpass
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import struct
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from liteproof_edge.measurement.machine import read_machine

DEBIANS_OWN = ("numpy", "pillow")  # what a 32-bit board has from Debian alone


def look(home: Path) -> dict[str, Any]:
    """Return what the host has to know before it copies anything; None is what is not known."""
    machine = read_machine()
    return {
        "user": getpass.getuser(),
        "is_root": os.geteuid() == 0,
        "system": platform.system(),
        "release": _release(),
        "architecture": platform.machine(),
        "bits": struct.calcsize("P") * 8,
        "python": platform.python_version(),
        "glibc": platform.libc_ver()[1],
        "can_make_environments": importlib.util.find_spec("ensurepip") is not None,
        "packages": {name: _version(name) for name in DEBIANS_OWN},
        "free_bytes": shutil.disk_usage(home).free,
        "clock": time.time(),
        "machine": asdict(machine),
        "warnings": list(machine.warnings()),
    }


def _version(package: str) -> "str | None":
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _release() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return platform.system()
