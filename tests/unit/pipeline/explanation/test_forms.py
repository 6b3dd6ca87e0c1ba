"""What is told of a .tflite of others: what it takes, its forms, its endings, its odd layers."""

import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from explained import CLOSE, check_numbers
from PIL import Image

from liteproof.execution.tflite_model import execute
from liteproof.explanation import words
from liteproof.explanation.page import render_story
from liteproof.explanation.stepping import EXTENTS, sums, within_budget, worked_steps
from liteproof.explanation.steps import Entry, Kind
from liteproof.explanation.story import tell
from liteproof.explanation.subject import Subject
from liteproof_edge.inspection.kinds import kind_of
from liteproof_edge.model.affine import Normalisation, Quantization, quantize
from liteproof_edge.model.ending import ending_of
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.model.wiring import wire
from liteproof_edge.preprocessing.photo import PhotoSpec
from liteproof_edge.preprocessing.prepared import Legibility

layers = keras.layers
COLOUR, PLAIN, ROW = (24, 24, 3), (24, 24), (576,)
UNIT, SIGNED, PIXELS = (0.0, 1 / 255), (127.5, 1 / 127.5), None
ACTIVATIONS = {"": lambda x: x, "relu": lambda x: np.maximum(x, 0)}
# What it takes, how it ends, what it takes pixels as, its form.
FORMS = {
    "float32": (PLAIN, "softmax", UNIT, "float32"),
    "float16": (ROW, "softmax", SIGNED, "float16"),
    "dynamic": (COLOUR, None, UNIT, "dynamic"),
    "int8": (COLOUR, "sigmoid", SIGNED, "int8"),
    "uint8": (COLOUR, None, UNIT, "int8"),
    "float in and out": (COLOUR, "softmax", SIGNED, "int8-float-io"),
    "int16": (COLOUR, "softmax", PIXELS, "int16x8"),
}
INTERFACES = {"int8": tf.int8, "uint8": tf.uint8, "int16": tf.int16}


def network(taken, ending):
    keras.utils.set_random_seed(0)
    image = keras.Input(taken, batch_size=1)
    hidden = layers.Reshape((24, 24, 1))(image) if taken != COLOUR else image
    hidden = layers.Conv2D(12, 3, strides=2, padding="same", activation="relu")(hidden)
    side = layers.DepthwiseConv2D(3, padding="same")(hidden)
    hidden = layers.Add()([hidden, layers.Conv2D(12, 1)(side)])
    hidden = layers.Conv2D(16, 3, activation="relu")(layers.AveragePooling2D(2)(hidden))
    hidden = layers.Conv2D(4, 3, groups=2, activation="silu")(hidden)
    units = 1 if ending == "sigmoid" else 3
    hidden = layers.GlobalAveragePooling2D()(hidden)
    return keras.Model(image, layers.Dense(units, activation=ending)(hidden))


