"""From a picture to a label, by a bundle."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.bundle import Bundle
from liteproof_edge.preprocessing import Picture, preprocess
from liteproof_edge.runtime import Runtime, load_runtime
from liteproof_edge.session import Session

TENSOR = "none (model-ready tensor)"


@dataclass(frozen=True, slots=True)
class Prediction:
    """One picture's answer; `latency_us` is the model's own time, without preprocessing."""

    label: str
    index: int
    probability: float
    latency_us: float
    preprocessing: str

    def __str__(self) -> str:
        return f"{self.label} ({self.probability:.1%}, {self.latency_us:.0f} µs)"


class Classifier(AbstractContextManager["Classifier"]):
    """Classifies pictures with a bundle.

    Not thread-safe: give each thread a classifier of its own; they may share the bundle.

    Args:
        bundle: from `Bundle.load`.
        runtime: which runtime; None takes the preferred one of those installed.
        reference_kernels: slow kernels that give the same bytes on every CPU.
        threads: for the interpreter.

    Raises:
        RuntimeMissingError: there is no such runtime here.
        ModelError: the runtime cannot run the model.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        runtime: Runtime | None = None,
        reference_kernels: bool = False,
        threads: int = 1,
    ) -> None:
        self.bundle = bundle
        self.session = Session(
            bundle.model,
            load_runtime(runtime),
            reference_kernels=reference_kernels,
            threads=threads,
        )

    @classmethod
    def load(cls, path: str | Path, *, runtime: Runtime | None = None) -> "Classifier":
        """Read and check the bundle at `path`, and load its model.

        Raises:
            BundleError: the bundle is missing, damaged, or not what its manifest says.
            RuntimeMissingError: there is no such runtime here.
        """
        return cls(Bundle.load(path), runtime=runtime)

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def classify(self, picture: Picture) -> Prediction:
        """Classify a picture as the bundle's manifest says it must be preprocessed.

        Args:
            picture: a path, an encoded file's bytes, a Pillow image, or uint8 pixels.

        Raises:
            PictureError: it is no picture, or the preprocessing refuses it.
        """
        spec = self.bundle.preprocessing
        return self._predict(preprocess(picture, spec), spec.kind)

    def classify_tensor(self, pixels: NDArray[np.uint8]) -> Prediction:
        """Classify what already is the model's input: uint8 (height, width, channels).

        Raises:
            ModelError: the shape or dtype is another.
        """
        return self._predict(pixels, TENSOR)

    def _predict(self, pixels: NDArray[np.uint8], preprocessing: str) -> Prediction:
        outputs, times_us = self.session.run_many(pixels[np.newaxis])
        probabilities = softmax(self.session.real(outputs[0]))
        index = int(probabilities.argmax())
        return Prediction(
            label=self.bundle.labels[index],
            index=index,
            probability=float(probabilities[index]),
            latency_us=float(times_us[0]),
            preprocessing=preprocessing,
        )


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return probabilities of the same shape, which sum to 1 over the last axis.

    The largest logit is subtracted first, so that no exponential overflows. Source: Blanchard,
    Higham and Higham 2021, "Accurately computing the log-sum-exp and softmax functions".
    """
    exponentials = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))
