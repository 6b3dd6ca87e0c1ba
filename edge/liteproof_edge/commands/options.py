"""Options that several commands of `liteproof-edge` share, or that belong together."""

import argparse
from pathlib import Path

from liteproof_edge.commands import values
from liteproof_edge.runtime.loading import VARIABLE, Runtime

MOST_MEGAPIXELS = 256  # MOST_PIXELS of `preprocessing.memory`, which would import Pillow


class Unused:
    """The parser of a command that was not chosen: to build them all would show in the start-up."""

    def add_argument(self, *_: object, **__: object) -> None:
        """Do nothing."""


def output() -> argparse.ArgumentParser:
    """Return the options of every command: how to print."""
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--json", action="store_true", help="print JSON")
    return options


def runtime() -> argparse.ArgumentParser:
    """Return the options of every command that runs a model: on which runtime."""
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--runtime",
        metavar="NAME",
        type=values.runtime,
        help=f"{' or '.join(runtime.value for runtime in Runtime)} (default: {VARIABLE} in the "
        "environment, or the first that is installed and works)",
    )
    return options


def running() -> argparse.ArgumentParser:
    """Return the options of how a runtime runs a model."""
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--reference-kernels",
        action="store_true",
        help="slow kernels that give the same bytes on every CPU",
    )
    options.add_argument(
        "--threads",
        metavar="N",
        type=values.up_to(256),
        default=1,
        help="threads of the runtime (default: 1)",
    )
    return options


def decoding() -> argparse.ArgumentParser:
    """Return the options of how pictures are decoded."""
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--max-megapixels",
        metavar="N",
        type=values.up_to(MOST_MEGAPIXELS),
        help="decode pictures of up to N million pixels even if that takes more than 120 MiB of "
        "memory",
    )
    return options


def add_bare_model(parser: argparse.ArgumentParser | Unused) -> None:
    """Add the options of a model without a bundle."""
    parser.add_argument(
        "--unverified",
        action="store_true",
        help="BUNDLE is a bare .tflite, which is run in a process of its own",
    )
    parser.add_argument(
        "--labels",
        metavar="FILE",
        type=Path,
        help="with --unverified: the classes, one per line (default: those in the model's TFLite "
        "Metadata, or 0, 1, …)",
    )
    parser.add_argument(
        "--preprocessing",
        choices=("photo", "ink", "raw"),
        default="photo",
        help="with --unverified: photo stretches pictures to the model's size (default: photo)",
    )
    parser.add_argument(
        "--size",
        metavar="HxW",
        type=values.size,
        help="with --unverified: such as 28x28, if the model takes any size, or a row of pixels",
    )
    parser.add_argument(
        "--output",
        metavar="NAME",
        help="with --unverified: which output to use, if there are several",
    )
    parser.add_argument(
        "--mean",
        metavar="M[,M,M]",
        type=values.numbers,
        default=(),
        help="with --unverified: the model expects (pixel - mean) x scale",
    )
    parser.add_argument(
        "--scale",
        metavar="S[,S,S]",
        type=values.numbers,
        default=(),
        help="see --mean: 0.003921569 if it expects 0 to 1 (default: as its metadata says, or 1)",
    )


def add_serving(parser: argparse.ArgumentParser | Unused) -> None:
    """Add the options of whatever listens for HTTP."""
    parser.add_argument(
        "--host",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="where to listen (default: 127.0.0.1, this machine only; 0.0.0.0: any network)",
    )
    parser.add_argument(
        "--port",
        metavar="N",
        type=values.up_to(65_535, least=0),
        default=8000,
        help="0: any free one (default: 8000)",
    )
    parser.add_argument(
        "--token",
        metavar="WORD",
        help="what clients must send; LITEPROOF_TOKEN in the environment hides it from other users",
    )
    parser.add_argument(
        "--threads",
        metavar="N",
        type=values.up_to(256),
        default=1,
        help="threads of the runtime (default: 1)",
    )