def convert(model, name, form, taken):
    """Return a .tflite as people make them, of values that `taken` makes of pixels."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    rng = np.random.default_rng(0)
    mean, scale = taken or (0.0, 1.0)
    shape = model.inputs[0].shape

    def calibration():
        for _ in range(20):
            pixels = rng.integers(0, 256, shape)
            pixels.flat[:2] = 0, 255  # all that a pixel can be
            yield [(scale * (pixels - mean)).astype(np.float32)]

    if form != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if form == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if form.startswith("int"):
        converter.representative_dataset = calibration
        wide = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        narrow = tf.lite.OpsSet.TFLITE_BUILTINS_INT8
        converter.target_spec.supported_ops = [wide if form == "int16x8" else narrow]
    if name in INTERFACES:
        converter.inference_input_type = INTERFACES[name]
        converter.inference_output_type = INTERFACES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter's own: statistics that it does not need
        return converter.convert()


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("picture") / "noise.png"
    pixels = np.random.default_rng(3).integers(0, 256, (24, 24, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module", params=FORMS)
def story(request, picture):
    taken, ending, scaling, form = FORMS[request.param]
    model = convert(network(taken, ending), request.param, form, scaling)
    graph = read_model(model).subgraphs[0]
    assert kind_of([wire(graph)]).kind.value == form
    channels = 3 if taken == COLOUR else 1
    mean, scale = ((each,) * channels for each in scaling) if scaling else ((), ())
    subject = Subject(
        name=request.param,
        path=Path("given"),
        labels=("one", "two", "three")[: 2 if ending == "sigmoid" else 3],
        spec=PhotoSpec(24, 24, channels, mean=mean, scale=scale),
        model=model,
        form=form,
        ending=ending_of(graph),
        # Every largest share is more, and no logit is so small.
        least_logits=dict.fromkeys(Legibility, 0.1 if ending else -1000.0),
    )
    return tell(subject, picture)


def test_doubts_go_by_what_the_model_itself_answers(story):
    assert story.doubts == ()


def test_answer_is_the_runtimes(story):
    subject = story.subject
    own = execute(
        subject.model,
        story.prepared.pixels[np.newaxis],
        label="test",
        normalisation=subject.spec.normalisation,
    )

    assert story.probabilities.sum() == pytest.approx(1)
    assert int(story.probabilities.argmax()) == int(own.logits[0].argmax())


def test_what_goes_in_is_the_pixels_scaled_and_in_the_models_codes(story):
    entry = story.entry
    mean, scale = entry.normalisation or ((0.0,), (1.0,))
    real = (np.array(scale) * (entry.pixels - np.array(mean))).astype(np.float32)

    if entry.quantized is None:
        assert np.array_equal(entry.values, real)
    else:
        held = entry.quantized
        asked = quantize(real, Quantization(held.scale, held.zero_point), held.codes.dtype)
        assert np.abs(held.codes.astype(int) - asked).max() <= 1  # kernels round halves up
        assert np.array_equal(entry.values, held.real)


def test_what_is_stepped_through_is_what_the_runtime_computed(story):
    worked = list(worked_steps(story.steps, story.entry))

    kinds = [each.step.kind for each in worked]
    assert kinds.count(Kind.DEPTHWISE) == 1
    for each in worked:
        step = each.step
        made = ACTIVATIONS[step.activation](sums(each))
        scale, reach = 0.0, np.abs(step.output).max()
        if step.quantized:
            held, scale = step.quantized, step.quantized.scale
            limits = np.iinfo(held.codes.dtype)
            low, high = ((at - held.zero_point) * scale for at in (limits.min, limits.max))
            made = np.clip(made, low, high)
        assert np.abs(made - step.output).max() <= 0.51 * scale + CLOSE * reach
    check_numbers(render_story(story), story)


def test_weights_alone_in_int8_are_not_stepped_since_the_runtime_rounds_what_they_take(story):
    rounds = [each for each in story.steps if each.rounds_anew]

    assert bool(rounds) == (story.subject.form == "dynamic")
    assert not [each for each in worked_steps(story.steps, story.entry) if each.step in rounds]
    said = "runtime rounds" in render_story(story)
    assert said == bool(rounds)


def test_page_says_how_a_pixel_becomes_a_value(story):
    page = render_story(story)

    assert words.entry_formula(story.entry) in page
    assert words.entry_example(story.entry) in page
    assert ('id="int8"' in page) == any(each.quantized for each in story.steps)


def test_channels_that_are_scaled_each_on_their_own_are_told_apart():
    pixels = np.array([[[10, 20, 200]]], np.uint8)
    taken = Normalisation((0.0, 10.0, 100.0), (1.0, 2.0, 0.5))
    values = np.array([[[10, 20, 50]]], np.float32)

    entry = Entry(pixels, values, taken)

    assert words.entry_formula(entry) == (
        "channel 1: value = pixel · 1; channel 2: value = (pixel − 10) · 2; "
        "channel 3: value = (pixel − 100) · 0.5"
    )
    assert words.entry_example(entry) == (
        "row 1, column 1, channel 3: pixel 200, value (200 − 100) · 0.5 = 50"
    )


def test_average_pooling_is_seen_in_any_form(story):
    pools = [each for each in story.steps if each.kind is Kind.AVERAGE_POOL]

    assert [each.window.size for each in pools] == [(2, 2), (2, 2)]


def test_groups_of_channels_are_shown_by_their_values(story):
    assert [each for each in story.steps if each.kind is Kind.OTHER and each.is_map]


def test_less_room_leaves_parts_of_maps_whose_numbers_are_the_tensors(story, monkeypatch):
    worked = list(worked_steps(story.steps, story.entry))

    fewer = within_budget(worked, 20_000)
    assert max(each.extent for each in fewer) > 0
    assert max(each.extent for each in fewer) < len(EXTENTS)
    assert within_budget(worked, 3_000) != fewer

    monkeypatch.setattr("liteproof.explanation.page.BUDGET", 20_000)
    page = render_story(story)
    check_numbers(page, story)
    assert "in the part of the map around their largest value" in page
