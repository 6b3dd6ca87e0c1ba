"""One board: looked at, filled, proven, switched; and back again if it fails."""

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from liteproof.deployment import plan
from liteproof.deployment.connection import EXIT_CODES, Connection, program
from liteproof.deployment.plan import Look, Options
from liteproof.deployment.wheelhouse import Wheelhouse, Wheelhouses
from liteproof.errors import BoardRefusedError, DeploymentError, DeviceError
from liteproof_edge.bundle.manifest import SEAL
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.bundle.signature import SIGNERS
from liteproof_edge.errors import GateError, LiteproofError, one_line

CHECK_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a board runs now.

    Attributes:
        host: as it was named.
        release: the id.
        before: the id of what it ran before, or None.
        changed: whether it ran something else before, or its service was not as asked.
        bundle: its name.
        runtime: on which it was verified there.
        p50_us: median latency of the model alone, in µs, as the short benchmark there measured it.
        copied_bytes: what went over the wire.
        seconds: that it took.
        warnings: what should be known.
    """

    host: str
    release: str
    before: str | None
    changed: bool
    bundle: str
    runtime: str
    p50_us: float | None
    copied_bytes: int
    seconds: float
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all of it."""
        return asdict(self)


class Rollout:
    """A bundle on its way to boards.

    Args:
        bundle: from `Bundle.load`.
        options: how.
        wheelhouses: what boards install.
        report: told the host and a line, at each step.
    """

    def __init__(
        self,
        bundle: Bundle,
        options: Options,
        wheelhouses: Wheelhouses,
        report: Callable[[str, str], None],
    ) -> None:
        self._bundle, self.options = bundle, options
        self._wheelhouses, self.report = wheelhouses, report
        self._files = plan.contents(bundle)
        self._signers = None
        if options.signers:
            self._signers = _read_signers(options.signers)
            self._files[SIGNERS] = self._signers.encode()

    def deploy(self, host: str, *, dry_run: bool = False) -> Deployed:
        """Bring the bundle to a board; it runs it, or what it ran before.

        Raises:
            LiteproofError: it does not; the message begins with the host.
        """
        begin = time.monotonic()
        with Connection(host, self.options.config) as board:
            try:
                self.report(host, "looking")
                look = Look.of(board.ask("look"))
                warnings = look.warnings(time.time())
                plan.forecast(self._bundle, look)
                wheelhouse = self._wheelhouses.get(look.platform, serves=self._serves(look))
                plan.check_space(self._bundle, wheelhouse, look)
                release, before = self._release(wheelhouse), look.said["status"]["current"]
                proof: dict[str, Any] = {}
                copied = 0
                if not dry_run:
                    board.ask("lock", holder=_holder())
                    copied = self._copy(board, wheelhouse)
                    self._install(board, wheelhouse, release)
                    proof = self._prove(board, release)
                    self._switch(board, release)
                    board.ask("prune", keep=self.options.keep)
                    self.report(host, f"serves {self._bundle.name} {release[:12]}")
            except BoardRefusedError:
                raise
            except LiteproofError as error:
                raise _at(host, error) from None
        return Deployed(
            host=host,
            release=release,
            before=before,
            changed=before != release or not look.serves_as(self.options.serve),
            bundle=self._bundle.name,
            runtime=proof.get("runtime", look.runtime.value),
            p50_us=proof.get("p50_us"),
            copied_bytes=copied,
            seconds=time.monotonic() - begin,
            warnings=tuple(warnings),
        )

    def _serves(self, look: Look) -> bool:
        """Whether a service is asked for, or there already."""
        return self.options.serve is not None or look.said["status"]["service"] is not None

    def _release(self, wheelhouse: Wheelhouse) -> str:
        """Return the id: a hash of the bundle's files and of what runs it."""
        made_of = {name: _sha256(data) for name, data in self._files.items()}
        return _sha256(json.dumps([sorted(made_of.items()), wheelhouse.environment]).encode())

    def _copy(self, board: Connection, wheelhouse: Wheelhouse) -> int:
        """Copy what is missing; return how many bytes that was."""
        sources: dict[str, Callable[[], bytes]] = {
            _sha256(data): lambda data=data: data  # type: ignore[misc]
            for data in self._files.values()
        }
        for name, sha256 in wheelhouse.wheels.items():
            sources[sha256] = (wheelhouse.folder / name).read_bytes
        present, copied = board.ask("have", files=list(sources)), 0
        self.report(board.host, "copying what is missing there")
        for sha256, read in sources.items():
            there = present[sha256]
            if not there["whole"]:
                data = read()
                board.put(sha256, data, there["bytes"])
                copied += len(data) - there["bytes"]
        return copied

    def _install(self, board: Connection, wheelhouse: Wheelhouse, release: str) -> None:
        self.report(board.host, "installing")
        wheels = dict(wheelhouse.wheels)
        board.ask(
            "install",
            name=wheelhouse.environment,
            wheels=wheels,
            sees_system=bool(wheelhouse.debians_own),
        )
        files = {name: _sha256(data) for name, data in self._files.items()}
        about = {
            "bundle": self._bundle.name,
            "manifest_sha256": self._bundle.manifest[SEAL],
            "serial": self._bundle.serial,
            "by": plan.this_user(),
            "deployed": _now(),
            "files": files,
            "wheels": wheels,
        }
        board.ask(
            "place", release=release, files=files, environment=wheelhouse.environment, about=about
        )

    def _prove(self, board: Connection, release: str) -> dict[str, Any]:
        """Have the board verify the bundle, and measure itself a little."""
        self.report(board.host, "verifying there")
        trust = ["--trust", f"bundle/{SIGNERS}"] if self._signers is not None else []
        trust += ["--allow-downgrade"] if self.options.allow_downgrade else []
        verified = run_edge(board, release, ["verify", "bundle", "--json", *trust])
        count = str(self.options.bench_pictures)
        measured = run_edge(board, release, ["bench", "bundle", "-n", count, "--json"])
        proof = {
            "verified": {"at": _now(), **verified},
            "runtime": verified["runtime"],
            "p50_us": measured["inference"]["p50_us"],
            "cold_start_ms": measured["cold_start_ms"],
            "peak_memory_mib": measured["peak_memory_mib"],
        }
        board.ask("record", release=release, about=proof)
        return proof

    def _switch(self, board: Connection, release: str) -> None:
        """Switch, and see that it answers; if anything fails, go back."""
        self.report(board.host, "switching")
        try:
            board.ask("switch", release=release, signers=self._signers)
            if self.options.serve:
                lingers = board.ask("serve", **asdict(self.options.serve))["lingers"]
                if not lingers:
                    self.report(board.host, "starts at login only: sudo loginctl enable-linger")
            self.see_health(board)
            board.ask("confirm")
        except (LiteproofError, KeyboardInterrupt):
            self.report(board.host, "failed: going back")
            with suppress(DeviceError):  # then the agent goes back by itself
                board.ask("restore")
            raise

    def see_health(self, board: Connection) -> None:
        """Hold what a board runs now to answering, and to answering by this bundle.

        Raises:
            LiteproofError: it does not.
        """
        run_edge(board, "current", ["verify", "bundle", "--json", "--allow-downgrade"])
        sha256 = self._bundle.manifest[SEAL]
        board.ask("wait", manifest_sha256=sha256, seconds=self.options.health_seconds)
        if self.options.check:
            why = program([self.options.check, board.host], CHECK_SECONDS)
            if why is not None:
                raise GateError(f"{self.options.check}: {why}")


