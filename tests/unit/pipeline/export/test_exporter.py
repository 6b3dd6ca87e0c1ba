"""Every form of a model, as the two runtimes that ship find it; and the path to one that holds."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest

from liteproof.compatibility.facts import Target
from liteproof.conversion.variants import (
    RecipeError,
    Scheme,
    Variant,
    Weights,
    every_variant,
    named,
)
from liteproof.errors import AccuracyError, CompatibilityError, ConversionError, RunError
from liteproof.execution.tflite_model import execute
from liteproof.export.choices import Choices
from liteproof.export.exported import Exported
from liteproof.export.exporter import Exporter
from liteproof.export.fallback import CANDIDATES, Attempt, Fallback, descend
from liteproof.export.subject import Pictures, Subject
from liteproof.export.validation import Validation
from liteproof_edge.errors import DatasetError
from liteproof_edge.runtime.loading import Runtime

INT8 = Variant(Scheme.INT8)
LABELS = ("upright", "level", "slanting")
# The bars are easy: what answers otherwise than the float model on more than 2 in 100 is broken.
FEWEST_ALIKE = 0.98
RUINED = 0.05  # of accuracy: five points
FORMS = [
    variant
    for variant in every_variant()
    if variant.weights is Weights.FLOAT and variant.scheme not in {Scheme.INT8_MIXED, Scheme.GIVEN}
]


def subject_of(model, folder, bars, **changes):
    """A subject of half of the pictures for calibration, and the others to measure with."""
    folder.mkdir(exist_ok=True)
    model.save(folder / "model.keras")
    labels = bars.labels.astype(np.int64)
    given = {
        "folder": folder,
        "name": "bars",
        "description": "Bars",
        "labels": LABELS,
        "models": {Weights.FLOAT: folder / "model.keras"},
        "representative": Pictures(bars.images[:120], labels[:120]),
        "validation": Pictures(bars.images[30:], labels[30:]),
    }
    return Subject(**{**given, **changes})


@pytest.fixture(scope="module")
def wide(bars, tmp_path_factory):
    """A subject with weights enough for dynamic range: 1,024 in a layer at least."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((28, 28, 1), name="pixels")
    values = keras.layers.Rescaling(1 / 255)(pixels)
    values = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(values)
    values = keras.layers.Conv2D(16, 3, strides=2, activation="relu")(values)
    model = keras.Model(pixels, keras.layers.Dense(3)(keras.layers.Flatten()(values)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.005), loss)
    model.fit(bars.images, bars.labels, batch_size=30, epochs=8, verbose=0)
    return subject_of(model, tmp_path_factory.mktemp("wide"), bars)


@pytest.fixture(scope="module")
def every_form(wide):
    """Each form, exported once: variant → what was found."""
    with Exporter(wide, Choices()) as exporter:
        return {variant: exporter.export(variant) for variant in FORMS}


@pytest.fixture(scope="module")
def spoilt(bars_model, with_outlier, bars, tmp_path_factory):
    """A subject that plain int8 ruins."""
    return subject_of(with_outlier(bars_model), tmp_path_factory.mktemp("spoilt"), bars)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", list(Runtime), ids=lambda runtime: runtime.value)
@pytest.mark.parametrize("variant", FORMS, ids=lambda variant: variant.name)
def test_every_form_runs_and_scores_on_both_runtimes(wide, every_form, variant, runtime):
    pictures, labels = wide.validation
    flatbuffer = variant.model_in(wide.folder).read_bytes()

    answered = execute(flatbuffer, pictures, label="", runtime=runtime)

    right = (answered.logits.argmax(axis=1) == labels).mean()
    assert right >= every_form[variant].validation.float_accuracy - (1 - FEWEST_ALIKE)


@pytest.mark.slow
@pytest.mark.parametrize("variant", FORMS, ids=lambda variant: variant.name)
def test_record_says_what_was_found(wide, every_form, variant):
    made = every_form[variant]
    file = variant.model_in(wide.folder)

    assert made == Exported.read(variant.record_in(wide.folder))
    assert (made.variant, made.size_bytes) == (variant.name, file.stat().st_size)
    assert made.validation.n == len(wide.validation.images)
    assert made.validation.agreement >= FEWEST_ALIKE
    assert (made.calibration is not None) == variant.is_calibrated
    assert bool(made.layer_errors) == bool(made.diagnosis) == (variant.scheme is not Scheme.FLOAT32)
    assert made.overhead_bytes < made.size_bytes
    assert made.names_bytes > 0


