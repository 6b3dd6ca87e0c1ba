"""Does a Raspberry Pi answer as this machine does? Asked of emulated ones, with the edge package.

    python scripts/emulated_pi.py --bundle models/mnist --data MNIST_FOLDER --photo PHOTO

Every board runs `liteproof-edge verify`, `evaluate` on pictures of the data, and `classify` of the
photos, with its own Python, numpy, Pillow and runtime; then its answers are set against this
machine's, by the same runtime. Needs qemu-user-static and mmdebstrap, not root, and no Docker. An
emulated board's times say nothing of a real one's, and are left out.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emulated_answers import HEAD, Agreement, Answer, Measurement
from emulated_boards import BOARDS, Board, environment_of, python_of
from emulated_roots import default_cache, root_of
from liteproof.errors import DeviceError
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.commands.output import show_table
from liteproof_edge.errors import LiteproofError, PictureError
from some_pictures import copy_some

if TYPE_CHECKING:
    from liteproof_edge.runtime.loading import Runtime

ROOT = Path(__file__).parent.parent
EDGE = ROOT / "edge"
MEASUREMENT = Path(__file__).with_name("board_measurement.py")
PICTURES = 1000
# A picture of the released models takes 2 to 5 ms on an emulated board; a large model far more.
SECONDS, SECONDS_PER_PICTURE = 300, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask the boards; return the exit code."""
    options = _parse(arguments)
    try:
        return _ask(options)
    except LiteproofError as error:
        _report(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _report("interrupted")
        return 1


def _ask(options: argparse.Namespace) -> int:
    boards = list(BOARDS.values()) if options.board == "all" else [BOARDS[options.board]]
    bundle = Bundle.load(options.bundle)
    for photo in options.photo:
        if not photo.is_file():
            raise PictureError(f"{photo}: not a file; expected a picture")
    hosts: dict[Runtime, Measurement] = {}
    answers = []
    with tempfile.TemporaryDirectory(prefix="liteproof-pi-") as name:
        folder = Path(name)
        data = folder / "data"
        n = copy_some(options.data, data, options.limit, bundle.labels)
        inputs = [str(path.absolute()) for path in (bundle.path, data)]
        photos = [str(photo.absolute()) for photo in options.photo]

        def measure(command: list[str], environment: dict[str, str], board: Board) -> Measurement:
            outputs = folder / "outputs.npy"
            line = [*command, str(MEASUREMENT), board.runtime.value, *inputs, str(outputs), *photos]
            begin = time.monotonic()
            printed = _run(line, environment, SECONDS + SECONDS_PER_PICTURE * n)
            seconds = time.monotonic() - begin
            return Measurement(json.loads(printed), np.load(outputs), seconds)

        for board in boards:
            if board.runtime not in hosts:  # before the board, whose set-up takes longer
                here = {**os.environ, "PYTHONPATH": str(EDGE)}
                _report(f"{board.runtime.value}: asking this machine, {n} pictures")
                hosts[board.runtime] = measure([sys.executable], here, board)
            begin = time.monotonic()
            root = root_of(board, options.cache, _report)
            setup_seconds = time.monotonic() - begin
            _report(f"{board.name}: asking it")
            measured = measure(python_of(board, root), environment_of(root, EDGE), board)
            agreement = Agreement.of(measured.outputs, hosts[board.runtime].outputs)
            answers.append(Answer(board, measured, agreement, setup_seconds))
    if options.json:
        result = {"bundle": bundle.name, "boards": [answer.to_json() for answer in answers]}
        print(json.dumps(result))
    else:
        print(f"{bundle.name}, {n} pictures, against this machine by the same runtime")
        show_table(HEAD, (answer.row() for answer in answers))
    return max(answer.measurement.exit_code for answer in answers)


def _run(command: list[str], environment: dict[str, str], seconds: float) -> str:
    """Return what a process printed; what it complains of goes to our standard error.

    Raises:
        DeviceError: it crashed, or found no end.
        SystemExit: it ended with one of our exit codes, and has said why.
    """
    program = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DeviceError(f"{program}: no answer within {seconds:.0f} s") from None
    if done.returncode < 0:
        raise DeviceError(f"{program}: ended by signal {-done.returncode}, expected an answer")
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--board", choices=[*BOARDS, "all"], default="all", help="default: all")
    parser.add_argument("--bundle", type=Path, default=ROOT / "models" / "mnist", metavar="DIR")
    parser.add_argument(
        *("--data",),
        type=Path,
        required=True,
        metavar="DIR",
        help="IDX files, or <label>/<picture>",
    )
    parser.add_argument(
        *("--limit",), type=_whole, default=PICTURES, metavar="N", help="pictures (default: 1000)"
    )
    parser.add_argument(
        *("--photo",),
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="may be repeated",
    )
    parser.add_argument(
        *("--cache",), type=Path, default=default_cache(), metavar="DIR", help="of what is unpacked"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


def _whole(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= len(text) < 10 and int(text):
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number of pictures")


def _report(line: str) -> None:
    print(f"emulated_pi: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
