"""Start-up, memory, inference and preprocessing on this machine, as ratios: `make bench`.

Only a ratio of two rows of one table means anything: they share the machine and its load. What the
ratio is meant to stay below stands beside it.
"""

import compileall
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from liteproof_edge import Bundle, Classifier
from liteproof_edge.bundle.golden import Golden
from liteproof_edge.measurement.processes import measure
from liteproof_edge.preprocessing.spec import preprocess
from liteproof_edge.runtime.loading import PACKAGES, Runtime, installed, load_runtime

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PICTURE = ROOT / "tests" / "pictures" / "three.jpg"
BUNDLE = ROOT / "models" / "mnist"
STARTS = 15
CALLS = 2000
ROUNDS = 5
BLOCKS = 5
PICTURES = 10_000
LARGE = (4000, 3000)  # pixels: 12 megapixels
LARGE_CALLS = 15


def main() -> None:
    """Print every table."""
    for package in ("edge", "pipeline"):  # as pip does when it installs them
        compileall.compile_dir(ROOT / package, quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        photo.write_bytes(large_photo())
        for runtime in installed():
            start_up(runtime, photo)
        for runtime in installed():
            inference(runtime)
            many(runtime)
        small_ink()
        large_ink(photo.read_bytes())


def start_up(runtime: Runtime, photo: Path) -> None:
    """Whole processes, from start to end."""
    imports = f"import numpy, PIL.Image, {PACKAGES[runtime]}.interpreter"
    classify = [str(BIN / "liteproof-edge"), "classify", "--runtime", runtime.value, str(BUNDLE)]
    commands = {
        f"python -c '{imports}'": [sys.executable, "-c", imports],
        "liteproof-edge classify, 1 picture (<= 1.5)": [*classify, str(PICTURE)],
        "liteproof-edge classify, 12 megapixels": [*classify, str(photo)],
        "liteproof --help": [str(BIN / "liteproof"), "--help"],
        "liteproof-edge inspect (<= 300 ms)": [str(BIN / "liteproof-edge"), "inspect", str(BUNDLE)],
        "liteproof inspect": [str(BIN / "liteproof"), "inspect", str(BUNDLE)],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    peaks: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(STARTS):  # in turn, so that a drift of the machine meets all alike
        for name, command in commands.items():
            done = measure(command)
            times[name].append(done.wall_ms)
            peaks[name].append(done.peak_mib)
    show(f"process start to end, ms, median of n = {STARTS}", times)
    show("peak memory, MiB (classify <= 1.3 x; 12 megapixels <= 150 MiB)", peaks)


def inference(runtime: Runtime) -> None:
    """One picture's time inside a process."""
    bundle = Bundle.load(BUNDLE)
    golden = Golden.from_bytes(bundle.golden, "golden.npz")
    pixels, picture = golden.inputs[0], golden.pictures[0]
    classifier, bare = Classifier(bundle, runtime=runtime), bare_loop(bundle, runtime)
    one = pixels[np.newaxis]
    calls: dict[str, Callable[[], object]] = {
        "interpreter alone": lambda: bare(one),
        "Classifier.classify_tensor (<= +15 µs)": lambda: classifier.classify_tensor(pixels),
    }
    show(f"one picture, µs, {load_runtime(runtime)}, median of n = {CALLS}", timed(calls, CALLS))

    def decoded() -> None:
        with Image.open(io.BytesIO(picture)) as image:
            image.load()
        bare(one)

    calls = {
        "decode a 28x28 PNG and run the interpreter": decoded,
        "Classifier.classify (<= 1.8)": lambda: classifier.classify(picture),
    }
    show(f"one file, µs, {load_runtime(runtime)}, median of n = {CALLS}", timed(calls, CALLS))


def many(runtime: Runtime) -> None:
    """Many pictures' time inside a process."""
    bundle = Bundle.load(BUNDLE)
    inputs = Golden.from_bytes(bundle.golden, "golden.npz").inputs
    pictures = np.resize(inputs, (PICTURES, *inputs.shape[1:]))
    classifier, bare = Classifier(bundle, runtime=runtime), bare_loop(bundle, runtime)
    calls: dict[str, Callable[[], object]] = {
        "bare loop": lambda: bare(pictures),
        "Classifier.classify_tensors (<= 1.05)": lambda: classifier.classify_tensors(pictures),
    }
    title = f"{PICTURES} pictures, µs, {load_runtime(runtime)}, median of n = {ROUNDS}"
    show(title, timed(calls, ROUNDS))


def bare_loop(
    bundle: Bundle, runtime: Runtime
) -> Callable[[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]], object]:
    """Return what anyone would write: set_tensor, invoke, get_tensor for each picture."""
    interpreter = load_runtime(runtime).interpreter(model_content=bundle.model, num_threads=1)
    interpreter.allocate_tensors()
    into = interpreter.get_input_details()[0]["index"]
    out = interpreter.get_output_details()[0]["index"]

    def run(pictures: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> object:
        outputs = []
        for picture in pictures:
            interpreter.set_tensor(into, picture[np.newaxis])
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(out))
        return outputs

    return run


def small_ink() -> None:
    """A 28x28 picture through `ink`."""
    bundle = Bundle.load(BUNDLE)
    picture = Golden.from_bytes(bundle.golden, "golden.npz").pictures[0]
    with Image.open(io.BytesIO(picture)) as opened:
        pixels = np.asarray(opened)
    calls: dict[str, Callable[[], object]] = {
        "decode the PNG": lambda: Image.open(io.BytesIO(picture)).load(),
        "ink from its pixels (<= 150 µs)": lambda: preprocess(pixels, bundle.preprocessing),
        "ink from its PNG": lambda: preprocess(picture, bundle.preprocessing),
    }
    show(f"a 28x28 picture, µs, median of n = {CALLS}", timed(calls, CALLS))


def large_ink(photo: bytes) -> None:
    """A 12-megapixel JPEG through `ink`."""
    spec = Bundle.load(BUNDLE).preprocessing

    def reduced() -> None:
        with Image.open(io.BytesIO(photo)) as image:
            image.draft(None, (LARGE[0] // 4, LARGE[1] // 4))
            image.load()

    calls: dict[str, Callable[[], object]] = {
        "decode it reduced to a quarter": reduced,
        "ink (<= 1.5)": lambda: preprocess(photo, spec),
    }
    show(f"a 12-megapixel JPEG, µs, median of n = {LARGE_CALLS}", timed(calls, LARGE_CALLS))


def large_photo() -> bytes:
    """Return a JPEG of a sheet in uneven light, with noise, and a stroke on it."""
    width, height = LARGE
    light = np.linspace(150, 240, width)[np.newaxis, :, np.newaxis]
    noise = np.random.default_rng(0).normal(0, 6, (height, width, 1))
    pixels = np.repeat(np.clip(light + noise, 0, 255), 3, axis=2).astype(np.uint8)
    pixels[1000:1800, 2000:2080] = (30, 40, 90)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def timed(calls: dict[str, Callable[[], object]], n: int) -> dict[str, list[float]]:
    """Return the microseconds of n calls of each, by blocks in turn.

    In blocks, because a call finds in the caches what the one before it left there.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(BLOCKS):
        for name, call in calls.items():
            for _ in range(n // BLOCKS):
                begin = time.perf_counter_ns()
                call()
                times[name].append((time.perf_counter_ns() - begin) / 1000)
    return times


def show(title: str, samples: dict[str, list[float]]) -> None:
    """Print medians, and their ratio to the first row's."""
    medians = {name: statistics.median(values) for name, values in samples.items()}
    first = next(iter(medians.values()))
    print(title)
    for name, median in medians.items():
        print(f"  {name:72} {median:10.1f}   {median / first:5.2f} x   {median - first:+.1f}")
    print(flush=True)


if __name__ == "__main__":
    main()
