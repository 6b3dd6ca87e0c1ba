"""What is told of a run and of a bundle, against what the runtime and Keras compute themselves."""

import base64
import io
import shutil
from dataclasses import replace

import numpy as np
import pytest
from explained import CLOSE, check_numbers, data_of
from PIL import Image

from liteproof.conversion.packing import without_metadata
from liteproof.conversion.quantization import convert_saved, load_keras, saved
from liteproof.conversion.variants import FLOAT32, Scheme, Variant
from liteproof.diagnosis.graph import activations
from liteproof.errors import RunError
from liteproof.execution.tflite_model import execute
from liteproof.explanation import views
from liteproof.explanation.occlusion import covered, loss_map
from liteproof.explanation.page import LARGEST, in_colours, render_story
from liteproof.explanation.stepping import sums, worked_steps
from liteproof.explanation.steps import Kind
from liteproof.explanation.story import tell
from liteproof.explanation.subject import open_subject
from liteproof.explanation.tiles import photo
from liteproof_edge.errors import BundleError, PictureError
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.preprocessing.photo import ChannelOrder, PhotoSpec
from liteproof_edge.preprocessing.prepared import Legibility


@pytest.fixture(scope="module")
def picture(bars, tmp_path_factory):
    path = tmp_path_factory.mktemp("picture") / "bar.png"
    Image.fromarray(bars.images[0][..., 0]).save(path)
    return path


@pytest.fixture(scope="module")
def of_run(tiny_run, picture):
    return tell(open_subject(tiny_run), picture)


@pytest.fixture(scope="module")
def of_bundle(tiny_run, picture):
    return tell(open_subject(tiny_run / "bundle"), picture)


@pytest.fixture(scope="module")
def page(of_run):
    return render_story(of_run)


def test_codes_are_the_runtimes_own(of_run):
    own = execute(of_run.subject.model, of_run.prepared.pixels[np.newaxis], label="test")

    last = of_run.steps[-1].quantized
    assert np.array_equal(last.codes + 128, own.outputs[0])  # int8 inside, uint8 outside
    assert np.array_equal(last.real, own.logits[0])
    assert np.array_equal(of_run.device_logits, own.logits[0])


def test_every_quantized_activation_is_beside_its_layer(of_run):
    graph = read_model(without_metadata(of_run.subject.model)).subgraphs[0]

    shown = [each.quantized for each in of_run.steps if each.quantized]

    assert len(shown) == len(activations(graph))
    for step in (each for each in of_run.steps if each.quantized):
        reach = np.abs(step.output).max()
        assert np.abs(step.quantized.real - step.output).max() < 0.1 * reach + step.quantized.scale


def test_bundle_and_run_have_the_same_codes(of_run, of_bundle):
    ones = [each.quantized.codes for each in of_run.steps if each.quantized]
    others = [each.quantized.codes for each in of_bundle.steps]

    assert len(ones) == len(others)
    for one, other in zip(ones, others, strict=True):
        assert np.array_equal(one, other)


def test_what_is_stepped_through_is_keras_output(of_run):
    worked = list(worked_steps(of_run.steps, of_run.entry))

    assert worked
    for each in worked:
        own = each.step.output if each.step.before is None else each.step.before
        assert sums(each) == pytest.approx(own, abs=CLOSE * np.abs(own).max())


def test_bundle_is_worked_out_in_the_real_values_of_its_codes(of_bundle):
    for each in worked_steps(of_bundle.steps, of_bundle.entry):
        made = np.maximum(sums(each), 0)
        assert np.abs(made - each.step.output).max() <= 0.51 * each.step.quantized.scale + CLOSE


def test_numbers_of_the_page_are_those_of_the_tensors(of_run, of_bundle, page):
    check_numbers(page, of_run)
    check_numbers(render_story(of_bundle), of_bundle)
    assert data_of(render_story(of_bundle))[1]["codes"]  # a quarter of the bytes


def test_sizes_scales_and_codes_are_said_as_they_are(of_run, page):
    step = next(each for each in of_run.steps if each.kind is Kind.CONVOLUTION)
    quantized = step.quantized

    assert "28×28×1 → 14×14×6. same: ⌈28/2⌉ = 14" in page
    assert "3·3·1·6 + 6 = 60 parameters" in page
    assert f"scale {quantized.scale:.4g}" in page
    assert f"this picture uses {np.unique(quantized.codes).size} of 256 codes" in page


def test_pooling_is_drawn_both_ways_from_this_pictures_map(of_run):
    at = next(at for at, each in enumerate(of_run.steps) if each.kind is Kind.MAX_POOL)

    shown = views.view(of_run.steps, at, of_run.entry, of_run.subject.labels, 16)

    taken = of_run.steps[of_run.steps[at].inputs[0]].output
    channel = int(taken.max(axis=(0, 1)).argmax())
    largest = of_run.steps[at].output[..., channel].max()
    assert f"Channel {channel + 1}," in shown.pooling.sentence
    assert f"the largest is {largest:.3g}" in shown.pooling.sentence


def test_layer_that_loses_most_is_open_and_export_is_quoted(of_run, page):
    assert of_run.worst is not None
    assert f'id="int8-{of_run.worst + 1}" open' in page
    assert of_run.subject.diagnosis[0].split(";")[0].replace("'", "&#39;") in page