@pytest.mark.slow
def test_calibration_s_fingerprint_is_the_same_for_all_forms(every_form):
    prints = {made.calibration["fingerprint"] for made in every_form.values() if made.calibration}

    assert len(prints) == 1


@pytest.mark.slow
def test_names_stay_where_they_are_not_stripped(wide, every_form, tmp_path):
    whole = Exporter(replace(wide, folder=tmp_path), Choices(strip=False))
    with whole as exporter:
        made = exporter.export(INT8)

    assert (made.stripped, made.names_bytes) == (False, 0)
    assert made.size_bytes == every_form[INT8].size_bytes + every_form[INT8].names_bytes


def test_target_that_cannot_run_it_is_refused_by_name_before_anything_is_written(wide, tmp_path):
    subject, dynamic = replace(wide, folder=tmp_path), Variant(Scheme.DYNAMIC)

    with (
        Exporter(subject, Choices(targets=(Target.TFLITE_MICRO,))) as exporter,
        pytest.raises(CompatibilityError, match="dynamic: tflite-micro cannot run it: ") as caught,
    ):
        exporter.export(dynamic)

    assert caught.value.exit_code == 4
    assert not dynamic.model_in(tmp_path).exists()


def test_broken_calibration_set_is_refused_and_nothing_written(bars_model, bars, tmp_path):
    divided = Pictures(bars.images / 255, None)
    subject = subject_of(bars_model, tmp_path, bars, representative=divided)

    with (
        Exporter(subject, Choices()) as exporter,
        pytest.raises(DatasetError, match="bars: range: .*divided by 255 already"),
    ):
        exporter.export(INT8)

    assert not INT8.model_in(tmp_path).exists()


def test_calibration_pictures_among_those_held_out_are_refused(bars_model, bars, tmp_path):
    held_out = {"test": bars.images[100:]}
    subject = subject_of(bars_model, tmp_path, bars, held_out=held_out)

    with (
        Exporter(subject, Choices()) as exporter,
        pytest.raises(DatasetError, match="20 of 120 pictures are test pictures too"),
    ):
        exporter.export(INT8)


def test_layer_that_does_not_convert_is_named(bars, tmp_path):
    @keras.saving.register_keras_serializable("tests")
    def odd(values):
        import tensorflow as tf  # noqa: PLC0415 - Keras saves the function by name

        return tf.math.betainc(values + 1.0, values + 2.0, tf.sigmoid(values))

    pixels = keras.Input((28, 28, 1), name="pixels")
    values = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels))
    values = keras.layers.Activation(odd, name="odd_one")(values)
    model = keras.Model(pixels, keras.layers.Dense(3)(values))

    with (
        Exporter(subject_of(model, tmp_path, bars), Choices()) as exporter,
        pytest.raises(ConversionError, match=r"do not convert: 'odd_one' \(Activation: TFLite has"),
    ):
        exporter.export(INT8)


@pytest.mark.slow
def test_model_that_int8_ruins_is_explained_and_repaired(spoilt):
    with Exporter(spoilt, Choices()) as exporter:
        path = descend(CANDIDATES[:3], 1.0, exporter.export)

    first, *_, last = path.attempts
    made = Exported.read(INT8.record_in(spoilt.folder))
    assert (first.variant, first.holds) == ("int8", False)
    assert first.validation.drop > RUINED
    assert "in channel 0" in made.diagnosis[0]
    assert (last.variant, last.holds) == ("int8-mixed", True)
    assert last.wide == made.worst[0]
    assert path.shipped == last
    path.check()


