"""What all our pages share: the style, and a file that runs nothing but its own script."""

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from liteproof.report import wording

HOUSE = "liteproof.report"


def page_environment(templates: dict[str, str] | None = None) -> Environment:
    """Return Jinja with what our pages word numbers and names by; all that is put in is escaped."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=DictLoader(templates or {}),
    )
    environment.filters |= {
        "signed": wording.signed,
        "percent": wording.percent,
        "points": wording.points,
        "interval": wording.interval,
        "points_interval": wording.points_interval,
        "count": wording.count,
        "size": wording.size,
        "microseconds": wording.microseconds,
        "figures": wording.figures,
        "name": wording.name,
        "lines": wording.lines,
    }
    return environment


def read_template(package: str, name: str) -> str:
    """Return one of a package's templates."""
    return (files(package) / "templates" / name).read_text("utf-8")


def parts(package: str, styles: Sequence[str], scripts: Sequence[str]) -> dict[str, Any]:
    """Return a page's style and script, and the hashes that keep anything else from running.

    Args:
        package: whose templates they are.
        styles: their names; what all pages share comes before them.
        scripts: their names.
    """
    style = read_template(HOUSE, "house.css")
    style += "".join(read_template(package, name) for name in styles)
    script = "\n".join(read_template(package, name) for name in scripts)
    # The files are our own.
    return {
        "style": Markup(style),  # noqa: S704
        "script": Markup(script),  # noqa: S704
        "hashes": {"style": _hash(style), "script": _hash(script)},
    }


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
