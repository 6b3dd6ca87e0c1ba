"""Which file holds a backbone's ImageNet weights, by the name under which Keras looks for it."""

import os
from pathlib import Path

from liteproof.recipes.schema import Architecture, Backbone

MOBILENET_V2_SIDES = (96, 128, 160, 192)  # others take the weights of 224
USUAL_SIDE = 224
# That weights exist for. Source: keras.applications' documentation.
ALPHAS = {
    Backbone.MOBILENET_V2: (0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    Backbone.MOBILENET_V3_SMALL: (0.75, 1.0),
    Backbone.EFFICIENTNET_B0: (1.0,),
}


def download_name(architecture: Architecture, size: tuple[int, int]) -> str:
    """Return the file's name.

    Args:
        architecture: with a backbone.
        size: height and width of the model's input.
    """
    alpha = float(architecture.alpha)
    match architecture.backbone:
        case Backbone.MOBILENET_V2:
            square = size[0] if size[0] == size[1] else USUAL_SIDE
            side = square if square in MOBILENET_V2_SIDES else USUAL_SIDE
            return f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{side}_no_top.h5"
        case Backbone.MOBILENET_V3_SMALL:
            return f"weights_mobilenet_v3_small_224_{alpha}_float_no_top_v2.h5"
        case _:
            return "efficientnetb0_notop.h5"


def weights_file(architecture: Architecture, size: tuple[int, int]) -> Path:
    """Return where Keras looks for the file before it tries to download it.

    Arguments are those of `download_name`.
    """
    home = os.environ.get("KERAS_HOME")
    folder = Path(home) if home else Path("~/.keras").expanduser()
    return folder / "models" / download_name(architecture, size)
