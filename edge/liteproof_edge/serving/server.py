"""Runs the service: an address, signals, systemd, and an end that loses nothing."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from liteproof_edge.errors import ResourceError
from liteproof_edge.runtime.loading import Runtime
from liteproof_edge.serving.application import Service, application
from liteproof_edge.serving.connections import Connection, allow_connections, sweep
from liteproof_edge.serving.feed import Feed
from liteproof_edge.serving.lane import Lane
from liteproof_edge.serving.limits import (
    GRACE_S,
    MAX_HEADER_BYTES,
    MAX_WAIT_S,
    QUICK_WAITING,
    SLOW_WAITING,
)
from liteproof_edge.serving.metrics import Metrics
from liteproof_edge.serving.models import ModelSlot, load_model
from liteproof_edge.serving.systemd import feed_watchdog, inherited, notify, watchdog_interval_s

BACKLOG = 256
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a bundle is served.

    Attributes:
        bundle: its folder, or a link to it that may be switched.
        host: the address to listen on.
        port: to listen on; 0 takes any that is free.
        token: that clients have to give, or None.
        runtime: which; None takes the preferred one.
        threads: of the interpreter.
    """

    bundle: Path
    host: str
    port: int
    token: str | None = None
    runtime: Runtime | None = None
    threads: int = 1


def serve(
    settings: Settings, on_ready: Callable[[str, Service], None], feed: Feed | None = None
) -> None:
    """Serve until SIGTERM, SIGINT or the feed's end; then answer what was accepted, and return.

    Args:
        settings: what, where and how.
        on_ready: called with the page's address once requests are answered.
        feed: of a camera.

    Raises:
        BundleError: the bundle is missing or damaged.
        VerificationError: this device does not answer as the host did.
        ResourceError: the address cannot be listened on.
    """
    listener = inherited() or listen(settings.host, settings.port)
    # What is accepted inherits it: head and body of a response go out by two writes, and the second
    # would wait 40 ms for the client to confirm the first. asyncio sees to it only where a socket's
    # protocol was given by its number.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with listener:
        asyncio.run(_serve(settings, listener, on_ready, feed))


async def _serve(
    settings: Settings,
    listener: socket.socket,
    on_ready: Callable[[str, Service], None],
    feed: Feed | None,
) -> None:
    loop = asyncio.get_running_loop()
    quick = Lane("quick", QUICK_WAITING, MAX_WAIT_S, loop)
    slow = Lane("slow", SLOW_WAITING, MAX_WAIT_S, loop)
    metrics = Metrics(lambda: quick.inside + slow.inside)
    load = partial(load_model, runtime=settings.runtime, threads=settings.threads)
    service = Service(
        slot=ModelSlot(settings.bundle, load, metrics.reload),
        quick=quick,
        slow=slow,
        metrics=metrics,
        stopping=lambda: server.should_exit,
        feed=feed,
    )
    server = Server(service, settings.token, lambda: on_ready(address(listener), service))
    try:
        await server.serve([listener])
    finally:
        quick.close()
        slow.close()


class Server(uvicorn.Server):
    """uvicorn's, with work beside the requests, and an end by signal that is no failure."""

    def __init__(self, service: Service, token: str | None, on_ready: Callable[[], None]) -> None:
        Connection.most = allow_connections()
        super().__init__(
            uvicorn.Config(
                application(service, token),
                http=Connection,
                loop="asyncio",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",  # what clients do wrong is theirs to know
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                h11_max_incomplete_event_size=MAX_HEADER_BYTES,
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        self._service, self._on_ready = service, on_ready
        self._beside: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; then tell whoever waits for it."""
        await super().startup(sockets)
        lanes = (self._service.quick, self._service.slow)
        self._start(self._service.slot.watch())
        self._start(sweep(self.server_state.connections))  # type: ignore[arg-type]
        interval_s = watchdog_interval_s()
        if interval_s is not None:
            self._start(
                feed_watchdog(interval_s, lambda: max(lane.working_for_s() for lane in lanes))
            )
        if self._service.feed:
            self._start(self._end_with(self._service.feed))
        notify("READY=1")
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what was accepted, and end."""
        notify("STOPPING=1")
        await super().shutdown(sockets)
        for task in self._beside:
            task.cancel()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End at a signal as asked, rather than of it."""
        loop = asyncio.get_running_loop()
        for each in SIGNALS:
            loop.add_signal_handler(each, self.handle_exit, each, None)
        try:
            yield
        finally:
            for each in SIGNALS:
                loop.remove_signal_handler(each)

    async def _end_with(self, feed: Feed) -> None:
        await feed.wait_for_end()
        self.should_exit = True

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._beside.append(asyncio.create_task(work))


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ResourceError: the address is none of this machine's, or taken.
    """
    try:
        (family, _, _, _, at), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        return socket.create_server(at[:2], family=family, backlog=BACKLOG)
    except socket.gaierror as error:
        raise ResourceError(f"{host}: cannot be listened on: {error.strerror}") from None
    except (OSError, UnicodeError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise ResourceError(f"{host}:{port}: cannot be listened on: {reason}") from None


def address(listener: socket.socket) -> str:
    """Return the page's address."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
