"""Connections that cannot keep others out: slow ones are closed, and there is an end to them."""

import asyncio
import resource
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol

from liteproof_edge.serving.limits import MAX_CONNECTIONS, REQUEST_S
from liteproof_edge.serving.problems import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

SWEEP_S = 1.0
LAST_WORDS_S = 0.25  # an idle connection may have sent a request that we have not read yet
FILES_BESIDE = 64  # of ours that are no connections


class Connection(H11Protocol):
    """uvicorn's, with an end to waiting: it has no time limit for a request that comes in.

    Attributes:
        most: how many there may be at once.
    """

    most = MAX_CONNECTIONS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        together = Together(transport, self.loop)  # type: ignore[arg-type]
        super().connection_made(together)  # type: ignore[arg-type]
        self._begun = time.monotonic()
        self._seen: object = None
        self._last_words = False
        if len(self.connections) > self.most:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Take what comes in; the last request on a connection is told that it is the last."""
        super().data_received(data)
        if self._last_words and self._is_working():
            self._answer_and_close()

    def waits_since(self) -> float | None:
        """Return when the request began for whose bytes we wait; None while one is answered."""
        if self.cycle is not self._seen:
            self._seen, self._begun = self.cycle, time.monotonic()
        if self._is_working() and not self.cycle.more_body:
            return None
        return self._begun

    def shutdown(self) -> None:
        """Answer what has come in, and close."""
        self._last_words = True
        if self._is_working():
            self._answer_and_close()
        else:
            self.loop.call_later(LAST_WORDS_S, self._close_if_idle)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, as far as nothing was answered yet, and hang up."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE} and not self._is_working():
            problem = Problem(Code.REQUEST_DAMAGED, msg)
            headers = [*problem.headers, (b"connection", b"close")]
            events: Iterable[h11.Event] = (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=problem.body),
                h11.EndOfMessage(),
            )
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _is_working(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _answer_and_close(self) -> None:
        self.cycle.keep_alive = False
        if CLOSE_HEADER not in self.cycle.scope["headers"]:
            self.cycle.scope["headers"] = [*self.cycle.scope["headers"], CLOSE_HEADER]

    def _close_if_idle(self) -> None:
        if not self._is_working():
            self.transport.close()

    def _make_room(self) -> None:
        waiting = [
            (since, id(each), each)
            for each in self.connections
            if isinstance(each, Connection) and (since := each.waits_since()) is not None
        ]
        _, _, longest = min(waiting, default=(0.0, 0, self))
        longest.transport.abort()


class Together:
    """A transport that sends by one call what is written in one turn of the loop.

    uvicorn writes a response's head, its body and its end one by one, each a system call.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._written: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send bytes at the end of this turn."""
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(data)

    def close(self) -> None:
        """Send what was written, and hang up."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._written:
            self._transport.write(b"".join(self._written))
            self._written.clear()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the transport has
        return getattr(self._transport, name)


async def sweep(connections: "set[Connection]") -> None:
    """Close every connection whose request does not come to an end."""
    while True:
        await asyncio.sleep(SWEEP_S)
        now = time.monotonic()
        for each in list(connections):
            since = each.waits_since()
            if since is not None and now - since > REQUEST_S:
                each.transport.abort()


def allow_connections() -> int:
    """Have as many open files as connections need, if we may; return how many these can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + FILES_BESIDE
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return min(MAX_CONNECTIONS, soft - FILES_BESIDE)
