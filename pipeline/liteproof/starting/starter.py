"""The text of a starter recipe: what was seen, what follows from it, and what else may be tried."""

import json

from liteproof.data.twins import twins_sentence
from liteproof.starting.advice import ALPHA, Advice
from liteproof.starting.survey import Survey

MOST_CLASSES = 30  # that a comment lists
LAYERS = """\
    {{ type = "conv", filters = 16, kernel_size = 3{stride} }},
    {{ type = "residual", layers = [
        {{ type = "conv", filters = 16, kernel_size = 3 }},
        {{ type = "conv", filters = 16, kernel_size = 3, activation = "linear" }},
    ] }},
    {{ type = "residual", layers = [
        {{ type = "conv", filters = 32, kernel_size = 3, strides = 2 }},
        {{ type = "conv", filters = 32, kernel_size = 3, activation = "linear" }},
    ] }},
    {{ type = "residual", layers = [
        {{ type = "conv", filters = 64, kernel_size = 3, strides = 2 }},
        {{ type = "conv", filters = 64, kernel_size = 3, activation = "linear" }},
    ] }},
    {{ type = "global_average_pool" }},
    {{ type = "dropout", rate = 0.2 }},
]"""
STRIDE_FROM = 64  # pixels of a side from which the first layer halves it


def starter(name: str, dataset: str, found: Survey, advice: Advice) -> str:
    """Return a recipe's text.

    Args:
        name: of the recipe.
        dataset: its name for `liteproof data`.
        found: in the folder.
        advice: what follows from it.
    """
    description = f"{len(found.classes)} classes of pictures in {found.folder.name}"
    parts = [
        *(f"# {line}" for line in summary(found)),
        f"name = {_text(name)}",
        f"description = {_text(description)}",
        "",
        "[dataset]",
        f'name = "{dataset}" # {_plain(str(found.folder))}',
        (
            f"size = [{advice.size[0]}, {advice.size[1]}] # height and width of the model's input; "
            "larger sees more, and takes longer"
        ),
        f"channels = {1 if advice.is_grey else 3}",
        "",
        *_preprocessing(advice),
        "",
        *_architecture(advice),
        "",
        *_training(advice, found),
        "",
        *_augmentation(advice),
        "",
        *_gates(advice, found),
    ]
    return "\n".join(parts) + "\n"


def summary(found: Survey) -> list[str]:
    """Return what was seen in a folder, a line for each thing."""
    total = sum(each.train + each.test for each in found.classes)
    sizes = " to ".join(
        f"{height}x{width}" for height, width in dict.fromkeys((found.smallest, found.largest))
    )
    colour = "grey" if found.is_grey else "colour"
    lines = [
        f"{total:,} {colour} pictures of {sizes} (height x width), {len(found.classes)} classes.",
    ]
    widest = max(len(_plain(each.name)) for each in found.classes[:MOST_CLASSES])
    lines += [
        f"  {_plain(each.name):{widest}}  {each.train:6,} to learn from, {each.test:6,} to test"
        for each in found.classes[:MOST_CLASSES]
    ]
    if len(found.classes) > MOST_CLASSES:
        lines.append(f"  and {len(found.classes) - MOST_CLASSES} more classes")
    if not found.is_divided:
        lines.append("A fifth of each class is held out for testing, always the same pictures.")
    if found.imbalance > 1:
        lines.append(
            f"The most frequent class has {found.imbalance:.1f} times the pictures of the rarest."
        )
    if found.twins:
        lines.append(
            f"{_plain(twins_sentence(found.twins, sum(each.test for each in found.classes)))}."
        )
    return lines


def _preprocessing(advice: Advice) -> list[str]:
    if advice.shows_marks:
        return [
            "[preprocessing]",
            (
                "# The classes' names are single characters. If the pictures show marks (digits, "
                "letters)"
            ),
            '# on paper, "ink" finds, scales and centres the mark: kind = "ink", channels = 1.',
            'kind = "photo"',
        ]
    return [
        "[preprocessing]",
        'kind = "photo" # any picture is brought to the size; fit = "cover" cuts, "contain" pads',
    ]


def _architecture(advice: Advice) -> list[str]:
    backbone = [
        'backbone = "MobileNetV2"',
        f"alpha = {ALPHA} # 0.35 is smaller and quicker, 1.0 larger and better",
        'weights = "imagenet"',
        'trainable_from = "block_13_expand" # from there on it is trained too, after the rest',
        "layers = [",
        '    { type = "global_average_pool" },',
        '    { type = "dropout", rate = 0.2 },',
        "]",
    ]
    if advice.uses_backbone:
        return [
            "[architecture]",
            "# Few pictures: a network that knows a million others sees more in them.",
            *backbone,
        ]
    lines = ["[architecture]"]
    if advice.wants_backbone:
        lines += [
            "# A pretrained backbone is advisable with so few pictures of a class. Its weights are",
            f"# not here: put {advice.weights}",
            f"# into {advice.folder}, and run `liteproof new` again, or copy the",
            "# recipe `photos`. Until then, a small network learns from nothing.",
        ]
    stride = ", strides = 2" if max(advice.size) >= STRIDE_FROM else ""
    return [*lines, "layers = [", LAYERS.format(stride=stride)]


def _training(advice: Advice, found: Survey) -> list[str]:
    lines = [
        "[training]",
        f"epochs = {advice.epochs}",
        f"batch_size = {advice.batch_size}",
        f"learning_rate = {0.001 if advice.uses_backbone else 0.004}",
        'schedule = "cosine"',
        "weight_decay = 0.02",
        "weight_averaging = 0.99",
        'precision = "auto"',
    ]
    weights = 'class_weights = "balanced"'
    lines.append(
        f"{weights} # the rarest class counts as much as the most frequent, "
        f"which has {found.imbalance:.1f} times its pictures"
        if advice.is_unbalanced
        else f"# {weights} # where some classes have far fewer pictures than others"
    )
    if advice.uses_backbone:
        lines += [
            "",
            "[training.fine_tuning]",
            f"epochs = {max(advice.epochs // 2, 1)}",
            "learning_rate = 0.0001",
        ]
    return lines


def _augmentation(advice: Advice) -> list[str]:
    side = min(advice.size)
    if advice.is_grey or advice.shows_marks:
        return [
            "[training.augmentation]",
            "flip = false # true if a mirrored picture shows the same; never for digits, letters",
            "rotation_degrees = 8.0",
            "scale = 0.1",
            f"shift_pixels = {side / 16:.1f}",
            'fill = "edge"',
        ]
    return [
        "[training.augmentation]",
        "flip = true # false if left and right matter: text, arrows, hands",
        f"crop_pixels = {side // 8}",
        "scale = 0.1",
        "brightness = 0.1",
        "contrast = 0.1",
        'fill = "reflect"',
    ]


def _gates(advice: Advice, found: Survey) -> list[str]:
    tested = sum(each.test for each in found.classes)
    metric = (
        'metric = "balanced" # of which: all classes count the same'
        if advice.is_unbalanced
        else '# metric = "balanced" # all classes count the same'
    )
    return [
        "[gates]",
        f"top1_drop_points = 1.0 # of accuracy that int8 may lose; {tested:,} test pictures",
        metric,
    ]


def _text(text: str) -> str:
    """Return a string of TOML, which is written as JSON's."""
    return json.dumps(_plain(text), ensure_ascii=False)


def _plain(text: str) -> str:
    """Return a name as it may stand in a comment."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
