"""Exporting a .tflite of others: it is kept as it is, or quantized if that is asked for."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from liteproof.calibration.behaviour import Behaviour, check_answers
from liteproof.calibration.check import check_calibration
from liteproof.calibration.form import ModelInput
from liteproof.calibration.report import CalibrationReport, fingerprint
from liteproof.conversion.metadata import About, with_metadata
from liteproof.conversion.packing import packed, unpacked, without_metadata
from liteproof.conversion.post_training import check_quantizable, quantized
from liteproof.conversion.slimming import without_names
from liteproof.conversion.variants import GIVEN, Variant, Weights
from liteproof.diagnosis.activations import activation_ranges
from liteproof.diagnosis.layer_comparison import layer_errors
from liteproof.errors import ConversionError
from liteproof.execution.tflite_model import execute
from liteproof.export.choices import Choices
from liteproof.export.exported import Exported
from liteproof.export.exporter import compared_pictures
from liteproof.export.subject import Subject
from liteproof.export.validation import Validation
from liteproof.export.writing import Made, write_form
from liteproof.progress import say


class GivenExporter(AbstractContextManager["GivenExporter"]):
    """Holds what the forms of one given .tflite share, each part made when it is first needed."""

    def __init__(self, subject: Subject, choices: Choices) -> None:
        self.subject, self.choices = subject, choices
        self._given = subject.models[Weights.FLOAT].read_bytes()

    def __exit__(self, *_: object) -> None:
        """Hold nothing open."""

    def export(self, variant: Variant, wide: Sequence[str] = ()) -> Exported:
        """Keep the model or quantize it, find its errors, and write it with its record.

        Args:
            variant: as it was given, int8 or int16x8.
            wide: none: no layers of it can be left in float32.

        Raises:
            As `Exporter.export`.
        """
        made = self._keep() if variant == GIVEN else self._quantize(variant)
        return write_form(self.subject, self.choices, variant, wide, made)

    def _keep(self) -> Made:
        pictures, labels = self.subject.representative
        if labels is not None:
            findings = tuple(check_answers(self._logits(pictures), labels))
            report = CalibrationReport(findings, len(pictures), None, fingerprint(pictures))
            report.check(self.subject.name)
        self.choices.check(self._given, GIVEN)
        return Made(self._given, self._given, 0, None, (), self._measure(self._given, GIVEN))

    def _quantize(self, variant: Variant) -> Made:
        subject = self.subject
        check_quantizable(self._given, variant)
        before = without_metadata(self._given)
        report = self.calibration
        named = quantized(before, variant, subject.representative.images, subject.normalisation)
        named = without_metadata(named)
        self.choices.check(named, variant)
        chosen = compared_pictures(before, subject.validation)
        errors = layer_errors(before, named, *chosen, subject.normalisation)
        whole = packed(unpacked(named))
        slim = released = without_names(named) if self.choices.strip else whole
        about = About(subject.name, subject.description, subject.labels)
        try:
            released = with_metadata(slim, about, subject.normalisation)
        except ConversionError as error:  # pictures without a channel, or as rows
            say(f"{variant.name}: goes without TFLite Metadata: {error}")
        return Made(
            released=released,
            named=named,
            names_bytes=len(whole) - len(slim),
            calibration=report,
            errors=errors,
            validation=self._measure(released, variant),
        )

    @cached_property
    def calibration(self) -> CalibrationReport:
        """What the linter finds in the representative dataset; one with errors is refused."""
        subject = self.subject
        pictures, labels = subject.representative
        height, width, channels = map(int, pictures.shape[1:])
        lint = partial(
            check_calibration,
            pictures,
            ModelInput((height, width, channels), subject.normalisation, None),
            labels=labels,
            classes=subject.seen_labels,
            held_out=subject.held_out,
        )
        ranges = activation_ranges(without_metadata(self._given), pictures, subject.normalisation)
        report = lint(behaviour=Behaviour(ranges, self._logits(pictures)))
        if report.findings:
            say(report.table())
        report.check(subject.name)
        return report

    def _measure(self, flatbuffer: bytes, variant: Variant) -> Validation:
        pictures, labels = self.subject.validation
        answered = execute(
            flatbuffer, pictures, label=variant.name, normalisation=self.subject.normalisation
        )
        return Validation.of(self._logits(pictures), answered, labels)

    def _logits(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        taken = self.subject.normalisation
        return execute(self._given, pictures, label=GIVEN.name, normalisation=taken).logits
