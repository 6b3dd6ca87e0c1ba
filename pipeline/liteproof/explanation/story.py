"""What is told of a model and a picture: all tensors, computed once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liteproof.execution.tflite_model import execute
from liteproof.explanation.occlusion import covered, loss_map
from liteproof.explanation.steps import Entry, Floats, Step
from liteproof.explanation.subject import Subject
from liteproof.progress import say
from liteproof.tensorflow_setup import import_tensorflow, quiet
from liteproof_edge.classifier import lead, log_shares, model_doubts, softmax
from liteproof_edge.model.ending import Ending
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.preprocessing.prepared import Prepared, Report
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
        doubts: why the answer may be wrong, as a device says it.
        entry: what goes into the model.
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
    doubts: tuple[str, ...]
    entry: Entry
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
    given = np.concatenate([pixels[np.newaxis], places.pictures])
    with ThreadPoolExecutor(1) as pool:
        taken = subject.spec.normalisation
        answering = pool.submit(
            execute, subject.model, given, label="occlusion", normalisation=taken
        )
        import_tensorflow()  # which takes seconds, while the other process answers
        answers = answering.result()
    logits = _logits(subject, answers.logits)
    device_logits = logits[0]
    top = tuple(int(at) for at in np.argsort(-device_logits, kind="stable")[:TOP])
    say("explain: every layer's values")
    with quiet():
        inside = _look_inside(subject, pixels, top)
    steps, maps = inside.steps, inside.maps
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
        doubts=prepared.report.doubts + _doubts(subject, answers.logits[0], prepared.report),
        entry=inside.entry,
        steps=steps,
        logits=device_logits if inside.logits is None else inside.logits,
        device_logits=device_logits,
        probabilities=softmax(device_logits, subject.temperature),
        runtime=answers.runtime,
        reasons=reasons,
        cam_of=inside.map_of,
        cover=places.side,
        worst=_worst(steps),
    )


def _doubts(subject: Subject, answer: NDArray[np.float32], report: Report) -> tuple[str, ...]:
    """Return what the model has against its own answer, as it gave it: logits or shares."""
    return model_doubts(*lead(answer), report, subject.least_logits, subject.least_margins)


def _logits(subject: Subject, answers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return logits: up to a constant, where the model itself makes shares of them."""
    if subject.ending is Ending.LOGITS:
        return answers
    return log_shares(answers.astype(np.float64)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Inside:
    """What a look at every layer gives: as `Story` has it, and as `keras_steps.Walk`."""

    entry: Entry
    steps: list[Step]
    logits: NDArray[np.float32] | None = None
    maps: dict[int, Floats] = field(default_factory=dict)
    map_of: str = ""


def _look_inside(subject: Subject, pixels: NDArray[np.uint8], top: tuple[int, ...]) -> _Inside:
    """Return the steps of the float model, where there is one, and else of the one that ships."""
    # TensorFlow takes seconds to import.
    from liteproof.conversion.packing import without_metadata  # noqa: PLC0415
    from liteproof.explanation.device_steps import add_quantized, device_steps  # noqa: PLC0415

    model, normalisation = without_metadata(subject.model), subject.spec.normalisation
    real = None if subject.float_model is None else without_metadata(subject.float_model)
    if subject.keras_model is None:
        inside = _Inside(*device_steps(real or model, pixels, normalisation))
    else:
        inside = _of_keras(subject.keras_model, pixels, top)
    if real is None:
        return inside
    losses = _losses(subject, real, model, pixels)
    taken = add_quantized(inside.steps, (real, model), pixels, losses, normalisation)
    entry = replace(taken, values=inside.entry.values)  # the float model's
    return replace(inside, entry=entry)


def _losses(
    subject: Subject, real: bytes, model: bytes, pixels: NDArray[np.uint8]
) -> tuple[float | None, ...]:
    """Return what each layer that both models have loses: on validation pictures, or on this one.

    Export measured it on more than one, unless it was another version of ours.
    """
    from liteproof.diagnosis.layer_comparison import layer_errors  # noqa: PLC0415 - TensorFlow
    from liteproof.diagnosis.pairing import pairs  # noqa: PLC0415 - rarely needed

    graphs = (read_model(each).subgraphs[0] for each in (real, model))
    if len(subject.losses) == len(pairs(*graphs)):
        return subject.losses
    errors = layer_errors(real, model, pixels[np.newaxis], normalisation=subject.spec.normalisation)
    return tuple(each.introduced for each in errors)


def _of_keras(path: Path, pixels: NDArray[np.uint8], top: tuple[int, ...]) -> _Inside:
    from liteproof.conversion.quantization import load_keras  # noqa: PLC0415 - TensorFlow
    from liteproof.explanation.keras_steps import walk  # noqa: PLC0415 - the same

    found = walk(load_keras(path), pixels, top)
    entry = Entry(pixels, pixels.astype(np.float32))
    return _Inside(entry, found.steps, found.logits, found.maps, found.map_of)


def _worst(steps: list[Step]) -> int | None:
    losses = {at: step.introduced for at, step in enumerate(steps) if step.introduced is not None}
    return max(losses, key=lambda at: losses[at] or 0.0) if losses else None
