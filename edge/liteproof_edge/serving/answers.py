"""From a picture's bytes to the answer that the API gives."""

import base64
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from liteproof_edge.errors import PictureError
from liteproof_edge.preprocessing.pictures import size_of
from liteproof_edge.preprocessing.prepared import Prepared
from liteproof_edge.preprocessing.spec import preprocess
from liteproof_edge.serving.bodies import Upload
from liteproof_edge.serving.limits import MAX_PIXELS
from liteproof_edge.serving.models import Model
from liteproof_edge.serving.problems import Code, Problem

DIGITS = 6  # of a probability


class Wish(NamedTuple):
    """What a client wants to know beside the label.

    Attributes:
        seen: the model's input, as it was made of the picture.
    """

    seen: bool = False


def answer_all(
    model: Model, uploads: Sequence[Upload], wish: Wish, measured: Callable[[float], None]
) -> bytes:
    """Return the JSON that answers a request.

    Where there are several pictures, one that cannot be read has its problem in place of an answer.

    Args:
        model: that answers.
        uploads: the pictures, at least one.
        wish: what is asked for.
        measured: called with the model's time for each picture, in microseconds.

    Raises:
        Problem: there is one picture, and it cannot be answered.
    """
    answers = [
        {"picture": upload.name, **_answer(model, upload.data, wish, alone=len(uploads) == 1)}
        for upload in uploads
    ]
    for answer in answers:
        if "latency_us" in answer:
            measured(answer["latency_us"])
    return json.dumps({"bundle": model.bundle.name, "answers": answers}).encode()


def _answer(model: Model, picture: bytes, wish: Wish, *, alone: bool) -> dict[str, Any]:
    """Return one picture's answer, or its problem.

    Raises:
        Problem: it cannot be answered, and is alone.
    """
    try:
        return classify(model, _prepare(picture, model), wish)
    except Problem as problem:
        if alone:
            raise
        return {"error": problem.to_json()}


def _prepare(picture: bytes, model: Model) -> Prepared:
    _check_size(picture)
    try:
        return preprocess(picture, model.bundle.preprocessing)
    except PictureError as error:
        raise Problem(Code.PICTURE_UNREADABLE, str(error)) from None


def classify(model: Model, prepared: Prepared, wish: Wish) -> dict[str, Any]:
    """Return the answer to a picture that is prepared."""
    found = model.classifier.classify_tensors(prepared.pixels[np.newaxis])
    labels, index = model.bundle.labels, int(found.indices[0])
    shares = [round(share, DIGITS) for share in found.probabilities[0].tolist()]
    answer = {
        "label": labels[index],
        "index": index,
        "probability": shares[index],
        "probabilities": dict(zip(labels, shares, strict=True)),
        "doubts": list(prepared.report.doubts),
        "latency_us": round(float(found.latency_us[0]), 1),
        "preprocessing": prepared.report.to_json(),
    }
    if wish.seen:
        answer["seen"] = seen(prepared)
    return answer


def seen(prepared: Prepared) -> dict[str, Any]:
    """Return the model's input: its sizes, and its bytes row by row in base64."""
    height, width, channels = prepared.pixels.shape
    pixels = base64.b64encode(prepared.pixels.tobytes()).decode()
    return {"width": width, "height": height, "channels": channels, "pixels": pixels}


def _check_size(picture: bytes) -> None:
    """Refuse a picture whose header states more pixels than memory bears.

    Raises:
        Problem: it does.
    """
    width = height = 0
    with suppress(Exception):  # a damaged header is reported by what decodes the rest
        width, height = size_of(picture)
    if width * height > MAX_PIXELS:
        raise Problem(
            Code.PICTURE_TOO_LARGE, f"{width}x{height} pixels, expected at most {MAX_PIXELS}"
        )
