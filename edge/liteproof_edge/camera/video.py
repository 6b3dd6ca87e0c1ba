"""Frames of a video file or of any V4L2 device, by PyAV."""

from collections.abc import Iterator
from pathlib import Path

import av
from PIL import Image

from liteproof_edge.errors import PictureError, ResourceError

DEVICE = "v4l2"  # FFmpeg's name of Linux' own interface to cameras


class Video:
    """A video file, or a camera that Linux shows as a device.

    Raises:
        PictureError: the file is missing or no video.
        ResourceError: the device is missing, in use, or no camera.
    """

    def __init__(self, path: Path) -> None:
        self._path, self.live = path, path.is_char_device() or path.parts[:2] == ("/", "dev")
        self._error = ResourceError if self.live else PictureError
        if path.exists() and not (self.live or path.is_file()):  # a pipe would wait for ever
            raise PictureError(f"{path}: not a file")
        try:
            if self.live:
                self._container = av.open(str(path), format=DEVICE)
            else:  # FFmpeg would take a name for an address, and follow those in a playlist
                self._container = av.open(f"file:{path}", options={"protocol_whitelist": "file"})
            self._stream = self._container.streams.video[0]
        except (OSError, ValueError) as error:  # PyAV's own errors are of these types
            raise self._error(f"{path}: cannot be read as a video: {_words(error)}") from None
        except IndexError:
            raise self._error(f"{path}: holds no video") from None

    def __enter__(self) -> "Video":
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def frames(self) -> Iterator[Image.Image]:
        """Return each frame."""
        frames = self._container.decode(self._stream)
        while True:
            try:
                frame = next(frames)
            except StopIteration:
                return
            except (OSError, ValueError) as error:
                raise self._error(f"{self._path}: cannot be read: {_words(error)}") from None
            yield Image.fromarray(frame.to_ndarray(format="rgb24"))


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
