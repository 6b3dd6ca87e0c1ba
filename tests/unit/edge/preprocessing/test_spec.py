import json
import math
import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from liteproof_edge.errors import BundleError, PictureError
from liteproof_edge.preprocessing.paper import Polarity
from liteproof_edge.preprocessing.prepared import Report
from liteproof_edge.preprocessing.spec import (
    MAX_NUMBER,
    MAX_SIDE,
    ChannelOrder,
    Fit,
    InkSpec,
    PhotoSpec,
    RawSpec,
    Resampling,
    preprocess,
    spec_from_json,
    spec_to_json,
)

SIZES = {"height": 24, "width": 32, "channels": 3}
RAW = {"kind": "raw", **SIZES}
INK = {"kind": "ink", **SIZES, "channels": 1, "box": 20}
PHOTO = {
    "kind": "photo",
    **SIZES,
    "fit": "contain",
    "resampling": "lanczos",
    "order": "BGR",
    "mean": [103.5, 116.25, 123.0],
    "scale": [0.5, 1.0, 0.25],
}
SPECS = [
    RawSpec(height=24, width=32, channels=3),
    RawSpec(height=1, width=MAX_SIDE, channels=1),
    InkSpec(height=28, width=28, channels=1, box=20),
    PhotoSpec(height=24, width=32, channels=3),
    *(PhotoSpec(height=24, width=32, channels=1, fit=fit) for fit in Fit),
    *(PhotoSpec(height=24, width=32, channels=1, resampling=filter_) for filter_ in Resampling),
    *(PhotoSpec(height=24, width=32, channels=3, order=order) for order in ChannelOrder),
    PhotoSpec(height=9, width=9, channels=1, mean=(0.1,), scale=(1 / 3,)),
    PhotoSpec(height=9, width=9, channels=3, mean=(-1e6, 0.0, 1e6), scale=(1e-9, 2.0, -3.5)),
]
# A thread that waits for ever is stuck.
SECONDS_TO_WAIT = 10.0
NO_SIDE = [0, -1, MAX_SIDE + 1, 10**30, 28.0, math.nan, math.inf, True, False, "28", None, [28], {}]
NO_LIST = [None, 1.0, "1", "", {}, {"0": 1.0}, True]
NO_NUMBER = [True, False, "1", None, [], {}, math.nan, math.inf, -math.inf, MAX_NUMBER * 2, 10**400]


class Spec:
    """A spec that does as it is told."""

    def __init__(self, apply):
        self.apply = apply


def raising(error):
    def apply(*_):
        raise error

    return Spec(apply)


def assert_refused(manifest, *names):
    with pytest.raises(BundleError) as refused:
        spec_from_json(manifest, "some/manifest.json: preprocessing")
    message = str(refused.value)
    assert refused.value.exit_code == 4
    assert message.startswith("some/manifest.json: preprocessing: ")
    for name in names:
        assert name in message
    assert "expected" in message


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_spec_survives_being_written_and_read(spec):
    manifest = json.loads(json.dumps(spec_to_json(spec)))
    assert spec_from_json(manifest, "manifest") == spec


@pytest.mark.parametrize("manifest", [RAW, INK, PHOTO], ids=lambda manifest: manifest["kind"])
def test_manifest_survives_being_read_and_written(manifest):
    assert json.loads(json.dumps(spec_to_json(spec_from_json(manifest, "manifest")))) == manifest


def test_spec_is_read_as_the_manifest_says():
    assert spec_from_json(PHOTO, "manifest") == PhotoSpec(
        height=24,
        width=32,
        channels=3,
        fit=Fit.CONTAIN,
        resampling=Resampling.LANCZOS,
        order=ChannelOrder.BGR,
        mean=(103.5, 116.25, 123.0),
        scale=(0.5, 1.0, 0.25),
    )


def test_whole_numbers_are_read_as_mean_and_scale():
    spec = spec_from_json(PHOTO | {"mean": [1, 2, 3]}, "manifest")
    assert spec.mean == (1.0, 2.0, 3.0)


def test_read_spec_can_be_a_key():
    assert len({spec_from_json(PHOTO, "one"), spec_from_json(PHOTO, "other")}) == 1


@pytest.mark.parametrize("kind", ["video", "", "RAW", None, 1, True, [], {}, ["raw"]])
def test_unknown_kind_is_refused(kind):
    assert_refused(RAW | {"kind": kind}, f"kind {kind!r}", "raw, photo, ink")


def test_missing_kind_is_refused():
    assert_refused(SIZES, "kind None")


@pytest.mark.parametrize("manifest", [RAW, INK, PHOTO], ids=lambda manifest: manifest["kind"])
def test_missing_key_is_refused(manifest):
    for key in manifest.keys() - {"kind"}:
        assert_refused({k: v for k, v in manifest.items() if k != key}, "keys", key)


@pytest.mark.parametrize("manifest", [RAW, INK, PHOTO], ids=lambda manifest: manifest["kind"])
@pytest.mark.parametrize("key", ["depth", "", "Height", "kind "])
def test_unknown_key_is_refused(manifest, key):
    assert_refused(manifest | {key: 1}, "keys", repr(key))


