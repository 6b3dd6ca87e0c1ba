"""Who answers for a bundle: an OpenSSH signature over manifest.json, which seals every other file.

People have the keys, every Raspberry Pi OS has `ssh-keygen`, and hardware keys work. Whom a device
trusts is said by a file of OpenSSH's own, `allowed_signers` (ssh-keygen(1)), in which a key can be
given dates and namespaces.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from liteproof_edge.errors import BundleError, one_line
from liteproof_edge.folders import config_folder

NAMESPACE = "liteproof-bundle"
SIGNATURE = "manifest.sig"
SIGNERS = "allowed_signers"
MAX_SIGNATURE_BYTES = 1 << 16
SECONDS = 60  # for what takes milliseconds


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose bundles are taken: those of an allowed_signers file; None takes anybody's."""

    signers: Path | None

    @classmethod
    def of_this_user(cls) -> "Trust":
        """Return what ~/.config/liteproof/allowed_signers says, where there is one."""
        folder = config_folder()
        signers = folder / SIGNERS if folder else None
        return cls(signers if signers and os.path.lexists(signers) else None)


ANYBODY = Trust(None)


def check_signature(manifest: bytes, folder: Path, trust: Trust) -> str:
    """Return who signed a bundle's manifest; "" where nobody has to.

    Args:
        manifest: the bytes of manifest.json, of which nothing has been believed yet.
        folder: the bundle's.
        trust: whose signature is taken.

    Raises:
        BundleError: there is none of them, or it does not hold now.
    """
    if trust.signers is None:
        return ""
    path = folder / SIGNATURE
    if not trust.signers.is_file():
        raise BundleError(f"{trust.signers}: not found, expected whom to trust: allowed_signers")
    try:
        if path.stat().st_size > MAX_SIGNATURE_BYTES:
            raise BundleError(f"{path}: longer than any signature")
    except OSError:
        wanted = f"the signature of someone in {trust.signers}"
        raise BundleError(f"{path}: not found, expected {wanted}") from None
    files = ["-f", str(trust.signers), "-s", str(path)]
    found = _ssh_keygen(["find-principals", *files], b"", path)
    signer = found.splitlines()[0].split(",")[0] if found else ""
    # Any allowed_signers line of that key would do; `verify` holds the one that it is called by.
    _ssh_keygen(["verify", *files, "-n", NAMESPACE, "-I", signer], manifest, path)
    return one_line(signer)


def _ssh_keygen(arguments: list[str], data: bytes, path: Path) -> str:
    """Run `ssh-keygen -Y`; return what it printed."""
    import subprocess  # noqa: PLC0415 - rarely needed, and it starts slowly

    try:
        done = subprocess.run(  # noqa: S603 - arguments of our own, and paths as arguments
            ["ssh-keygen", "-Y", *arguments],  # noqa: S607 - the system's own
            input=data,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C"},
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise BundleError(
            f"{path}: cannot be checked without ssh-keygen: apt install openssh-client"
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BundleError(f"{path}: cannot be checked: {error}") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").splitlines()
        said = lines[0] if lines else f"ssh-keygen ended with {done.returncode}"
        raise BundleError(f"{path}: not trusted: {said}")
    return done.stdout.decode("utf-8", "replace").strip()
