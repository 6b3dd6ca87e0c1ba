"""From a picture to a label, by a bundle."""

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.errors import BundleError, ModelError
from liteproof_edge.model.ending import Ending
from liteproof_edge.prediction import Prediction, Predictions, Reading
from liteproof_edge.preprocessing.ink import InkSpec
from liteproof_edge.preprocessing.pictures import Picture
from liteproof_edge.preprocessing.prepared import Legibility, Prepared, PreparedMark, Report
from liteproof_edge.preprocessing.spec import preprocess, preprocess_each
from liteproof_edge.runtime.loading import Runtime, load_runtime
from liteproof_edge.runtime.opening import open_session

MODEL_READY = Report("none (model-ready tensor)")
TOP = 3
# A mark that can be cut in two may be two, if each half is as probable as the first, or it is all
# less probable than the second (training digits, `python -m number_sheets`).
HALF, ONE = 0.95, 0.995
TOO_UNSURE = {  # of an answer whose logit is less than what the bundle asks for
    Legibility.CLEAR: "unlike what the model knows",
    Legibility.UNCLEAR: "too unclear to be sure",
    Legibility.COARSE: "too few pixels to be sure",
}
TOO_CLOSE = {**TOO_UNSURE, Legibility.CLEAR: "between two labels"}  # of one with so small a margin
SMALLEST_SHARE = 2.0**-9  # half of the step in which 8 bits count shares


class Classifier(AbstractContextManager["Classifier"]):
    """Classifies pictures with a bundle.

    Threads may share a classifier: pictures are preprocessed in parallel and queue for the
    interpreter. To run models in parallel, give each thread a classifier of its own; they
    may share the bundle. An unverified model runs in a process of its own; one whose signature was
    not checked is tried in one before its first use.

    Args:
        bundle: from `Bundle.load`.
        runtime: which one to use; None picks the preferred one that is installed.
        reference_kernels: slow kernels that give the same bytes on every CPU.
        threads: for the interpreter.
        max_megapixels: pictures of up to this many million pixels may exceed the 120 MiB of memory
            that decoding is allowed otherwise.

    Raises:
        RuntimeMissingError: the runtime is not installed.
        ModelError: the runtime cannot run the model.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        runtime: Runtime | None = None,
        reference_kernels: bool = False,
        threads: int = 1,
        max_megapixels: int | None = None,
    ) -> None:
        self.bundle, self.max_megapixels = bundle, max_megapixels
        self.session = open_session(
            bundle,
            load_runtime(runtime),
            reference_kernels=reference_kernels,
            threads=threads,
        )

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        runtime: Runtime | None = None,
        reference_kernels: bool = False,
        threads: int = 1,
        max_megapixels: int | None = None,
        unverified: bool = False,
    ) -> "Classifier":
        """Read and check the bundle at `path`, and load its model.

        Args:
            path: a bundle's folder; where `unverified`, a bare .tflite.
            runtime: which one to use; None picks the preferred one that is installed.
            reference_kernels: slow kernels that give the same bytes on every CPU.
            threads: for the interpreter.
            max_megapixels: as above.
            unverified: take a model that nothing vouches for; see `unverified.read_unverified`.

        Raises:
            BundleError: the bundle is missing, damaged, or not what its manifest says.
            RuntimeMissingError: the runtime is not installed.
        """
        if unverified:
            from liteproof_edge.runtime.unverified import read_unverified  # noqa: PLC0415 - rarely needed

            bundle = read_unverified(path)
        else:
            bundle = Bundle.load(path)
        return cls(
            bundle,
            runtime=runtime,
            reference_kernels=reference_kernels,
            threads=threads,
            max_megapixels=max_megapixels,
        )

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def classify(self, picture: Picture) -> Prediction:
        """Classify a picture, preprocessed as the bundle's manifest says.

        Args:
            picture: a path, an encoded file's bytes, a Pillow image, or uint8 pixels.

        Raises:
            PictureError: it is no picture, or the preprocessing refuses it.
        """
        prepared = preprocess(picture, self.bundle.preprocessing, self.max_megapixels)
        return self._predict(prepared.pixels, prepared.report)

    def classify_each(self, picture: Picture) -> Reading:
        """Classify every mark of a picture, such as the digits of a number.

        An answer is in doubt where the mark may be several that touch.

        Args:
            picture: as for `classify`.

        Raises:
            PictureError: it is no picture, or there is no ink in it.
            BundleError: the bundle's preprocessing is not `ink`, which tells marks apart.
        """
        spec = self.bundle.preprocessing
        if not isinstance(spec, InkSpec):
            raise BundleError(
                f"{self.bundle.path}: preprocessing {spec.kind} takes a picture as one, expected "
                "ink, which tells several marks apart"
            )
        lines = preprocess_each(picture, spec, self.max_megapixels)
        return Reading(tuple(tuple(map(self._predict_mark, line)) for line in lines))

    def classify_tensor(self, pixels: NDArray[np.uint8]) -> Prediction:
        """Classify an array that already is the model's input: uint8 (height, width, channels).

        Raises:
            ModelError: the shape or dtype is wrong.
        """
        return self._predict(pixels, MODEL_READY)

    def classify_tensors(
        self,
        pixels: NDArray[np.uint8],
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> Predictions:
        """Classify many model-ready inputs, one after the other.

        Args:
            pixels: uint8 (n, height, width, channels).
            on_progress: called with the number of pictures that are done, now and then.

        Raises:
            ModelError: the shape or dtype is wrong.
        """
        outputs, latency_us = self.session.run_many(pixels, on_progress)
        probabilities = self._probabilities(outputs)
        return Predictions(probabilities.argmax(axis=1), probabilities, latency_us)

    def _predict_mark(self, mark: PreparedMark) -> Prediction:
        pixels, report = mark.prepared
        prediction = self._predict(pixels, report)
        if report.doubts:
            return prediction
        halves = [self._predict(half, report).probability for half in mark.halves]
        if halves and (min(halves) >= HALF or prediction.probability < ONE):
            return replace(prediction, model_doubts=("two that touch", *prediction.model_doubts))
        return prediction

    def predict(self, prepared: Prepared) -> tuple[Prediction, list[float]]:
        """Return the answer for a prepared picture, and the probability of each class."""
        pixels, report = prepared
        output, latency_us = self.session.run(pixels)
        probabilities = self._probabilities(output).tolist()
        order = sorted(range(len(probabilities)), key=probabilities.__getitem__, reverse=True)
        top = tuple((self.bundle.labels[index], probabilities[index]) for index in order[:TOP])
        label, probability = top[0]
        doubts = self._doubts(output, report)
        prediction = Prediction(label, order[0], probability, top, latency_us, report, doubts)
        return prediction, probabilities

    def _predict(self, pixels: NDArray[np.uint8], report: Report) -> Prediction:
        return self.predict(Prepared(pixels, report))[0]

    def _doubts(self, output: NDArray[np.generic], report: Report) -> tuple[str, ...]:
        """Return the model's own reasons to doubt its answer."""
        (largest, margin), quantization = lead(output), self.session.output_quantization
        if quantization:
            largest = (largest - quantization.zero_point) * quantization.scale
            margin *= quantization.scale
        return model_doubts(
            largest, margin, report, self.bundle.least_logits, self.bundle.least_margins
        )

    def _probabilities(self, outputs: NDArray[np.generic]) -> NDArray[np.float64]:
        if self.bundle.ending is not Ending.LOGITS:
            shares = self.session.real(outputs).astype(np.float64)
            return _sound(softmax(log_shares(shares), self.bundle.temperature))
        # Codes are logits in units of their scale; the zero point is the same for all classes.
        quantization = self.session.output_quantization
        scale = quantization.scale if quantization else 1
        return _sound(softmax(outputs, self.bundle.temperature / scale))


