"""The model card: what a model is for, what it is not for, and how it was measured."""

from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

from liteproof.conversion.variants import GIVEN
from liteproof.recipes.schema import Recipe
from liteproof.runs.run import counted_threads

# As the datasets' own pages state it.
DATA_LICENCES = {
    "mnist": "CC BY-SA 3.0 (Y. LeCun and C. Cortes)",
    "fashion_mnist": "MIT (Zalando SE)",
    "cifar10": "none stated on its page (A. Krizhevsky, V. Nair and G. Hinton)",
}
MOST_CLASSES = 30  # of a card: those that are recognised worst
UNKNOWN_LICENCE = "not known to liteproof: see where the data comes from"
INTENDED = {
    "ink": (
        "A photo or scan of one mark (a digit, a letter) on paper, a board or a screen: the\n"
        "device finds it, dark on light or light on dark, scales it and centres it."
    ),
    "photo": (
        "Photos of any size that show one of its labels: the device scales them to the model's\n"
        "input."
    ),
    "raw": "Pictures that already have the size and look of the training pictures.",
}


BALANCED = "Balanced accuracy is the mean over the classes: each counts the same."
INSIDE = " The file itself has labels and normalisation as standard TFLite Metadata."
GIVEN_AS_IT_IS = (
    "The file is the one that was given, byte for byte except for other outputs and its size."
)


def model_card(recipe: Recipe, manifest: Mapping[str, Any]) -> str:
    """Return MODEL_CARD.md, every figure taken from the manifest."""
    accuracy, pixels = manifest["accuracy"], manifest["preprocessing"]
    shipped = accuracy["shipped"]
    is_given = shipped["model"] == GIVEN.name
    quantization = manifest["quantization"]
    confidence = manifest["confidence"]
    template = Template((files("liteproof.bundling") / "templates" / "MODEL_CARD.md").read_text())
    return template.substitute(
        name=manifest["name"],
        description=recipe.description,
        labels=", ".join(manifest["labels"]),
        intended=INTENDED[manifest["preprocessing"]["kind"]],
        made="measured by liteproof" if is_given else "made and measured by liteproof",
        height=pixels["height"],
        width=pixels["width"],
        channels=pixels["channels"],
        kind=quantization["kind"],
        size=f"{shipped['size_bytes']:,}",
        n=f"{shipped['n']:,}",
        accuracy=_accuracy(accuracy),
        recalls=_recalls(accuracy["recalls"]),
        several_seeds=_several_seeds(accuracy.get("several_seeds")),
        temperature=f"{confidence['temperature']:.3f}",
        confidence_n=f"{confidence['n']:,}",
        error_before=_percent(confidence["expected_calibration_error_before"]),
        error_after=_percent(confidence["expected_calibration_error_after"]),
        variant=shipped["model"],
        inside="" if is_given else INSIDE,
        gives=_gives(manifest),
        input_type=manifest["input"]["dtype"],
        output_type=manifest["output"]["dtype"],
        calibration=GIVEN_AS_IT_IS if is_given else _calibration(quantization["calibration"]),
        golden=_golden(manifest["golden"]["tolerance"]),
        verified=" and ".join(manifest["verified_runtimes"]),
        dataset=manifest["adoption" if "adoption" in manifest else "training"]["dataset"],
        origin=_adoption(manifest["adoption"])
        if "adoption" in manifest
        else _training(recipe, manifest["training"]),
        licence=DATA_LICENCES.get(recipe.dataset.name, UNKNOWN_LICENCE),
        tools=", ".join(f"{tool} {number}" for tool, number in manifest["tools"].items()),
    )


def _gives(manifest: Mapping[str, Any]) -> str:
    """Return what the file's outputs are."""
    gave = manifest.get("adoption", {}).get("gives", "logits")
    is_kept = manifest["accuracy"]["shipped"]["model"] == GIVEN.name
    return "probabilities" if is_kept and gave != "logits" else "logits"


def _recalls(recalls: Mapping[str, Any]) -> str:
    """Return a table's row for each class that was tested, the worst recognised first."""
    tested = {label: each for label, each in recalls.items() if each["n"]}
    worst = sorted(tested, key=lambda label: tested[label]["shipped"])
    rows = [
        f"| {_cell(label)} | {each['n']:,} "
        f"| {'' if each['float'] is None else _percent(each['float'])} "
        f"| {_percent(each['shipped'])} |"
        for label in worst[:MOST_CLASSES]
        for each in [tested[label]]
    ]
    if len(worst) > MOST_CLASSES:
        rows.append(f"| {len(worst) - MOST_CLASSES:,} more, with higher accuracy | | | |")
    return "\n".join(rows)


def _cell(text: str) -> str:
    """Return a name that does not end its cell of the table."""
    return text.replace("|", "\\|")


