import json

import keras
import numpy as np
import pytest

from liteproof.conversion.quantization import convert, convert_saved, saved
from liteproof.conversion.slimming import without_names
from liteproof.conversion.variants import FLOAT32, Granularity, Scheme, Variant
from liteproof.diagnosis.layer_comparison import layer_errors
from liteproof.diagnosis.layer_error import LayerError, worst_layers
from liteproof.diagnosis.sentences import GOOD_SNR_DB, MUCH_CLIPPED, diagnose
from liteproof.diagnosis.table import layer_error_table
from liteproof.execution.tflite_model import execute
from liteproof_edge.errors import DatasetError, ModelError
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.runtime.loading import VARIABLE, installed

INT8 = Variant(Scheme.INT8)
LAYERS = ["conv_0", "max_pool_1", "conv_2", "flatten", "logits"]
FLOAT32_DB = 0.01  # kernels sum up float32 values in an order of their own
RUINED_POINTS = 5.0  # what issue 5 calls ruined


@pytest.fixture(scope="module")
def healthy(bars_model, bars):
    """The float and the int8 file of a model that int8 does no harm."""
    return convert(bars_model, FLOAT32), convert(bars_model, INT8, bars.images[:60])


@pytest.fixture(scope="module")
def spoilt(bars_model, bars, with_outlier):
    model = with_outlier(bars_model)
    return convert(model, FLOAT32), convert(model, INT8, bars.images[:60])


@pytest.fixture(scope="module")
def found(healthy, bars):
    return layer_errors(*healthy, bars.images[60:120], bars.labels[60:120])


@pytest.fixture(scope="module")
def two_layers():
    """Untrained; large enough for weights to be worth quantizing on their own."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((28, 28, 1))
    values = keras.layers.Conv2D(8, 5, strides=4, name="conv")(pixels / 255)
    values = keras.layers.Dense(16, name="logits")(keras.layers.Flatten(name="flat")(values))
    return keras.Model(pixels, values)


@pytest.fixture(scope="module")
def two_layers_float(two_layers):
    return convert(two_layers, FLOAT32)


def accuracy(flatbuffer, bars):
    answers = execute(flatbuffer, bars.images, label="").logits.argmax(axis=1)
    return 100 * (answers == bars.labels).mean()


def test_layers_have_the_names_that_keras_gave_them(found):
    assert [error.layer for error in found] == LAYERS
    assert [error.operator for error in found[:2]] == ["CONV_2D", "MAX_POOL_2D"]


def test_signal_to_noise_is_that_of_the_outputs(healthy, found, bars):
    """The last layer's is worked out from what both files answer."""
    real, quantized = (
        execute(each, bars.images[60:120], label="").logits.astype(np.float64) for each in healthy
    )
    noise = np.square(real - quantized)

    assert found[-1].snr_db == pytest.approx(
        10 * np.log10(np.square(real).sum() / noise.sum()), abs=FLOAT32_DB
    )
    assert found[-1].rmse == pytest.approx(np.sqrt(noise.mean()), rel=0.001)
    assert found[-1].rmse_over_scale == pytest.approx(found[-1].rmse / found[-1].scale)


def test_only_rounding_is_introduced_in_a_healthy_model(found):
    assert 0 < max(error.introduced for error in found) < 0.005


def test_layer_that_only_passes_codes_on_introduces_nothing(found):
    pool, flatten = found[1], found[3]

    assert (pool.introduced, flatten.introduced) == (pytest.approx(0, abs=1e-9),) * 2
    assert pool.rmse > 0


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [Scheme.INT16X8, Scheme.FLOAT16, Scheme.DYNAMIC])
def test_every_scheme_is_compared_on_every_runtime(
    two_layers, two_layers_float, bars, monkeypatch, scheme
):
    variant = Variant(scheme)
    quantized = convert(two_layers, variant, bars.images[:20] if variant.is_calibrated else None)

    for runtime in installed():
        monkeypatch.setenv(VARIABLE, runtime.value)
        errors = layer_errors(two_layers_float, quantized, bars.images[:20])

        assert {"conv", "flat", "logits"} <= {error.layer for error in errors}
        assert (errors[-1].scale is None) == (scheme is not Scheme.INT16X8)
        assert (errors[-1].weights is None) == (scheme is Scheme.FLOAT16)
        assert all(error.snr_db > GOOD_SNR_DB for error in errors)


@pytest.mark.parametrize("runtime", [runtime.value for runtime in installed()])
def test_operators_are_not_seen_after_others_computed_in_their_place(bars, monkeypatch, runtime):
    """tflite-runtime 2.14 computes EXP and SUB over the values that they read, where it may."""
    monkeypatch.setenv(VARIABLE, runtime)
    pixels = keras.Input((28, 28, 1))
    positive = keras.ops.relu(pixels[:, :2, :2] / 255)
    values = keras.ops.exp(keras.ops.sin(positive) - positive) - 1.0
    real = convert(keras.Model(pixels, keras.layers.Flatten()(values)), FLOAT32)

    errors = layer_errors(real, real, bars.images[:2])

    assert {"EXP", "SUB"} <= {error.operator for error in errors}
    assert all(error.introduced == pytest.approx(0, abs=1e-9) for error in errors)


def test_runtimes_see_the_same(healthy, bars, monkeypatch):
    seen = []
    for runtime in installed():
        monkeypatch.setenv(VARIABLE, runtime.value)
        seen.append(layer_errors(*healthy, bars.images[:20]))

    assert len(seen) == 2
    for one, other in zip(*seen, strict=True):
        assert one.snr_db == pytest.approx(other.snr_db, abs=0.5)  # codes may differ by one


