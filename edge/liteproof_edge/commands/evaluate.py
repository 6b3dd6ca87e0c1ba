"""`evaluate`: accuracy on labelled pictures."""

import argparse
import json
from pathlib import Path

from liteproof_edge.classifier import Classifier
from liteproof_edge.commands.output import complain, show_progress, show_rows, show_table
from liteproof_edge.errors import PictureError
from liteproof_edge.measurement.evaluation import Evaluation, evaluate

MOST_LABELS = 20  # rows of a table; --json has all of them


def run(options: argparse.Namespace) -> int:
    """Evaluate the bundle; a picture that is refused counts as wrong, and is named."""
    with Classifier.load(
        options.bundle,
        runtime=options.runtime,
        reference_kernels=options.reference_kernels,
        threads=options.threads,
        max_megapixels=options.max_megapixels,
    ) as classifier:
        result = evaluate(classifier, Path(options.folder), show_progress, complain)
        name = classifier.bundle.name
    if options.json:
        kernels = "reference" if options.reference_kernels else "shipping"
        how = {"bundle": name, "kernels": kernels, "threads": options.threads}
        print(json.dumps({**how, **result.to_json()}))
    else:
        _show(name, result)
    return PictureError.exit_code if sum(result.refused) else 0


def _show(name: str, result: Evaluation) -> None:
    low, high = result.interval
    latency = result.latency
    show_rows(
        [
            ("bundle", name),
            ("runtime", result.runtime),
            ("preprocessing", result.preprocessing),
            ("top-1 accuracy", f"{result.top1_accuracy:.2%} ({result.correct} of {result.n})"),
            ("95 % interval", f"{low:.2%} to {high:.2%}"),
            ("refused", f"{sum(result.refused)} pictures, counted as wrong"),
            ("median latency", f"{latency.p50_us:.0f} µs" if latency else "unknown"),
        ]
    )
    scores = [
        (label, result.of_label(i), result.precision(i)) for i, label in enumerate(result.labels)
    ]
    seen = [score for score in scores if score[1].n]
    print(f"\n{'label, least right first' if len(seen) > MOST_LABELS else 'label by label'}")
    if len(seen) > MOST_LABELS:
        seen = sorted(seen, key=lambda entry: entry[1].top1_accuracy)[:MOST_LABELS]
    show_table(
        ("label", "n", "right", "precision"),
        (
            (label, score.n, f"{score.top1_accuracy:.2%}", "" if share is None else f"{share:.2%}")
            for label, score, share in seen
        ),
    )
    if len(result.labels) <= MOST_LABELS:
        print("\nconfusion: label (down), answer (across)")
        show_table(
            ("", *result.labels),
            ((label, *row) for label, row in zip(result.labels, result.confusion, strict=True)),
        )
