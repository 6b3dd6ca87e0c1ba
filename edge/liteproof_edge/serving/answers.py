"""From a picture's bytes to the answer that the API gives."""

import base64
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from liteproof_edge.errors import BundleError, PictureError
from liteproof_edge.prediction import Prediction
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
        each: the answers to all marks of the picture, such as the digits of a number.
    """

    seen: bool = False
    each: bool = False


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
        _check_size(picture)
        return _each(model, picture) if wish.each else classify(model, picture, wish)
    except PictureError as error:
        problem = Problem(Code.PICTURE_UNREADABLE, str(error))
    except Problem as raised:
        problem = raised
    if alone:
        raise problem
    return {"error": problem.to_json()}


def classify(model: Model, picture: bytes, wish: Wish) -> dict[str, Any]:
    """Return the answer to a picture as one.

    Raises:
        PictureError: it is no picture that can be answered.
    """
    prepared = preprocess(picture, model.bundle.preprocessing)
    prediction, probabilities = model.classifier.predict(prepared)
    shares = [round(share, DIGITS) for share in probabilities]
    answer = {
        **_mark(prediction),
        "probabilities": dict(zip(model.bundle.labels, shares, strict=True)),
        "preprocessing": prepared.report.to_json(),
    }
    if wish.seen:
        answer["seen"] = seen(prepared)
    return answer


def _each(model: Model, picture: bytes) -> dict[str, Any]:
    """Return the answers to all marks of a picture.

    Raises:
        PictureError: it is no picture that can be answered.
        Problem: the bundle takes a picture as one.
    """
    try:
        reading = model.classifier.classify_each(picture)
    except BundleError as error:
        raise Problem(Code.QUERY_INVALID, f"each: {error}") from None
    marks = [{**_mark(each), "box": each.preprocessing.box} for each in reading.marks]
    return {
        "text": reading.text(),
        "marks": marks,
        "latency_us": sum(each.latency_us for each in reading.marks),
    }


def _mark(prediction: Prediction) -> dict[str, Any]:
    return {
        "label": prediction.label,
        "index": prediction.index,
        "probability": round(prediction.probability, DIGITS),
        "doubts": list(prediction.doubts),
        "latency_us": round(prediction.latency_us, 1),
    }


def seen(prepared: Prepared) -> dict[str, Any]:
    """Return the model's input: its sizes, and its bytes row by row in base64."""
    height, width, channels = prepared.pixels.shape
    pixels = base64.b64encode(prepared.pixels.tobytes()).decode()
    return {"width": width, "height": height, "channels": channels, "pixels": pixels}


def stated_pixels(picture: bytes) -> int:
    """Return how many pixels a picture's header states; 0 where it is damaged, and soon refused."""
    with suppress(Exception):
        width, height = size_of(picture)
        return width * height
    return 0


def _check_size(picture: bytes) -> None:
    """Refuse a picture whose header states more pixels than memory bears.

    Raises:
        Problem: it does.
    """
    pixels = stated_pixels(picture)
    if pixels > MAX_PIXELS:
        raise Problem(Code.PICTURE_TOO_LARGE, f"{pixels} pixels, expected at most {MAX_PIXELS}")