def test_layers_are_found_without_names(healthy, found, bars):
    real, quantized = map(without_names, healthy)

    errors = layer_errors(real, quantized, bars.images[60:120], bars.labels[60:120])

    assert [error.layer for error in errors] == [
        "CONV_2D 1",
        "MAX_POOL_2D",
        "CONV_2D 2",
        "RESHAPE",
        "FULLY_CONNECTED",
    ]
    assert [error.snr_db for error in errors] == [error.snr_db for error in found]


def test_outlier_is_named_and_int8_is_ruined_by_it(spoilt, bars):
    lost = accuracy(spoilt[0], bars) - accuracy(spoilt[1], bars)

    errors = layer_errors(*spoilt, bars.images[60:120])

    assert lost > RUINED_POINTS
    first, *_ = sentences = diagnose(errors)
    assert first.startswith("conv_0 reaches ")
    assert "in channel 0" in first
    assert not any("conv_2" in sentence for sentence in sentences)  # it follows from the first


def test_worst_layers_kept_in_float_repair_the_model(spoilt, bars, bars_model, with_outlier):
    worst = worst_layers(layer_errors(*spoilt, bars.images[60:120]))[0]

    with saved(with_outlier(bars_model)) as folder:
        mixed = convert_saved(folder, Variant(Scheme.INT8_MIXED), bars.images[:60], wide=worst)

    graph = read_model(mixed).subgraphs[0]
    outputs = {op.name: graph.tensors[op.outputs[0]].dtype for op in graph.operators}
    assert outputs["CONV_2D"] == "float32"
    assert outputs["FULLY_CONNECTED"] == "int8"
    assert accuracy(mixed, bars) > accuracy(spoilt[0], bars) - 1


def test_class_whose_pictures_clip_is_named(healthy, bars_model, bars):
    pictures, labels = bars.images.copy(), bars.labels
    pictures[labels != 2] //= 8
    calibration = pictures[labels != 2][:60]
    calibration[0, 0, 0] = 255  # so that pixels still go in as they are

    errors = layer_errors(healthy[0], convert(bars_model, INT8, calibration), pictures, labels)

    assert {error.clipped_class for error in errors if error.clipped > MUCH_CLIPPED} == {2}
    assert any(
        " clips " in sentence and sentence.count("most in pictures of class 2: calibrate with more")
        for sentence in diagnose(errors)
    )


def test_uneven_weights_under_one_scale_are_named(spoilt, bars_model, bars, with_outlier):
    variant = Variant(Scheme.INT8, granularity=Granularity.PER_TENSOR)
    quantized = convert(with_outlier(bars_model), variant, bars.images[:60])

    first, *_ = diagnose(layer_errors(spoilt[0], quantized, bars.images[:60]))

    assert first.startswith("conv_0 has weights that differ ")
    assert first.endswith(": use per_channel")


def test_healthy_model_is_called_so(found):
    (sentence,) = diagnose(found)

    assert sentence.startswith("no layer stands out: ")


def test_no_errors_have_no_diagnosis():
    assert diagnose(()) == ()


def test_table_is_ranked(found):
    heading, *rows = layer_error_table(found).splitlines()

    assert heading.split()[:2] == ["layer", "operator"]
    worst = max(found, key=lambda error: error.introduced)
    assert rows[0].split()[0] == worst.layer
    assert len(rows) == len(LAYERS)


def test_table_has_ten_rows_at_most(found):
    assert layer_error_table(found * 3).splitlines()[-1] == "and 5 more, which lose less"


def test_json_is_strict(healthy, bars):
    real, _ = healthy

    errors = layer_errors(real, real, bars.images[:2])

    assert {error.snr_db for error in errors} == {float("inf")}
    written = json.dumps([error.to_json() for error in errors], allow_nan=False)
    assert json.loads(written)[0]["snr_db"] is None


def test_errors_are_read_back_from_json(healthy, found, bars):
    real, _ = healthy
    exact = layer_errors(real, real, bars.images[:2])

    for errors in (found, exact):
        written = [json.loads(json.dumps(error.to_json())) for error in errors]
        assert tuple(map(LayerError.from_json, written)) == errors


def test_no_pictures_are_refused(healthy, bars):
    with pytest.raises(DatasetError, match="no pictures"):
        layer_errors(*healthy, bars.images[:0])


def test_labels_of_other_pictures_are_refused(healthy, bars):
    with pytest.raises(DatasetError, match="3 labels for 2 pictures"):
        layer_errors(*healthy, bars.images[:2], bars.labels[:3])


def test_pictures_of_another_shape_are_refused(healthy, bars):
    with pytest.raises(ModelError, match=r"expected uint8 \(28, 28, 1\)"):
        layer_errors(*healthy, bars.images[:2, :20])


def test_damaged_model_is_refused(healthy, bars):
    real, quantized = healthy

    with pytest.raises(ModelError, match="quantized model: not a sound TFLite model"):
        layer_errors(real, quantized[:1000], bars.images[:2])


def test_unrelated_model_is_refused(healthy, two_layers_float, bars):
    with pytest.raises(ModelError, match="no layer of the float model's"):
        layer_errors(healthy[0], two_layers_float, bars.images[:2])


def test_values_that_are_not_finite_are_named(two_layers, two_layers_float, bars):
    broken = keras.models.clone_model(two_layers)
    broken.set_weights([np.full_like(each, np.inf) for each in two_layers.get_weights()])

    with pytest.raises(ModelError, match="float model: conv: its values are not all finite"):
        layer_errors(convert(broken, FLOAT32), two_layers_float, bars.images[:2])
