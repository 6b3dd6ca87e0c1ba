"""Fuzz tests: how many cases there are, and how bytes are damaged.

LITEPROOF_FUZZ=short (the default) or long says how many. A case is a seed: it stands in the test's
name, and `pytest 'tests/fuzz/test_models.py::<name>'` runs it again (with LITEPROOF_FUZZ=long where
it is a high one).
"""

import os
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

RELEASED = Path(__file__).parents[2] / "models" / "mnist"
# What is damaged → how many seeds.
CASES = {
    "short": {"model_seed": 60, "resealed_seed": 14, "manifest_seed": 100, "picture_seed": 320},
    "long": {
        "model_seed": 1000,
        "resealed_seed": 1000,
        "manifest_seed": 2000,
        "picture_seed": 4000,
    },
}
LARGE_PICTURES = {"short": 2, "long": None}  # None: a picture of each kind
LENGTH = os.environ.get("LITEPROOF_FUZZ", "short")
# A model keeps what is not weights in its last quarter.
TAIL, TAIL_SHARE = 0.75, 0.6
MORE = 0.25  # how often a file is damaged once more
EXTREMES = [
    *(struct.pack("<I", word) for word in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)),
    *(struct.pack("<H", half) for half in (0, 0x7FFF, 0x8000, 0xFFFF)),
    *(struct.pack("<Q", double) for double in (0, 1 << 32, 1 << 63, (1 << 64) - 1)),
    *(struct.pack("<f", real) for real in (np.nan, np.inf, -1.0, 3e38, 1e-45)),
]


def pytest_report_header():
    counts = CASES.get(LENGTH, {})
    return f"fuzz: LITEPROOF_FUZZ={LENGTH}: {counts}"


def pytest_generate_tests(metafunc):
    if LENGTH not in CASES:
        raise pytest.UsageError(f"LITEPROOF_FUZZ={LENGTH}, expected one of {', '.join(CASES)}")
    if "large_picture" in metafunc.fixturenames:
        metafunc.parametrize("large_picture", list(metafunc.module.KINDS)[: LARGE_PICTURES[LENGTH]])
    for name, count in CASES[LENGTH].items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, range(count), ids=lambda seed: f"seed{seed}")


def pytest_terminal_summary(terminalreporter):
    """Show what the largest pictures took, the worst first."""
    passed, failed = (terminalreporter.stats.get(key, ()) for key in ("passed", "failed"))
    rows = [value for report in (*passed, *failed) for _, value in report.user_properties]
    for kind, width, height, kilobytes, mib in sorted(rows, key=lambda row: -row[-1]):
        terminalreporter.write_line(
            f"{kind:36} {width:>6}x{height:<6} {kilobytes:>7} kB  {mib:>4} MiB at the peak"
        )


def _block(data, rng, longest=1024):
    """Return where a block of `data` begins and ends; more often near the end of the file."""
    least = int(len(data) * TAIL) if rng.random() < TAIL_SHARE else 0
    start = int(rng.integers(least, len(data)))
    length = int(2 ** rng.uniform(0, np.log2(longest)))
    return start, min(start + length, len(data))


def truncate(data, rng):
    del data[_block(data, rng)[0] :]


def zero_range(data, rng):
    start, end = _block(data, rng)
    data[start:end] = bytes(end - start)


def flip_bits(data, rng):
    for _ in range(int(2 ** rng.uniform(0, 4))):
        data[_block(data, rng)[0]] ^= 1 << int(rng.integers(8))


def randomise_span(data, rng):
    start, end = _block(data, rng, longest=64)
    data[start:end] = rng.bytes(end - start)


def swap_blocks(data, rng):
    (one, end), (other, _) = _block(data, rng), _block(data, rng)
    size = min(end - one, len(data) - other, abs(one - other))
    data[one : one + size], data[other : other + size] = (
        data[other : other + size],
        data[one : one + size],
    )


def duplicate_block(data, rng):
    start, end = _block(data, rng)
    data[end:end] = data[start:end]


def set_extreme_numbers(data, rng):
    for _ in range(int(2 ** rng.uniform(0, 2))):
        extreme = EXTREMES[rng.integers(len(EXTREMES))]
        start = _block(data, rng)[0] // 4 * 4
        data[start : start + len(extreme)] = extreme[: len(data) - start]


DAMAGES = (
    *(truncate, zero_range, flip_bits, randomise_span),
    *(swap_blocks, duplicate_block, set_extreme_numbers),
)


@pytest.fixture(scope="session")
def damage():
    """Return the bytes, damaged as the seed says; never the same bytes."""

    def damaged(data, seed):
        rng = np.random.default_rng(seed)
        changed = bytearray(data)
        while changed == data:
            changed = bytearray(data)
            # The first damage is each in turn, so that few seeds have them all.
            DAMAGES[seed % len(DAMAGES)](changed, rng)
            while changed and rng.random() < MORE:
                DAMAGES[rng.integers(len(DAMAGES))](changed, rng)
        return bytes(changed)

    return damaged


@pytest.fixture(scope="session")
def released():
    return RELEASED


@pytest.fixture(scope="session")
def control():
    """A model of five graphs, with a loop, a branch and names: TensorFlow 2.21 wrote it."""
    return (Path(__file__).parent / "control.tflite").read_bytes()


@pytest.fixture
def copied(tmp_path):
    """A copy of the released bundle, to be damaged."""
    return shutil.copytree(RELEASED, tmp_path / "bundle")
