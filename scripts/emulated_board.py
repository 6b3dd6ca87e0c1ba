"""A whole emulated 64-bit Raspberry Pi: systemd, sshd and a power switch.

    python scripts/emulated_board.py [--suite bookworm] [--port 2222]      until Ctrl-C

Its image is made once, in minutes, and cached by what it is made of; each board has a disk of its
own above that. It is on no network: this machine alone reaches its sshd, on loopback. Its timings
say nothing of a Raspberry Pi's; its behaviour does.
"""

import argparse
import hashlib
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from emulated_roots import default_cache, failure, persist
from liteproof.errors import DeviceError
from liteproof.storage import make_folder, new_folder, writing

MAKER = Path(__file__).with_name("make_board_image.sh")
PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "qemu-aarch64-static": "qemu-user-static",
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-img": "qemu-utils",
    "mke2fs": "e2fsprogs",
    "ssh": "openssh-client",
}
IMAGE_SECONDS = 3600
BOOT_SECONDS = 600  # 40 s on two free cores
POWER_OFF_SECONDS = 120
NAME, USER = "pi4", "pi"
SSH_CONFIG = """\
Host {name}
HostName 127.0.0.1
Port {port}
User {user}
HostKeyAlias {name}
IdentityFile {folder}/id_board
IdentitiesOnly yes
ServerAliveInterval 20
UserKnownHostsFile {disk}/known_hosts
"""


def missing_packages() -> list[str]:
    """Return Debian's packages that this machine lacks."""
    return sorted({package for name, package in PROGRAMS.items() if shutil.which(name) is None})


def image(suite: str, cache: Path, report: Callable[[str], None]) -> Path:
    """Return the folder of an image (board.img, vmlinuz, id_board); it is made if need be.

    Raises:
        DeviceError: packages are missing, or it cannot be made.
        StorageError: `cache` cannot be written.
    """
    if missing := missing_packages():
        raise DeviceError(f"an emulated board needs: apt-get install {' '.join(missing)}")
    made_of = hashlib.sha256(suite.encode() + MAKER.read_bytes()).hexdigest()[:16]
    folder = make_folder(cache) / f"board-{suite}-{made_of}"
    if folder.is_dir():
        return folder

    def make() -> str | None:
        report(f"making the image of a {suite} board: 3 minutes on two free cores")
        try:
            with writing(cache), new_folder(folder) as partial:
                if why := failure([str(MAKER), str(partial), suite], seconds=IMAGE_SECONDS):
                    raise DeviceError(why)
        except DeviceError as error:
            return str(error)
        return None

    persist(f"the image of a {suite} board", make, report)
    return folder


class EmulatedBoard(AbstractContextManager["EmulatedBoard"]):
    """A board that boots and is off again at the end.

    Args:
        folder: from `image`.
        disk: an empty folder for what this board writes.
        port: of its sshd on 127.0.0.1; None takes a free one.
    """

    def __init__(self, folder: Path, disk: Path, port: int | None = None) -> None:
        self._folder, self._disk = folder, disk
        self.port = port or _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.config = disk / "ssh_config"
        (disk / "known_hosts").touch()
        values = {"name": NAME, "user": USER, "port": self.port, "folder": folder, "disk": disk}
        self.config.write_text(SSH_CONFIG.format(**values))
        base = ["-b", str(folder / "board.img"), "-F", "raw", str(disk / "disk.qcow2")]
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *base], check=True)

    def __exit__(self, *_: object) -> None:
        self.cut_power()

    def boot(self, *options: str) -> None:
        """Switch it on and wait until it answers; `options` are qemu's, beside ours.

        Raises:
            DeviceError: it does not answer.
        """
        forward = f"user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:22"
        command = [
            *("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-smp", "2"),
            *("-m", "1024", "-accel", "tcg,thread=multi", "-nodefaults", "-nographic"),
            *("-kernel", str(self._folder / "vmlinuz"), "-append"),
            "root=/dev/nvme0n1 rw console=ttyAMA0 quiet net.ifnames=0 systemd.show_status=0",
            "-drive",
            f"if=none,id=d0,file={self._disk / 'disk.qcow2'},format=qcow2",
            *("-device", "nvme,serial=lp,drive=d0", "-netdev", forward),
            *("-device", "virtio-net-pci,netdev=n0,romfile="),
            *("-object", "rng-random,id=r0,filename=/dev/urandom"),
            *("-device", "virtio-rng-pci,rng=r0", "-monitor", "none"),
            *("-serial", f"file:{self._disk / 'console.log'}", *options),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        end = time.monotonic() + BOOT_SECONDS
        while self.ssh("true", learn=True).returncode:
            if self._process.poll() is not None or time.monotonic() > end:
                raise DeviceError(f"{NAME}: does not answer; see {self._disk / 'console.log'}")
            time.sleep(1)

    def ssh(
        self, command: str, *, text: str | None = None, learn: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of our own there; `learn` believes its host key, which is new."""
        checking = "accept-new" if learn else "yes"
        options = ["-o", "BatchMode=yes", "-o", f"StrictHostKeyChecking={checking}"]
        options += ["-o", "ConnectTimeout=20", "-o", "LogLevel=ERROR", "-F", str(self.config)]
        return subprocess.run(
            ["ssh", *options, NAME, command],
            input=text or "",
            capture_output=True,
            text=True,
            check=False,
        )

    def cut_power(self) -> None:
        """Switch it off at once; what it had not synchronised to its disk is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def power_off(self) -> None:
        """Have it switch itself off."""
        self.ssh("sudo systemctl poweroff")
        if self._process is not None:
            self._process.wait(timeout=POWER_OFF_SECONDS)
            self._process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    """Boot a board, and leave it on until Ctrl-C."""
    parser = argparse.ArgumentParser(description="An emulated Raspberry Pi.")
    parser.add_argument("--suite", default="bookworm", choices=("bookworm", "trixie"))
    parser.add_argument("--port", type=int, help="of its sshd (default: a free one)")
    options = parser.parse_args()
    folder = image(options.suite, default_cache(), print)
    disk = folder.with_name(f"disk-{time.time_ns()}")
    disk.mkdir()
    try:
        with EmulatedBoard(folder, disk, options.port) as board:
            board.boot()
            print(f"ssh -F {board.config} {NAME}")
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        pass
    finally:
        shutil.rmtree(disk)


if __name__ == "__main__":
    main()
