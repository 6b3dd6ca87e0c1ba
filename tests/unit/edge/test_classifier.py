import io
import json
import math
import pickle
import threading
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from liteproof_edge.classifier import MODEL_READY, TOP, Classifier, lead, model_doubts, softmax
from liteproof_edge.errors import BundleError, ModelError, PictureError
from liteproof_edge.prediction import Prediction
from liteproof_edge.preprocessing.paper import Polarity
from liteproof_edge.preprocessing.prepared import Legibility, Report
from liteproof_edge.runtime.unverified import read_unverified

# float64 keeps 53 bits, and each CPU's exp may differ in the last few of them.
FLOAT64_ROUNDING = 1e-14
TOP_OF_SEVEN = (("7", 0.9984), ("1", 0.001), ("9", 0.0004))
SEVEN = Prediction("7", 7, 0.9984, TOP_OF_SEVEN, 58.4, Report("ink"))
PLAIN = str | int | float | bool | None


@pytest.fixture(scope="module")
def calibrated(bundle):
    """Classifiers of the released model by the reference kernels, at some temperature."""

    def at(temperature):
        return Classifier(replace(bundle, temperature=temperature), reference_kernels=True)

    return at


@pytest.fixture(scope="module")
def logits(bundle, golden):
    """What the golden outputs stand for: float64 (n, classes)."""
    scale, zero_point = bundle.output.quantization
    return scale * (golden.outputs.astype(np.int64) - zero_point)


