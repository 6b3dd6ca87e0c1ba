"""How long `liteproof export` takes beside TensorFlow's own import; part of `make bench`.

The model is that of the recipe `mnist`, untrained, and the pictures are noise: times do not depend
on what a model has learnt.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from liteproof.network.architecture import build
from liteproof.recipes.reader import load_recipe
from liteproof_edge.measurement.processes import measure

ROUNDS = 5
PICTURES = 1000  # half of them calibrate, as many as the recipe takes; the others are measured on
LIMIT_SECONDS = 5.0


def main() -> None:
    """Print the times of whole processes, in turn, and what export takes beside the import."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        keras.utils.set_random_seed(0)
        build(load_recipe("mnist").recipe.architecture, (28, 28, 1), 10).save(
            folder / "mnist.keras"
        )
        noise = np.random.default_rng(0).integers(0, 256, (PICTURES, 28, 28, 1), np.uint8)
        np.save(folder / "noise.npy", noise)
        liteproof = str(Path(sys.executable).with_name("liteproof"))
        export = [liteproof, "export", "--keras", str(folder / "mnist.keras")]
        export += ["--representative", str(folder / "noise.npy"), "--out", str(folder / "out")]
        commands = {
            "python -c 'import tensorflow'": [sys.executable, "-c", "import tensorflow"],
            "liteproof export, float32 and int8": export,
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                seconds[name].append(measure(command).wall_ms / 1000)
    print(f"\nexport, seconds from process start to end, median of n = {ROUNDS}")
    for name, each in seconds.items():
        print(f"  {name:36}{statistics.median(each):6.2f}")
    rest = (after - before for before, after in zip(*seconds.values(), strict=True))
    print(f"  {f'beside the import (<= {LIMIT_SECONDS:g})':36}{statistics.median(rest):6.2f}")


if __name__ == "__main__":
    main()
