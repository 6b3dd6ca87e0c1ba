"""Run and verify a liteproof bundle on a small device.

>>> from liteproof_edge import Classifier                                     # doctest: +SKIP
>>> with Classifier.load("models/mnist") as classifier:                       # doctest: +SKIP
...     print(classifier.classify("seven.png"))                               # doctest: +SKIP
7 (99.8%, 58 µs)
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from liteproof_edge.bundle.reader import Bundle
    from liteproof_edge.classifier import Classifier
    from liteproof_edge.errors import (
        BundleError,
        DataError,
        DatasetError,
        GateError,
        LiteproofError,
        ModelError,
        OutputError,
        PictureError,
        ResourceError,
        RuntimeMissingError,
        VerificationError,
    )
    from liteproof_edge.measurement.evaluation import Evaluation, evaluate
    from liteproof_edge.measurement.verification import Verification, verify
    from liteproof_edge.prediction import Prediction, Predictions, Reading
    from liteproof_edge.preprocessing.prepared import Report
    from liteproof_edge.runtime.loading import Runtime

# Each name's module, imported when the name is first used: a program starts with what it needs.
_MODULES = {
    **dict.fromkeys(("Bundle",), "bundle.reader"),
    **dict.fromkeys(("Classifier",), "classifier"),
    **dict.fromkeys(("Evaluation", "evaluate"), "measurement.evaluation"),
    **dict.fromkeys(("Prediction", "Predictions", "Reading"), "prediction"),
    **dict.fromkeys(("Report",), "preprocessing.prepared"),
    **dict.fromkeys(("Runtime",), "runtime.loading"),
    **dict.fromkeys(("Verification", "verify"), "measurement.verification"),
}

__all__ = [
    "Bundle",
    "BundleError",
    "Classifier",
    "DataError",
    "DatasetError",
    "Evaluation",
    "GateError",
    "LiteproofError",
    "ModelError",
    "OutputError",
    "PictureError",
    "Prediction",
    "Predictions",
    "Reading",
    "Report",
    "ResourceError",
    "Runtime",
    "RuntimeMissingError",
    "Verification",
    "VerificationError",
    "evaluate",
    "verify",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)
