"""From one release to another, and back again if nobody says that it went well.

Before anything is switched, `pending.json` says what was; `confirm` removes it. If the connection
ends first, the agent goes back; if the power does, `recover` goes back at the next boot.
"""

import json
from pathlib import Path
from typing import Any

from liteproof_edge.board.store import Store

PENDING = "pending.json"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
LINKS = ("current", "previous")


class Switching:
    """The switches of one store.

    Args:
        store: of the releases.
        trust: the allowed_signers file of this user, which may change with a release.
    """

    def __init__(self, store: Store, trust: Path) -> None:
        self._store, self._trust = store, trust
        self._pending = store.root / PENDING

    def switch(self, release: str, signers: "str | None") -> None:
        """Make a release the current one, until `confirm` or `restore`.

        Args:
            release: its id.
            signers: what the trust file is to say from now on; None leaves it as it is.
        """
        before: dict[str, Any] = {link: self._store.target(link) for link in LINKS}
        before["boot"] = boot_id()
        if signers is not None:
            before["signers"] = self._trust.read_text("utf-8") if self._trust.exists() else None
        self._store.write(self._pending, json.dumps(before))
        if signers is not None:
            self._trust.parent.mkdir(parents=True, exist_ok=True)
            self._store.write(self._trust, signers)
        if before["current"] != release:
            self._store.point("previous", before["current"])
            self._store.point("current", release)

    def confirm(self) -> None:
        """Say that it went well."""
        self._store.remove(self._pending)

    def restore(self) -> bool:
        """Make what it was before `switch`; return whether there was anything to do."""
        try:
            before = json.loads(self._pending.read_text("utf-8"))
        except FileNotFoundError:
            return False
        for link in reversed(LINKS):  # `current` last: it is what counts
            self._store.point(link, before[link])
        if "signers" in before:
            if before["signers"] is None:
                self._trust.unlink(missing_ok=True)
            else:
                self._store.write(self._trust, before["signers"])
        self.confirm()
        return True

    def recover(self) -> bool:
        """Do what `restore` does, if the board was started anew since `switch`."""
        try:
            before = json.loads(self._pending.read_text("utf-8"))
        except FileNotFoundError:
            return False
        return before["boot"] != boot_id() and self.restore()


def boot_id() -> str:
    """Return what is another one after each start of the board."""
    return BOOT_ID.read_text("ascii").strip() if BOOT_ID.exists() else ""
