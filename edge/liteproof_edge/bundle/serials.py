"""The serial numbers of signed bundles: a device does not go back to an older one by accident."""

import json
import os

from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.errors import BundleError
from liteproof_edge.folders import state_folder

SERIALS = "serials.json"  # bundle's name → the serial number that was verified last


def admit(bundle: Bundle, *, allow_downgrade: bool) -> None:
    """Refuse a signed bundle that is older than the last one of its name that was verified here.

    Raises:
        BundleError: it is.
    """
    last = _read().get(bundle.name, 0)
    if bundle.signer and bundle.serial < last and not allow_downgrade:
        raise BundleError(
            f"{bundle.path}: serial {bundle.serial}, but {last} was verified here already; "
            "--allow-downgrade takes an older one"
        )


def remember(bundle: Bundle) -> None:
    """Keep the serial number of a signed bundle that was verified.

    Raises:
        BundleError: it cannot be kept.
    """
    folder, known = state_folder(), _read()
    if not bundle.signer or known.get(bundle.name) == bundle.serial:
        return
    if folder is None:
        raise BundleError(f"{bundle.path}: serial not kept: this user has no home")
    path = folder / SERIALS
    partial = path.with_name(f".{SERIALS}.partial-{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps({**known, bundle.name: bundle.serial}), "utf-8")
        partial.replace(path)
    except OSError as error:
        raise BundleError(f"{path}: cannot be written: {error.strerror}") from None


def _read() -> dict[str, int]:
    folder = state_folder()
    if folder is None:
        return {}
    path = folder / SERIALS
    try:
        known = json.loads(path.read_text("utf-8"))
        if isinstance(known, dict) and all(type(serial) is int for serial in known.values()):
            return known
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        pass
    raise BundleError(f"{path}: not a table of serial numbers; remove it to begin anew")
