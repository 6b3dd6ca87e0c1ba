"""What an emulated board answers, and how that compares with this machine's answers."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulated_boards import Board

HEAD = (
    *("board", "runtime", "golden bytes", "accuracy", "same labels", "same outputs"),
    *("differ by at most", "photos"),
)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a machine made of a bundle.

    Attributes:
        commands: name → exit code, and what it printed; the edge package's own JSON.
        outputs: (n, classes), codes or float32, by the shipping kernels.
        seconds: that it took, start included.
    """

    commands: dict[str, Any]
    outputs: NDArray[np.generic]
    seconds: float

    def printed(self, command: str) -> list[dict[str, Any]]:
        """Return each line of JSON of a command; none where it was not run."""
        lines: list[dict[str, Any]] = self.commands.get(command, {"printed": []})["printed"]
        return lines

    @property
    def exit_code(self) -> int:
        """That of the command which ended worst."""
        return max(int(command["exit_code"]) for command in self.commands.values())


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a board's outputs compare with this machine's, by the same runtime's shipping kernels.

    Attributes:
        n: pictures.
        same_labels: on how many the highest output is that of the same class.
        same_outputs: on how many every output is the same.
        largest_difference: of any output; in codes (`LSB`) where they are that, or else in logits.
        unit: which of the two.
    """

    n: int
    same_labels: int
    same_outputs: int
    largest_difference: float
    unit: str

    @classmethod
    def of(cls, board: NDArray[np.generic], host: NDArray[np.generic]) -> "Agreement":
        """Compare outputs (n, classes) of both."""
        differences = np.abs(board.astype(np.float64) - host.astype(np.float64))
        return cls(
            n=len(board),
            same_labels=int((board.argmax(axis=1) == host.argmax(axis=1)).sum()),
            same_outputs=int((differences == 0).all(axis=1).sum()),
            largest_difference=float(differences.max(initial=0)),
            unit="logits" if host.dtype.kind == "f" else "LSB",
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A board's measurement and its agreement with this machine; `setup_seconds` if cached is 0."""

    board: Board
    measurement: Measurement
    agreement: Agreement
    setup_seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values; `evaluate` holds what `liteproof-edge evaluate` prints."""
        measured = self.measurement
        (evaluation,) = measured.printed("evaluate")
        board = f"emulated {self.board.cpu}"
        return {
            "board": self.board.name,
            "verify": measured.printed("verify")[0],
            "evaluate": {**evaluation, "board": board, "latency_us": {}},
            "classify": [{**line, "latency_us": None} for line in measured.printed("classify")],
            "agreement": asdict(self.agreement),
            "exit_code": measured.exit_code,
            "setup_seconds": round(self.setup_seconds, 1),
            "run_seconds": round(measured.seconds, 1),
        }

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        (verified,), (evaluation,) = (
            self.measurement.printed(name) for name in ("verify", "evaluate")
        )
        alike = self.agreement
        photos = (line["label"] for line in self.measurement.printed("classify"))
        return (
            f"{self.board.name} ({self.board.cpu})",
            evaluation["runtime"],
            f"{verified['same_outputs']} of {verified['pictures']}",
            f"{evaluation['top1_accuracy']:.2%}",
            f"{alike.same_labels} of {alike.n}",
            f"{alike.same_outputs} of {alike.n}",
            f"{alike.largest_difference:.4g} {alike.unit}",
            ", ".join(photos) or "none",
        )
