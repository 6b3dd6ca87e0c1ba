"""What can be wrong with a request, each with a stable code: problem details, RFC 9457."""

import json
from enum import Enum
from http import HTTPStatus

from liteproof_edge.serving.limits import RETRY_AFTER_S

CONTENT_TYPE = b"application/problem+json"


class Code(Enum):
    """Codes that clients may rely on, each with its status."""

    BODY_EMPTY = ("body_empty", HTTPStatus.BAD_REQUEST)
    FORM_DAMAGED = ("form_damaged", HTTPStatus.BAD_REQUEST)
    QUERY_INVALID = ("query_invalid", HTTPStatus.BAD_REQUEST)
    REQUEST_DAMAGED = ("request_damaged", HTTPStatus.BAD_REQUEST)
    TOKEN_NEEDED = ("token_needed", HTTPStatus.UNAUTHORIZED)
    NOT_FOUND = ("not_found", HTTPStatus.NOT_FOUND)
    METHOD_NOT_ALLOWED = ("method_not_allowed", HTTPStatus.METHOD_NOT_ALLOWED)
    BODY_TOO_LARGE = ("body_too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    TOO_MANY_PICTURES = ("too_many_pictures", HTTPStatus.BAD_REQUEST)
    HOST_UNKNOWN = ("host_unknown", HTTPStatus.MISDIRECTED_REQUEST)
    PICTURE_UNREADABLE = ("picture_unreadable", HTTPStatus.UNPROCESSABLE_ENTITY)
    PICTURE_TOO_LARGE = ("picture_too_large", HTTPStatus.UNPROCESSABLE_ENTITY)
    FAILED = ("failed", HTTPStatus.INTERNAL_SERVER_ERROR)
    BUSY = ("busy", HTTPStatus.SERVICE_UNAVAILABLE)
    STOPPING = ("stopping", HTTPStatus.SERVICE_UNAVAILABLE)

    def __init__(self, text: str, status: HTTPStatus) -> None:
        self.text, self.status = text, status


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """Why a request is not answered; `detail` is for the person who made it."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail

    def to_json(self) -> dict[str, object]:
        """Return the members that RFC 9457 names, and our code."""
        return {
            "type": f"urn:liteproof:problem:{self.code.text}",
            "title": self.code.status.phrase,
            "status": int(self.code.status),
            "code": self.code.text,
            "detail": self.detail,
        }

    @property
    def body(self) -> bytes:
        """The response's body."""
        return json.dumps(self.to_json()).encode()

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The response's own headers."""
        headers = [(b"content-type", CONTENT_TYPE), (b"cache-control", b"no-store")]
        if self.code.status is HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append((b"retry-after", str(RETRY_AFTER_S).encode()))
        if self.code is Code.TOKEN_NEEDED:
            headers.append((b"www-authenticate", b"Bearer"))
        return headers
