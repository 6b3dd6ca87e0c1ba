"""A model trained here and now: Keras, float32 and int8 give the same answers on every runtime."""

import json

import numpy as np
import pytest

from liteproof.data.dataset import cached_dataset, divide
from liteproof.evidence.confidence import fit_doubts, fit_temperature
from liteproof.randomness import Stream, random_stream
from liteproof.recipes.schema import DatasetChoice, Raw
from liteproof_edge import Bundle, Classifier, evaluate, idx, verify
from liteproof_edge.__main__ import main
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.runtime.loading import installed, load_runtime
from liteproof_edge.runtime.session import Session

MAX_TOP1_DROP = 0.02  # of 150 pictures: three
# float32 sums in another order than Keras' own; logits are of the order of 10.
FLOAT_LOGITS = 1e-3
# int8 logits are multiples of their scale, and each layer rounds once.
INT8_LOGITS_LSB = 8

both_runtimes = pytest.mark.parametrize("runtime", installed(), ids=lambda runtime: runtime.value)


@pytest.fixture(scope="module")
def bundle(tiny_run):
    return Bundle.load(tiny_run / "bundle")


@pytest.fixture(scope="module")
def pictures(tiny_data_dir):
    """The test pictures, in the order in which the comparison saw them."""
    return cached_dataset(DatasetChoice("tiny_bars"), Raw(), tiny_data_dir).test.images


@pytest.fixture(scope="module")
def keras_logits(tiny_run):
    (path,) = (tiny_run / "logits" / "test").rglob("keras-logits-*.npy")
    return np.load(path)


def logits(model, pictures, runtime):
    with Session(model, load_runtime(runtime)) as session:
        outputs, _ = session.run_many(pictures)
        return session.real(outputs), session.output_quantization


@both_runtimes
def test_float32_gives_keras_logits(tiny_run, pictures, keras_logits, runtime):
    model = (tiny_run / "model-float32.tflite").read_bytes()

    answered, _ = logits(model, pictures, runtime)

    assert np.abs(answered - keras_logits).max() < FLOAT_LOGITS


@both_runtimes
def test_int8_gives_keras_logits_to_a_few_lsb(bundle, pictures, keras_logits, runtime):
    answered, quantization = logits(bundle.model, pictures, runtime)

    assert np.abs(answered - keras_logits).max() <= INT8_LOGITS_LSB * quantization.scale


@both_runtimes
def test_bundle_verifies(bundle, runtime):
    assert verify(bundle, runtime).passed


@both_runtimes
def test_accuracy_on_the_device_is_the_trained_model_s(tiny_run, tiny_idx, bundle, runtime):
    keras = json.loads((tiny_run / "comparison.json").read_text())["baseline"]
    before = keras["correct"] / keras["n"]

    with Classifier(bundle, runtime=runtime) as classifier:
        after = evaluate(classifier, tiny_idx).top1_accuracy

    assert before - after <= MAX_TOP1_DROP
    assert before > 0.9


def test_confidence_is_what_fits_the_validation_pictures(bundle, tiny_data_dir):
    stated = dict(bundle.manifest["confidence"])
    dataset = cached_dataset(DatasetChoice("tiny_bars"), Raw(), tiny_data_dir)
    rng = random_stream(bundle.manifest["training"]["seed"], Stream.DIVISION)
    chosen = divide(dataset, stated["n"], rng).validation
    answered, _ = logits(bundle.model, dataset.train.images[chosen], installed()[0])

    assert stated.pop("dataset") == "tiny_bars/1.0.0 validation"
    answers = answered, dataset.train.labels[chosen]
    assert {**fit_temperature(*answers).to_json(), **fit_doubts(*answers)} == stated


@both_runtimes
def test_float32_model_without_a_bundle_gives_keras_labels(
    tiny_run, pictures, keras_logits, runtime
):
    path = tiny_run / "model-float32.tflite"
    with Classifier.load(path, runtime=runtime, unverified=True) as classifier:
        answers = classifier.classify_tensors(pictures)

    assert answers.indices.tolist() == keras_logits.argmax(axis=1).tolist()


def test_every_exported_model_can_be_inspected(tiny_run, capsys):
    exported = sorted(tiny_run.glob("model-*.tflite"))
    shown = {}
    for path in exported:
        assert main(["inspect", "--json", str(path)]) == 0
        shown[path.stem] = json.loads(capsys.readouterr().out)["subgraphs"]

    assert {"model-float32", "model-int8"} <= set(shown)
    for path in exported:
        expected = read_model(path.read_bytes()).subgraphs
        assert [len(graph["tensors"]) for graph in shown[path.stem]] == [
            len(graph.tensors) for graph in expected
        ]


def test_pictures_and_tensors_go_the_same_way_where_preprocessing_is_raw(bundle, tiny_idx):
    images, labels = idx.load(tiny_idx, idx.Split.TEST)
    with Classifier(bundle) as classifier:
        right = [
            classifier.classify(image[..., 0]).index == label
            for image, label in zip(images, labels, strict=True)
        ]

    assert np.mean(right) > 0.9
