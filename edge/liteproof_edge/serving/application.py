"""What there is to ask for: the page, the API, and what watches over the service."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from liteproof_edge.serving.answers import Wish, answer_all, stated_pixels
from liteproof_edge.serving.bodies import Disconnected, Intake, Upload, pictures
from liteproof_edge.serving.description import describe, readiness
from liteproof_edge.serving.feed import FILM_TYPE, Feed
from liteproof_edge.serving.gate import Gate, Paths, send_problem
from liteproof_edge.serving.lane import Lane
from liteproof_edge.serving.limits import INSTANT_MODEL_US, INSTANT_PIXELS, QUICK_BYTES
from liteproof_edge.serving.metrics import CONTENT_TYPE, Metrics
from liteproof_edge.serving.models import ModelSlot
from liteproof_edge.serving.openapi import document
from liteproof_edge.serving.problems import Code, Problem
from liteproof_edge.serving.query import read_wish

JSON = "application/json"
SCRIPT = "text/javascript; charset=utf-8"
PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    **{
        f"/{name}.js": (f"{name}.js", SCRIPT)
        for name in ("page", "camera", "client", "pad", "view")
    },
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


class Service(NamedTuple):
    """What the application works with.

    Attributes:
        slot: holds the model.
        quick: where small pictures wait.
        slow: where large ones wait, so that they do not hold up the small ones.
        metrics: counts what happens.
        stopping: whether the server is about to end.
        feed: of a camera, where there is one.
    """

    slot: ModelSlot
    quick: Lane
    slow: Lane
    metrics: Metrics
    stopping: Callable[[], bool]
    feed: Feed | None = None


def application(service: Service, token: str | None) -> ASGIApp:
    """Return the whole of it as an ASGI application."""
    classify = Classify(service)
    app = Starlette(
        routes=[
            Route("/v1/classify", classify, methods=["POST"]),
            *(Route(path, _asset(*named)) for path, named in PAGE.items()),
            Route("/v1/model", _json(lambda: describe(service.slot.model, service.feed))),
            Route("/v1/openapi.json", _json(partial(document, secured=token is not None))),
            Route("/healthz", _json(lambda: {"status": "alive"})),
            Route("/readyz", _readiness(service)),
            Route("/metrics", _metrics(service.metrics)),
            *(_camera(service.feed, service.stopping) if service.feed else ()),
        ],
        exception_handlers={HTTPException: _no_such_thing, Exception: _fault},
    )
    app.router.redirect_slashes = False
    paths = frozenset(route.path for route in app.routes if isinstance(route, Route))
    return Gate(app, token, service.metrics, Paths(paths, {*PAGE, "/healthz", "/readyz"}))


class Classify:
    """Answers `/v1/classify`."""

    def __init__(self, service: Service) -> None:
        self._service, self._intake = service, Intake()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = Headers(scope=scope)
        try:
            wish = read_wish(scope["query_string"])
            with self._intake.room() as room:
                body = await room.read(receive, headers)
                uploads = await pictures(body, headers)
                if self._is_instant(uploads):
                    content = self._answer(uploads, wish)
                else:
                    lane = self._service.quick if len(body) <= QUICK_BYTES else self._service.slow
                    content = await lane.run(partial(self._answer, uploads, wish))
        except Problem as problem:
            await send_problem(problem, send)
        except Disconnected:
            return
        else:
            await send_json(content, send)

    def _is_instant(self, uploads: list[Upload]) -> bool:
        """Whether the answer takes less time than to hand the question to a thread.

        With one for each 28x28 PNG, requests had 17 switches of threads, and 975 of them a second
        were answered instead of 1,510 (2 cores; `make bench` measures the latter).
        """
        return (
            len(uploads) == 1
            and self._service.slot.model.latency_us <= INSTANT_MODEL_US
            and stated_pixels(uploads[0].data) <= INSTANT_PIXELS
        )

    def _answer(self, uploads: list[Upload], wish: Wish) -> bytes:
        service = self._service
        return answer_all(service.slot.model, uploads, wish, service.metrics.model)


async def send_json(content: bytes, send: Send) -> None:
    """Send a response that is JSON."""
    headers = [
        (b"content-type", JSON.encode()),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _json(content: Callable[[], Mapping[str, Any]]) -> Callable[[Request], Response]:
    async def endpoint(_: Request) -> Response:
        return _response(content())

    return endpoint  # type: ignore[return-value]


def _readiness(service: Service) -> Callable[[Request], Response]:
    async def endpoint(_: Request) -> Response:
        stopping = service.stopping()
        return _response(readiness(service.slot, stopping=stopping), 503 if stopping else 200)

    return endpoint  # type: ignore[return-value]


def _metrics(metrics: Metrics) -> Callable[[Request], Response]:
    async def endpoint(_: Request) -> Response:
        return Response(metrics.text(), headers={"content-type": CONTENT_TYPE.decode()})

    return endpoint  # type: ignore[return-value]


def _camera(feed: Feed, stopping: Callable[[], bool]) -> list[Route]:
    async def film(_: Request) -> Response:
        if feed.is_full():
            return _problem(Problem(Code.BUSY, "too many look already"), {})
        headers = {"content-type": FILM_TYPE, "cache-control": "no-store"}
        return StreamingResponse(feed.parts(stopping), headers=headers)

    async def newest(_: Request) -> Response:
        if feed.newest is None:
            return _problem(Problem(Code.NOT_FOUND, "no frame yet"), {})
        headers = {"cache-control": "no-store"}
        return Response(feed.newest.jpeg, media_type="image/jpeg", headers=headers)

    async def answer(_: Request) -> Response:
        if feed.newest is None:
            return _problem(Problem(Code.NOT_FOUND, "no frame yet"), {})
        return _response(feed.newest.answer)

    return [
        Route("/v1/camera", answer),
        Route("/v1/camera.jpg", newest),
        Route("/v1/camera.mjpeg", film),
    ]


def _asset(name: str, media_type: str) -> Callable[[Request], Response]:
    content = files("liteproof_edge.serving").joinpath("page", name).read_bytes()
    headers = {"etag": f'"{sha256(content).hexdigest()[:32]}"', "cache-control": "no-cache"}

    async def endpoint(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return endpoint  # type: ignore[return-value]


def _response(content: Mapping[str, Any], status: int = 200) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(json.dumps(content), status, headers, media_type=JSON)


async def _no_such_thing(_: Request, error: Exception) -> Response:
    """Say in problem details what the router says of a path or of a method."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    allowed = getattr(error, "headers", None) or {}
    if status == 405:
        code, detail = Code.METHOD_NOT_ALLOWED, f"expected {allowed.get('Allow', 'another')}"
    else:
        code, detail = Code.NOT_FOUND, "no such path; /v1/openapi.json tells those that there are"
    return _problem(Problem(code, detail), allowed)


async def _fault(_: Request, __: Exception) -> Response:
    return _problem(Problem(Code.FAILED, "a fault of the server's own"), {})


def _problem(problem: Problem, headers: Mapping[str, str]) -> Response:
    own = {name.decode(): value.decode() for name, value in problem.headers}
    return Response(problem.body, int(problem.code.status), {**headers, **own})
