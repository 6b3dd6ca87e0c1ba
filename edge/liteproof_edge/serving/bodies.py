"""What a request sends: read within limits, and taken apart into pictures."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import Receive

from liteproof_edge.serving.limits import MAX_BODY_BYTES, MAX_HELD_BYTES, MAX_PICTURES
from liteproof_edge.serving.problems import Code, Problem


class Upload(NamedTuple):
    """An encoded picture, and the name that its sender gives it."""

    name: str | None
    data: bytes


class Disconnected(Exception):  # noqa: N818 - no error of ours
    """The client is gone: nobody waits for an answer."""


class Intake:
    """Reads bodies, and holds no more of them at once than memory bears."""

    def __init__(self, max_held_bytes: int = MAX_HELD_BYTES) -> None:
        self._left = max_held_bytes

    @contextmanager
    def room(self) -> Iterator["Room"]:
        """Yield room for one request's body, which is given back at the end."""
        room = Room(self)
        try:
            yield room
        finally:
            self._left += room.taken

    def take(self, size: int) -> None:
        """Take so many bytes of what is left.

        Raises:
            Problem: there are not that many.
        """
        if size > self._left:
            raise Problem(Code.BUSY, "too many large requests at once; try again soon")
        self._left -= size


class Room:
    """What one request holds."""

    def __init__(self, intake: Intake) -> None:
        self._intake, self.taken = intake, 0

    async def read(self, receive: Receive, headers: Headers) -> bytes:
        """Return the request's body.

        Raises:
            Problem: it is empty or too large.
            Disconnected: the client hung up.
        """
        stated = headers.get("content-length", "")
        if stated.isdigit() and int(stated) > MAX_BODY_BYTES:
            raise Problem(Code.BODY_TOO_LARGE, f"{stated} bytes, expected at most {MAX_BODY_BYTES}")
        chunks: list[bytes] = []
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunk, more = message.get("body", b""), message.get("more_body", False)
            self._intake.take(len(chunk))
            self.taken += len(chunk)
            if self.taken > MAX_BODY_BYTES:
                raise Problem(Code.BODY_TOO_LARGE, f"expected at most {MAX_BODY_BYTES} bytes")
            chunks.append(chunk)
        if not self.taken:
            raise Problem(Code.BODY_EMPTY, "no bytes, expected a picture's")
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def pictures(body: bytes, headers: Headers) -> list[Upload]:
    """Return a body's pictures: the files of a form, or the body itself, whatever type it names.

    Raises:
        Problem: a form is damaged, or holds no file or too many.
    """
    if not headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return [Upload(None, body)]
    parser = _InMemory(headers, _once(body), max_files=MAX_PICTURES, max_fields=MAX_PICTURES)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise Problem(Code.TOO_MANY_PICTURES, f"expected at most {MAX_PICTURES}") from None
        raise Problem(Code.FORM_DAMAGED, error.message) from None
    async with _closing(form.multi_items()) as files:
        uploads = [Upload(file.filename, await file.read()) for file in files]
    if not uploads:
        raise Problem(Code.FORM_DAMAGED, "the form holds no file, expected pictures")
    return uploads


class _InMemory(MultiPartParser):
    """Keeps files in memory, where the body is already: a service may not be able to write."""

    spool_max_size = MAX_BODY_BYTES + 1


class _closing:  # noqa: N801 - as contextlib's
    """The files among a form's items, closed at the end."""

    def __init__(self, items: list[tuple[str, UploadFile | str]]) -> None:
        self._files = [value for _, value in items if isinstance(value, UploadFile)]

    async def __aenter__(self) -> list[UploadFile]:
        return self._files

    async def __aexit__(self, *_: object) -> None:
        for file in self._files:
            await file.close()


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
