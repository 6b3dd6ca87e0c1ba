"""Accuracy against bytes: the released models, and small MNIST models that others have published.

Nothing is run: ours are read from the manifests, which `scripts/seeds.py` measured; theirs are as
published, often the best epoch by test score, which ours never are. Where a size is not published,
it is a byte for each parameter, which is less than any file.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.row import Better, Row

ROOT = Path(__file__).parents[2]
N = 10_000


class Published(NamedTuple):
    """A model of someone else."""

    name: str
    accuracy: float
    size_bytes: int
    source: str


PUBLISHED = (
    Published(
        "keras.io mnist_convnet", 0.992, 34_826, "keras.io/examples/vision/mnist_convnet; weights"
    ),
    Published(
        "BitNetMCU CNN",
        0.9955,
        11_000,
        "github.com/cpldcpu/BitNetMCU, docs/documentation_cnn.md; weights",
    ),
    Published(
        "BitNetMCU CNN, larger",
        0.9958,
        13_000,
        "github.com/cpldcpu/BitNetMCU, docs/documentation_cnn.md; weights",
    ),
    Published("MNIST-Challenge", 0.992, 8_640, "github.com/aknakshay/MNIST-Challenge; weights"),
    Published("ERAv4S6", 0.994, 7_070, "github.com/nitin-vig/ERAv4S6; best epoch; weights"),
)


def rows() -> Iterator[Row]:
    """Yield a row for each model, at its size."""
    for manifest in sorted(ROOT.glob("models/*/manifest.json")):
        told = json.loads(manifest.read_text(encoding="utf-8"))
        accuracy = told["accuracy"]
        if not accuracy["dataset"].startswith("mnist/"):
            continue
        shipped, seeds = accuracy["shipped"], accuracy.get("several_seeds")
        yield _row(
            f"liteproof {told['name']}",
            seeds["int8_mean"] if seeds else shipped["top1_accuracy"],
            shipped["size_bytes"],
            f"models/{told['name']}; "
            + (f"mean of {len(seeds['seeds'])} seeds; the whole file" if seeds else "one seed"),
            ours=True,
        )
    for each in PUBLISHED:
        yield _row(each.name, each.accuracy, each.size_bytes, each.source, ours=False)


def _row(name: str, accuracy: float, size_bytes: int, note: str, *, ours: bool) -> Row:
    return Row(
        *("MNIST test accuracy, at kB", name, 100 * accuracy, "%", N, Better.HIGHER),
        ours=ours,
        at=round(size_bytes / 1000, 1),
        note=note,
    )
