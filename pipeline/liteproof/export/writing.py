"""Writing a form of a model, and the record of what was found of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from liteproof.calibration.report import CalibrationReport
from liteproof.compatibility.assessment import assess_all, runs_on
from liteproof.conversion.variants import Variant
from liteproof.diagnosis.layer_error import LayerError, worst_layers
from liteproof.diagnosis.sentences import diagnose
from liteproof.export.choices import Choices
from liteproof.export.exported import Exported
from liteproof.export.subject import Subject
from liteproof.export.validation import Validation
from liteproof.storage import write_file
from liteproof_edge.inspection.inspect import inspect
from liteproof_edge.model.flatbuffer import read_model


@dataclass(frozen=True, slots=True)
class Made:
    """A form of a model, and what was found of it.

    Attributes:
        released: the .tflite as it is written.
        named: the same with the names of all tensors.
        names_bytes: what leaving them out saved.
        calibration: what the linter found; None where the form is not calibrated.
        errors: layer by layer; none where nothing was quantized.
        validation: its answers against the float model's.
    """

    released: bytes
    named: bytes
    names_bytes: int
    calibration: CalibrationReport | None
    errors: tuple[LayerError, ...]
    validation: Validation


def write_form(
    subject: Subject, choices: Choices, variant: Variant, wide: Sequence[str], made: Made
) -> Exported:
    """Write a form and its record into the subject's folder.

    Raises:
        ModelError: it is no sound model.
        StorageError: the folder cannot be written.
    """
    found = inspect(read_model(made.released), len(made.released))
    exported = Exported(
        variant=variant.name,
        kind=found.kind.value,
        size_bytes=len(made.released),
        overhead_bytes=found.overhead_bytes,
        stripped=choices.strip,
        names_bytes=made.names_bytes,
        wide=tuple(wide),
        worst=worst_layers(made.errors),
        calibration=made.calibration.to_json() if made.calibration else None,
        runs_on=runs_on(assess_all(read_model(made.named))),
        validation=made.validation,
        layer_errors=[error.to_json() for error in made.errors],
        diagnosis=diagnose(made.errors),
    )
    write_file(variant.model_in(subject.folder), made.released)
    write_file(variant.record_in(subject.folder), exported.to_json())
    return exported
