"""`classify`: each picture's label, probability and time."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.classifier import Classifier
from liteproof_edge.commands.output import complain
from liteproof_edge.errors import ModelError, PictureError, one_line
from liteproof_edge.preprocessing.pictures import MAX_FILE_BYTES, SUFFIXES

STANDARD_INPUT = "-"


def run(options: argparse.Namespace) -> int:
    """Classify the pictures; name those that cannot be read, and answer the others."""
    exit_code = 0
    pictures = list(_pictures(options.pictures))
    if options.draw and len(pictures) != 1:
        raise PictureError(f"{options.pictures[0]}: {len(pictures)} pictures, --draw takes one")
    width = max((len(one_line(name)) for name, _ in pictures), default=0)
    with _classifier(options) as classifier:
        for name, picture in pictures:
            try:
                if isinstance(picture, PictureError):
                    raise picture
                if options.each:
                    _answer_each(classifier, name, picture, options)
                    continue
                prediction = classifier.classify(picture)
            except PictureError as error:
                at = f"{STANDARD_INPUT}: " if isinstance(picture, bytes) else ""
                complain(f"{at}{error}")
                exit_code = error.exit_code
                continue
            least = options.min_confidence
            unsure = least is not None and prediction.is_unsure(least)
            reasons = prediction.reasons(0 if least is None else least)
            if options.json:
                answer = {
                    "picture": name,
                    **prediction.to_json(),
                    "unsure": unsure,
                    "reasons": reasons,
                }
                print(json.dumps({**answer, "label": None} if unsure else answer))
            else:
                label = "unsure" if unsure else prediction.label
                doubts = "".join(f"  {reason}" for reason in reasons)
                print(
                    f"{one_line(name):{width}}  {label}  {prediction.probability:6.1%}  "
                    f"{prediction.latency_us:5.0f} µs{doubts}"
                )
    return exit_code


def _classifier(options: argparse.Namespace) -> Classifier:
    """Load the bundle, or a bare model with what its file does not say."""
    running = {
        "runtime": options.runtime,
        "reference_kernels": options.reference_kernels,
        "threads": options.threads,
        "max_megapixels": options.max_megapixels,
    }
    if not options.unverified:
        return Classifier.load(options.bundle, **running)
    from liteproof_edge.bundle.labels import read_labels  # noqa: PLC0415 - rarely needed
    from liteproof_edge.runtime.unverified import read_unverified  # noqa: PLC0415 - rarely needed

    bundle = read_unverified(
        options.bundle,
        read_labels(options.labels, unique=False) if options.labels else (),
        options.preprocessing,
        options.size,
        options.output,
    )
    if options.mean or options.scale:
        bundle = _taking(bundle, options)
    if bundle.preprocessing.kind == "photo" or bundle.input.quantization is None:
        complain(f"{options.bundle}: {_assumed(bundle, options)}")
    return Classifier(bundle, **running)


def _taking(bundle: Bundle, options: argparse.Namespace) -> Bundle:
    """Return a bare model that takes (pixel - mean) x scale, as a person says."""
    channels = bundle.preprocessing.channels
    mean, scale = (
        values * channels if len(values) == 1 else values
        for values in (options.mean or (0.0,), options.scale or (1.0,))
    )
    try:
        return replace(bundle, preprocessing=replace(bundle.preprocessing, mean=mean, scale=scale))
    except ValueError as error:
        raise ModelError(f"{options.bundle}: {error}, one or one for each channel") from None


def _assumed(bundle: Bundle, options: argparse.Namespace) -> str:
    """Say how pictures become a bare model's, and how that is known."""
    from liteproof_edge.model.metadata import read_metadata  # noqa: PLC0415 - rarely needed

    spec = bundle.preprocessing
    stretched = {
        "photo": f"pictures are stretched to {spec.width}x{spec.height}",
        "ink": f"marks are brought to {spec.width}x{spec.height}",
        "raw": f"pictures are {spec.width}x{spec.height}",
    }[spec.kind]
    if options.mean or options.scale:
        return f"{stretched}, pixels scaled as was said"
    if bundle.input.quantization:
        return f"{stretched}; the file does not say how they were for training"
    if spec.normalisation or read_metadata(bundle.model).mean:
        return f"{stretched}, pixels scaled as its metadata says"
    return (
        f"{stretched}, pixels as 0 to 255; the file does not say how they were for training: "
        "--mean and --scale do"
    )


def _answer_each(
    classifier: Classifier, name: str, picture: Path | bytes, options: argparse.Namespace
) -> None:
    from liteproof_edge.commands.each import answer  # noqa: PLC0415 - rarely needed, and draws

    answer(classifier, name, picture, options)


def _pictures(paths: list[str]) -> Iterator[tuple[str, Path | bytes | PictureError]]:
    """Return each picture and its name; a folder stands for those in it and in its folders."""
    for path in paths:
        if path == STANDARD_INPUT:
            yield STANDARD_INPUT, _standard_input()
        elif os.path.isdir(path):  # noqa: PTH112 - Path's raises where a name is too long
            try:
                found = sorted(_inside(Path(path)))
            except OSError as error:
                yield path, PictureError(f"{path}: cannot be read: {error.strerror}")
                continue
            if not found:
                yield path, PictureError(f"{path}: a folder without pictures")
            yield from ((str(inside), inside) for inside in found)
        else:
            yield path, Path(path)


def _standard_input() -> bytes | PictureError:
    try:
        return sys.stdin.buffer.read(MAX_FILE_BYTES + 1) if sys.stdin else b""
    except OSError as error:
        return PictureError(f"{STANDARD_INPUT}: cannot be read: {error.strerror}")


def _inside(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in SUFFIXES and not hidden and not path.is_dir():
            yield path
