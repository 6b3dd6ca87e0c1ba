"""Where things are under a user's home."""

from pathlib import Path

STORE = Path(".local", "share", "liteproof")
STATE = Path(".local", "state", "liteproof")  # as liteproof_edge.folders has it by default
TRUST = Path(".config", "liteproof", "allowed_signers")
UNITS = Path(".config", "systemd", "user")
