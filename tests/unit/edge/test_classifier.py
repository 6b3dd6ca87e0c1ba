import io

import numpy as np
import pytest
from PIL import Image

from liteproof_edge.classifier import TENSOR, Classifier, Prediction, softmax
from liteproof_edge.errors import BundleError, ModelError, PictureError

# float64 keeps 53 bits, and each CPU's exp may differ in the last few of them.
FLOAT64_ROUNDING = 1e-14


def test_classify_gives_the_labels_of_the_golden_pictures(classifier, golden):
    answers = [classifier.classify(picture).index for picture in golden.pictures]
    assert answers == golden.classes.tolist()


def test_classify_tensor_gives_the_labels_of_the_golden_inputs(classifier, golden):
    answers = [classifier.classify_tensor(pixels).index for pixels in golden.inputs]
    assert answers == golden.classes.tolist()


def test_classify_gives_the_probability_of_classify_tensor(classifier, golden):
    for picture, pixels in zip(golden.pictures, golden.inputs, strict=True):
        one, other = classifier.classify(picture), classifier.classify_tensor(pixels)
        assert (one.label, one.probability) == (other.label, other.probability)


def test_classify_gives_the_golden_labels_on_each_runtime(bundle, golden, each_runtime):
    with Classifier(bundle, runtime=each_runtime) as classifier:
        answers = [classifier.classify(picture).index for picture in golden.pictures]
    assert answers == golden.classes.tolist()


def test_classify_knows_dark_digits_of_16_bit_grey_levels(classifier, golden):
    answers = []
    for picture in golden.pictures:
        large = np.asarray(Image.open(io.BytesIO(picture)).resize((140, 140))).astype(np.uint16)
        file = io.BytesIO()
        Image.fromarray(np.uint16(65_535) - large * np.uint16(200)).save(file, "PNG")
        answers.append(classifier.classify(file.getvalue()).index)
    assert answers == golden.classes.tolist()


def test_classify_knows_large_dark_digits_in_a_jpeg_photo(classifier, golden):
    rng = np.random.default_rng(1)
    answers = []
    for picture in golden.pictures:
        digit = Image.open(io.BytesIO(picture)).resize((224, 224), Image.Resampling.BICUBIC)
        photo = rng.normal(210, 3, (480, 640))  # grey paper with some grain
        photo[200:424, 30:254] -= np.asarray(digit) * 0.6
        file = io.BytesIO()
        Image.fromarray(photo.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=75)
        answers.append(classifier.classify(file.getvalue()).index)
    assert answers == golden.classes.tolist()


def test_prediction_says_how_the_picture_went_in(classifier, golden):
    assert classifier.classify(golden.pictures[0]).preprocessing == "ink"
    assert classifier.classify_tensor(golden.inputs[0]).preprocessing == TENSOR


def test_prediction_takes_the_label_from_the_bundle(copied, edit_manifest, golden):
    names = "zero one two three four five six seven eight nine".split()
    edit_manifest(copied, lambda manifest: manifest.update(labels=names))
    with Classifier.load(copied) as classifier:
        prediction = classifier.classify(golden.pictures[14])
    assert (prediction.label, prediction.index) == ("seven", 7)


def test_probability_of_reference_kernels_is_the_softmax_of_the_golden_logits(bundle, golden):
    scale, zero_point = bundle.output.quantization.scale, bundle.output.quantization.zero_point
    logits = np.float32(scale * (golden.outputs[0].astype(int) - zero_point)).astype(float)
    expected = (np.exp(logits) / np.exp(logits).sum()).max()
    with Classifier(bundle, reference_kernels=True) as classifier:
        probability = classifier.classify(golden.pictures[0]).probability
    assert probability == pytest.approx(expected, abs=FLOAT64_ROUNDING)


def test_latency_is_measured(classifier, golden):
    assert classifier.classify(golden.pictures[0]).latency_us > 0


def test_load_refuses_a_bundle_that_is_not_there(tmp_path):
    with pytest.raises(BundleError, match="not found"):
        Classifier.load(tmp_path)


def test_load_takes_the_runtime_asked_for(released, each_runtime):
    with Classifier.load(released, runtime=each_runtime) as classifier:
        assert classifier.session.runtime.runtime is each_runtime


def test_classify_refuses_once_the_classifier_is_closed(bundle, golden):
    with Classifier(bundle) as classifier:
        classifier.classify(golden.pictures[0])
    with pytest.raises(ModelError, match="session is closed"):
        classifier.classify(golden.pictures[0])


def test_classify_refuses_a_blank_picture(classifier):
    with pytest.raises(PictureError, match="no ink found"):
        classifier.classify(np.zeros((28, 28), np.uint8))


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((28, 28), np.uint8), ((28, 28, 3), np.uint8), ((28, 28, 1), np.float32)],
)
def test_classify_tensor_refuses_another_shape_or_dtype(classifier, shape, dtype):
    with pytest.raises(ModelError, match="expected uint8") as refused:
        classifier.classify_tensor(np.zeros(shape, dtype))
    assert refused.value.exit_code == 4


def test_prediction_is_printed_on_one_line():
    prediction = Prediction("7", 7, 0.9984, 58.4, "ink")
    assert str(prediction) == "7 (99.8%, 58 µs)"


def test_softmax_of_equal_logits_is_even():
    assert softmax(np.zeros(4, np.float32)).tolist() == [0.25] * 4


def test_softmax_sums_to_1_over_the_last_axis():
    logits = np.random.default_rng(1).normal(0, 20, (100, 10)).astype(np.float32)
    np.testing.assert_allclose(softmax(logits).sum(axis=-1), 1, rtol=0, atol=FLOAT64_ROUNDING)


def test_softmax_gives_known_probabilities():
    logits = np.array([0, np.log(3)])
    np.testing.assert_allclose(softmax(logits), [0.25, 0.75], rtol=0, atol=FLOAT64_ROUNDING)


@pytest.mark.parametrize("sign", [-1, 1])
def test_softmax_does_not_overflow_on_large_logits(sign):
    logits = np.array([sign * 3e38, sign * 3e38, -3e38], np.float32)
    expected = [0.5, 0.5, 0.0] if sign > 0 else [1 / 3] * 3
    np.testing.assert_allclose(softmax(logits), expected, rtol=0, atol=FLOAT64_ROUNDING)
