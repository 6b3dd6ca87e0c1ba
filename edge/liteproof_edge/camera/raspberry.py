"""Frames of a Raspberry Pi's own camera, by Picamera2, which comes with Raspberry Pi OS."""

from collections.abc import Iterator

from picamera2 import Picamera2  # of Raspberry Pi OS: no other package index has all of it
from PIL import Image

from liteproof_edge.errors import ResourceError

SIZE = (640, 480)  # pixels: enough for any model here
FORMAT = "BGR888"  # libcamera's name of bytes in the order red, green, blue


class RaspberryCamera:
    """The first camera that libcamera finds.

    Raises:
        ResourceError: it finds none.
    """

    live = True

    def __init__(self) -> None:
        try:
            self._camera = Picamera2()
            self._camera.configure(
                self._camera.create_video_configuration({"size": SIZE, "format": FORMAT})
            )
            self._camera.start()
        except (IndexError, RuntimeError) as error:
            raise ResourceError(f"Picamera2 finds no camera: {error}") from None

    def __enter__(self) -> "RaspberryCamera":
        return self

    def __exit__(self, *_: object) -> None:
        self._camera.close()

    def frames(self) -> Iterator[Image.Image]:
        """Return frames for ever."""
        while True:
            yield Image.fromarray(self._camera.capture_array())
