"""Known networks without their last layers, as Keras ships them, to begin a recipe's layers with.

Each takes pixels of 0 to 255: what scales them is part of the model, so that a device feeds it as
any other.
"""

import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from liteproof.errors import RecipeError
from liteproof.network.layers import BatchNormalization, KeptNormalization
from liteproof.recipes.pretrained import weights_file
from liteproof.recipes.schema import IMAGENET, NOTHING, Architecture, Backbone

MIN_SIDE = 32  # pixels; what Keras builds them for
DOWNLOAD_SECONDS = 10  # without an answer
WEIGHTS = "architecture.weights"


@dataclass(frozen=True, slots=True)
class Trunk:
    """A backbone that is part of a model under construction.

    Attributes:
        values: the tensor that it ends in: a map.
        layers: the names of its layers, in order.
    """

    values: tf.Tensor
    layers: tuple[str, ...]


def place(architecture: Architecture, pixels: tf.Tensor) -> Trunk:
    """Apply a recipe's backbone to pixels, with its weights.

    Args:
        architecture: with a backbone.
        pixels: float32 (n, height, width, 3) in 0 to 255.

    Raises:
        RecipeError: the pictures are too small or grey, or the weights are not at hand or others.
    """
    height, width, channels = pixels.shape[1:]
    name = architecture.backbone.value if architecture.backbone else ""
    if channels != 3 or min(height, width) < MIN_SIDE:
        raise RecipeError(
            f"architecture.backbone: {name} takes colour pictures of {MIN_SIDE}x{MIN_SIDE} or "
            f"more, not {height}x{width}x{channels}; set dataset.size and dataset.channels"
        )
    known = _built(architecture, (height, width, channels))
    if architecture.weights not in {IMAGENET, NOTHING}:
        _load(known, Path(architecture.weights).expanduser())
    # Its layers again, on our own pixels: with batch normalisation that keeps what it has learnt,
    # or, where it has learnt nothing, with that which trains fast.
    kept = architecture.weights != NOTHING
    values = pixels
    if architecture.backbone is Backbone.MOBILENET_V2:
        values = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(pixels)
    whole = keras.models.clone_model(known, clone_function=_with_normalization(kept=kept))
    whole.set_weights(known.get_weights())
    layers = [each for each in whole.layers if not isinstance(each, keras.layers.InputLayer)]
    # One by one, so that they become layers of the model around them.
    values = whole._run_through_graph(values, operation_fn=lambda each: each)  # noqa: SLF001
    return Trunk(values, tuple(each.name for each in layers))


def first_trainable(architecture: Architecture, layers: tuple[str, ...]) -> int:
    """Return where in a backbone's layers fine-tuning begins; their number: nowhere.

    Raises:
        RecipeError: it has no such layer.
    """
    wanted = architecture.trainable_from
    if wanted == NOTHING:
        return len(layers)
    if isinstance(wanted, int) and wanted < len(layers):
        return wanted
    if wanted in layers:
        return layers.index(str(wanted))
    name = architecture.backbone.value if architecture.backbone else ""
    raise RecipeError(
        f"architecture.trainable_from: {wanted!r}, expected 0 to {len(layers) - 1}, or one of "
        f"{name}'s layers, such as {', '.join(map(repr, _landmarks(layers)))}"
    )


def _landmarks(layers: tuple[str, ...]) -> list[str]:
    """Return some layers' names, from the last third: there fine-tuning usually begins."""
    return [layers[len(layers) * share // 100] for share in (65, 80, 95)]


def _built(architecture: Architecture, shape: tuple[int, int, int]) -> keras.Model:
    """Return Keras' own model, untrained or with ImageNet's weights."""
    more: dict[Backbone, dict[str, Any]] = {
        Backbone.MOBILENET_V2: {"alpha": architecture.alpha},
        Backbone.MOBILENET_V3_SMALL: {"alpha": architecture.alpha, "include_preprocessing": True},
        Backbone.EFFICIENTNET_B0: {},
    }
    backbone = architecture.backbone
    if backbone is None:
        raise ValueError("an architecture without a backbone")
    make: Callable[..., keras.Model] = getattr(keras.applications, backbone.value)
    options = {"input_shape": shape, "include_top": False, **more[backbone]}
    if architecture.weights != IMAGENET:
        return make(weights=None, **options)
    file = weights_file(architecture, shape[:2])
    was_there = file.is_file()
    try:
        with _no_long_wait():
            return make(weights=IMAGENET, **options)
    except Exception:  # noqa: BLE001, S110 - Keras raises bare Exception, with addresses in it
        pass
    why = "are damaged, or others" if was_there else "are not here, and cannot be downloaded"
    raise RecipeError(
        f"{WEIGHTS}: the weights 'imagenet' of {backbone.value} {why}; put {file.name} into "
        f"{file.parent}, or name a file of your own"
    )


@contextmanager
def _no_long_wait() -> Iterator[None]:
    """Give up on a network that does not answer, and keep Keras' own lines off the terminal."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_SECONDS)
    warnings.filterwarnings("ignore", "`input_shape` is undefined or non-square", UserWarning)
    interactive = keras.config.is_interactive_logging_enabled()
    keras.config.disable_interactive_logging()
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
        if interactive:
            keras.config.enable_interactive_logging()


def _load(model: keras.Model, path: Path) -> None:
    """Give a backbone the weights of a file: Keras' of such a backbone, or a run's `model.keras`.

    Raises:
        RecipeError: there is no such file, or it holds other weights.
    """
    if not path.is_file():
        raise RecipeError(f"{WEIGHTS}: {path}: no such file")
    try:
        if path.suffix == ".keras":
            _take(model, keras.saving.load_model(path, compile=False, safe_mode=True))
        else:
            model.load_weights(path)
    except Exception as error:  # noqa: BLE001 - whatever a damaged file makes Keras raise
        reason = _first_line(error)
    else:
        return
    raise RecipeError(f"{WEIGHTS}: {path}: not weights of this backbone: {reason}")


def _take(model: keras.Model, trained: keras.Model) -> None:
    """Take the weights of the layers of the same names.

    Raises:
        ValueError: one is missing, or of another shape.
    """
    for layer in model.layers:
        if not layer.weights:
            continue
        try:
            found = trained.get_layer(layer.name)
        except ValueError:
            raise ValueError(f"it has no layer {layer.name!r}") from None
        layer.set_weights(found.get_weights())


def _with_normalization(*, kept: bool) -> Callable[[Any], Any]:
    """Return what copies a layer, for `clone_model`."""

    def copy(layer: Any) -> Any:  # noqa: ANN401
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            same = {"name": config["name"], "epsilon": config["epsilon"]}
            return KeptNormalization(**same) if kept else BatchNormalization(**same)
        if kept and isinstance(layer, keras.layers.Dropout):
            config["rate"] = 0.0  # of whole blocks, which few pictures do not bear
        config.pop("dtype", None)  # as the model around it computes
        return type(layer).from_config(config)

    return copy


def _first_line(error: Exception) -> str:
    """Return what Keras says, without addresses."""
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
