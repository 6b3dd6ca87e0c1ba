"""What every request passes first, and every response last: who may ask, and with which headers."""

import ipaddress
import secrets
import socket
import time
from collections.abc import Collection, Sequence
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from liteproof_edge.serving.metrics import Metrics
from liteproof_edge.serving.problems import Code, Problem

HEADERS: Sequence[tuple[bytes, bytes]] = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
            b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
)


class Paths(NamedTuple):
    """The paths that there are, and those of them that need no token."""

    all: Collection[str]
    open: Collection[str]


class Gate:
    """Lets requests in, adds the security headers, and counts.

    With a token, what tells of pictures or of the model needs `Authorization: Bearer TOKEN`.
    Without one, the Host must be an address or this machine's own name: a stranger's page, whose
    domain was made to point here, could otherwise ask in the name of whoever looks at it.
    """

    def __init__(self, app: ASGIApp, token: str | None, metrics: Metrics, paths: Paths) -> None:
        self._app, self._metrics, self._paths = app, metrics, paths
        self._token = token.encode() if token else None
        own = socket.gethostname().lower()
        self._names = {"localhost", own, f"{own.partition('.')[0]}.local"}
        self._known_hosts: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begin, status = time.perf_counter(), 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, receive, send_on)
        except Problem as problem:
            await send_problem(problem, send_on)
        finally:
            route = scope["path"] if scope["path"] in self._paths.all else "other"
            self._metrics.request(route, status, time.perf_counter() - begin)

    def _check(self, scope: Scope) -> None:
        host, authorization = b"", b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"authorization":
                authorization = value
        if self._token is None:
            if host not in self._known_hosts:
                self._check_host(host)
        elif scope["path"] not in self._paths.open:
            kind, _, given = authorization.partition(b" ")
            if kind.lower() != b"bearer" or not secrets.compare_digest(given, self._token):
                raise Problem(Code.TOKEN_NEEDED, "expected Authorization: Bearer and the token")

    def _check_host(self, host: bytes) -> None:
        text = host.decode("latin-1").lower()
        name = text.rpartition(":")[0] if text.rpartition(":")[2].isdigit() else text
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            if name not in self._names:
                raise Problem(
                    Code.HOST_UNKNOWN,
                    f"Host {text[:100]!a}, expected an address or this machine's name; with a "
                    "token any will do",
                ) from None
        if len(self._known_hosts) < 64:
            self._known_hosts.add(host)


async def send_problem(problem: Problem, send: Send) -> None:
    """Send a response that says what is wrong."""
    headers = [*problem.headers, (b"content-length", str(len(problem.body)).encode())]
    start = {"type": "http.response.start", "status": int(problem.code.status), "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": problem.body})
