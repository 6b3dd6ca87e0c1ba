"""A camera's newest frame and answer, and the film of them."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any, NamedTuple

FILM_TYPE = "multipart/x-mixed-replace; boundary=frame"  # MJPEG: browsers show it as a film
HEAD = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
POLL_S = 0.02
MOST_LOOKING = 4


class Shown(NamedTuple):
    """A frame, as a JPEG with its label drawn in it, and what was answered."""

    number: int
    jpeg: bytes
    answer: dict[str, Any]


class Closed(Exception):  # noqa: N818 - no error
    """Nobody looks any more."""


class Feed:
    """Handed from the thread that watches the camera to the server's.

    Attributes:
        newest: the newest frame, or None before the first.
        ended: whether there will be no more.
        error: why, if something went wrong.
    """

    def __init__(self) -> None:
        self.newest: Shown | None = None
        self.ended = False
        self.error: Exception | None = None
        self._closed, self._looking = False, 0

    def show(self, jpeg: bytes, answer: dict[str, Any]) -> None:
        """Show a frame.

        Raises:
            Closed: nobody looks any more.
        """
        if self._closed:
            raise Closed
        self.newest = Shown(self.newest.number + 1 if self.newest else 0, jpeg, answer)

    def end(self, error: Exception | None = None) -> None:
        """Say that there will be no more frames."""
        self.error, self.ended = error, True

    def close(self) -> None:
        """Say that nobody looks any more."""
        self._closed = True

    def is_full(self) -> bool:
        """Whether as many look at the film as may."""
        return self._looking >= MOST_LOOKING

    async def parts(self, stopping: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
        """Return the film: each frame that is the newest when the one before has been sent."""
        self._looking += 1
        try:
            number = -1
            while not (stopping() or self.ended):
                newest = self.newest
                if newest is None or newest.number == number:
                    await asyncio.sleep(POLL_S)
                    continue
                number = newest.number
                yield HEAD % len(newest.jpeg) + newest.jpeg + b"\r\n"
        finally:
            self._looking -= 1

    async def wait_for_end(self) -> None:
        """Return once there will be no more frames."""
        while not self.ended:  # noqa: ASYNC110 - another thread ends it
            await asyncio.sleep(POLL_S)
