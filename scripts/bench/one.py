"""One section, in a process of its own: TensorFlow and tflite-runtime share none."""

import json
import sys
from importlib import import_module

from bench.record import row_to_json
from bench.row import with_ratios

if __name__ == "__main__":
    measured = list(with_ratios(import_module(f"bench.{sys.argv[1]}").rows()))
    print(json.dumps([row_to_json(row) for row in measured]))