def run_edge(board: Connection, release: str, arguments: list[str]) -> dict[str, Any]:
    """Run `liteproof-edge` of a release on a board; return the JSON that it printed.

    Raises:
        BoardRefusedError: it ended with another exit code than 0; with the line that says why.
    """
    done = board.ask("run", release=release, arguments=arguments)
    said = one_line(str(done["said"])).removeprefix("liteproof-edge: ")
    try:
        printed: dict[str, Any] = json.loads(done["printed"])
    except ValueError:
        printed = {}
    if done["exit_code"] or not printed:
        code = done["exit_code"] if done["exit_code"] in EXIT_CODES else 4
        raise BoardRefusedError(f"{board.host}: {arguments[0]} there: {said}", code)
    return printed


def read_bundle(path: Path) -> Bundle:
    """Read the bundle that is to be deployed; whose it is, is for the boards to ask.

    Raises:
        BundleError: it is none.
    """
    from liteproof_edge.bundle.signature import ANYBODY  # noqa: PLC0415 - once

    return Bundle.load(path, ANYBODY)


def _read_signers(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no text"
        raise DeploymentError(f"{path}: {why}, expected an allowed_signers file") from None


def _at(host: str, error: LiteproofError) -> LiteproofError:
    """Return the same error, with the host it is about."""
    text = str(error)
    return error if text.startswith(host) else type(error)(f"{host}: {text}")


def _holder() -> str:
    return f"{plan.this_user()}, since {_now()}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
