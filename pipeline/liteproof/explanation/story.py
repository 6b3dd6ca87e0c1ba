"""What is told of a model and a picture: all tensors, computed once."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liteproof.execution.tflite_model import execute
from liteproof.explanation.occlusion import covered, loss_map
from liteproof.explanation.steps import Step
from liteproof.explanation.subject import Subject
from liteproof.progress import say
from liteproof.tensorflow_setup import quiet
from liteproof_edge.classifier import log_shares, softmax
from liteproof_edge.model.ending import Ending
from liteproof_edge.preprocessing.prepared import Prepared
from liteproof_edge.preprocessing.spec import preprocess

TOP = 2  # classes that are explained


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one class: maps of the model's input.

    Attributes:
        at: the class.
        occlusion: float32 (height, width), by how much its logit falls where a part is covered.
        cam: Grad-CAM, float32 (height, width) of the last map; None without a Keras model.
    """

    at: int
    occlusion: NDArray[np.float32]
    cam: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class Story:
    """A model opened on a picture.

    Attributes:
        subject: the model.
        picture: the file.
        prepared: what preprocessing made of it.
        steps: in the order of execution.
        logits: float32 (classes,), of the float model, or of the quantized one in a bundle.
        device_logits: float32 (classes,), of the quantized model on the shipped runtime.
        probabilities: float64 (classes,), of the quantized model, as the device shows them.
        runtime: which ran it.
        reasons: for the two most probable classes.
        cam_of: the step that Grad-CAM looks at.
        cover: the side of occlusion's cover, in pixels.
        worst: the place of the step that loses most; None where nothing is compared.
    """

    subject: Subject
    picture: Path
    prepared: Prepared
    steps: list[Step]
    logits: NDArray[np.float32]
    device_logits: NDArray[np.float32]
    probabilities: NDArray[np.float64]
    runtime: str
    reasons: tuple[Reason, ...]
    cam_of: str
    cover: int
    worst: int | None


def tell(subject: Subject, picture: Path) -> Story:
    """Run a model on a picture, and gather what there is to tell.

    Raises:
        PictureError: the picture cannot be read, or is of the wrong kind for this model.
        ModelError: the runtime cannot run the model.
    """
    prepared = preprocess(picture, subject.spec)
    pixels = prepared.pixels
    places = covered(pixels)
    say(f"explain: {len(places.pictures)} pictures with a part covered")
    answers = execute(
        subject.model, np.concatenate([pixels[np.newaxis], places.pictures]), label="occlusion"
    )
    logits = _logits(subject, answers.logits)
    device_logits = logits[0]
    top = tuple(int(at) for at in np.argsort(-device_logits, kind="stable")[:TOP])
    say("explain: every layer's values")
    with quiet():
        steps, float_logits, maps, cam_of = _look_inside(subject, pixels, top)
    say(f"explain: {len(steps)} steps to draw")
    shape = (pixels.shape[0], pixels.shape[1])
    reasons = tuple(
        Reason(at, loss_map(places, logits[1:, at], float(device_logits[at]), shape), maps.get(at))
        for at in top
    )
    return Story(
        subject=subject,
        picture=picture,
        prepared=prepared,
        steps=steps,
        logits=device_logits if float_logits is None else float_logits,
        device_logits=device_logits,
        probabilities=softmax(device_logits, subject.temperature),
        runtime=answers.runtime,
        reasons=reasons,
        cam_of=cam_of,
        cover=places.side,
        worst=_worst(steps),
    )


def _logits(subject: Subject, answers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return logits: up to a constant, where the model itself makes shares of them."""
    if subject.ending is Ending.LOGITS:
        return answers
    return log_shares(answers.astype(np.float64)).astype(np.float32)


def _look_inside(
    subject: Subject, pixels: NDArray[np.uint8], top: tuple[int, ...]
) -> tuple[list[Step], NDArray[np.float32] | None, dict[int, NDArray[np.float32]], str]:
    # TensorFlow takes seconds to import.
    from liteproof.conversion.packing import without_metadata  # noqa: PLC0415
    from liteproof.explanation.device_steps import add_quantized, device_steps  # noqa: PLC0415

    model = without_metadata(subject.model)
    if subject.keras_model is None or subject.float_model is None:
        return device_steps(model, pixels), None, {}, ""
    from liteproof.conversion.quantization import load_keras  # noqa: PLC0415
    from liteproof.diagnosis.layer_comparison import layer_errors  # noqa: PLC0415
    from liteproof.explanation.keras_steps import walk  # noqa: PLC0415

    real = without_metadata(subject.float_model)
    found = walk(load_keras(subject.keras_model), pixels, top)
    errors = layer_errors(real, model, pixels[np.newaxis])
    if len(subject.losses) == len(errors):  # on validation pictures: more than this one
        errors = tuple(
            replace(error, introduced=loss)
            for error, loss in zip(errors, subject.losses, strict=True)
        )
    add_quantized(found.steps, real, model, pixels, errors)
    return found.steps, found.logits, found.maps, found.map_of


def _worst(steps: list[Step]) -> int | None:
    losses = {at: step.introduced for at, step in enumerate(steps) if step.introduced is not None}
    return max(losses, key=lambda at: losses[at] or 0.0) if losses else None
