"""Where this user's own files are, by the XDG Base Directory Specification."""

import os
from pathlib import Path


def state_folder() -> Path | None:
    """Return where this device keeps what it has found out; None where this user has no home."""
    return _folder("XDG_STATE_HOME", ".local/state")


def config_folder() -> Path | None:
    """Return where this user says what holds on this device; None where there is no home."""
    return _folder("XDG_CONFIG_HOME", ".config")


def _folder(variable: str, default: str) -> Path | None:
    named, home = Path(os.environ.get(variable, "")), Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home raises
    if named.is_absolute():
        return named / "liteproof"
    return home / default / "liteproof" if home.is_absolute() else None
