"""The device path, for one model file: what each way to use it costs, in µs, MiB and ms."""

import compileall
import io
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
from PIL import Image

from bench.quick import repeats
from bench.rivals import IMPORTS, LABEL_IMAGE, ONNX, Pixels, bare_loop, onnx_copy, onnx_loop
from bench.row import Better, Row, median_row
from liteproof_edge import Bundle, Classifier
from liteproof_edge.bundle.golden import Golden
from liteproof_edge.measurement.latency import Latency
from liteproof_edge.measurement.processes import measure
from liteproof_edge.preprocessing.spec import preprocess
from liteproof_edge.runtime.loading import Runtime, installed, load_runtime

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PICTURE = ROOT / "tests" / "pictures" / "three.jpg"
BUNDLE = ROOT / "models" / "mnist"
STARTS, CALLS, ROUNDS, BLOCKS, LARGE_CALLS = 15, 2000, 5, 5, 15
PICTURES = 10_000
LARGE = (4000, 3000)  # pixels: 12 megapixels
# What each way installs, besides Python: distributions, with all that they bring.
INSTALLS = {
    "liteproof-edge": ("liteproof-edge", "tflite-runtime", "numpy", "pillow"),
    "tflite-runtime, for label_image": ("tflite-runtime", "numpy", "pillow"),
    "ai-edge-litert, for label_image": (
        *("ai-edge-litert", "flatbuffers", "ml_dtypes", "protobuf", "tqdm", "typing_extensions"),
        *("backports.strenum", "numpy", "pillow"),
    ),
    "onnxruntime": ("onnxruntime", "flatbuffers", "protobuf", "packaging", "numpy", "pillow"),
    "tensorflow alone": ("tensorflow",),
}


