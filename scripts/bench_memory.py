"""Peak memory of `liteproof run` on photos of our own making, and its training's speed.

    python scripts/bench_memory.py --pictures 1200 --batch 32

The resident set of the largest process of the run, as `/usr/bin/time -v` has it, and the training's
pictures a second over its epochs but the first, which is traced.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = ((200, 60, 60), (60, 200, 60), (60, 60, 200), (160, 160, 60))
CLASSES = len(COLOURS)
STEPS = 60  # of training, about: fewer know too little for a bundle
LITEPROOF = Path(sys.executable).with_name("liteproof")
RECIPE = """
name = "memory"
description = "{classes} colours, in noise"

[dataset]
name = "memory"
size = [{side}, {side}]

[preprocessing]
kind = "photo"

[architecture]
layers = [
    {{ type = "conv", filters = 16, kernel_size = 3, strides = 2 }},
    {{ type = "conv", filters = 32, kernel_size = 3, strides = 2 }},
    {{ type = "residual", layers = [
        {{ type = "conv", filters = 32, kernel_size = 3 }},
        {{ type = "conv", filters = 32, kernel_size = 3, activation = "linear" }},
    ] }},
    {{ type = "conv", filters = 64, kernel_size = 3, strides = 2 }},
    {{ type = "global_average_pool" }},
]

[training]
epochs = {epochs}
batch_size = {batch}

[training.augmentation]
flip = true

[gates]
top1_drop_points = 100.0
"""


def main() -> None:
    """Draw the pictures, run the chain on them, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=1200)
    parser.add_argument("--side", type=int, default=224, help="of the square pictures, in pixels")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        draw(folder / "pictures", arguments.pictures, arguments.side)
        learnt_from = round(arguments.pictures * 0.8 * 5 / 6)
        epochs = max(3, -(-STEPS * arguments.batch // learnt_from))
        recipe = folder / "memory.toml"
        recipe.write_text(
            RECIPE.format(
                classes=CLASSES, side=arguments.side, batch=arguments.batch, epochs=epochs
            )
        )
        data_dir = ["--data-dir", folder / "data"]
        threads = ["--threads", arguments.threads]
        liteproof("data", "memory", "--from", folder / "pictures", *data_dir)
        run = folder / "run"
        peak = liteproof("run", recipe, "--out", run, *data_dir, *threads)
        with (run / "history.csv").open() as file:
            seconds = sum(float(row["seconds"]) for row in list(csv.DictReader(file))[1:])
        print(
            f"{arguments.pictures} pictures of {arguments.side}x{arguments.side}, batch "
            f"{arguments.batch}: peak {peak / 1e6:.2f} GB, "
            f"{learnt_from * (epochs - 1) / seconds:.0f} pictures a second"
        )


def draw(folder: Path, n: int, side: int) -> None:
    """Draw noise about a colour that is the class, as JPEG in `<class>/`."""
    rng = np.random.default_rng(0)
    for index in range(n):
        label = index % CLASSES
        noise = rng.normal(COLOURS[label], 40, (side, side, 3))
        place = folder / f"class-{label}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{index}.jpg")


def liteproof(*arguments: object) -> int:
    """Run `liteproof`; return the kB of the largest of its processes."""
    command = [str(LITEPROOF), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(process.returncode)
    return used.ru_maxrss


if __name__ == "__main__":
    main()