def _accuracy(accuracy: Mapping[str, Any]) -> str:
    """Return the table of both models, and what is between them; of one where it is alone."""
    shipped, balanced = accuracy["shipped"], accuracy["balanced"]
    head = "| model | top-1 accuracy | 95 % interval | balanced accuracy |\n|---|---|---|---|"
    last = _row(shipped, balanced["after"])
    if "alone" in accuracy:
        return f"{head}\n{last}\n\n{BALANCED}\nVerdict: none, for {accuracy['alone']}."
    return (
        f"{head}\n{_row(accuracy['float'], balanced['before'])}\n{last}\n\n{BALANCED}\n"
        f"Against float it loses {100 * accuracy['drop']:+.2f} points (95 % interval "
        f"{_interval(accuracy['drop_interval'])}, paired); both give the same label on\n"
        f"{_percent(accuracy['agreement'])} of the pictures. Of balanced accuracy it loses "
        f"{100 * balanced['drop']:+.2f} points (95 % interval\n"
        f"{_interval(balanced['interval'])}).\n"
        f"Verdict: {accuracy['verdict']['sentence']}."
    )


def _row(score: Mapping[str, Any], balanced: float) -> str:
    is_keras = score["model"] == "keras"
    name = "float (Keras)" if is_keras else f"{score['model']} ({score['runtime']})"
    accuracy, bounds = _percent(score["top1_accuracy"]), _interval(score["interval"])
    return f"| {name} | {accuracy} | {bounds} | {_percent(balanced)} |"


def _training(recipe: Recipe, training: Mapping[str, Any]) -> str:
    """Say how the model was trained."""
    return (
        "`liteproof run` with the recipe in this bundle: "
        f"{recipe.training.epochs} epochs on {training['pictures']:,} pictures of\n"
        f"{training['dataset']}, {training['validation_pictures']:,} more held out for validation; "
        f"seed {training['seed']}, {counted_threads(training['threads'])}.\n{_backbone(recipe)}"
        f"Training data SHA-256: `{training['fingerprint']}`."
    )


def _backbone(recipe: Recipe) -> str:
    """Say which network the model began with, if any, and what of it was trained."""
    architecture, tuning = recipe.architecture, recipe.training.fine_tuning
    if architecture.backbone is None:
        return ""
    name = f"{architecture.backbone.value}, alpha {architecture.alpha:g}"
    if not architecture.is_pretrained:
        return f"Its first layers are those of {name}, trained from scratch.\n"
    start = f"It began with {name}, by the weights `{architecture.weights}`"
    if tuning is None:
        return f"{start}, which were kept as they are.\n"
    return (
        f"{start}: frozen at first; {tuning.epochs} more epochs\n"
        f"trained its layers too, from `{architecture.trainable_from}` on.\n"
    )


def _adoption(adoption: Mapping[str, Any]) -> str:
    """Say that the model was trained elsewhere, and what was measured of it here."""
    return (
        f"Elsewhere: it was adopted from `{adoption['model']}`, SHA-256\n`{adoption['sha256']}`.\n"
        "liteproof cannot tell whether it was trained on pictures that it is measured on here.\n"
        f"It takes pixels as {adoption['takes']}, and originally gave {adoption['gives']}.\n"
        f"For calibration and validation, {adoption['pictures']:,} and "
        f"{adoption['validation_pictures']:,} pictures of {adoption['dataset']} were held apart,\n"
        f"SHA-256 `{adoption['fingerprint']}`."
    )


def _several_seeds(measured: Mapping[str, Any] | None) -> str:
    """Say how much the accuracy depends on the seed, if that was measured."""
    if measured is None:
        return "Other seeds were not tried."
    return (
        f"Over {len(measured['seeds'])} seeds ({', '.join(map(str, measured['seeds']))}) int8 "
        f"reaches {_percent(measured['int8_mean'])} ± {100 * measured['int8_deviation']:.2f}\n"
        f"(standard deviation; 95 % interval of the mean {_interval(measured['int8_interval'])}); "
        "this model's\nseed was fixed beforehand (`python scripts/seeds.py`)."
    )


def _calibration(report: Mapping[str, Any] | None) -> str:
    """Say what the ranges of the codes were measured on."""
    if report is None:
        return "It was not calibrated: its values are floating-point numbers."
    return (
        f"Ranges were measured on {report['n']:,} training pictures, SHA-256\n"
        f"`{report['fingerprint']}`."
    )


def _golden(tolerance: float) -> str:
    if tolerance == 0:
        return "the same bytes"
    return f"the same outputs to within {tolerance:.3g}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _interval(bounds: tuple[float, float]) -> str:
    low, high = (100 * bound for bound in bounds)
    return f"{low:.2f} to {high:.2f}"
