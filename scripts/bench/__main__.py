"""`make bench`, or `PYTHONPATH=scripts python -m bench [--only SECTION]... [--out DIR]`.

It prints a table, and writes bench.json and bench.html into `runs/bench`, unless told otherwise. To
keep a release's: `cp runs/bench/bench.json docs/bench/VERSION.json`.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import tomllib

from bench.history import write_page
from bench.record import row_from_json, to_json
from bench.row import Row
from bench.table import table

ROOT = Path(__file__).parents[2]
SECTIONS = ("accuracy", "device", "pipeline", "served", "training")  # in the order of their length


def main() -> int:
    """Run the sections that are asked for, each in what is left of the machine by the others."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure liteproof and its rivals.")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="may be given again")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/bench"), help="folder (default: runs/bench)"
    )
    parser.add_argument("--quick", action="store_true", help="fewer repeats: to try the benchmark")
    parser.add_argument("--note", default="", help="what else the machine did meanwhile")
    options = parser.parse_args()
    if options.quick:
        os.environ["LITEPROOF_BENCH"] = "quick"
    sections: dict[str, list[Row]] = {}
    for name in SECTIONS:
        if options.only and name not in options.only:
            continue
        sections[name] = measure(name)
        print(table({name: sections[name]}), flush=True)
    machine = {
        "version": tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
            "version"
        ],
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "tensorflow": version("tensorflow"),
        "quick": options.quick,
        "note": options.note,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    record = to_json(machine, sections)
    text = json.dumps(record, indent=1, ensure_ascii=False)
    (options.out / "bench.json").write_text(text + "\n", encoding="utf-8")
    write_page(record, options.out / "bench.html")
    print(f"\n{options.out / 'bench.json'}, {options.out / 'bench.html'}")
    return 0


def measure(section: str) -> list[Row]:
    """Run a section to its end; its errors end the benchmark."""
    child = [sys.executable, "-m", "bench.one", section]
    done = subprocess.run(child, stdout=subprocess.PIPE, text=True, check=True)
    return [row_from_json(row) for row in json.loads(done.stdout.splitlines()[-1])]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
