"""Evidence for the report's tests: computed from logits of our own making."""

from dataclasses import replace

import numpy as np

from liteproof.evidence import statistics
from liteproof.evidence.balanced import balanced
from liteproof.evidence.paired import Counts
from liteproof.evidence.records import Cell, Damage, Evidence
from liteproof.evidence.verdict import judge

MARGIN = 0.002
SHALOM = "\u05e9\u05dc\u05d5\u05dd"  # is written from right to left
HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert('x')>",
    "' onmouseover='alert(1)",
    "very long " * 1000,
    "😀 grinning",
    SHALOM,
    "\u202egnp.exe",
    "two\nlines",
    "{{ 7 * 7 }}",
    "&amp; &lt;b&gt;",
)


def evidence(before, after, truth, names, **changed):
    """Return the evidence of two arrays of logits, with plausible records of executions."""
    pair = statistics.pair(truth, before, after)
    baseline, candidate = (
        statistics.side(name, truth, logits)
        for name, logits in (("keras", before), ("int8", after))
    )
    classes = statistics.class_changes(names, truth, before, after)
    made = Evidence(
        dataset="mnist/3.0.1 test",
        total=pair.n,
        labels=tuple(names),
        sizes={"float32": 115_785, "int8": 36_105},
        baseline=baseline,
        candidate=candidate,
        pair=pair,
        classes=classes,
        balanced=balanced(classes),
        changes=statistics.changes(truth, before, after),
        cells=_cells(candidate),
        verdict=judge([Counts(pair.broken, pair.fixed, pair.n)], MARGIN, "keras", "int8"),
        damages=tuple(
            Damage(kind, strength, 1000, 1000 - 30 * strength, 1000 - 32 * strength, 4, 2)
            for kind in ("blur", "noise", "rotation")
            for strength in range(1, 6)
        ),
        provenance={"data": "mnist/3.0.1", "reproduce": "liteproof run mnist\nliteproof compare"},
        layers=[_layer("conv_0", 0.0001), _layer("dense_1", 0.004)],
        diagnosis=("no layer stands out: dense_1 loses the most",),
        calibration={"n": 500, "classes": 10, "fingerprint": "d4" * 32, "findings": []},
    )
    return replace(made, **changed)


def drawn(n, classes, noise, seed=0, sure=4.0):
    """Return logits before and after, and labels, of which a realistic share is right."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    before = random.normal(size=(n, classes)).astype(np.float32)
    before[np.arange(n), labels] += sure
    return before, (before + noise * random.normal(size=before.shape)).astype(np.float32), labels


def pictures(height=28, width=28, channels=1):
    """Return what gives pictures of some texture for indices."""

    def give(indices):
        across, down = np.meshgrid(np.arange(width), np.arange(height))
        return np.stack(
            [
                np.stack(
                    [
                        (across * (3 + at % 5) + down * (channel + 2)) % 256
                        for channel in range(channels)
                    ],
                    axis=-1,
                ).astype(np.uint8)
                for at in indices
            ]
        )

    return give


def noisy_pictures(side, channels=3):
    """Return what gives pictures that no PNG makes small."""

    def give(indices):
        return np.stack(
            [
                np.random.default_rng(at).integers(0, 256, (side, side, channels), np.uint8)
                for at in indices
            ]
        )

    return give


def _cells(candidate):
    """Lay out five executions; figures in the order of `Cell`."""
    counts = (candidate.correct, candidate.n, candidate.interval)
    x86, board = "x86_64", "aarch64 (emulated cortex-a72)"
    new, old = "LiteRT 2.3.0", "tflite-runtime 2.14.0"
    return (
        Cell("keras", "TensorFlow 2.21.0", x86, *counts, 1.0, 0.0, "logits", {}),
        Cell("float32", old, x86, *counts, 1.0, 4.5e-6, "logits", {50: 47.2, 90: 52.0, 99: 83.7}),
        Cell("int8", old, x86, *counts, 0.9996, 0.31, "logits", {50: 86.9, 90: 101.0, 99: 158.1}),
        Cell("int8", new, x86, *counts, 0.9996, 1, "LSB", {50: 71.0, 90: 80.5, 99: 120.0}),
        Cell("int8", old, board, *counts, 0.9996, 0, "LSB", {}),
    )


def _layer(name, introduced):
    return {
        "layer": name,
        "operator": "CONV_2D",
        "introduced": introduced,
        "snr_db": 40.8,
        "rmse_over_scale": 0.25,
        "scale": 0.02,
        "clipped": 0.0,
        "codes_used": 0.77,
    }
