"""The API, described: an OpenAPI 3.1 document."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from liteproof_edge.serving.answers import Wish
from liteproof_edge.serving.limits import MAX_BODY_BYTES, MAX_PICTURES, MAX_PIXELS, RETRY_AFTER_S
from liteproof_edge.serving.problems import CONTENT_TYPE, Code

Schema = Mapping[str, Any]
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
ANYTHING: Schema = {"type": "object"}
WISHES = {
    "seen": "1: tell what the model is given, made from the picture",
    "each": "1: answer every mark of the picture, such as the digits of a number",
}
GET_CODES = (Code.TOKEN_NEEDED, Code.HOST_UNKNOWN, Code.FAILED)
POST_CODES = tuple(
    code for code in Code if code not in {Code.NOT_FOUND, Code.METHOD_NOT_ALLOWED, Code.STOPPING}
)
GROUND_RULES = (
    f"A request has at most {MAX_BODY_BYTES} bytes and {MAX_PICTURES} pictures, a picture at most "
    f"{MAX_PIXELS} pixels. When too many requests wait, the answer is 503 with Retry-After "
    f"({RETRY_AFTER_S} s). Every error is problem details (RFC 9457) with a `code` that stays. "
    "Where the server was given a token, all but /healthz, /readyz and the page need it."
)


def document(*, secured: bool = False) -> Schema:
    """Return the document; `secured` says whether the server was given a token."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "liteproof-edge", "version": "1", "description": GROUND_RULES},
        "security": [{"token": []}] if secured else [],
        "paths": {
            "/v1/classify": {"post": _classify()},
            "/v1/model": {
                "get": _get("The model that answers", "model", _reference("Model"), GET_CODES)
            },
            "/healthz": {"get": _alive()},
            "/readyz": {"get": _ready()},
            "/metrics": {"get": _metrics()},
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
        },
    }


def _classify() -> Schema:
    bytes_alone: Schema = {"schema": {"type": "string", "contentMediaType": "image/*"}}
    form = {
        "type": "object",
        "properties": {
            "picture": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_PICTURES,
                "items": {"type": "string", "contentMediaType": "application/octet-stream"},
            }
        },
        "required": ["picture"],
    }
    return {
        "summary": "Classify one picture, or several",
        "operationId": "classify",
        "description": "The body is a picture file's bytes (JPEG, PNG, BMP, GIF, PPM, TIFF or "
        "WebP), whatever Content-Type says, or a form (multipart/form-data) of files.",
        "parameters": [
            {
                "name": name,
                "in": "query",
                "description": WISHES[name],
                "schema": {"type": "string", "enum": ["0", "1"], "default": "0"},
            }
            for name in Wish._fields
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": bytes_alone,
                "image/jpeg": bytes_alone,
                "image/png": bytes_alone,
                "multipart/form-data": {"schema": form},
            },
        },
        "responses": {"200": _answers("The answers", _reference("Answers")), **_errors(POST_CODES)},
    }


def _alive() -> Schema:
    body = _object({"status": {"const": "alive"}})
    return {**_get("Is the process alive?", "alive", body, GET_CODES[1:]), "security": []}


def _ready() -> Schema:
    body = _reference("Readiness")
    ready = _get("Are requests answered, and by what?", "ready", body, GET_CODES[1:])
    stopping = _answers("It is about to end", body)
    return {**ready, "responses": {**ready["responses"], "503": stopping}, "security": []}


def _metrics() -> Schema:
    text = {"description": "Counts and times", "content": {"text/plain": {"schema": TEXT}}}
    return {
        "summary": "What Prometheus reads",
        "operationId": "metrics",
        "responses": {"200": text, **_errors(GET_CODES)},
    }


def _get(summary: str, name: str, body: Schema, codes: tuple[Code, ...]) -> Schema:
    responses = {"200": _answers(summary, body), **_errors(codes)}
    return {"summary": summary, "operationId": name, "responses": responses}


def _answers(description: str, body: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": body}}}


def _errors(codes: tuple[Code, ...]) -> Schema:
    by_status: dict[HTTPStatus, list[str]] = {}
    for code in codes:
        by_status.setdefault(code.status, []).append(code.text)
    return {str(int(status)): _error(status, names) for status, names in by_status.items()}


def _error(status: HTTPStatus, codes: list[str]) -> Schema:
    schema = {"allOf": [_reference("Problem"), {"properties": {"code": {"enum": codes}}}]}
    response: dict[str, Any] = {
        "description": f"{status.phrase}: {', '.join(codes)}",
        "content": {CONTENT_TYPE.decode(): {"schema": schema}},
    }
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        response["headers"] = {"Retry-After": {"required": True, "schema": {"type": "string"}}}
    if status is HTTPStatus.UNAUTHORIZED:
        response["headers"] = {"WWW-Authenticate": {"required": True, "schema": TEXT}}
    return response


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Schema, optional: tuple[str, ...] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _schemas() -> Schema:
    picture = {"type": ["string", "null"], "description": "The name that the form gave it"}
    latency = {"type": "number", "minimum": 0, "description": "The model's own time"}
    mark = {
        "label": TEXT,
        "index": COUNT,
        "probability": SHARE,
        "doubts": {"type": "array", "items": TEXT},
        "latency_us": latency,
    }
    prediction = {
        **mark,
        "probabilities": {"type": "object", "additionalProperties": SHARE},
        "preprocessing": ANYTHING,
        "seen": _reference("Seen"),
    }
    failed = _object({"picture": picture, "error": _reference("Problem")})
    box = {"type": "array", "items": COUNT, "minItems": 4, "maxItems": 4}
    reading = {
        "picture": picture,
        "text": {"type": "array", "items": TEXT, "description": "The labels, line by line"},
        "marks": {"type": "array", "items": _object({**mark, "box": box})},
        "latency_us": latency,
    }
    one = _object({"picture": picture, **prediction}, ("seen",))
    answer = {"oneOf": [one, _object(reading), failed]}
    return {
        "Answers": _object({"bundle": TEXT, "answers": {"type": "array", "items": answer}}),
        "Seen": _object(
            {
                "width": COUNT,
                "height": COUNT,
                "channels": COUNT,
                "pixels": {"type": "string", "contentEncoding": "base64"},
            }
        ),
        "Model": _object(
            {
                "bundle": TEXT,
                "manifest_sha256": TEXT,
                "labels": {"type": "array", "items": TEXT},
                "model_bytes": COUNT,
                "preprocessing": ANYTHING,
                "input": ANYTHING,
                "accuracy": {"type": ["object", "null"]},
                "camera": {"type": "boolean", "description": "Is there /v1/camera.mjpeg?"},
                "verification": ANYTHING,
            }
        ),
        "Readiness": _object(
            {
                "status": {"enum": ["ready", "stopping"]},
                "bundle": TEXT,
                "manifest_sha256": TEXT,
                "runtime": TEXT,
                "refused": {"type": ["object", "null"]},
            }
        ),
        "Problem": _object(
            {
                "type": TEXT,
                "title": TEXT,
                "status": {"type": "integer"},
                "code": {"enum": [code.text for code in Code]},
                "detail": TEXT,
            }
        ),
    }