def is_plain(value):
    """Whether JSON gives back what it is given."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(entry) for key, entry in value.items())
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return isinstance(value, PLAIN)


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
    assert classifier.classify(golden.pictures[0]).preprocessing.kind == "ink"
    assert classifier.classify_tensor(golden.inputs[0]).preprocessing == MODEL_READY


def test_prediction_takes_the_label_from_the_bundle(copied, edit_manifest, golden):
    names = "zero one two three four five six seven eight nine".split()
    edit_manifest(copied, lambda manifest: manifest.update(labels=names))
    with Classifier.load(copied) as classifier:
        prediction = classifier.classify(golden.pictures[14])
    assert (prediction.label, prediction.index) == ("seven", 7)


@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
def test_probability_is_the_softmax_of_the_logits_over_the_temperature(
    calibrated, golden, logits, temperature
):
    powers = np.exp(logits / temperature)
    expected = powers.max(axis=1) / powers.sum(axis=1)
    with calibrated(temperature) as classifier:
        actual = [classifier.classify_tensor(pixels).probability for pixels in golden.inputs]
    assert actual == pytest.approx(expected.tolist(), abs=FLOAT64_ROUNDING)


def test_probability_is_calibrated_as_the_bundle_says(bundle, golden, calibrated):
    with (
        calibrated(bundle.temperature) as expected,
        Classifier(bundle, reference_kernels=True) as classifier,
    ):
        for pixels in golden.inputs:
            one, other = classifier.classify_tensor(pixels), expected.classify_tensor(pixels)
            assert one.top == other.top


def test_labels_do_not_depend_on_the_temperature(calibrated, golden):
    answers = []
    for temperature in (0.01, 1.0, 100.0):
        with calibrated(temperature) as classifier:
            answers.append(classifier.classify_tensors(golden.inputs).indices.tolist())
    assert answers == [golden.classes.tolist()] * 3


def test_top_begins_with_the_label_and_its_probability(classifier, golden):
    for pixels in golden.inputs:
        prediction = classifier.classify_tensor(pixels)
        assert prediction.top[0] == (prediction.label, prediction.probability)


def test_top_holds_the_most_probable_labels_in_order(classifier, golden):
    (probabilities,) = classifier.classify_tensors(golden.inputs[:1]).probabilities.tolist()
    ranked = sorted(zip("0123456789", probabilities, strict=True), key=lambda entry: -entry[1])
    assert classifier.classify_tensor(golden.inputs[0]).top == tuple(ranked[:TOP])


def test_top_is_a_part_of_the_whole(classifier, golden):
    for pixels in golden.inputs:
        values = [value for _, value in classifier.classify_tensor(pixels).top]
        assert len(values) == TOP
        assert values == sorted(values, reverse=True)
        assert values[-1] > 0
        assert sum(values) <= 1


def test_top_takes_the_first_of_labels_that_are_as_probable(classifier, golden, monkeypatch):
    even = np.zeros(10, np.int8)
    monkeypatch.setattr(classifier.session, "run", lambda _: (even, 1.0))
    prediction = classifier.classify_tensor(golden.inputs[0])
    assert (prediction.index, prediction.top) == (0, (("0", 0.1), ("1", 0.1), ("2", 0.1)))


def test_top_holds_all_labels_where_there_are_fewer(bundle, golden, monkeypatch):
    with Classifier(bundle) as classifier:
        classifier.bundle = replace(bundle, labels=("no", "yes"))
        monkeypatch.setattr(classifier.session, "run", lambda _: (np.array([1, 2], np.int8), 1.0))
        prediction = classifier.classify_tensor(golden.inputs[0])
    assert [label for label, _ in prediction.top] == ["yes", "no"]
    assert sum(value for _, value in prediction.top) == pytest.approx(1, abs=FLOAT64_ROUNDING)


def test_classify_tensors_gives_what_classify_tensor_gives_one_by_one(classifier, golden):
    answers = classifier.classify_tensors(golden.inputs)
    for number, pixels in enumerate(golden.inputs):
        prediction = classifier.classify_tensor(pixels)
        assert answers.indices[number] == prediction.index
        assert answers.probabilities[number].max() == prediction.probability


def test_classify_tensors_gives_an_index_the_probabilities_and_a_time_for_each(classifier, golden):
    indices, probabilities, latency_us = classifier.classify_tensors(golden.inputs)
    assert (indices.dtype, indices.shape) == (np.int64, (20,))
    assert (probabilities.dtype, probabilities.shape) == (np.float64, (20, 10))
    assert (latency_us.dtype, latency_us.shape) == (np.float64, (20,))
    assert (latency_us > 0).all()


def test_classify_tensors_gives_probabilities_that_sum_to_1(classifier, golden):
    totals = classifier.classify_tensors(golden.inputs).probabilities.sum(axis=1)
    np.testing.assert_allclose(totals, 1, rtol=0, atol=FLOAT64_ROUNDING)


def test_classify_tensors_tells_how_far_it_is(classifier, golden):
    seen = []
    classifier.classify_tensors(np.repeat(golden.inputs, 20, axis=0), seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 400


def test_classify_tensors_takes_none_at_all(classifier, golden):
    indices, probabilities, latency_us = classifier.classify_tensors(golden.inputs[:0])
    assert (len(indices), probabilities.shape, len(latency_us)) == (0, (0, 10), 0)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((28, 28, 1), np.uint8), ((2, 28, 28), np.uint8), ((2, 28, 28, 1), np.int8)],
)
def test_classify_tensors_refuses_another_shape_or_dtype(classifier, shape, dtype):
    with pytest.raises(ModelError, match="expected uint8"):
        classifier.classify_tensors(np.zeros(shape, dtype))


@pytest.mark.parametrize("runtime_threads", [1, 2])
def test_classifier_of_several_runtime_threads_gives_the_golden_labels(
    bundle, golden, each_runtime, runtime_threads
):
    # The reference kernels: tflite-runtime's shipping ones may stall with two threads.
    with Classifier(
        bundle, runtime=each_runtime, reference_kernels=True, threads=runtime_threads
    ) as classifier:
        assert (
            classifier.classify_tensors(golden.inputs).indices.tolist() == golden.classes.tolist()
        )


def test_threads_may_share_a_classifier(classifier, golden):
    expected = [classifier.classify(picture).top for picture in golden.pictures]
    found = {}

    def classify_all(name):
        found[name] = [classifier.classify(picture).top for picture in golden.pictures * 3]

    threads = [threading.Thread(target=classify_all, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(4), expected * 3)


def test_unverified_classifier_gives_what_the_verified_one_gives_bit_for_bit(
    bundle, bare_model, golden, each_runtime
):
    bare = replace(read_unverified(bare_model), temperature=bundle.temperature)
    with (
        Classifier(bundle, runtime=each_runtime) as verified,
        Classifier(bare, runtime=each_runtime) as unverified,
    ):
        expected = verified.classify_tensors(golden.inputs).probabilities
        actual = unverified.classify_tensors(golden.inputs).probabilities
    assert actual.tobytes() == expected.tobytes()


def test_unverified_classifier_calls_its_classes_by_their_numbers(bare_model, golden):
    with Classifier.load(bare_model, unverified=True) as classifier:
        answers = [classifier.classify(picture) for picture in golden.pictures]
    assert [answer.label for answer in answers] == [str(label) for label in golden.classes]
    assert {answer.preprocessing.kind for answer in answers} == {"photo"}


def test_unverified_classifier_does_not_calibrate(bare_model, golden, logits):
    powers = np.exp(logits[0])
    with Classifier.load(bare_model, unverified=True, reference_kernels=True) as classifier:
        probability = classifier.classify_tensor(golden.inputs[0]).probability
    assert probability == pytest.approx(powers.max() / powers.sum(), abs=FLOAT64_ROUNDING)


def test_load_refuses_a_bare_model_where_it_is_not_asked_for(bare_model):
    with pytest.raises(BundleError, match="a file, expected a bundle's folder") as refused:
        Classifier.load(bare_model)
    assert str(refused.value).startswith(f"{bare_model}: ")


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


def test_prediction_is_printed_with_label_probability_and_time():
    assert str(SEVEN) == "7 (99.8%, 58 µs)"


def test_prediction_is_printed_with_its_doubts():
    doubtful = replace(SEVEN, preprocessing=Report("ink", doubts=("several marks", "a smear")))
    assert str(doubtful) == "7 (99.8%, 58 µs, several marks, a smear)"


def test_prediction_survives_pickling(classifier, golden):
    prediction = classifier.classify(golden.pictures[14])
    assert pickle.loads(pickle.dumps(prediction)) == prediction  # noqa: S301 - our own bytes


def test_prediction_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        SEVEN.label = "8"


def test_prediction_gives_every_field_in_json(classifier, golden):
    prediction = classifier.classify(golden.pictures[14])
    assert prediction.to_json() == {
        "label": "7",
        "index": 7,
        "probability": prediction.probability,
        "top": prediction.top,
        "latency_us": prediction.latency_us,
        "preprocessing": prediction.preprocessing.to_json(),
        "doubts": prediction.doubts,
    }


@pytest.mark.parametrize("way", ["classify", "classify_tensor"])
def test_prediction_gives_plain_values_in_json(classifier, golden, way):
    given = golden.pictures[14] if way == "classify" else golden.inputs[14]
    values = getattr(classifier, way)(given).to_json()
    assert is_plain(values)
    assert json.loads(json.dumps(values))["label"] == "7"


def test_report_gives_what_applies_in_json():
    report = Report(
        "ink",
        Polarity.DARK_ON_LIGHT,
        (1, 2, 3, 4),
        0.125,
        Legibility.UNCLEAR,
        ("several marks",),
    )
    assert report.to_json() == {
        "kind": "ink",
        "polarity": "dark on light",
        "box": (1, 2, 3, 4),
        "ink_fraction": 0.125,
        "legibility": "unclear",
        "doubts": ("several marks",),
    }


def test_report_leaves_out_of_json_what_does_not_apply():
    assert Report("raw").to_json() == {"kind": "raw", "doubts": ()}


def test_report_keeps_a_share_of_no_ink_in_json():
    assert Report("ink", ink_fraction=0.0).to_json()["ink_fraction"] == 0.0


@pytest.mark.parametrize(
    ("limit", "unsure"),
    [(0.0, False), (0.9984, False), (math.nextafter(0.9984, 1), True), (1.0, True)],
)
def test_prediction_is_unsure_below_a_limit(limit, unsure):
    assert SEVEN.is_unsure(limit) is unsure


def test_prediction_is_unsure_where_the_picture_is_in_doubt():
    doubtful = replace(SEVEN, preprocessing=Report("ink", doubts=("several marks",)))
    assert doubtful.is_unsure(0.0) is True


def test_prediction_of_two_marks_is_in_doubt(classifier, two_digits):
    assert classifier.classify(two_digits).preprocessing.doubts == ("several marks",)


def test_prediction_of_a_golden_picture_is_in_no_doubt(classifier, golden):
    doubts = [classifier.classify(picture).preprocessing.doubts for picture in golden.pictures]
    assert doubts == [()] * 20


@pytest.mark.parametrize(
    ("legibility", "largest", "margin", "doubts"),
    [
        (None, 4.0, 2.0, ()),
        (None, 3.9, 2.0, ("unlike what the model knows",)),
        (None, 3.9, 1.9, ("unlike what the model knows",)),
        (None, 4.0, 1.9, ("between two labels",)),
        (Legibility.UNCLEAR, 6.0, 2.9, ("too unclear to be sure",)),
        (Legibility.COARSE, 7.9, 9.0, ("too few pixels to be sure",)),
    ],
)
def test_a_model_doubts_what_is_small_or_hardly_ahead(legibility, largest, margin, doubts):
    asked = [dict(zip(Legibility, least, strict=True)) for least in ((4, 6, 8), (2, 3, 4))]
    report = Report("ink", legibility=legibility)
    assert model_doubts(largest, margin, report, *asked) == doubts
    assert model_doubts(largest, margin, report, {}, {}) == ()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (np.array([[3, 255, 9]], np.uint8), (255, 246)),
        (np.array([-128, 127], np.int8), (127, 255)),
        (np.array([0.5, 0.5], np.float32), (0.5, 0.0)),
        (np.array([7], np.uint8), (7, 0)),
    ],
)
def test_lead_is_the_largest_and_its_distance_from_the_second(answer, expected):
    assert lead(answer) == expected


def test_a_bundle_asks_for_a_margin(classifier, golden):
    bundle = replace(classifier.bundle, least_margins=dict.fromkeys(Legibility, 1e6))
    with Classifier(bundle) as asking:
        assert asking.classify(golden.pictures[0]).model_doubts == ("between two labels",)
    assert classifier.classify(golden.pictures[0]).model_doubts == ()


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


@given(
    st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=20),
    st.floats(1e-3, 1e3),
)
def test_softmax_gives_probabilities_for_any_logits_and_temperature(values, temperature):
    probabilities = softmax(np.array(values, np.float32), temperature)
    assert (probabilities >= 0).all()
    assert probabilities.sum() == pytest.approx(1, abs=FLOAT64_ROUNDING)
    assert probabilities[np.argmax(values)] == probabilities.max()


def test_softmax_divides_logits_by_the_temperature():
    logits = np.array([0, 2 * np.log(3)])
    np.testing.assert_allclose(softmax(logits, 2.0), [0.25, 0.75], rtol=0, atol=FLOAT64_ROUNDING)


@pytest.mark.parametrize(("temperature", "least", "most"), [(0.01, 1.0, 1.0), (1e3, 0.33, 0.34)])
def test_softmax_is_certain_when_cold_and_even_when_hot(temperature, least, most):
    assert least <= softmax(np.array([3.0, 1.0, 0.0], np.float32), temperature).max() <= most


def test_softmax_leaves_its_logits_as_they_are():
    logits = np.array([1.0, 2.0])
    softmax(logits, 0.5)
    assert logits.tolist() == [1.0, 2.0]


def test_answer_of_nan_is_an_error(classifier, monkeypatch):
    answer = np.full(len(classifier.bundle.labels), np.nan, np.float32)
    monkeypatch.setattr(classifier.session, "run", lambda _: (answer, 1.0))
    monkeypatch.setattr(classifier.session, "output_quantization", None)
    with pytest.raises(ModelError, match="NaN or infinity"):
        classifier.classify_tensor(np.zeros(classifier.session.input_shape, np.uint8))
