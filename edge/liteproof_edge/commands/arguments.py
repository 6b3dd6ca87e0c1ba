"""The arguments of `liteproof-edge`."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from liteproof_edge.commands import options, values
from liteproof_edge.commands.options import Unused

EXIT_CODES = (
    "Exit codes: 0 done; 2 usage; 3 data; 4 bundle or model; 6 a check failed;\n"
    "7 no runtime; 8 output cannot be written."
)
# Every command, in the order in which a person needs them.
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "check a bundle": {
        "verify": "Check every byte, and that this device answers as the host did.",
        "info": "Show what the bundle is, and which runtime here runs it.",
    },
    "use it": {
        "classify": "Print each picture's label, probability and time.",
        "serve": "Show a page that answers while you draw, and an HTTP API.",
        "camera": "Print what a camera sees, a line of JSON per frame.",
    },
    "measure it": {
        "evaluate": "Measure the accuracy on labelled pictures.",
        "bench": "Measure latency, throughput, cold start and memory.",
    },
    "look into a model": {
        "inspect": "Show what a model holds, computes in and costs; it is not run.",
    },
}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of one command, whose name is `command`."""
    parser = argparse.ArgumentParser(
        prog="liteproof-edge",
        usage="%(prog)s [-h] [--version] COMMAND ...",
        description="Run, verify and measure a liteproof bundle on this device.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    # argparse shows subcommands in one list; groups that hold only text show them in several.
    for title, texts in SECTIONS.items():
        lines = [f"{name:10}{text}" for name, text in texts.items()]
        parser.add_argument_group(title, "\n".join(lines))
    commands = parser.add_subparsers(
        required=True, metavar="COMMAND", dest="command", prog=parser.prog, help=argparse.SUPPRESS
    )
    output, runtime, running = options.output(), options.runtime(), options.running()
    decoding = options.decoding()

    chosen = _chosen(sys.argv[1:] if arguments is None else arguments)

    def add(name: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser | Unused:
        if chosen not in {None, name}:
            return Unused()
        (text,) = (texts[name] for texts in SECTIONS.values() if name in texts)
        parser = commands.add_parser(name, parents=[*parents, output], description=text)
        if name != "inspect":
            parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the bundle's folder")
        return parser

    classify = add("classify", decoding, runtime, running)
    classify.add_argument(
        "pictures",
        metavar="PICTURE",
        nargs="+",
        help="a file, a folder of them, or - for one on standard input",
    )
    classify.add_argument(
        "--each",
        action="store_true",
        help="classify each mark in a picture, such as the digits of a number, line by line",
    )
    classify.add_argument(
        "--draw",
        metavar="PNG",
        type=Path,
        help="with --each and one PICTURE: write it with a labelled box around each mark",
    )
    classify.add_argument(
        "--min-confidence",
        metavar="P",
        type=values.probability,
        help="answer 'unsure' below this probability (0 to 1), or if there is a doubt",
    )
    options.add_bare_model(classify)
    verify = add("verify", runtime)
    verify.add_argument(
        "--trust",
        metavar="FILE",
        type=Path,
        help="accept only bundles signed by someone in this allowed_signers file (default: "
        "~/.config/liteproof/allowed_signers, if there is one)",
    )
    verify.add_argument(
        "--allow-downgrade",
        action="store_true",
        help="accept a signed bundle that is older than the last one verified here",
    )
    evaluate = add("evaluate", decoding, runtime, running)
    evaluate.add_argument(
        "folder", metavar="DIR", type=Path, help="IDX files, or one folder of pictures per label"
    )
    bench = add("bench", runtime, running)
    bench.add_argument(
        "-n",
        "--count",
        metavar="N",
        type=values.up_to(1_000_000),
        default=1000,
        help="pictures (default: 1000)",
    )
    inspect = add("inspect")
    inspect.add_argument("model", metavar="MODEL", type=Path, help="any .tflite, or a bundle")
    inspect.add_argument("--tensors", action="store_true", help="list every tensor")
    inspect.add_argument(
        "--memory", action="store_true", help="show which values live at each operator"
    )
    serve = add("serve", runtime)
    options.add_serving(serve)
    camera = add("camera", runtime)
    camera.add_argument(
        "source",
        metavar="SOURCE",
        nargs="?",
        help="right after BUNDLE: a device such as /dev/video0, a video file or a folder of frames "
        "(default: Picamera2 or the first device)",
    )
    camera.add_argument(
        "--preview", action="store_true", help="show a page with what the camera sees"
    )
    camera.add_argument(
        "--min-confidence",
        metavar="P",
        type=values.probability,
        default=0.0,
        help="give no label below this probability (0 to 1)",
    )
    camera.add_argument(
        "-n",
        "--count",
        metavar="N",
        type=values.up_to(999_999_999),
        help="stop after this many frames",
    )
    options.add_serving(camera)
    add("info")
    asked = parser.parse_args(arguments)
    draws = asked.command == "classify" and asked.draw
    if draws and (not asked.each or len(asked.pictures) != 1):
        parser.error("--draw: expected --each, and one picture")
    return asked


def _chosen(arguments: Sequence[str]) -> str | None:
    """Return the command that comes first among the arguments, if it is one."""
    names = {name for texts in SECTIONS.values() for name in texts}
    return arguments[0] if arguments and arguments[0] in names else None


class _Version(argparse.Action):
    """Print the version; looking it up takes longer than all other arguments together."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # noqa: PLC0415 - takes long

        print(version("liteproof-edge"))
        parser.exit()
