"""What `liteproof-edge serve` adds to the classifier; needs Debian's package wrk.

In turn on one machine: what the classifier does alone in one process, and what comes of it over
HTTP.
"""

import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw

from bench.quick import repeats
from bench.row import Better, Row, median_row
from liteproof_edge import Bundle, Classifier
from liteproof_edge.bundle.golden import Golden

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "models" / "mnist"
PHOTO = ROOT / "tests" / "pictures" / "three.jpg"
THREE = [(100, 60), (180, 60), (130, 130), (180, 150), (170, 220), (100, 220)]
ROUNDS = 5
SECONDS = 3
CONNECTIONS = 8
REQUESTS = 50_000
MOST_SECONDS = 180  # for all of those
SCRIPT = """
wrk.method = "POST"
local file = io.open("{picture}", "rb")
wrk.body = file:read("*a")
file:close()
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("JSON [%d, %d, %d, %d, %d]\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), failed))
end
"""


class Load(NamedTuple):
    """What wrk saw; times in µs."""

    n: int
    per_second: float
    p50_us: float
    p99_us: float
    errors: int


def rows() -> Iterator[Row]:
    """Yield every row."""
    if not shutil.which("wrk"):
        note = "not measured: apt-get install wrk"
        yield Row("served", "liteproof-edge serve", None, "a second", 0, ours=True, note=note)
        return
    with tempfile.TemporaryDirectory() as folder, served() as (process, port):
        idle = memory_mib(process.pid)
        with Classifier.load(BUNDLE) as classifier:
            for number, (name, picture) in enumerate(pictures().items()):
                file = Path(folder) / f"{number}.picture"
                file.write_bytes(picture)
                script = file.with_suffix(".lua")
                script.write_text(SCRIPT.format(picture=file))
                yield from beside(name, classifier, picture, script, port)
        script = Path(folder) / "0.lua"
        growth, n, errors = endure(script, port, process.pid)
    yield Row("memory of the server, idle", "liteproof-edge serve", idle, "MiB", 1, ours=True)
    group = "memory that the server takes more after many requests"
    yield Row(group, "liteproof-edge serve", growth, "MiB", n, ours=True)
    yield Row("errors in these", "liteproof-edge serve", errors, "requests", n, ours=True)


def pictures() -> dict[str, bytes]:
    """Return what is sent: the least there is to do, what the page sends, and a photo."""
    golden = Golden.from_bytes(Bundle.load(BUNDLE).golden, "golden.npz")
    sheet = Image.new("L", (280, 280), 255)
    ImageDraw.Draw(sheet).line(THREE, fill=0, width=17, joint="curve")
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return {
        "28x28 PNG": golden.pictures[0],
        "280x280 PNG, a drawing as the page sends it": file.getvalue(),
        "tests/pictures/three.jpg": PHOTO.read_bytes(),
    }


def beside(
    name: str, classifier: Classifier, picture: bytes, script: Path, port: int
) -> Iterator[Row]:
    """Yield the rows of one picture: the classifier alone in one process, and the server."""
    bare: list[float] = []
    loads: list[Load] = []
    for _ in range(repeats(ROUNDS)):  # in turn, so that a drift of the machine meets both alike
        bare.append(alone(classifier, picture))
        loads.append(load(script, port, SECONDS))
    group, better = f"served, {CONNECTIONS} connections, {name}", Better.HIGHER
    yield median_row(group, "Classifier in a process", bare, "a second", better=better)
    rates = [each.per_second for each in loads]
    server, limit = "liteproof-edge serve", 0.7
    yield median_row(group, server, rates, "a second", better=better, ours=True, limit=limit)
    for percent, values in ((50, [e.p50_us for e in loads]), (99, [e.p99_us for e in loads])):
        times = [value / 1000 for value in values]
        yield median_row(f"p{percent}, {group}", server, times, "ms", ours=True)
    errors = sum(each.errors for each in loads)
    total = sum(each.n for each in loads)
    yield Row(f"errors, {group}", server, errors, "requests", total, ours=True)


def endure(script: Path, port: int, pid: int) -> tuple[float, int, int]:
    """Send many requests; return by how many MiB the server grew after the first, n and errors."""
    first = load(script, port, SECONDS)
    before, n, errors = memory_mib(pid), first.n, first.errors
    end = time.monotonic() + MOST_SECONDS
    most = repeats(REQUESTS, 1000)
    while n < most and time.monotonic() < end:
        more = load(script, port, SECONDS)
        n, errors = n + more.n, errors + more.errors
    return memory_mib(pid) - before, n, errors


def alone(classifier: Classifier, picture: bytes) -> float:
    """Return how many pictures a second the classifier answers in this process."""
    n, begin = 0, time.perf_counter()
    while (seconds := time.perf_counter() - begin) < SECONDS:
        classifier.classify(picture)
        n += 1
    return n / seconds


def load(script: Path, port: int, seconds: int) -> Load:
    """Let wrk ask for some seconds."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "-s", str(script)]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/v1/classify"], capture_output=True, check=True
    )
    line = re.search(rb"^JSON (.*)$", done.stdout, re.MULTILINE)
    if line is None:
        raise RuntimeError(done.stdout.decode())
    n, duration_us, p50_us, p99_us, errors = json.loads(line[1])
    return Load(n, n / (duration_us / 1e6), p50_us, p99_us, errors)


@contextmanager
def served() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Yield a server's process and its port."""
    command = [
        sys.executable,
        "-m",
        "liteproof_edge",
        "serve",
        str(BUNDLE),
        "--port",
        "0",
        "--json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield process, int(json.loads(line)["address"].rstrip("/").rpartition(":")[2])
        finally:
            process.terminate()


def memory_mib(pid: int) -> float:
    """Return a process's resident memory in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
