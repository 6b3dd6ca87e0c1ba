"""Where frames come from: a camera, a video file or a folder of pictures."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from PIL import Image

from liteproof_edge.errors import PictureError, ResourceError
from liteproof_edge.preprocessing.pictures import SUFFIXES, decode

DEVICES = Path("/dev")


class Source(AbstractContextManager["Source"], Protocol):
    """Gives frames, in mode L or RGB, until there are no more.

    Attributes:
        live: whether frames come by themselves, as fast as a camera takes them.
    """

    live: bool

    def frames(self) -> Iterator[Image.Image]:
        """Return the frames in order.

        Raises:
            PictureError: one cannot be read.
            ResourceError: the camera is gone.
        """
        ...


def open_source(name: str | None) -> Source:
    """Open a source.

    Args:
        name: a device such as /dev/video0, a video file or a folder; None takes the first camera.

    Raises:
        PictureError: there is no such file, or it is no video.
        ResourceError: there is no such camera, or what reads it is not installed.
    """
    if name is None:
        if find_spec("picamera2"):
            from liteproof_edge.camera.raspberry import RaspberryCamera  # noqa: PLC0415 - rarely there

            return RaspberryCamera()
        name = _first_device()
    if Path(name).is_dir():
        return Folder(Path(name))
    if find_spec("av") is None:
        raise ResourceError(f"{name}: reading it takes PyAV: pip install 'liteproof-edge[camera]'")
    from liteproof_edge.camera.video import Video  # noqa: PLC0415 - behind an extra

    return Video(Path(name))


class Folder:
    """The pictures of a folder, by name, as frames."""

    live = False

    def __init__(self, path: Path) -> None:
        self._paths = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES)
        if not self._paths:
            raise PictureError(f"{path}: a folder without pictures")

    def __enter__(self) -> "Folder":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def frames(self) -> Iterator[Image.Image]:
        """Return each picture."""
        for path in self._paths:
            try:
                image = decode(path).image
            except Exception as error:  # noqa: BLE001 - Pillow's decoders raise many types
                raise PictureError(f"{path}: cannot be read: {error}") from None
            yield image.convert("RGB")


def _first_device() -> str:
    devices = sorted(DEVICES.glob("video*"), key=lambda each: (len(each.name), each.name))
    if not devices:
        raise ResourceError(
            f"no camera: neither Picamera2 nor {DEVICES}/video*; name a device, a video or a folder"
        )
    return str(devices[0])
