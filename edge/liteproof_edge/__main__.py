"""`liteproof-edge`: classify, verify and evaluate on the device."""

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from liteproof_edge.bundle import Bundle
from liteproof_edge.classifier import Classifier
from liteproof_edge.errors import LiteproofError, PictureError, VerificationError, one_line
from liteproof_edge.evaluation import evaluate
from liteproof_edge.runtime import Runtime
from liteproof_edge.verification import verify


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every expected error becomes one line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal's encoding may lack a character
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        exit_code = int(options.run(options))
        if sys.stdout:
            sys.stdout.flush()
    except LiteproofError as error:
        print(f"liteproof-edge: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("liteproof-edge: interrupted", file=sys.stderr)
        return 1
    except OSError as error:  # standard output: `| head` has seen enough, or a disk is full
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"liteproof-edge: output: cannot be written: {error.strerror}", file=sys.stderr)
        return 8
    return exit_code


def _classify(options: argparse.Namespace) -> int:
    exit_code = 0
    width = max(len(one_line(str(picture))) for picture in options.pictures)
    with Classifier.load(options.bundle, runtime=options.runtime) as classifier:
        for picture in options.pictures:
            name = one_line(str(picture))
            try:
                prediction = classifier.classify(picture)
            except PictureError as error:
                print(f"liteproof-edge: {error}", file=sys.stderr)
                exit_code = error.exit_code
            else:
                if options.json:
                    print(json.dumps({"picture": str(picture), **asdict(prediction)}))
                else:
                    print(
                        f"{name:{width}}  {prediction.label}  {prediction.probability:6.1%}  "
                        f"{prediction.latency_us:5.0f} µs"
                    )
    return exit_code


def _verify(options: argparse.Namespace) -> int:
    bundle = Bundle.load(options.bundle)
    result = verify(bundle, options.runtime)
    if options.json:
        print(json.dumps({"bundle": bundle.name, "passed": result.passed, **asdict(result)}))
    else:
        n = result.pictures
        print(f"bundle          {bundle.name}: {len(bundle.files)} files, sizes and hashes right")
        print(f"runtime         {result.runtime}")
        print(f"preprocessing   {result.same_inputs} of {n} pictures give the host's bytes")
        print(f"outputs         {result.same_outputs} of {n} give the host's bytes")
        print(f"labels          {result.same_labels} of {n} are the host's")
        print(f"as it ships     at most {result.largest_difference_lsb:g} LSB from the host")
    if not result.passed:
        raise VerificationError(
            f"{options.bundle}: this device does not answer as the host did: "
            f"{result.same_inputs} inputs, {result.same_outputs} outputs and "
            f"{result.same_labels} labels are the host's, expected {result.pictures} of each"
        )
    if not options.json:
        print("verified: this device answers as the host did")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    with Classifier.load(options.bundle, runtime=options.runtime) as classifier:
        result = evaluate(classifier, options.folder, _show_progress)
        name = classifier.bundle.name
    low, high = result.interval
    if options.json:
        measured = {"top1_accuracy": result.top1_accuracy, "interval": [low, high]}
        print(json.dumps({"bundle": name, **asdict(result), **measured}))
    else:
        print(f"bundle          {name}")
        print(f"runtime         {result.runtime}")
        print(f"preprocessing   {result.preprocessing}")
        print(f"top-1 accuracy  {result.top1_accuracy:.2%} ({result.correct} of {result.n})")
        print(f"95 % interval   {low:.2%} to {high:.2%}")
        print(f"median latency  {result.median_latency_us:.0f} µs")
    return 0


def _show_progress(done: int, total: int) -> None:
    if sys.stderr and sys.stderr.isatty() and (done % 64 == 0 or done == total):
        end = "\n" if done == total else ""
        print(f"\r{done} of {total} pictures", end=end, file=sys.stderr, flush=True)


def _runtime(name: str) -> Runtime:
    try:
        return Runtime(name)
    except ValueError:
        names = ", ".join(runtime.value for runtime in Runtime)
        raise argparse.ArgumentTypeError(f"{name!r}, expected one of {names}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="liteproof-edge",
        description="Run and verify a liteproof bundle on this device.",
        epilog="Exit codes: 0 done; 2 usage; 3 data; 4 bundle; 6 a check failed; 7 no runtime; "
        "8 output cannot be written.",
    )
    parser.add_argument("--version", action="version", version=version("liteproof-edge"))
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("bundle", metavar="BUNDLE", type=Path, help="the bundle's folder")
    shared.add_argument("--json", action="store_true", help="print JSON")
    shared.add_argument(
        "--runtime",
        type=_runtime,
        help="tflite-runtime or ai-edge-litert (default: the first of them that is installed)",
    )

    def add(name: str, run: object, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, parents=[shared], help=text, description=text)
        command.set_defaults(run=run)
        return command

    classify = add("classify", _classify, "Print each picture's label, probability and time.")
    classify.add_argument("pictures", metavar="PICTURE", type=Path, nargs="+", help="a file")
    add("verify", _verify, "Check every byte, and that this device answers as the host did.")
    labelled = add("evaluate", _evaluate, "Measure the accuracy on labelled pictures.")
    labelled.add_argument(
        "folder", metavar="DIR", type=Path, help="IDX files, or a folder of pictures for each label"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
