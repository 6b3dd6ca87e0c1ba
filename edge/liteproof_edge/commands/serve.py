"""`serve`: a page and an API that answer, until the process is told to end."""

import argparse
import ipaddress
import json
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from liteproof_edge.commands.output import complain
from liteproof_edge.errors import ResourceError

if TYPE_CHECKING:
    from liteproof_edge.serving.application import Service
    from liteproof_edge.serving.feed import Feed

TOKEN_VARIABLE = "LITEPROOF_TOKEN"  # noqa: S105 - a name
NEEDED = ("h11", "prometheus_client", "python_multipart", "starlette", "uvicorn")


def run(options: argparse.Namespace) -> int:
    """Serve the bundle."""
    serve_page(options)
    return 0


def serve_page(
    options: argparse.Namespace,
    feed: "Feed | None" = None,
    on_start: Callable[[], None] = lambda: None,
) -> None:
    """Serve the page and the API, with a camera's film if there is a feed."""
    need_extra("serve", NEEDED)
    from liteproof_edge.serving.server import Settings, serve  # noqa: PLC0415 - behind an extra

    token = options.token or os.environ.get(TOKEN_VARIABLE) or None
    if token is None and not _is_loopback(options.host):
        complain(
            f"{options.host}: whoever reaches this machine can use the page, without encryption; "
            "--token asks them for a word"
        )
    settings = Settings(
        options.bundle, options.host, options.port, token, options.runtime, options.threads
    )

    def ready(address: str, service: "Service") -> None:
        name, runtime = service.slot.model.bundle.name, service.slot.model.verification.runtime
        words = f"{name}, verified on {runtime}: {address}"
        answer = {"bundle": name, "runtime": runtime, "address": address}
        print(json.dumps(answer) if options.json else words, flush=True)
        on_start()

    serve(settings, ready, feed)


def need_extra(extra: str, packages: tuple[str, ...]) -> None:
    """Make sure of the packages that an extra brings.

    Raises:
        ResourceError: one is missing.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ResourceError(
            f"{', '.join(missing)}: not installed: "
            f"{Path(sys.executable).name} -m pip install 'liteproof-edge[{extra}]'"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
