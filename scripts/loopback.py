"""Boards that are this machine: an sshd for each, with a port, keys and a home of its own.

Tests and `make_cast` deploy to them.
"""

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

SSHD = "/usr/sbin/sshd"
USER = "liteproof-board"  # made where this user is root, since nothing is deployed to root
START_SECONDS = 20
SSHD_CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
AllowUsers {user}
SetEnv HOME={home} PATH={path}
LogLevel VERBOSE
"""
SSH_CONFIG = """\
Host {name}
  HostName 127.0.0.1
  Port {port}
  User {user}
  HostKeyAlias {name}
  IdentityFile {key}
  IdentitiesOnly yes
  UserKnownHostsFile {known}
"""


def missing() -> str | None:
    """Return what these boards need and this machine lacks, or None."""
    for program in (SSHD, "ssh", "ssh-keygen"):
        if shutil.which(program) is None:
            return program
    return None


def board_user() -> str:
    """Return the user that boards log in as."""
    if os.geteuid():
        return getpass.getuser()
    try:
        pwd.getpwnam(USER)
    except KeyError:
        # "*" is no password; without it the account is locked, for keys too.
        options = ["--create-home", "--shell", "/bin/bash", "--password", "*"]
        subprocess.run(["useradd", *options, USER], check=True)
    return USER


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()))


def make_key(path: Path) -> Path:
    """Make a key without a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


class Boards:
    """A folder of boards; `config` is what ssh is told of them."""

    def __init__(self) -> None:
        self.user = board_user()
        self.folder = Path(tempfile.mkdtemp(prefix="liteproof-boards-"))
        self.folder.chmod(0o755)
        self.key, self.known = make_key(self.folder / "key"), self.folder / "known_hosts"
        self.config = self.folder / "config"
        self.known.touch()
        self.boards: dict[str, Board] = {}
        if not os.geteuid():
            Path("/run/sshd").mkdir(exist_ok=True)

    def add(self, name: str, path: str = "/usr/bin:/bin") -> "Board":
        """Start a board; `path` is where its programs are."""
        board = Board(self, name, path)
        self.boards[name] = board
        with self.config.open("a") as file:
            values = {"user": self.user, "key": self.key, "known": self.known}
            file.write(SSH_CONFIG.format(name=name, port=board.port, **values))
        with self.known.open("a") as file:
            file.write(f"{name} {(board.folder / 'host_key.pub').read_text('ascii')}")
        return board

    def close(self) -> None:
        """Stop them all, and remove what they held."""
        for board in self.boards.values():
            board.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Board:
    """One of them."""

    def __init__(self, boards: Boards, name: str, path: str) -> None:
        self.name, self.folder = name, boards.folder / name
        self.home = self.folder / "home"
        self.home.mkdir(parents=True)
        shutil.chown(self.home, boards.user)
        make_key(self.folder / "host_key")
        shutil.copy(boards.key.with_suffix(".pub"), self.folder / "authorized_keys")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        values = {"folder": self.folder, "user": boards.user, "home": self.home, "path": path}
        (self.folder / "sshd_config").write_text(SSHD_CONFIG.format(port=self.port, **values))
        self.start()

    @property
    def store(self) -> Path:
        """Where it keeps what was deployed."""
        return self.home / ".local" / "share" / "liteproof"

    def current(self) -> str | None:
        """Return the id of the release that it runs, or None."""
        link = self.store / "current"
        return link.readlink().name if link.is_symlink() else None

    def start(self) -> None:
        """Start its sshd, and wait until it listens."""
        self.log = (self.folder / "log").open("ab")
        command = [SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")]
        self.process = subprocess.Popen(command, stderr=self.log)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text("utf-8"))

    def cut(self) -> None:
        """End every connection to it."""
        with suppress(FileNotFoundError, ProcessLookupError):  # one that has ended meanwhile
            for child in children(self.process.pid):  # root's, which watches over the user's
                for process in (*children(child), child):
                    os.kill(process, signal.SIGKILL)

    def stop(self) -> None:
        """Stop its sshd; connections that there are go on."""
        self.process.terminate()
        self.process.wait()
        self.log.close()
