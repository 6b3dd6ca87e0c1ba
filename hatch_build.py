"""Build hook: where `liteproof` finds `liteproof-edge`."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class EdgeDependency(BuildHookInterface[Any]):
    """Depend on `./edge` in a checkout, and on the published name everywhere else.

    So `pip install .` works from a clone, while an sdist (which holds no `edge/`) and an editable
    install (which names `-e ./edge` beside it) ask for the distribution by name and version.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the requirement to the wheel's metadata; `version` is "standard" or "editable"."""
        edge = Path(self.root, "edge")
        in_checkout = version == "standard" and edge.is_dir()
        build_data["dependencies"].append(
            f"liteproof-edge @ {edge.as_uri()}"
            if in_checkout
            else f"liteproof-edge=={self.metadata.version}"
        )
