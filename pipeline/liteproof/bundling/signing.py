"""Signing a bundle with an OpenSSH key, as `ssh-keygen -Y sign` does."""

import subprocess
import sys
from pathlib import Path

from liteproof.errors import DeviceError
from liteproof.storage import new_folder
from liteproof_edge.bundle.manifest import MANIFEST, seal
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.bundle.signature import ANYBODY, NAMESPACE, SIGNATURE
from liteproof_edge.errors import one_line


def sign(folder: Path, key: Path, serial: int) -> None:
    """Give a bundle a serial number and a signature, both or neither.

    Args:
        folder: the bundle's.
        key: a private key, or a public one whose private part an agent or a token has.
        serial: 0 or more; devices that have verified it take no lower one of this name.

    Raises:
        BundleError: it is no bundle.
        DeviceError: there is no ssh-keygen, or it cannot sign with that key.
        StorageError: it cannot be written.
    """
    bundle = Bundle.load(folder, ANYBODY)
    manifest = seal({**bundle.manifest, "serial": serial})
    signature = _signature(manifest, key)
    with new_folder(folder) as partial:
        for name, data in {**bundle.files, MANIFEST: manifest, SIGNATURE: signature}.items():
            (partial / name).write_bytes(data)


def _signature(data: bytes, key: Path) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - arguments of our own, and the path as one of them
            ["ssh-keygen", "-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(key)],  # noqa: S607
            input=data,
            stdout=subprocess.PIPE,
            # A person may be asked to touch a token.
            stderr=None if sys.stderr.isatty() else subprocess.PIPE,
            check=False,
        )
    except OSError as error:
        raise DeviceError(f"ssh-keygen: cannot be started: {error.strerror}") from None
    if done.returncode:
        said = (done.stderr or b"").decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise DeviceError(f"{key}: ssh-keygen cannot sign with it: {one_line(said)}")
    return done.stdout
