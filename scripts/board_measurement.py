"""What a machine makes of a bundle, by the edge package alone: run by that machine's own Python.

    python scripts/board_measurement.py RUNTIME BUNDLE DATA OUTPUTS [PHOTO ...]

Runs `liteproof-edge verify`, `evaluate` and `classify` as a person would, but in this process: an
emulated machine starts no other. Standard output: one line of JSON with what each of them printed,
and its exit code. OUTPUTS is written: an .npy of what the model gave for each picture of DATA, by
the kernels that ship.
"""

import contextlib
import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof_edge import idx
from liteproof_edge.__main__ import main as liteproof_edge
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.errors import PictureError
from liteproof_edge.preprocessing.spec import preprocess
from liteproof_edge.runtime.loading import Runtime, load_runtime
from liteproof_edge.runtime.session import Session


def main(runtime: str, path: str, data: str, outputs: str, *photos: str) -> None:
    """Measure, print, write."""
    _answer_for_bundles()
    options = ["--json", "--runtime", runtime, path]
    commands = {"verify": ["verify", *options], "evaluate": ["evaluate", *options, data]}
    if photos:
        commands["classify"] = ["classify", *options, *photos]
    print(json.dumps({name: _run(command) for name, command in commands.items()}))
    bundle = Bundle.load(Path(path))
    with Session.of(bundle, load_runtime(Runtime(runtime))) as session:
        answers, _ = session.run_many(_inputs(bundle, Path(data)))
    np.save(outputs, answers)


def _answer_for_bundles() -> None:
    """Have no bundle tried in a process of its own, since an emulated machine starts none."""
    load = Bundle.load
    Bundle.load = lambda path, trust=None: replace(load(path, trust), signer=__file__)  # type: ignore[method-assign]


def _run(command: list[str]) -> dict[str, Any]:
    """Return a command's exit code, and each line of JSON that it printed."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exit_code = liteproof_edge(command)
    lines = [json.loads(line) for line in printed.getvalue().splitlines()]
    if not lines:  # nothing was measured, and standard error says why
        sys.exit(exit_code or 1)
    return {"exit_code": exit_code, "printed": lines}


def _inputs(bundle: Bundle, data: Path) -> NDArray[np.uint8]:
    """Return uint8 (n, height, width, channels); a picture that is refused becomes an empty one."""
    if idx.is_idx_folder(data):
        return idx.load(data, idx.Split.TEST).images
    paths = sorted(path for path in data.glob("*/*") if path.is_file())
    inputs = np.zeros((len(paths), *bundle.input.shape[1:]), np.uint8)
    for row, path in zip(inputs, paths, strict=True):
        with contextlib.suppress(PictureError):
            row[...] = preprocess(path, bundle.preprocessing).pixels
    return inputs


if __name__ == "__main__":
    main(*sys.argv[1:])
