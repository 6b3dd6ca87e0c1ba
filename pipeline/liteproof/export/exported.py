"""What an export made and found: a model's file, and the record next to it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from liteproof.conversion.variants import GIVEN, named
from liteproof.diagnosis.layer_error import LayerError
from liteproof.diagnosis.table import layer_error_table
from liteproof.errors import RecipeError, RunError
from liteproof.export.validation import Validation

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Exported:
    """One variant's file, and what was found while it was made.

    Attributes:
        variant: its name.
        kind: what its tensors show it to be.
        size_bytes: of the file.
        overhead_bytes: the file without weights and biases: graph, scales, names, metadata.
        stripped: whether the names inside the graph were left out.
        names_bytes: what leaving out the names saved.
        wide: the layers that int8-mixed keeps in float32.
        worst: the layers that err, the worst first, each with those that read its values: their
            tensors' names in the float32 file.
        calibration: the linter's report, where the variant is calibrated.
        runs_on: the runtimes that can run it, then why another cannot, each on a line.
        validation: its answers against the float model's.
        layer_errors: its error layer by layer, on validation pictures; none for float32.
        diagnosis: what that says, in sentences.
    """

    variant: str
    kind: str
    size_bytes: int
    overhead_bytes: int
    stripped: bool
    names_bytes: int
    wide: tuple[str, ...]
    worst: tuple[tuple[str, ...], ...]
    calibration: dict[str, Any] | None
    runs_on: tuple[str, ...]
    validation: Validation
    layer_errors: list[dict[str, Any]]
    diagnosis: tuple[str, ...]

    def to_json(self) -> str:
        """Return the record that lies next to the model."""
        return json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self)}, indent=1)

    def summary(self, folder: Path, *, with_layers: bool) -> str:
        """Return what a person wants to know of it.

        Args:
            folder: where the model lies.
            with_layers: whether to show the error of each layer.
        """
        saved = (
            f", {self.names_bytes:,} less without names"
            if self.names_bytes and self.stripped
            else ""
        )
        size = f"{self.size_bytes:,} bytes{saved}; without weights {self.overhead_bytes:,}"
        lines = [f"{self.variant}: {named(self.variant).model_in(folder)} ({size})"]
        runs_on = (f"runs on {self.runs_on[0]}", *self.runs_on[1:])
        measured = self.validation
        found = measured.alone() if self.variant == GIVEN.name else str(measured)
        lines += [f"  {line}" for line in (found, *runs_on, *self.diagnosis)]
        if with_layers and self.layer_errors:
            errors = tuple(LayerError.from_json(error) for error in self.layer_errors)
            lines += ["", layer_error_table(errors), ""]
        return "\n".join(lines)

    @classmethod
    def read(cls, path: Path) -> "Exported":
        """Read back what `to_json` wrote.

        Raises:
            RunError: it is missing or damaged.
        """
        with reading(path, "the record of an export"):
            value = json.loads(path.read_text(encoding="utf-8"))
            fields = {name: value[name] for name in cls.__dataclass_fields__}
            fields |= {name: tuple(fields[name]) for name in ("wide", "runs_on", "diagnosis")}
            fields["worst"] = tuple(map(tuple, fields["worst"]))
            fields["validation"] = Validation.from_json(fields["validation"])
            return cls(**fields)


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turn whatever goes wrong while a record is read into one error.

    Raises:
        RunError: the record is missing or damaged.
    """
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RecursionError, RecipeError) as error:
        raise RunError(f"{path}: not {what}: {error!r:.200}; export again") from None