def lead(answer: NDArray[np.generic]) -> tuple[float, float]:
    """Return the largest value, a code or a real one, and by how much it exceeds the second."""
    two = np.sort(answer, axis=None)[-2:].tolist()
    return two[-1], two[-1] - two[0]


def model_doubts(
    largest: float,
    margin: float,
    report: Report,
    least_logits: Mapping[Legibility, float],
    least_margins: Mapping[Legibility, float],
) -> tuple[str, ...]:
    """Return a model's own reasons to doubt its answer, in words.

    A small largest logit tells that a picture is unlike what the model has learnt from, which
    probabilities do not: Hendrycks et al. 2022, arXiv:1911.11132. A small margin tells that it may
    be one label as well as another: Scheffer et al. 2001, "Active hidden Markov models for
    information extraction".

    Args:
        largest: of the logits.
        margin: how far it is ahead of the second.
        report: of the picture's preprocessing.
        least_logits: the bundle's.
        least_margins: the bundle's.
    """
    seen = report.legibility or Legibility.CLEAR
    if largest < least_logits.get(seen, -math.inf):
        return (TOO_UNSURE[seen],)
    return (TOO_CLOSE[seen],) if margin < least_margins.get(seen, 0.0) else ()


def _sound(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities, unless a model answers NaN or infinity.

    Raises:
        ModelError: it does.
    """
    if not np.isfinite(probabilities).all():
        raise ModelError("model: it answers NaN or infinity; are its weights sound?")
    return probabilities


def log_shares(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithms of what a softmax or a sigmoid made: logits, but for a constant.

    A share of 0, which 8 bits give to any below 1/512, counts as such.
    """
    logarithms: NDArray[np.float64] = np.log(np.maximum(shares, SMALLEST_SHARE))
    return logarithms


def softmax(logits: NDArray[np.generic], temperature: float = 1.0) -> NDArray[np.float64]:
    """Return probabilities of the same shape, which sum to 1 over the last axis.

    The logits are divided by the temperature (> 0) first: Guo et al. 2017, arXiv:1706.04599. The
    largest is subtracted, so that no exponential overflows: Blanchard, Higham and Higham 2021,
    "Accurately computing the log-sum-exp and softmax functions".
    """
    known = logits.astype(np.float64)
    known -= np.maximum.reduce(known, axis=-1, keepdims=True)
    known /= temperature
    np.exp(known, out=known)
    known /= np.add.reduce(known, axis=-1, keepdims=True)
    return known