@pytest.mark.parametrize("scheme", ["int16x8", "int8-mixed", "float16"])
def test_any_form_that_ships_is_beside_the_float_model(of_run, bars, picture, scheme):
    variant = Variant(Scheme(scheme))
    with saved(load_keras(of_run.subject.keras_model)) as folder:
        named = activations(read_model(convert_saved(folder, FLOAT32)).subgraphs[0])
        wide = [named[-1].tensor.name] if variant.scheme is Scheme.INT8_MIXED else []
        model = convert_saved(folder, variant, bars.images[:100], wide=wide)
    subject = replace(of_run.subject, model=model, form=scheme, losses=())

    story = tell(subject, picture)

    page = render_story(story)
    assert f"<h2>Float and {scheme}</h2>" in page
    assert story.worst is not None
    check_numbers(page, story)
    beside = [each for each in story.steps if each.quantized]
    assert len(beside) == len([each for each in of_run.steps if each.quantized])
    for step in beside:
        reach = np.abs(step.output).max()
        assert np.abs(step.quantized.real - step.output).max() < 0.1 * reach
    own = execute(model, story.prepared.pixels[np.newaxis], label="test").logits[0]
    graph = read_model(model).subgraphs[0]
    code = sum(graph.tensors[graph.outputs[0]].scales)  # what is float inside is rounded at the end
    assert np.abs(beside[-1].quantized.real - own).max() <= 0.51 * code


def test_doubts_are_those_that_a_device_has(of_bundle, picture):
    most = float(of_bundle.device_logits.max())
    asking = replace(of_bundle.subject, least_logits={Legibility.CLEAR: most + 1})
    margins = replace(of_bundle.subject, least_margins={Legibility.CLEAR: 2 * most + 100})

    doubting = tell(asking, picture)

    assert of_bundle.doubts == ()
    assert doubting.doubts == ("unlike what the model knows",)
    assert "In doubt: unlike what the model knows." in render_story(doubting)
    assert tell(margins, picture).doubts == ("between two labels",)


def test_what_was_trained_further_is_said_to_be(of_run):
    further = replace(of_run, subject=replace(of_run.subject, is_retrained=True))

    assert "was trained further" in render_story(further)
    assert "was trained further" not in render_story(of_run)


def test_page_of_a_bundle_alone_says_what_is_missing(of_bundle):
    page = render_story(of_bundle)

    assert "no float model to compare with" in page
    assert "Grad-CAM" not in page
    assert "One convolution" in page


def test_page_is_small_and_needs_no_network(page):
    assert len(page.encode()) < LARGEST
    assert "http" not in page.replace("http-equiv", "")


def test_page_without_room_for_maps_says_so_and_is_smaller(of_run, page, monkeypatch):
    monkeypatch.setattr("liteproof.explanation.page.LARGEST", 90_000)

    small = render_story(of_run)

    assert len(small.encode()) <= 90_000 < len(page.encode())
    assert "So many layers leave no room for their maps" in small
    assert "28×28×1 → 14×14×6. same: ⌈28/2⌉ = 14" in small


def test_convolutions_that_do_not_fit_are_counted(of_run, monkeypatch):
    monkeypatch.setattr("liteproof.explanation.page.BUDGET", 2_000)
    assert "1 more convolution would make this page too large" in render_story(of_run)

    monkeypatch.setattr("liteproof.explanation.page.BUDGET", 0)
    assert "To step through 2 convolutions would make this page too large" in render_story(of_run)


def test_what_takes_blue_first_is_shown_in_its_true_colours():
    pixels = np.array([[[10, 20, 30]]], np.uint8)
    blue_first = PhotoSpec(1, 1, 3, order=ChannelOrder.BGR)

    assert in_colours(pixels, blue_first).tolist() == [[[30, 20, 10]]]
    assert in_colours(pixels, PhotoSpec(1, 1, 3)).tolist() == [[[10, 20, 30]]]


def test_large_photo_is_brought_to_what_a_page_can_bear():
    rng = np.random.default_rng(0)
    large = rng.integers(0, 256, (1500, 1000, 3), np.uint8)
    small = rng.integers(0, 256, (28, 28, 3), np.uint8)

    shown, exact = (photo(each, "noise") for each in (large, small))

    assert (shown.width, shown.height) == (320, 480)
    with Image.open(io.BytesIO(base64.b64decode(exact.source.partition(",")[2]))) as image:
        assert np.array_equal(np.asarray(image), small)


def test_occlusion_covers_every_pixel_and_is_the_fall_of_the_logit():
    pixels = np.zeros((10, 10, 1), np.uint8)
    pixels[2:4, 3:5] = 255
    places = covered(pixels)
    seen = np.array([each.mean() for each in places.pictures], np.float32)

    found = loss_map(places, seen, float(pixels.mean()), (10, 10))

    assert places.side == 2
    assert found[3, 4] == found.max() > 0
    assert found[8, 8] == pytest.approx(0, abs=1e-6)


def test_reasons_are_those_of_the_two_most_probable_classes(of_run):
    order = np.argsort(-of_run.device_logits)

    assert [each.at for each in of_run.reasons] == order[:2].tolist()
    assert all(each.occlusion.shape == (28, 28) for each in of_run.reasons)
    assert all(each.cam is not None for each in of_run.reasons)


def test_bad_input_is_one_line(tiny_run, tmp_path, picture):
    with pytest.raises(RunError, match="neither a run nor a bundle"):
        open_subject(tmp_path)
    with pytest.raises(BundleError, match="a file that nothing vouches for"):
        open_subject(picture)
    spoilt = shutil.copytree(tiny_run / "bundle", tmp_path / "spoilt")
    (spoilt / "model.tflite").write_bytes(b"no")
    with pytest.raises(BundleError):
        open_subject(spoilt)
    with pytest.raises(PictureError, match="No such file"):
        tell(open_subject(tiny_run), tmp_path / "none.png")
    Image.new("L", (30, 30)).save(tmp_path / "large.png")
    with pytest.raises(PictureError, match="30x30 picture, expected"):
        tell(open_subject(tiny_run), tmp_path / "large.png")
