"""The newest frame: who is slower than the camera skips frames instead of falling behind."""

import threading
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image

from liteproof_edge.camera.sources import Source


class Frame(NamedTuple):
    """A frame.

    Attributes:
        number: of it, from 0 on; those that were dropped are counted.
        dropped: frames so far that were never given.
        image: in mode L or RGB.
    """

    number: int
    dropped: int
    image: Image.Image


def frames(source: Source) -> Iterator[Frame]:
    """Return a source's frames: of a live one the newest whenever one is asked for, else all.

    Raises:
        PictureError: as the source does.
        ResourceError: the same.
    """
    if source.live:
        yield from _Newest(source)
    else:
        for number, image in enumerate(source.frames()):
            yield Frame(number, 0, image)


class _Newest:
    """Reads a source in a thread, and keeps one frame of it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._changed = threading.Condition()
        self._latest: tuple[int, Image.Image] | None = None
        self._ended = False
        self._error: Exception | None = None
        threading.Thread(target=self._read, name="camera", daemon=True).start()

    def __iter__(self) -> Iterator[Frame]:
        given = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._latest or self._ended)
                latest, self._latest = self._latest, None
            if latest is None:
                if self._error:
                    raise self._error
                return
            number, image = latest
            yield Frame(number, number - given, image)
            given += 1

    def _read(self) -> None:
        error = None
        try:
            for number, image in enumerate(self._source.frames()):
                with self._changed:
                    self._latest = number, image
                    self._changed.notify()
        except Exception as raised:  # noqa: BLE001 - it is raised again where frames are taken
            error = raised
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify()
