"""Train a recipe with several seeds, and print the mean and spread of its int8 accuracy.

    python scripts/seeds.py mnist --seeds 5

The first seed is the recipe's own, the others follow it. Runs lie in runs/seeds-<recipe>/, and what
is done is not done again: it may be interrupted and started anew. The table goes to seeds.json too,
which `liteproof bundle RUN --out DIR --seeds FILE` puts into the model card.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from liteproof.errors import AccuracyError
from liteproof.evidence.seeds import MOST, Seed, Seeds, recipe_digest
from liteproof.recipes.reader import load_recipe
from liteproof.runs.run import open_run
from liteproof.storage import write_file

LITEPROOF = Path(sys.executable).with_name("liteproof")


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", help="a shipped recipe by name, or a TOML file")
    parser.add_argument("--seeds", type=int, default=5, choices=range(2, MOST + 1), metavar="N")
    parser.add_argument("--out", type=Path, help="default: runs/seeds-<recipe>")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--data-dir", type=Path)
    arguments = parser.parse_args()

    recipe_file = load_recipe(arguments.recipe)
    out = arguments.out or Path("runs", f"seeds-{recipe_file.recipe.name}")
    options = []
    for name in ("threads", "data_dir"):
        if (value := getattr(arguments, name)) is not None:
            options += [f"--{name.replace('_', '-')}", str(value)]
    first = recipe_file.recipe.training.seed
    results = []
    for seed in range(first, first + arguments.seeds):
        path = out / f"seed-{seed}"
        command = [LITEPROOF, "run", arguments.recipe, "--seed", str(seed), "--out", path, *options]
        ended = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if ended.returncode not in (0, AccuracyError.exit_code):  # a missed gate is a result too
            sys.exit(ended.returncode)
        results.append(Seed.of(open_run(path)))
    seeds = Seeds(recipe_digest(recipe_file), recipe_file.recipe.dataset.name, tuple(results))
    write_file(out / "seeds.json", seeds.to_json())
    print(f"\n{seeds.table()}")


if __name__ == "__main__":
    main()
