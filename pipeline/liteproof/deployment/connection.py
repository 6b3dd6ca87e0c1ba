"""One ssh connection to a board, and the agent at its other end.

The system's own ssh is started with a list of arguments, so that people's config, agents, jump
hosts and known_hosts count. What it runs there is a constant; all else goes through standard input,
as JSON and as the bytes of files: nothing that anybody can choose meets a shell.
"""

import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import liteproof_edge
from liteproof.errors import BoardRefusedError, DeploymentError, DeviceError
from liteproof_edge.errors import one_line

HOST = re.compile(r"(?!-)([\w.+@-]+@)?(?!-)[\w.:%\[\]-]+", re.ASCII)  # %: fe80::1%eth0
OPTIONS = (
    "BatchMode=yes",  # never ask: several boards at once have one terminal
    "StrictHostKeyChecking=yes",
    "ConnectTimeout=30",
    "ServerAliveInterval=10",
    "ServerAliveCountMax=3",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "LogLevel=ERROR",
)
# A package needs to be there for its modules to be; the order is that of their imports.
MODULES = (
    *("board.errors", "board.places", "board.store", "board.lock", "measurement.machine"),
    *("board.look", "board.environment", "board.service", "board.switching", "board.agent"),
)
PACKAGES = ("board", "measurement")
BOOTSTRAP = (
    "import json,sys,types;"
    "v=sys.version;"
    'sys.version_info<(3,10) and sys.exit("Python "+v.split()[0]+", expected 3.10 or later");'
    "m=sys.modules;"
    '[exec(compile(s,n,"exec"),m.setdefault(n,types.ModuleType(n)).__dict__)'
    " for n,s in json.loads(sys.stdin.buffer.readline())];"
    'm["liteproof_edge.board.agent"].main()'
)
COMMAND = f"exec python3 -c '{BOOTSTRAP}'"
BLOCK = 1 << 18
EXIT_CODES = range(1, 9)
_open: "set[Connection]" = set()


class Connection(AbstractContextManager["Connection"]):
    """An agent on a board; it ends with the connection.

    Args:
        host: as ssh takes it.
        config: ssh's, instead of this user's own.

    Raises:
        DeviceError: the board cannot be reached; the message is ssh's own.
    """

    def __init__(self, host: str, config: Path | None = None) -> None:
        if not HOST.fullmatch(host):
            raise DeploymentError(
                f"{host!r}: no host as ssh takes it, such as pi@raspberrypi.local"
            )
        self.host = host
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the connection
        options = [part for option in OPTIONS for part in ("-o", option)]
        options += ["-F", str(config)] if config else []
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a host that was checked, as an argument
                ["ssh", "-T", *options, "--", host, COMMAND],  # noqa: S607 - this system's own
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                start_new_session=True,  # an interrupt is ours: the board has to be left in order
            )
        except OSError as error:
            raise DeviceError(f"ssh: cannot be started: {error.strerror}") from None
        _open.add(self)
        self._send(json.dumps(_sources()).encode() + b"\n")

    def __exit__(self, *_: object) -> None:
        _open.discard(self)
        with suppress(OSError):
            self._in.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        self._process.kill()
        self._process.wait()
        self._out.close()
        self._said.close()

    def cut(self) -> None:
        """End it at once; whoever waits for an answer is told so."""
        self._process.kill()

    @property
    def _in(self) -> Any:  # noqa: ANN401 - a pipe, since it was asked for
        return self._process.stdin

    @property
    def _out(self) -> Any:  # noqa: ANN401 - the same
        return self._process.stdout

    def ask(self, do: str, **arguments: Any) -> Any:  # noqa: ANN401 - JSON
        """Have the agent do something, and return its answer.

        Raises:
            BoardRefusedError: it cannot; the message is the board's.
            DeviceError: the connection has ended.
        """
        self._send(json.dumps({"do": do, **arguments}).encode() + b"\n")
        return self._answer()

    def put(self, sha256: str, data: bytes, offset: int) -> None:
        """Copy a file, or the rest of it from `offset` on.

        Raises:
            BoardRefusedError: it does not fit, or came out damaged.
            DeviceError: the connection has ended.
        """
        request = {"do": "put", "sha256": sha256, "size": len(data), "offset": offset}
        rest = memoryview(data)[offset:]
        with suppress(BrokenPipeError):  # the agent has said why
            self._in.write(json.dumps(request).encode() + b"\n")
            for start in range(0, len(rest), BLOCK):
                self._in.write(rest[start : start + BLOCK])
            self._in.flush()
        self._answer()

    def _send(self, line: bytes) -> None:
        with suppress(BrokenPipeError):  # what it says instead of an answer tells why
            self._in.write(line)
            self._in.flush()

    def _answer(self) -> Any:  # noqa: ANN401 - JSON
        line = self._out.readline()
        try:
            said = json.loads(line)
            error = said.get("error")
        except (ValueError, AttributeError):
            raise DeviceError(f"{self.host}: {self._why(line)}") from None
        if error is not None:
            code = said.get("exit_code")
            why = f"{self.host}: {one_line(str(error))}"
            raise BoardRefusedError(why, code if code in EXIT_CODES else DeviceError.exit_code)
        return said.get("answer")

    def _why(self, line: bytes) -> str:
        """Return ssh's own last line, or that of what it ran."""
        self._process.kill()
        self._process.wait()
        self._said.seek(0)
        lines = [*self._said.read().decode("utf-8", "replace").splitlines(), ""]
        said = next((text for text in reversed(lines) if text.strip()), "")
        if line:
            return f"it answered {line[:80]!r}, expected JSON: does its shell print at login?"
        return one_line(said) or "the connection was cut"


def cut_all() -> None:
    """End every connection that there is."""
    for connection in tuple(_open):
        connection.cut()


@cache
def _sources() -> list[tuple[str, str]]:
    """Return the name and source of each module that the agent is made of."""
    package = liteproof_edge.__name__
    found = [(package, ""), *((f"{package}.{name}", "") for name in PACKAGES)]
    for name in MODULES:
        folder, module = name.split(".")
        path = files(package) / folder / f"{module}.py"
        found.append((f"{package}.{name}", path.read_text("utf-8")))
    return found


def program(command: Sequence[str], seconds: float) -> str | None:
    """Run a program of this machine; return why it failed, or None."""
    try:
        done = subprocess.run(  # noqa: S603 - the user's own
            command, capture_output=True, check=False, timeout=seconds, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return one_line(str(error))
    said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().rpartition("\n")[2]
    return one_line(said) or f"exit code {done.returncode}" if done.returncode else None
