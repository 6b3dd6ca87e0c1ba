"""Converting one trained model into any of its variants, each checked before it is written."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property, partial
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from liteproof.calibration.behaviour import Behaviour
from liteproof.calibration.check import check_calibration
from liteproof.calibration.form import ModelInput
from liteproof.calibration.report import CalibrationReport
from liteproof.conversion.convertible import unconvertible_layers
from liteproof.conversion.metadata import About, with_metadata
from liteproof.conversion.packing import packed, unpacked
from liteproof.conversion.quantization import convert_saved, load_keras, saved
from liteproof.conversion.slimming import without_names
from liteproof.conversion.variants import FLOAT32, Scheme, Variant, Weights
from liteproof.diagnosis.activations import activation_ranges
from liteproof.diagnosis.layer_comparison import layer_errors
from liteproof.diagnosis.layer_error import LayerError
from liteproof.errors import ConversionError
from liteproof.execution.keras_model import keras_logits
from liteproof.execution.tflite_model import execute
from liteproof.export.choices import Choices
from liteproof.export.exported import Exported
from liteproof.export.subject import Pictures, Subject
from liteproof.export.validation import Validation
from liteproof.export.writing import Made, write_form
from liteproof.network.first_layers import own_arithmetic
from liteproof.progress import say
from liteproof_edge.model.flatbuffer import read_model

ERROR_PICTURES = 200  # of the validation ones, that layers are compared on at most
ERROR_VALUES = 1 << 27  # between layers, of all these pictures: some seconds


class Exporter(AbstractContextManager["Exporter"]):
    """Holds what the variants of one model share, each part made when it is first needed."""

    def __init__(self, subject: Subject, choices: Choices) -> None:
        self.subject, self.choices = subject, choices
        self._open = ExitStack()
        self._trained = {
            weights: _Trained(path, self._open) for weights, path in subject.models.items()
        }

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def export(self, variant: Variant, wide: Sequence[str] = ()) -> Exported:
        """Convert to a variant, prove it, find its errors, and write it with its record.

        Args:
            variant: which.
            wide: of int8-mixed, the layers to leave in float32, some of `Exported.worst`.

        Raises:
            DatasetError: the calibration set will not do.
            ConversionError: it cannot be converted, or the result is not what it is called.
            CompatibilityError: a target cannot run it.
            ModelError: the runtime cannot run it.
            StorageError: the folder cannot be written.
        """
        subject = self.subject
        report = self.calibration if variant.is_calibrated else None
        named = self._convert(variant, wide)
        self.choices.check(named, variant)
        errors = self._errors(variant, named)
        whole = packed(unpacked(named))
        slim = without_names(named) if self.choices.strip else whole
        released = with_metadata(slim, About(subject.name, subject.description, subject.labels))
        made = Made(
            released=released,
            named=named,
            names_bytes=len(whole) - len(slim),
            calibration=report,
            errors=errors,
            validation=self._measure(released, variant),
        )
        return write_form(subject, self.choices, variant, wide, made)

    @cached_property
    def calibration(self) -> CalibrationReport:
        """What the linter finds in the representative dataset; one with errors is refused."""
        subject = self.subject
        pictures, labels = subject.representative
        model = self._trained[Weights.FLOAT].model
        takes = ModelInput(tuple(model.input_shape[1:]), None, own_arithmetic(model))
        lint = partial(
            check_calibration,
            pictures,
            takes,
            labels=labels,
            classes=subject.seen_labels,
            held_out=subject.held_out,
        )
        lint().check(subject.name)  # before a model meets what may not even be pictures
        behaviour = Behaviour(
            activation_ranges(self._trained[Weights.FLOAT].float32, pictures),
            None if labels is None else self._logits(pictures, "calibration"),
        )
        report = lint(behaviour=behaviour)
        if report.findings:
            say(report.table())
        report.check(subject.name)
        return report

    def _convert(self, variant: Variant, wide: Sequence[str] = ()) -> bytes:
        if variant.scheme is Scheme.FLOAT32:
            return self._trained[variant.weights].float32
        return convert_saved(
            self._trained[variant.weights].folder,
            variant,
            self.subject.representative.images,
            wide=wide,
        )

    def _measure(self, flatbuffer: bytes, variant: Variant) -> Validation:
        """Run a model on the validation pictures, on the runtime that ships."""
        pictures, labels = self.subject.validation
        answered = execute(flatbuffer, pictures, label=variant.name)
        return Validation.of(self._logits(pictures, "validation"), answered, labels)

    def _errors(self, variant: Variant, named: bytes) -> tuple[LayerError, ...]:
        if variant.scheme is Scheme.FLOAT32:
            return ()
        before = self._trained[variant.weights].float32
        return layer_errors(before, named, *compared_pictures(before, self.subject.validation))

    def _logits(self, pictures: NDArray[np.uint8], name: str) -> NDArray[np.float32]:
        model, folder = self.subject.models[Weights.FLOAT], self.subject.folder / "logits" / name
        return keras_logits(model, pictures, folder)


class _Trained:
    """A trained model, in the forms that all variants are made from."""

    def __init__(self, path: Path, open_: ExitStack) -> None:
        self._path, self._open = path, open_

    @cached_property
    def model(self) -> keras.Model:
        return load_keras(self._path)

    @cached_property
    def folder(self) -> str:
        return self._open.enter_context(saved(self.model))

    @cached_property
    def float32(self) -> bytes:
        """The float32 file, with names: what errors are counted from."""
        try:
            return convert_saved(self.folder, FLOAT32)
        except ConversionError as error:
            layers = unconvertible_layers(self.model)
            if not layers:
                raise
            raise ConversionError(f"{error}; do not convert: {', '.join(layers)}") from None


def compared_pictures(before: bytes, validation: Pictures) -> Pictures:
    """Return the pictures that layers are compared on: as many as take some seconds.

    Args:
        before: the float32 model.
        validation: the pictures to choose from.
    """
    pictures, labels = validation
    n = min(ERROR_PICTURES, 1 + ERROR_VALUES // values_of(before))
    return Pictures(pictures[:n], None if labels is None else labels[:n])


def values_of(flatbuffer: bytes) -> int:
    """Return how many numbers a model computes for one picture, in all its layers."""
    tensors = read_model(flatbuffer).subgraphs[0].tensors
    return sum(math.prod(tensor.shape) for tensor in tensors if not tensor.size_bytes)
