"""Measure how well a bundle reads digits as people photograph and scan them.

Tune on the last 5,000 training pictures; many of them trained the released model. The test split is
for the final figures only.
"""

import argparse
from pathlib import Path

from liteproof_edge import Classifier, idx
from realistic.conditions import CONDITIONS
from realistic.contact_sheet import contact_sheet
from realistic.crops import CROPS
from realistic.scoring import HEADING, Answered, answered, risk_at, row, taken

ROOT = Path(__file__).parents[2]
COVERAGES = (0.5, 0.8, 0.9, 0.95, 0.98, 1.0)
HELD_OUT = 55_000  # training pictures from here on are drawn; many of them trained the model


def main() -> None:
    """Print each condition's accuracy."""
    options = parsed()
    examples = idx.load(options.folder, idx.Split[options.split.upper()])
    if options.split == "train":
        examples = idx.Examples(examples.images[HELD_OUT:], examples.labels[HELD_OUT:])
    rows: dict[str, list[Answered]] = {}
    with Classifier.load(options.bundle) as classifier:
        spec = classifier.bundle.preprocessing
        print(HEADING)
        for condition in options.only or (CROPS if options.crops else CONDITIONS):
            pictures = (
                taken(examples, condition, options.seed, k) for k in range(options.per_condition)
            )
            rows[condition] = [answered(classifier, file, label) for file, label in pictures]
            print(row(condition, rows[condition]), flush=True)
    everything = [each for answers in rows.values() for each in answers]
    print(row("all", everything))
    print("\ncoverage  risk: wrong answers among the surest that are given")
    for coverage in COVERAGES:
        print(f"{coverage:8.0%}  {risk_at(everything, coverage):.2%}")
    if options.sheet:
        contact_sheet(examples, rows, spec, options.seed).save(options.sheet)


def parsed() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(
        "python -m realistic",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="MNIST's IDX files")
    parser.add_argument("--bundle", type=Path, default=ROOT / "models" / "mnist")
    parser.add_argument("--split", choices=("train", "test"), default="train")
    parser.add_argument("--per-condition", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--crops", action="store_true", help="crops and scans instead of photos")
    parser.add_argument("--only", nargs="+", choices=(*CONDITIONS, *CROPS), metavar="CONDITION")
    parser.add_argument("--sheet", type=Path, help="where to write a contact sheet")
    return parser.parse_args()


if __name__ == "__main__":
    main()
