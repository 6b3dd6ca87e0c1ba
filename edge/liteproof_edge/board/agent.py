"""What the host asks of a board, one line of JSON after the other, over one ssh connection.

A request is {"do": name, …}; `put` is followed by the bytes of a file. An answer is one line:
{"answer": …} or {"error": message, "exit_code": n}. When the connection ends, so does this process,
and with it the lock; so it does when it hears nothing for IDLE_SECONDS.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO

from liteproof_edge.board.environment import PROGRAM, make_environment, run
from liteproof_edge.board.errors import BoardError
from liteproof_edge.board.lock import acquire
from liteproof_edge.board.look import look
from liteproof_edge.board.places import STORE, TRUST
from liteproof_edge.board.service import Service
from liteproof_edge.board.store import NEW, Store, Stream
from liteproof_edge.board.switching import Switching

IDLE_SECONDS = 300


class Listening:
    """A stream on which silence ends everything: a connection that was cut may not be known to be.

    Args:
        stream: that the host writes to.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        signal.signal(signal.SIGALRM, _give_up)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end."""
        return self._heard(lambda: self._stream.read(size))

    def readline(self) -> bytes:
        """Return a line; nothing at the end."""
        return self._heard(self._stream.readline)

    @staticmethod
    def _heard(hear: Callable[[], bytes]) -> bytes:
        signal.alarm(IDLE_SECONDS)
        try:
            return hear()
        finally:
            signal.alarm(0)


class Agent:
    """Does what it is asked to; the methods without an underscore are what can be asked.

    Args:
        home: the user's.
        stream: where the bytes of files come from.
    """

    def __init__(self, home: Path, stream: Stream) -> None:
        self._home, self._stream = home, stream
        self._store = Store(home / STORE)
        self._switching = Switching(self._store, home / TRUST)
        self._service = Service(home, self._store.root)
        self._lock: IO[str] | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what a request says; every expected failure is an answer too."""
        asked = dict(request)
        name = asked.pop("do", "")
        method: Callable[..., Any] | None = getattr(self, f"do_{name}", None)
        try:
            if method is None:
                raise BoardError(f"cannot do {name!r}", 1)
            return {"answer": method(**asked)}
        except BoardError as error:
            return {"error": str(error), "exit_code": error.exit_code}
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            return {"error": f"{where}{error.strerror}", "exit_code": 8}

    def do_look(self) -> dict[str, Any]:
        """Say what the board is, and what it runs."""
        return {**look(self._home), "status": self.do_status()}

    def do_status(self) -> dict[str, Any]:
        """Say what is deployed: the current release and since when, and how its service does."""
        current = self._store.target("current")
        since = os.lstat(self._store.root / "current").st_mtime if current else None
        return {
            "current": current,
            "previous": self._store.target("previous"),
            "since": since,
            "about": self._store.about(current) if current else {},
            "service": self._service.state(),
        }

    def do_lock(self, holder: str) -> None:
        """Let nobody else deploy here, and remove what others left unfinished."""
        self._store.make()
        self._lock = acquire(self._store.root / "lock", holder)
        self.do_restore()
        self._store.clean()

    def do_have(self, files: list[str]) -> dict[str, dict[str, int | bool]]:
        """Say how much of each file is here."""
        return {sha256: self._store.present(sha256) for sha256 in files}

    def do_put(self, sha256: str, size: int, offset: int) -> None:
        """Take a file, or the rest of it."""
        self._store.receive(sha256, size, offset, self._stream)

    def do_install(self, name: str, wheels: dict[str, str], *, sees_system: bool) -> None:
        """Make an environment of wheels that are here."""
        make_environment(self._store, name, wheels, sees_system=sees_system)

    def do_place(
        self, release: str, files: dict[str, str], environment: str, about: dict[str, Any]
    ) -> None:
        """Make a release of files that are here."""
        self._store.place(release, files, environment, about)

    def do_run(self, release: str, arguments: list[str]) -> dict[str, Any]:
        """Run `liteproof-edge` of a release, or of `current`, in that release's folder."""
        folder = (
            self._store.root / release if release == "current" else self._store.releases / release
        )
        return run([str(folder / "environment" / PROGRAM), *arguments], folder)._asdict()

    def do_evaluate(self, files: dict[str, str]) -> dict[str, Any]:
        """Have `current` measure its accuracy on labelled pictures, which do not stay."""
        folder = self._store.root / f"{NEW}pictures"
        folder.mkdir()
        try:
            for name, sha256 in files.items():
                (self._store.files / sha256).rename(folder / name)
            return self.do_run("current", ["evaluate", "bundle", str(folder), "--json"])
        finally:
            shutil.rmtree(folder)

    def do_record(self, release: str, about: dict[str, Any]) -> None:
        """Keep what was measured of a release."""
        self._store.record(release, **about)

    def do_switch(self, release: str, signers: "str | None" = None) -> None:
        """Make a release the current one until `confirm`; else the connection's end goes back."""
        self._switching.switch(release, signers)
        self._service.restart()

    def do_confirm(self) -> None:
        """Say that the switch went well."""
        self._switching.confirm()

    def do_restore(self) -> None:
        """Go back from a switch that was not confirmed, if there was one."""
        if self._switching.restore():
            self._service.restart()

    def do_prune(self, keep: int) -> None:
        """Keep so many releases, and what they need."""
        self._store.prune(keep)

    def do_serve(self, host: str, port: int, memory_mib: int) -> dict[str, Any]:
        """Have systemd run the current release."""
        return self._service.install(host, port, memory_mib)

    def do_wait(self, manifest_sha256: str, seconds: float) -> None:
        """Wait until what is served is this very bundle, if anything is."""
        self._service.wait(manifest_sha256, seconds)

    def close(self) -> None:
        """Leave the board as it was, as far as nobody has confirmed what was done."""
        if self._lock is not None:
            self.do_restore()
            self._lock.close()


def main() -> None:
    """Serve standard input until it ends."""
    stream, answers = Listening(sys.stdin.buffer), sys.stdout
    agent = Agent(Path.home(), stream)
    signal.signal(signal.SIGHUP, _give_up)
    try:
        while True:
            request = json.loads(stream.readline())
            answer = agent.answer(request)
            print(json.dumps(answer), file=answers, flush=True)
            if "error" in answer and request["do"] == "put":
                return  # what else is sent of that file is no request
    except (EOFError, OSError, ValueError):  # the connection has ended, and perhaps within a line
        pass
    finally:
        agent.close()


def _give_up(_number: int, _frame: object) -> None:
    raise EOFError