def rows() -> Iterator[Row]:
    """Yield every row."""
    for package in ("edge", "pipeline"):  # as pip does when it installs them
        compileall.compile_dir(ROOT / package, quiet=1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        onnx = onnx_copy(Bundle.load(BUNDLE).model, folder)
        for runtime in installed():
            yield from start_up(runtime, folder, onnx)
        for runtime in installed():
            yield from inference(runtime, onnx)
            yield from throughput(runtime, onnx)
    yield from ink()
    yield from sizes()


def start_up(runtime: Runtime, folder: Path, onnx: Path | str) -> Iterator[Row]:
    """Whole processes from start to end: cold start, and the memory that they take at most."""
    model = str(BUNDLE / "model.tflite")
    script = folder / f"label_image_{runtime.value}.py"
    script.write_text(LABEL_IMAGE.format(imports=IMPORTS[runtime]))
    photo = folder / "photo.jpg"
    photo.write_bytes(large_photo())
    edge = [str(BIN / "liteproof-edge"), "classify", "--runtime", runtime.value, str(BUNDLE)]
    label_image = [sys.executable, str(script), model]
    commands = {
        "label_image": [*label_image, str(PICTURE)],
        "liteproof-edge classify": [*edge, str(PICTURE)],
    }
    if isinstance(onnx, Path):
        (folder / "onnx.py").write_text(ONNX)
        onnx_script = [sys.executable, str(folder / "onnx.py"), str(onnx)]
        commands["onnxruntime"] = [*onnx_script, str(PICTURE)]
    yield from processes(f"cold start, {runtime.value}", commands, 1.5)
    large = {"label_image": [*label_image, str(photo)]}
    large["liteproof-edge classify"] = [*edge, str(photo)]
    yield from processes(f"cold start, a photo of 12 megapixels, {runtime.value}", large, None)
    litert_cli = "not installed" if not shutil.which("litert") else "not timed"
    note = f"{litert_cli}; 0.2.1 ends in an error on this model: cannot reshape the picture"
    yield Row(f"cold start, {runtime.value}", "LiteRT-CLI run", None, "ms", 0, note=note)
    if isinstance(onnx, str):
        yield Row(f"cold start, {runtime.value}", "onnxruntime", None, "ms", 0, note=onnx)


def processes(group: str, commands: Mapping[str, list[str]], limit: float | None) -> Iterator[Row]:
    """Yield times and peaks of processes that were run in turn."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    n = repeats(STARTS, 2)
    for _ in range(n):  # in turn, so that a drift of the machine meets all alike
        for name, command in commands.items():
            done = measure(command)
            seen[name].append((done.wall_ms, done.peak_mib))
    for unit, at in (("ms", 0), ("MiB", 1)):
        title = group if unit == "ms" else group.replace("cold start", "peak memory")
        for name, values in seen.items():
            ours = name.startswith("liteproof")
            measured = [each[at] for each in values]
            yield median_row(title, name, measured, unit, ours=ours, limit=limit if ours else None)


def inference(runtime: Runtime, onnx: Path | str) -> Iterator[Row]:
    """One picture's time inside a process: the model alone, and from a file to a label."""
    bundle = Bundle.load(BUNDLE)
    golden = Golden.from_bytes(bundle.golden, "golden.npz")
    pixels, picture = golden.inputs[0], golden.pictures[0]
    classifier, bare = Classifier(bundle, runtime=runtime), bare_loop(bundle.model, runtime)
    one, name = pixels[np.newaxis], str(load_runtime(runtime))
    calls: dict[str, Callable[[], object]] = {
        "bare loop": lambda: bare(one),
        "liteproof Classifier.classify_tensor": lambda: classifier.classify_tensor(pixels),
    }
    if isinstance(onnx, Path):
        loop = onnx_loop(onnx)
        calls["onnxruntime"] = lambda: loop(one)
    yield from percentiles(f"the model alone, {name}", calls, CALLS)

    def label_image() -> None:
        with Image.open(io.BytesIO(picture)) as opened:
            scaled = opened.convert("L").resize((28, 28))
        bare(np.asarray(scaled).reshape(1, 28, 28, 1))

    calls = {
        "label_image's steps": label_image,
        "liteproof Classifier.classify": lambda: classifier.classify(picture),
    }
    note = "ink is found and centred; label_image only resizes"
    yield from percentiles(f"a 28x28 PNG to a label, {name}", calls, CALLS, 1.8, note)


def throughput(runtime: Runtime, onnx: Path | str) -> Iterator[Row]:
    """Many pictures' time inside a process."""
    bundle = Bundle.load(BUNDLE)
    inputs = Golden.from_bytes(bundle.golden, "golden.npz").inputs
    pictures: Pixels = np.resize(inputs, (PICTURES, *inputs.shape[1:]))
    classifier, bare = Classifier(bundle, runtime=runtime), bare_loop(bundle.model, runtime)
    calls: dict[str, Callable[[], object]] = {
        "bare loop": lambda: bare(pictures),
        "liteproof Classifier.classify_tensors": lambda: classifier.classify_tensors(pictures),
    }
    if isinstance(onnx, Path):
        loop = onnx_loop(onnx)
        calls["onnxruntime"] = lambda: loop(pictures)
    group = f"throughput of {PICTURES:,} pictures, {load_runtime(runtime)}"
    for name, times in timed(calls, repeats(ROUNDS)).items():
        ours = name.startswith("liteproof")
        rates = [PICTURES / (each / 1e6) for each in times]
        limit = 0.95 if ours else None
        better = Better.HIGHER
        yield median_row(group, name, rates, "a second", better=better, ours=ours, limit=limit)


def ink() -> Iterator[Row]:
    """Preprocessing, beside decoding alone."""
    bundle = Bundle.load(BUNDLE)
    picture = Golden.from_bytes(bundle.golden, "golden.npz").pictures[0]
    photo, spec = large_photo(), bundle.preprocessing

    def reduced() -> None:
        with Image.open(io.BytesIO(photo)) as image:
            image.draft(None, (LARGE[0] // 4, LARGE[1] // 4))
            image.load()

    small: dict[str, Callable[[], object]] = {
        "Pillow: decode it": lambda: Image.open(io.BytesIO(picture)).load(),
        "liteproof ink": lambda: preprocess(picture, spec),
    }
    large: dict[str, Callable[[], object]] = {
        "Pillow: decode it reduced to a quarter": reduced,
        "liteproof ink": lambda: preprocess(photo, spec),
    }
    yield from percentiles("ink, a 28x28 PNG", small, CALLS)
    yield from percentiles("ink, a JPEG of 12 megapixels", large, LARGE_CALLS, 1.5)


def sizes() -> Iterator[Row]:
    """What each way takes on the disk, as installed here."""
    for name, distributions in INSTALLS.items():
        group, ours = "installed size", name.startswith("liteproof")
        try:
            total = sum(size_of(each) for each in distributions)
        except PackageNotFoundError as error:
            note = f"not measured: {error.args[0]} is not installed"
            yield Row(group, name, None, "MB", 0, ours=ours, note=note)
            continue
        yield Row(group, name, total / 1e6, "MB", 1, ours=ours, note=" + ".join(distributions))


def size_of(name: str) -> int:
    """Return the bytes of a distribution's files; of one in a checkout, those of its folder."""
    if name == "liteproof-edge":
        files = list((ROOT / "edge" / "liteproof_edge").rglob("*.*"))
    else:
        files = [Path(str(f.locate())) for f in distribution(name).files or ()]
    return sum(f.stat().st_size for f in files if f.is_file() and f.suffix != ".pyc")


def percentiles(
    group: str,
    calls: Mapping[str, Callable[[], object]],
    n: int,
    limit: float | None = None,
    note: str = "",
) -> Iterator[Row]:
    """Yield p50, p90 and p99 of calls that were timed by blocks in turn."""
    times = {name: Latency.of(each) for name, each in timed(calls, repeats(n, n // 10)).items()}
    for percent in (50, 90, 99):
        for name, latency in times.items():
            ours, value = name.startswith("liteproof"), latency.by_percentile()[percent]
            held = limit if ours and percent == 50 else None
            told = note if ours and percent == 50 else ""
            title = f"p{percent}, {group}"
            yield Row(title, name, value, "µs", latency.n, ours=ours, limit=held, note=told)


def timed(calls: Mapping[str, Callable[[], object]], n: int) -> dict[str, list[float]]:
    """Return the microseconds of n calls of each, by blocks in turn.

    In blocks, because a call finds in the caches what the one before it left there.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    blocks = min(BLOCKS, n)
    for _ in range(blocks):
        for name, call in calls.items():
            for _ in range(n // blocks):
                begin = time.perf_counter_ns()
                call()
                times[name].append((time.perf_counter_ns() - begin) / 1000)
    return times


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
