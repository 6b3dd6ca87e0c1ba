"""A board without its kernel: `ssh` ends in its root file system, as its processor's programs.

All that `liteproof deploy` does on a board happens there as it would: its Python looks, makes an
environment, installs wheels, verifies. There is no sshd, no systemd and no network.
"""

import os
import subprocess
from pathlib import Path

from emulated_boards import Board

IN_ROOT = Path(__file__).with_name("in_root.sh")
USER_ID = 1000
SSH = """\
#!/bin/sh
for command; do :; done # the last argument: whatever the host is
exec {in_root} {qemu} {cpu} {root} {home} "$command"
"""


class EmulatedSystem:
    """A board's system with a home of its own.

    Args:
        board: which.
        root: from `root_of`.
        folder: an empty one for its home, and for the `ssh` that reaches it.
    """

    def __init__(self, board: Board, root: Path, folder: Path) -> None:
        self.board = board
        self.home, self._programs = folder / "home", folder / "bin"
        for path in (self.home, self._programs):
            path.mkdir()
        os.chown(self.home, USER_ID, USER_ID)
        ssh = self._programs / "ssh"
        values = {"in_root": IN_ROOT, "qemu": board.qemu, "cpu": board.cpu}
        ssh.write_text(SSH.format(**values, root=root, home=self.home))
        ssh.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """What a process of this machine is given, so that every ssh ends there."""
        return {**os.environ, "PATH": f"{self._programs}{os.pathsep}{os.environ['PATH']}"}

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of our own there."""
        return subprocess.run(
            [self._programs / "ssh", command], capture_output=True, text=True, check=False
        )

    def why_not(self) -> str | None:
        """Return why nothing starts there, or None."""
        done = self.run("python3 -V")
        return (done.stderr.strip() or "no answer") if done.returncode else None
