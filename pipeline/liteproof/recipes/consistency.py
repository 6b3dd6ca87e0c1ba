"""What the parts of a recipe ask of one another."""

from liteproof.errors import RecipeError
from liteproof.recipes.pretrained import ALPHAS
from liteproof.recipes.schema import IMAGENET, NOTHING, Architecture, Backbone, Recipe


def check_consistency(recipe: Recipe, where: str) -> None:
    """Refuse a recipe whose parts do not go together.

    Args:
        recipe: each of its keys is valid.
        where: it was read from.

    Raises:
        RecipeError: they do not.
    """
    problem = _problem(recipe)
    if problem:
        raise RecipeError(f"{where}: {problem}")


def _problem(recipe: Recipe) -> str:
    architecture, training = recipe.architecture, recipe.training
    if architecture.backbone is None:
        return _without_backbone(architecture) or (
            "training.fine_tuning: goes with architecture.backbone and its weights"
            if training.fine_tuning
            else ""
        )
    if problem := _alpha(architecture, architecture.backbone):
        return problem
    if training.qat:
        return (
            "training.qat: not with a backbone, which has operators without a rounded form; "
            "`liteproof export --gate` finds the form that holds"
        )
    is_tuned = architecture.trainable_from != NOTHING
    if is_tuned and not architecture.is_pretrained:
        return "architecture.trainable_from: goes with weights; without, all layers are trained"
    if is_tuned != bool(training.fine_tuning):
        given, missing = "architecture.trainable_from", "[training.fine_tuning]"
        given, missing = (given, missing) if is_tuned else (missing, given)
        return f"{given}: goes with {missing}, which is missing"
    return ""


def _without_backbone(architecture: Architecture) -> str:
    usual = Architecture(architecture.layers)
    for key in ("alpha", "weights", "trainable_from"):
        if getattr(architecture, key) != getattr(usual, key):
            return f"architecture.{key}: goes with architecture.backbone, which is missing"
    return ""


def _alpha(architecture: Architecture, backbone: Backbone) -> str:
    alphas = ALPHAS[backbone]
    is_free = architecture.weights != IMAGENET and len(alphas) > 1
    if is_free or architecture.alpha in alphas:
        return ""
    of = f"{backbone.value}{' with imagenet' if architecture.weights == IMAGENET else ''}"
    return f"architecture.alpha: {architecture.alpha:g}, {of} has {', '.join(map(str, alphas))}"
