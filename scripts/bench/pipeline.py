"""The pipeline: seconds and memory of its stages, and how they grow with pictures and their size.

The models are untrained and the pictures are noise: times do not depend on what a model has learnt.
Each is a process from start to end, TensorFlow's import included where it is imported.
"""

import shutil
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from bench.quick import repeats
from bench.row import Row
from liteproof.network.architecture import build
from liteproof.recipes.reader import load_recipe
from liteproof_edge.measurement.processes import measure

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "models" / "mnist"
BIN = Path(sys.executable).parent
COUNTS, SIDES = (1_000, 10_000, 70_000), (28, 96, 224)
CALIBRATION = (
    1000  # half of them calibrate, as many as the recipe takes; the others are measured on
)
ROUNDS = 3
CLASSES = 10
LOOP = """
import sys
import numpy as np
from tflite_runtime.interpreter import Interpreter
pixels = np.fromfile(sys.argv[2], np.uint8, offset=16).reshape(-1, 1, 28, 28, 1)
labels = np.fromfile(sys.argv[3], np.uint8, offset=8)
interpreter = Interpreter(model_path=sys.argv[1])
interpreter.allocate_tensors()
source = interpreter.get_input_details()[0]["index"]
target = interpreter.get_output_details()[0]["index"]
right = 0
for picture, label in zip(pixels, labels):
    interpreter.set_tensor(source, picture)
    interpreter.invoke()
    right += interpreter.get_tensor(target)[0].argmax() == label
print(right / len(labels))
"""


def rows() -> Iterator[Row]:
    """Yield every row."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "loop.py").write_text(LOOP)
        counts, sides = COUNTS[: repeats(3, 1)], SIDES[: repeats(3, 2)]
        for n in counts:
            data = write_idx(folder / f"data-{n}", n, 28)
            files = [
                str(data / name) for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
            ]
            loop = [sys.executable, str(folder / "loop.py"), str(BUNDLE / "model.tflite"), *files]
            name = "evaluate, pictures of 28x28, at n"
            yield from process(name, "bare loop, tflite-runtime", loop, n)
            edge = [str(BIN / "liteproof-edge"), "evaluate", str(BUNDLE), str(data)]
            yield from process(name, "liteproof-edge evaluate", edge, n)
        bare = [sys.executable, "-c", "import tensorflow"]
        yield from process("export, at side", "import tensorflow", bare, SIDES[0])
        for side in sides:
            yield from grows_with_side(folder, side)
        for n in counts:
            out = folder / "exported-28"
            yield from compare("compare and report, 28x28, at n", out, folder / f"data-{n}", n)


def grows_with_side(folder: Path, side: int) -> Iterator[Row]:
    """Yield the rows of exporting and comparing a model for square pictures."""
    keras.utils.set_random_seed(0)
    architecture = load_recipe("mnist").recipe.architecture
    out = folder / f"exported-{side}"
    out.mkdir()
    build(architecture, (side, side, 1), CLASSES).save(out / "model.keras")
    np.save(out / "noise.npy", noise(CALIBRATION, side)[..., np.newaxis])
    export = [str(BIN / "liteproof"), "export", "--keras", str(out / "model.keras")]
    export += ["--representative", str(out / "noise.npy"), "--out", str(out)]
    yield from process("export, at side", "liteproof export, float32 and int8", export, side)
    data = write_idx(folder / f"side-{side}", COUNTS[0], side)
    yield from compare("compare and report, 1,000 pictures, at side", out, data, side)


def compare(group: str, exported: Path, data: Path, at: float) -> Iterator[Row]:
    """Yield the rows of comparing two models of a folder, the report included."""
    models = [str(exported / f"model-{name}.tflite") for name in ("float32", "int8")]
    command = [str(BIN / "liteproof"), "compare", *models, "--data", str(data), "--margin", "100"]
    out = exported / "evidence"
    yield from process(group, "liteproof compare", [*command, "--out", str(out)], at, fresh=out)


def process(
    group: str, name: str, command: list[str], at: float, *, fresh: Path | None = None
) -> Iterator[Row]:
    """Yield the time and the peak memory of a process, medians of some runs.

    `fresh` is removed before each: what it keeps of answers would not be computed again.
    """
    done = []
    for _ in range(repeats(ROUNDS)):
        if fresh:
            shutil.rmtree(fresh, ignore_errors=True)
        done.append(measure(command))
    failed = next((each.message for each in done if each.exit_code), "")
    ours = name.startswith("liteproof")
    for unit, values in (
        ("s", [each.wall_ms / 1000 for each in done]),
        ("MiB", [each.peak_mib for each in done]),
    ):
        title = group if unit == "s" else f"peak memory, {group}"
        value = None if failed else float(np.median(values))
        yield Row(title, name, value, unit, len(done), ours=ours, at=at, note=failed)


def noise(n: int, side: int) -> NDArray[np.uint8]:
    """Return noise, uint8 (n, side, side)."""
    return np.random.default_rng(0).integers(0, 256, (n, side, side), np.uint8)


def write_idx(folder: Path, n: int, side: int) -> Path:
    """Write n test pictures of noise as IDX files, and the few to train on that are asked for."""
    folder.mkdir()
    for start, count in (("train", CLASSES), ("t10k", n)):
        header = struct.pack(">BBBB3I", 0, 0, 8, 3, count, side, side)
        (folder / f"{start}-images-idx3-ubyte").write_bytes(header + noise(count, side).tobytes())
        labels = (np.arange(count) % CLASSES).astype(np.uint8)
        header = struct.pack(">BBBBI", 0, 0, 8, 1, count)
        (folder / f"{start}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
    return folder
