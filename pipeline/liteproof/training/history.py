"""What each epoch measured: history.csv, and the same figures for TensorBoard."""

import csv
import io
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from liteproof.storage import write_file


@dataclass(frozen=True, slots=True)
class Epoch:
    """One row of history.csv; accuracies 0 to 1, validation by the averaged weights."""

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float

    def __str__(self) -> str:
        return (
            f"loss {self.loss:.4f}  accuracy {self.accuracy:.2%}  "
            f"validation {self.validation_accuracy:.2%}  {self.seconds:.1f} s"
        )


def read_history(path: Path, epochs: int | None = None) -> list[Epoch]:
    """Return history.csv up to an epoch, or all of it; nothing where it is not there yet."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    history = [Epoch(int(row[0]), *(float(value) for value in row[1:])) for row in rows]
    return [epoch for epoch in history if epochs is None or epoch.epoch <= epochs]


def write_history(path: Path, history: list[Epoch]) -> None:
    """Write history.csv anew.

    Raises:
        StorageError: it cannot be written.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(field.name for field in fields(Epoch))
    rows.writerows(astuple(epoch) for epoch in history)
    write_file(path, text.getvalue())


def log_epoch(log: Any, epoch: Epoch) -> None:  # noqa: ANN401 - a tf.summary writer
    """Write an epoch's figures for TensorBoard."""
    import tensorflow as tf  # noqa: PLC0415 - whoever has such a writer has imported it already

    with log.as_default(step=epoch.epoch):
        for field in fields(epoch)[1:]:
            tf.summary.scalar(field.name, getattr(epoch, field.name))
    log.flush()