@pytest.mark.slow
def test_mixed_model_runs_on_both_runtimes(spoilt):
    with Exporter(spoilt, Choices()) as exporter:
        wide = exporter.export(INT8).worst[0]
        made = exporter.export(Variant(Scheme.INT8_MIXED), wide)
    pictures, labels = spoilt.validation
    flatbuffer = Variant(Scheme.INT8_MIXED).model_in(spoilt.folder).read_bytes()

    assert (made.kind, made.wide) == ("int8-mixed", wide)
    for runtime in Runtime:
        answered = execute(flatbuffer, pictures, label="", runtime=runtime)
        assert (answered.logits.argmax(axis=1) == labels).mean() >= FEWEST_ALIKE


def measured(drop, n=1000):
    return Validation(n, 0.99, drop, (drop - 0.01, drop + 0.01), 0.99, "some runtime 1.0")


def made(variant, drop, worst=()):
    return Exported(
        variant=variant.name,
        kind=variant.scheme.value,
        size_bytes=1000,
        overhead_bytes=10,
        stripped=True,
        names_bytes=5,
        wide=(),
        worst=worst,
        calibration=None,
        runs_on=("LiteRT",),
        validation=measured(drop),
        layer_errors=[],
        diagnosis=(),
    )


def test_path_goes_from_narrow_to_wide_until_the_gate_holds():
    drops = dict(
        zip((form.name for form in CANDIDATES), (0.3, 0.2, 0.1, 0.05, 0.001, 0), strict=True)
    )
    tried = []

    def make(variant, wide):
        tried.append((variant.name, len(wide)))
        return made(variant, drops[variant.name], (("a", "b"), ("b", "c"), ("d",)))

    path = descend(CANDIDATES, 0.2, make)

    assert tried == [
        ("int8", 0),
        ("int8-mixed", 2),
        ("int8-mixed", 3),
        ("int16x8", 0),
        ("int8-qat", 0),
        ("dynamic", 0),
    ]
    assert [attempt.holds for attempt in path.attempts] == [False] * 5 + [True]
    assert path.shipped.variant == "dynamic"


def test_form_that_cannot_be_made_is_passed_over_with_its_reason():
    def make(variant, _):
        if variant.scheme is Scheme.INT8:
            raise ConversionError("int8: cannot be converted")
        return made(variant, 0.0)

    path = descend(CANDIDATES, 0.2, make)

    assert path.attempts[0].why_not == "int8: cannot be converted"
    assert str(path.attempts[0]) == "int8: cannot be converted"
    # No layer is known as worst: those that have no integer form stay in float32 by themselves.
    assert (path.shipped.variant, path.shipped.wide) == ("int8-mixed", ())


def test_gate_that_nothing_holds_is_an_error_that_names_the_nearest():
    path = descend(
        CANDIDATES, 0.2, lambda variant, _: made(variant, 0.5 + 0.01 * len(variant.name))
    )

    with pytest.raises(AccuracyError, match="none of 5 attempts .*the nearest is int8, 1,000 by"):
        path.check()


def test_path_is_read_back_as_it_was_written(tmp_path):
    path = Fallback(
        0.2,
        (
            Attempt("int8", (), holds=False, why_not="no"),
            Attempt("int8-mixed", ("a",), holds=True, size_bytes=10, validation=measured(0.0)),
        ),
    )
    (tmp_path / "fallback.json").write_text(path.to_json())

    assert Fallback.read(tmp_path / "fallback.json") == path
    assert json.loads(path.to_json())["shipped"] == "int8-mixed"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"gate_points": 0.2}',
        b'{"gate_points": "much", "attempts": []}',
        b'{"gate_points": 0.2, "attempts": [{}]}',
        b'{"gate_points": 0.2, "attempts": [{"variant": "int3", "wide": [], "validation": null}]}',
    ],
)
def test_damaged_path_is_an_error_that_names_its_file(tmp_path, content):
    (tmp_path / "fallback.json").write_bytes(content)

    with pytest.raises(RunError, match=r"fallback\.json: not the record of `export --gate`: "):
        Fallback.read(tmp_path / "fallback.json")


def test_every_form_has_a_name_of_its_own():
    names = [variant.name for variant in every_variant()]

    assert len(names) == len(set(names))
    assert [named(name) for name in names] == list(every_variant())


def test_form_that_there_is_not_is_refused():
    with pytest.raises(RecipeError, match="int8-doubled: not a form"):
        named("int8-doubled")
