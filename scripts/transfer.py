"""Measure what transfer learning gains, offline, on CIFAR-10 as a folder of pictures.

    python scripts/transfer.py CIFAR_FOLDER --out runs/transfer

A backbone is trained from nothing on six classes. Then the other four are learnt from 20 pictures
of each, validation included: once from that backbone, once from nothing, with three seeds each, and
all test pictures of the four classes are answered once by each model. CIFAR_FOLDER holds
`train/<class>/*` and `test/<class>/*`. What is done is not done again: it may be interrupted.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

LITEPROOF = Path(sys.executable).with_name("liteproof")
FOUR = ("automobile", "cat", "frog", "ship")  # each with a relative among the six, or none
SIX = ("airplane", "bird", "deer", "dog", "horse", "truck")
PRETRAINING, FEW = 2500, 20  # pictures of a class
SEEDS = (0, 1, 2)
BACKBONE = """
name = "{name}"
description = "Transfer learning, measured"

[dataset]
name = "{name}"
size = [48, 48]

[preprocessing]
kind = "photo"

[architecture]
backbone = "MobileNetV2"
alpha = 0.35
{weights}
layers = [{{ type = "global_average_pool" }}, {{ type = "dropout", rate = 0.2 }}]

[training]
epochs = {epochs}
batch_size = {batch}
learning_rate = {rate}
schedule = "cosine"
weight_decay = 0.05
weight_averaging = {averaging}
{tuning}

[training.augmentation]
flip = true
crop_pixels = 5
fill = "reflect"

[gates]
top1_drop_points = 5.0
"""
TUNING = "[training.fine_tuning]\nepochs = 20\nlearning_rate = 0.0002"


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/transfer"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    arguments = parser.parse_args()
    out, data = arguments.out.absolute(), arguments.out.absolute() / "data"

    link(arguments.folder, out / "six", SIX, PRETRAINING)
    link(arguments.folder, out / "four", FOUR, FEW)
    for name in ("six", "four"):
        run("data", name, "--from", out / name, "--data-dir", data)
    pretraining = BACKBONE.format(
        name="six", weights="", epochs=12, batch=128, rate=0.004, averaging=0.99, tuning=""
    )
    train(out, "six", pretraining, 0)
    weights = f'weights = "{out / "six-0" / "model.keras"}"\ntrainable_from = "block_13_expand"'
    few = {"name": "four", "batch": 16, "averaging": 0.9}
    arms = {
        "transfer": BACKBONE.format(weights=weights, epochs=40, rate=0.003, tuning=TUNING, **few),
        # As many epochs in all.
        "from nothing": BACKBONE.format(weights="", epochs=60, rate=0.003, tuning="", **few),
    }
    found = {
        arm: [accuracy(train(out, arm.replace(" ", "-"), text, seed)) for seed in arguments.seeds]
        for arm, text in arms.items()
    }
    print(f"\n{len(FOUR)} classes, {FEW} pictures of each; seeds {list(arguments.seeds)}")
    for arm, shares in found.items():
        each = "  ".join(f"{share:.2%}" for share, _ in shares)
        print(f"{arm:13} {statistics.mean(share for share, _ in shares):.2%}   ({each})")
    gain = statistics.mean(a - b for (a, _), (b, _) in zip(*found.values(), strict=True))
    print(f"gain {100 * gain:+.1f} points; n = {found['transfer'][0][1]:,} test pictures each")


def link(source: Path, target: Path, classes: tuple[str, ...], most: int) -> None:
    """Link some training pictures of each class, the first by name, and all test pictures."""
    for part, limit in (("train", most), ("test", None)):
        for name in classes:
            folder = target / part / name
            folder.mkdir(parents=True, exist_ok=True)
            for file in sorted((source / part / name).iterdir())[:limit]:
                if not (folder / file.name).exists():
                    (folder / file.name).symlink_to(file.absolute())


def train(out: Path, name: str, recipe: str, seed: int) -> Path:
    """Train a recipe, and return its run."""
    path, run_path = out / f"{name}.toml", out / f"{name}-{seed}"
    path.write_text(recipe)
    resume = ["--resume"] if (run_path / "run.json").exists() else []
    run("train", path, "--out", run_path, "--seed", seed, "--data-dir", out / "data", *resume)
    return run_path


def accuracy(path: Path) -> tuple[float, int]:
    """Return the share of a run's test pictures that its Keras model answers right, and their n."""
    kept = path / "test-accuracy.json"
    if not kept.exists():
        kept.write_text(json.dumps(_answer(path)))
    share, n = json.loads(kept.read_text())
    return share, n


def _answer(path: Path) -> tuple[float, int]:
    import keras  # noqa: PLC0415 - takes seconds
    import numpy as np  # noqa: PLC0415

    from liteproof.network import layers  # noqa: F401, PLC0415 - registers our layers
    from liteproof.runs.run import open_run  # noqa: PLC0415
    from liteproof.training.stage import trained  # noqa: PLC0415

    run_ = open_run(path)
    test = trained(run_).test
    model = keras.saving.load_model(run_.keras_model, compile=False)
    answers = model.predict(np.asarray(test.images, np.float32), batch_size=250, verbose=0)
    return float((answers.argmax(axis=1) == test.labels).mean()), len(test.labels)


def run(*arguments: object) -> None:
    """Run a command of liteproof, or end with its exit code."""
    ended = subprocess.run([LITEPROOF, *map(str, arguments)], check=False)
    if ended.returncode:
        sys.exit(ended.returncode)


if __name__ == "__main__":
    main()