@pytest.mark.parametrize(
    ("manifest", "key"),
    [
        (manifest, key)
        for manifest in (RAW, INK, PHOTO)
        for key in ("height", "width", "channels", "box")
        if key in manifest
    ],
    ids=str,
)
@pytest.mark.parametrize("value", NO_SIDE, ids=repr)
def test_size_out_of_bounds_is_refused(manifest, key, value):
    assert_refused(manifest | {key: value}, f"{key}: {value!r}", f"from 1 to {MAX_SIDE}")


@pytest.mark.parametrize("key", ["fit", "resampling", "order"])
@pytest.mark.parametrize(
    "value", ["", "none", "COVER", "rgb", 0, None, True, math.nan, [], ["cover"], {}], ids=repr
)
def test_unknown_choice_is_refused(key, value):
    assert_refused(PHOTO | {key: value}, f"{key}: {value!r}", "one of ")


@pytest.mark.parametrize("key", ["mean", "scale"])
@pytest.mark.parametrize("value", NO_LIST, ids=repr)
def test_what_is_no_list_of_numbers_is_refused(key, value):
    assert_refused(PHOTO | {key: value}, f"{key}: {value!r}", "a list of numbers")


@pytest.mark.parametrize("key", ["mean", "scale"])
@pytest.mark.parametrize("value", NO_NUMBER, ids=lambda value: repr(value)[:9])
def test_number_out_of_bounds_is_refused(key, value):
    assert_refused(PHOTO | {key: [1.0, value, 1.0]}, f"{key}: ", "a list of numbers")


@pytest.mark.parametrize("key", ["mean", "scale"])
@pytest.mark.parametrize("count", [1, 2, 4, 1000])
def test_list_of_another_length_is_refused(key, count):
    assert_refused(PHOTO | {key: [1.0] * count}, f"{key}: {count} values, expected 3")


@pytest.mark.parametrize("manifest", [RAW, PHOTO], ids=lambda manifest: manifest["kind"])
@pytest.mark.parametrize("channels", [2, 4])
def test_other_channels_are_refused(manifest, channels):
    assert_refused(manifest | {"channels": channels}, f"{channels} channels")


@pytest.mark.parametrize("change", [{"box": 25}, {"channels": 3}, {"channels": 2}])
def test_ink_that_does_not_fit_is_refused(change):
    assert_refused(INK | change, "ink: box", "one channel and a box that fits")


def test_message_names_the_picture_by_its_path(tmp_path):
    with pytest.raises(PictureError) as refused:
        preprocess(tmp_path / "five.png", raising(PictureError("no ink found")))
    assert str(refused.value) == f"{tmp_path}/five.png: no ink found"


def test_message_names_the_picture_by_its_text():
    with pytest.raises(PictureError) as refused:
        preprocess("five.png", raising(PictureError("no ink found")))
    assert str(refused.value) == "five.png: no ink found"


@pytest.mark.parametrize(
    "picture", [b"bytes", np.zeros((2, 2), np.uint8), Image.new("L", (2, 2))], ids=type
)
def test_message_has_no_name_where_the_picture_has_none(picture):
    with pytest.raises(PictureError) as refused:
        preprocess(picture, raising(PictureError("no ink found")))
    assert str(refused.value) == "no ink found"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(2, "No such file or directory", "x.png"), "No such file or directory"),
        (OSError("image file is truncated"), "image file is truncated"),
        (SyntaxError("broken PNG file"), "broken PNG file"),
        (ValueError("two\nlines"), r"two\nlines"),
        (AssertionError(), "AssertionError"),
        (MemoryError(), "MemoryError"),
        (RecursionError("too deep"), "too deep"),
    ],
    ids=repr,
)
def test_error_of_a_decoder_becomes_one_line(error, reason):
    with pytest.raises(PictureError) as refused:
        preprocess("five.png", raising(error))
    assert str(refused.value) == f"five.png: cannot be read: {reason}"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_wish_to_stop_is_no_error_of_the_picture(error):
    with pytest.raises(error):
        preprocess("five.png", raising(error))


def test_warnings_of_a_decoder_are_not_shown(recwarn):
    def apply(*_):
        warnings.warn("Corrupt EXIF data", UserWarning, stacklevel=1)
        return "prepared"

    assert preprocess(b"", Spec(apply)) == "prepared"
    assert not list(recwarn)


def test_warnings_are_shown_again_after_threads_that_overlapped():
    before = list(warnings.filters)
    inside, overlapped, left = (threading.Event() for _ in range(3))

    def first(*_):
        inside.set()
        assert overlapped.wait(SECONDS_TO_WAIT)

    def second(*_):
        overlapped.set()
        assert left.wait(SECONDS_TO_WAIT)

    threads = [
        threading.Thread(target=preprocess, args=(b"", Spec(each))) for each in (first, second)
    ]
    threads[0].start()
    assert inside.wait(SECONDS_TO_WAIT)
    threads[1].start()
    threads[0].join(SECONDS_TO_WAIT)
    left.set()
    threads[1].join(SECONDS_TO_WAIT)
    assert list(warnings.filters) == before


def test_report_as_json_holds_what_applies():
    report = Report("ink", Polarity.DARK_ON_LIGHT, (1, 2, 3, 4), 0.25, doubts=("several marks",))
    assert json.loads(json.dumps(report.to_json())) == {
        "kind": "ink",
        "polarity": "dark on light",
        "box": [1, 2, 3, 4],
        "ink_fraction": 0.25,
        "doubts": ["several marks"],
    }


def test_report_as_json_leaves_out_what_does_not_apply():
    assert Report("raw").to_json() == {"kind": "raw", "doubts": ()}
