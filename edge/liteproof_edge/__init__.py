"""Run and verify a liteproof bundle on a small device.

>>> from liteproof_edge import Classifier                                     # doctest: +SKIP
>>> with Classifier.load("models/mnist") as classifier:                       # doctest: +SKIP
...     print(classifier.classify("seven.png"))                               # doctest: +SKIP
7 (99.8%, 58 µs)
"""

from liteproof_edge.bundle import Bundle
from liteproof_edge.classifier import Classifier, Prediction
from liteproof_edge.errors import (
    BundleError,
    DataError,
    DatasetError,
    GateError,
    LiteproofError,
    ModelError,
    PictureError,
    RuntimeMissingError,
    VerificationError,
)
from liteproof_edge.evaluation import Evaluation, evaluate
from liteproof_edge.runtime import Runtime
from liteproof_edge.verification import Verification, verify

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
    "PictureError",
    "Prediction",
    "Runtime",
    "RuntimeMissingError",
    "Verification",
    "VerificationError",
    "evaluate",
    "verify",
]
