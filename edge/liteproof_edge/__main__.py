"""`liteproof-edge`: run, verify and measure bundles on this device."""

import gc
import io
import sys
from collections.abc import Sequence
from importlib import import_module

from liteproof_edge.commands.arguments import parse
from liteproof_edge.commands.output import complain, silence
from liteproof_edge.errors import LiteproofError

UNWRITABLE = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every expected error becomes one line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal's encoding may lack a character
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            options = parse(arguments)
            command = import_module(f"liteproof_edge.commands.{options.command}")
            return int(command.run(options))
        finally:
            if sys.stdout:
                sys.stdout.flush()
            if arguments is None:  # the process ends: to collect what it holds took a tenth of it
                gc.freeze()
    except LiteproofError as error:
        complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        complain("interrupted")
        return 1
    except OSError as error:  # standard output: `| head` has seen enough, or a disk is full
        silence(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            complain(f"output: cannot be written: {error.strerror}")
        return UNWRITABLE


if __name__ == "__main__":
    sys.exit(main())
