"""Measure how well a bundle reads sheets of several digits.

Tune on the last 5,000 training pictures; many of them trained the released model. The test split is
for the final figures only. `touching` is told apart: digits that touch are to be in doubt.
"""

import argparse
from pathlib import Path

import numpy as np

from liteproof_edge import Classifier, idx
from number_sheets.composing import compose
from number_sheets.conditions import CONDITIONS
from number_sheets.scoring import HEADING, Score, score

ROOT = Path(__file__).parents[2]
HELD_OUT = 55_000  # training pictures from here on are drawn; many of them trained the model


def main() -> None:
    """Print each condition's score."""
    options = parsed()
    examples = idx.load(options.folder, idx.Split[options.split.upper()])
    if options.split == "train":
        examples = idx.Examples(examples.images[HELD_OUT:], examples.labels[HELD_OUT:])
    total = Score()
    with Classifier.load(options.bundle) as classifier:
        print(HEADING)
        for condition in options.only:
            scores = Score()
            for number in range(options.per_condition):
                rng = np.random.default_rng([options.seed, number, *condition.encode()])
                scores += score(classifier, compose(examples, condition, rng))
            print(scores.row(condition), flush=True)
            total += scores
    print(total.row("all"))


def parsed() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(
        "python -m number_sheets",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="MNIST's IDX files")
    parser.add_argument("--bundle", type=Path, default=ROOT / "models" / "mnist")
    parser.add_argument("--split", choices=("train", "test"), default="train")
    parser.add_argument("--per-condition", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    return parser.parse_args()


if __name__ == "__main__":
    main()
