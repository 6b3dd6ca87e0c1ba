"""Start-up, inference and preprocessing times on this machine, as ratios: `make bench`.

Only a ratio of two rows of one run means anything: they share the machine and its load.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from liteproof_edge import Bundle, Classifier
from liteproof_edge.golden import Golden
from liteproof_edge.preprocessing import preprocess
from liteproof_edge.runtime import load_runtime

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PICTURE = ROOT / "tests" / "pictures" / "three.jpg"
BUNDLE = ROOT / "models" / "mnist"
STARTS = 9
CALLS = 2000
PICTURES = 10_000
BARE_IMPORTS = "import numpy, PIL.Image, tflite_runtime.interpreter"


def main() -> None:
    """Print every table."""
    start_up()
    inference()


def start_up() -> None:
    """Whole processes, from start to end."""
    commands: dict[str, list[str | Path]] = {
        "python, bare imports of the edge": [sys.executable, "-c", BARE_IMPORTS],
        "liteproof-edge classify, 1 picture": [BIN / "liteproof-edge", "classify", BUNDLE, PICTURE],
        "liteproof --help": [BIN / "liteproof", "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(STARTS):  # in turn, so that a drift of the machine meets all alike
        for name, command in commands.items():
            begin = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times[name].append(1000 * (time.perf_counter() - begin))
    show(f"process start to end, ms, median of n = {STARTS}", times)


def inference() -> None:
    """One picture's time inside a process."""
    bundle = Bundle.load(BUNDLE)
    golden = Golden.from_bytes(bundle.golden, "golden.npz")
    pixels, picture = golden.inputs[0], golden.pictures[0]
    classifier = Classifier(bundle)
    interpreter = load_runtime().interpreter(model_content=bundle.model, num_threads=1)
    interpreter.allocate_tensors()
    into = interpreter.get_input_details()[0]["index"]
    out = interpreter.get_output_details()[0]["index"]

    def bare() -> None:
        interpreter.set_tensor(into, pixels[np.newaxis])
        interpreter.invoke()
        interpreter.get_tensor(out)

    calls: dict[str, Callable[[], object]] = {
        "interpreter alone": bare,
        "Classifier.classify_tensor": lambda: classifier.classify_tensor(pixels),
        "Classifier.classify, 28x28 PNG": lambda: classifier.classify(picture),
        "preprocess (ink), 28x28 PNG": lambda: preprocess(picture, bundle.preprocessing),
    }
    times = {name: [timed(call) for _ in range(CALLS)] for name, call in calls.items()}
    show(f"one picture, µs, {load_runtime()}, one thread, median of n = {CALLS}", times)
    begin = time.perf_counter()
    classifier.session.run_many(np.repeat(pixels[np.newaxis], PICTURES, axis=0))
    print(f"{PICTURES} pictures by Session.run_many: {time.perf_counter() - begin:.2f} s")


def timed(call: Callable[[], object]) -> float:
    """Return the microseconds that a call takes."""
    begin = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - begin) / 1000


def show(title: str, times: dict[str, list[float]]) -> None:
    """Print medians, and their ratio to the first row's."""
    first = statistics.median(next(iter(times.values())))
    print(title)
    for name, samples in times.items():
        median = statistics.median(samples)
        print(f"  {name:36} {median:8.1f}   {median / first:5.2f} x")
    print()


if __name__ == "__main__":
    main()
