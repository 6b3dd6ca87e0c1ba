"""Raspberry Pis that qemu-user emulates: what each one is, and how its Python is started."""

import os
from dataclasses import dataclass
from pathlib import Path

from liteproof_edge.runtime.loading import Runtime

SITE = "site"  # the folder of a root file system that holds the runtime


@dataclass(frozen=True, slots=True)
class Board:
    """A Raspberry Pi and its system.

    Attributes:
        suite: Debian's, on which that of Raspberry Pi OS is built.
        architecture: as Debian calls it.
        triplet: the folder of its libraries.
        qemu: the program that runs its code.
        cpu: as qemu calls it; qemu's default made LiteRT's int8 kernels wrong (4 % accuracy).
        part: that CPU's number, as Linux on ARM shows it.
        python: version of the system's own.
        runtime: the one that such a board has, of `version`.
        platform: pip's tag of the runtime's wheel.
    """

    name: str
    suite: str
    architecture: str
    triplet: str
    qemu: str
    cpu: str
    part: str
    python: str
    runtime: Runtime
    version: str
    platform: str


BOARDS = {
    board.name: board
    for board in (
        Board(
            *("bookworm-arm64", "bookworm", "arm64", "aarch64-linux-gnu"),
            *("qemu-aarch64-static", "cortex-a72", "0xd08", "3.11"),  # Raspberry Pi 4
            *(Runtime.TFLITE_RUNTIME, "2.14.0", "manylinux_2_34_aarch64"),
        ),
        Board(
            *("bookworm-armhf", "bookworm", "armhf", "arm-linux-gnueabihf"),
            *("qemu-arm-static", "cortex-a7", "0xc07", "3.11"),  # Raspberry Pi 2
            *(Runtime.TFLITE_RUNTIME, "2.14.0", "manylinux_2_34_armv7l"),
        ),
        Board(
            *("trixie-arm64", "trixie", "arm64", "aarch64-linux-gnu"),
            *("qemu-aarch64-static", "cortex-a76", "0xd0b", "3.13"),  # Raspberry Pi 5
            *(Runtime.LITERT, "2.3.0", "manylinux_2_27_aarch64"),
        ),
    )
}
# LiteRT crashes where it finds x86's instead.
CPU_INFO = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: {features}
CPU implementer\t: 0x41
CPU architecture: {generation}
CPU variant\t: 0x0
CPU part\t: {part}
CPU revision\t: 3
"""
CPU_FEATURES = {
    "arm64": ("8", "fp asimd evtstrm crc32 cpuid"),
    "armhf": ("7", "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt evtstrm"),
}


def cpu_info(board: Board) -> str:
    """Return what the board's `/proc/cpuinfo` says."""
    generation, features = CPU_FEATURES[board.architecture]
    return CPU_INFO.format(features=features, generation=generation, part=board.part)


def python_of(board: Board, root: Path) -> list[str]:
    """Return the command that starts the board's Python."""
    python = root / "usr" / "bin" / f"python{board.python}"
    return [board.qemu, "-cpu", board.cpu, "-L", str(root), str(python)]


def environment_of(root: Path, *packages: Path) -> dict[str, str]:
    """Return what that Python finds in its environment, and nothing of this machine's.

    Args:
        root: from `root_of`.
        packages: folders that it imports from, beside its own and the runtime's.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(map(str, (*packages, root / SITE))),
    }
