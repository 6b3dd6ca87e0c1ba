"""Meeting the other machines of a training before TensorFlow connects them.

TensorFlow waits many minutes for a machine that is not there, and answers no signal meanwhile. So
each one first listens at its own port in our words, until all have reached one another there and
have found that they are about to train the same.
"""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields

from liteproof.cluster.strategy import Layout, host_and_port
from liteproof.errors import DeviceError, RunError

PATIENCE_SECONDS = 1.0  # for one answer of a machine that is reached
PAUSE_SECONDS = 0.1
MAX_HELLO_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Identity:
    """What all machines must have in common; where several differ, the first is named."""

    workers: str
    software: str
    recipe: str  # SHA-256 of what makes the weights
    settings: str
    data: str  # SHA-256


def meet(layout: Layout, identity: Identity) -> None:
    """Wait until all machines of a layout have connected and know what the others train.

    Raises:
        DeviceError: one of them cannot be reached within the layout's timeout.
        RunError: one of them is about to train something else.
    """
    meeting = _Meeting(layout, identity)
    deadline = time.monotonic() + layout.timeout_seconds
    with meeting.listening():
        while not meeting.is_complete():
            if time.monotonic() > deadline:
                raise DeviceError(meeting.missing())
            meeting.call()
            time.sleep(PAUSE_SECONDS)


class _Meeting:
    """Which machines have been reached, and which have reached this one."""

    def __init__(self, layout: Layout, identity: Identity) -> None:
        self.layout, self.identity = layout, identity
        self.others = set(range(len(layout.workers))) - {layout.index}
        self.reached: set[int] = set()
        self.heard: set[int] = set()
        self.difference = ""

    def is_complete(self) -> bool:
        """Whether all have reached all: then no machine needs this one's listener any more."""
        if self.difference:
            raise RunError(self.difference)
        return self.reached == self.heard == self.others

    def missing(self) -> str:
        silent = sorted(self.others - self.reached) or sorted(self.others - self.heard)
        names = ", ".join(f"worker {index} ({self.layout.workers[index]})" for index in silent)
        way = "does not answer" if self.others - self.reached else "does not reach this machine"
        return (
            f"{names} {way}; expected all {len(self.layout.workers)} workers within "
            f"{self.layout.timeout_seconds:g} s (--cluster-timeout)"
        )

    def call(self) -> None:
        """Try each machine that has not been reached yet."""
        for index in self.others - self.reached:
            address = host_and_port(self.layout.workers[index])
            with (
                suppress(OSError, ValueError),
                socket.create_connection(address, PATIENCE_SECONDS) as connection,
            ):
                connection.sendall(self._hello())
                if self._hear(connection) == index:
                    self.reached.add(index)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Answer those who call."""
        _, port = host_and_port(self.layout.workers[self.layout.index])
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        try:
            listener = socket.create_server(("", port), family=family, dualstack_ipv6=both)
        except OSError as error:
            raise DeviceError(f"port {port}: cannot listen there: {error.strerror}") from None
        ended = threading.Event()
        answering = threading.Thread(target=self._answer, args=(listener, ended), daemon=True)
        answering.start()
        try:
            yield
        finally:
            ended.set()
            answering.join()
            listener.close()

    def _answer(self, listener: socket.socket, ended: threading.Event) -> None:
        listener.settimeout(PAUSE_SECONDS)
        while not ended.is_set():
            with suppress(OSError, ValueError):
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(PATIENCE_SECONDS)
                    index = self._hear(connection)
                    connection.sendall(self._hello())
                    if index in self.others:
                        self.heard.add(index)

    def _hello(self) -> bytes:
        words = {"index": self.layout.index, **asdict(self.identity)}
        return json.dumps(words).encode() + b"\n"

    def _hear(self, connection: socket.socket) -> int:
        """Read a machine's message, note where it differs from this one, and return its index.

        Raises:
            ValueError: it does not come from another worker.
        """
        with connection.makefile("rb") as file:
            words = json.loads(file.readline(MAX_HELLO_BYTES))
        if not isinstance(words, dict) or not isinstance(words.get("index"), int):
            raise ValueError  # noqa: TRY004 - as for all other words that are not ours
        for field in fields(Identity):
            mine, theirs = getattr(self.identity, field.name), words.get(field.name)
            if mine != theirs and not self.difference:
                self.difference = (
                    f"worker {words['index']} has another {field.name}: {str(theirs)[:200]}; "
                    f"expected {mine}, as on worker {self.layout.index}"
                )
        return int(words["index"])
