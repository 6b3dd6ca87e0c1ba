"""What a deploy is asked for, what a board says of itself, and whether the two go together."""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from liteproof.compatibility.assessment import require
from liteproof.compatibility.facts import Target
from liteproof.deployment.wheelhouse import Platform, Wheelhouse
from liteproof.errors import CompatibilityError, DeploymentError, DeviceError
from liteproof_edge.bundle.manifest import MANIFEST
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.bundle.signature import SIGNATURE
from liteproof_edge.model.flatbuffer import read_model

# Wheels and their environment took 5.2 times the wheels' bytes on bookworm, 4.7 on trixie.
UNPACKED = 6
MAX_CLOCK_SECONDS = 300.0
KEPT_RELEASES = 3
HEALTH_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Serve:
    """Where the service listens, and what it may take.

    Attributes:
        memory_mib: that systemd ends it above.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    memory_mib: int = 256


@dataclass(frozen=True, slots=True)
class Options:
    """How to deploy.

    Attributes:
        config: ssh's config file; None takes the user's own.
        signers: an allowed_signers file that the boards are to trust from now on.
        allow_downgrade: take an older serial.
        serve: have systemd serve it; None leaves that as it is.
        check: a program of this machine that is given the host; if it fails, so has the release.
        keep: how many releases stay, 2 or more.
        health_seconds: that the service has to answer by the new release.
        bench_pictures: of the short benchmark on the board.
    """

    config: Path | None = None
    signers: Path | None = None
    allow_downgrade: bool = False
    serve: Serve | None = None
    check: str | None = None
    keep: int = KEPT_RELEASES
    health_seconds: float = HEALTH_SECONDS
    bench_pictures: int = 200


@dataclass(frozen=True, slots=True)
class Look:
    """What a board says of itself, as far as the host needs it."""

    platform: Platform
    said: Mapping[str, Any]

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Look":
        """Read what the agent's `look` answered.

        Raises:
            DeviceError: something in it is missing, or is none.
        """
        try:
            found = cls._read(said)
            found.warnings(0.0)
            _ = found.runtime, found.platform.glibc and found.platform.tags, found.wheels
            found.serves_as(None)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise DeviceError(f"it says of itself what makes no sense: {error!r}") from None
        return found

    @classmethod
    def _read(cls, said: Mapping[str, Any]) -> "Look":
        architecture = str(said["architecture"])
        if said["bits"] == 32:  # a 32-bit Python on a 64-bit kernel
            architecture = {"aarch64": "armv7l", "x86_64": "i686"}.get(architecture, architecture)
        python = ".".join(str(said["python"]).split(".")[:2])
        return cls(Platform(architecture, python, str(said["glibc"])), said)

    @property
    def runtime(self) -> Target:
        """The one that `liteproof-edge` asks for there."""
        newer = int(self.platform.python.split(".")[1]) >= 12
        return Target.LITERT if newer else Target.TFLITE_RUNTIME

    @property
    def wheels(self) -> Mapping[str, str]:
        """What the current release has installed: file name → sha256."""
        return dict(self.said["status"].get("about", {}).get("wheels", {}))

    def serves_as(self, wanted: Serve | None) -> bool:
        """Whether the service is ready and as asked for; one not asked for may be as it is."""
        service = self.said["status"]["service"]
        if wanted is None or service is None:
            return wanted is None and (service is None or service["status"] == "ready")
        asked = asdict(wanted).items()
        return service["status"] == "ready" and all(
            service.get(key) == value for key, value in asked
        )

    def warnings(self, now: float) -> list[str]:
        """Return what does not hinder a deploy, but should be known."""
        off = float(self.said["clock"]) - now
        found = [str(warning) for warning in self.said["warnings"]]
        if abs(off) > MAX_CLOCK_SECONDS:
            found.append(
                f"its clock is {abs(off) / 86400:.1f} days {'ahead' if off > 0 else 'behind'}: "
                "signatures with dates may be refused"
            )
        return found


def forecast(bundle: Bundle, look: Look) -> None:
    """Say whether a board can run a bundle, before anything is copied.

    Raises:
        CompatibilityError: it cannot; the message says why.
    """
    said, here = look.said, look.platform
    if said["is_root"]:
        raise DeploymentError("logs in as root; name a user of the board's own, such as pi")
    if said["system"] != "Linux" or not here.glibc:
        raise CompatibilityError(f"{said['release']}: expected Linux with glibc")
    if not said["can_make_environments"]:
        raise DeploymentError("its Python cannot make environments: sudo apt install python3-venv")
    if here.architecture not in {"aarch64", "armv7l", "x86_64"} or (
        here.architecture == "armv7l" and look.runtime is Target.LITERT
    ):
        raise CompatibilityError(
            f"no runtime has a wheel for Python {here.python} on {here.architecture}"
        )
    require(read_model(bundle.model), look.runtime, str(bundle.path))


def check_space(bundle: Bundle, wheelhouse: Wheelhouse, look: Look) -> None:
    """Hold a board's disk and packages to what is about to be installed.

    Raises:
        DeploymentError: they do not suffice.
    """
    needed = 2 * sum(map(len, bundle.files.values()))
    if look.wheels != wheelhouse.wheels:
        needed += UNPACKED * wheelhouse.size_bytes
    free = int(look.said["free_bytes"])
    if free < needed:
        raise DeploymentError(
            f"{free / 1e6:.0f} MB free on its disk, expected {needed / 1e6:.0f} MB or more"
        )
    for package in wheelhouse.debians_own:
        if look.said["packages"].get(package) is None:
            names = " ".join({"numpy": "python3-numpy", "pillow": "python3-pil"}.values())
            raise DeploymentError(f"its Python has no {package}: sudo apt install {names}")


def contents(bundle: Bundle) -> dict[str, bytes]:
    """Return every file of a bundle that a board needs, its manifest and signature too."""
    files = dict(bundle.files)
    for name in (MANIFEST, SIGNATURE):
        path = bundle.path / name
        if path.is_file():
            files[name] = path.read_bytes()
    return files


def this_user() -> str:
    """Return who deploys, for whoever else wants to."""
    import getpass  # noqa: PLC0415 - once

    return f"{getpass.getuser()}@{platform.node()}"
