"""The host's errors, in addition to the device's.

LiteproofError (liteproof_edge.errors)
├── StoppedError         exit 1   the process was asked to end, and saved its state first
├── RecipeError          exit 2   a recipe is not valid, or asks for something that does not exist
├── RunError             exit 3   a run folder is missing, unfinished, or another recipe's
├── CompatibilityError   exit 4   a model is meant for a runtime that cannot run it
├── TrainingError        exit 5   training cannot go on
├── ConversionError      exit 5   a model cannot be converted, or is not what was asked for
├── AccuracyError        exit 6   the quantized model loses more than the recipe allows
├── DeviceError          exit 7   the device that was asked for is not there
├── DeploymentError      exit 7   a bundle cannot be brought to a board
│   └── BoardRefusedError         the board says why, and which exit code that has
└── StorageError         exit 8   a file or folder cannot be written: disk full, no permission
"""

from liteproof_edge.errors import GateError, LiteproofError


class StoppedError(LiteproofError):
    """The process was asked to end; what it had done is kept."""

    exit_code = 1


class RecipeError(LiteproofError):
    """A recipe is not valid, or asks for something that does not exist."""

    exit_code = 2


class RunError(LiteproofError):
    """A run folder is missing, unfinished, or belongs to another recipe."""

    exit_code = 3


class CompatibilityError(LiteproofError):
    """A model is meant for a runtime that cannot run it."""

    exit_code = 4


class TrainingError(LiteproofError):
    """Training cannot go on."""

    exit_code = 5


class ConversionError(LiteproofError):
    """A model cannot be converted, or the result is not what was asked for."""

    exit_code = 5


class AccuracyError(GateError):
    """The quantized model loses more accuracy than the recipe allows."""


class DeviceError(LiteproofError):
    """The device that was asked for is not there."""

    exit_code = 7


class DeploymentError(LiteproofError):
    """A bundle cannot be brought to a board."""

    exit_code = 7


class BoardRefusedError(DeploymentError):
    """A board cannot do what it was asked to do, and says why."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class StorageError(LiteproofError):
    """A file or folder cannot be written: the disk is full, or permission is missing."""

    exit_code = 8
