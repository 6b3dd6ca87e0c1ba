import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from liteproof.conversion.quantization import convert, load_keras
from liteproof.conversion.variants import Scheme, Variant, Weights
from liteproof.errors import RunError
from liteproof.execution.tflite_model import Kernels, execute
from liteproof.export.choices import Choices
from liteproof.export.stage import export
from liteproof.network import layers
from liteproof.network.architecture import build
from liteproof.network.layers import BatchNormalization, FakeQuantization
from liteproof.recipes.reader import parse_recipe
from liteproof.recipes.schema import (
    Activation,
    Architecture,
    Conv,
    Dense,
    Dropout,
    GlobalPool,
    Padding,
    Pool,
    Residual,
)
from liteproof.recipes.training import Precision
from liteproof.runs.run import Settings
from liteproof.tensorflow_setup import Device
from liteproof.training import loop, stage
from liteproof.training.qat import quantized_twin
from liteproof_edge.model.flatbuffer import read_model

SHAPE, CLASSES = (12, 12, 3), 4
INT8, INT8_QAT = Variant(Scheme.INT8), Variant(Scheme.INT8, weights=Weights.QAT)
PICTURES = np.random.default_rng(0).integers(0, 256, (40, *SHAPE), np.uint8)
OTHERS = np.random.default_rng(1).integers(0, 256, (100, *SHAPE), np.uint8)
FLOAT32 = 1e-5  # relative: a few additions and multiplications in another order
SCALE = 1e-6  # relative: the converter works out scales in float64
# Biases are rounded to int32, and a value at the middle of two codes may go either way.
CODES = 2
CODE = 1e-4  # float32, of a code


def conv(activation=Activation.RELU, **changes):
    return Conv(type="conv", **{"filters": 4, "kernel_size": 3, **changes}, activation=activation)


def residual(*layers, activation=Activation.RELU):
    return Residual(type="residual", layers=layers, activation=activation)


# Every kind of layer and every activation: after a convolution, an addition and a dense layer.
ACTIVATIONS = tuple(conv(activation) for activation in Activation)
LAYERS = (
    Dropout(type="dropout", rate=0.5),
    conv(separable=True, activation=Activation.RELU6, strides=2, filters=6),
    Pool(type="average_pool", pool_size=2, strides=1, padding=Padding.SAME),
    residual(conv(), conv(Activation.LINEAR)),
    residual(conv(batch_normalization=False), activation=Activation.RELU6),
    residual(conv(separable=True), activation=Activation.ELU),
    residual(Pool(type="max_pool", strides=1, padding=Padding.SAME), activation=Activation.TANH),
    Pool(type="max_pool"),
    Dense(type="dense", units=6, activation=Activation.GELU),
    Dropout(type="dropout", rate=0.5),
    Dense(type="dense", units=5, activation=Activation.LINEAR),
)
FIRST_IS_A_POOL = (
    Pool(type="average_pool"),
    conv(padding=Padding.VALID),
    GlobalPool(type="global_average_pool"),
)


def trained(*layers):
    """A model whose weights are those of none: batch normalisation does something."""
    keras.utils.set_random_seed(0)
    model = build(Architecture(layers=layers), SHAPE, CLASSES)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        weights = layer.get_weights()
        if len(weights) == 4:
            for index, (low, high) in enumerate([(0.5, 1.5), (-0.2, 0.2), (-0.3, 0.3), (0.3, 2)]):
                weights[index] = rng.uniform(low, high, weights[index].shape)
        elif len(weights) == 2:
            weights[1] = rng.uniform(-0.1, 0.1, weights[1].shape)
        layer.set_weights(weights)
    return model


def answers(model, pictures=OTHERS):
    return model(tf.constant(pictures, tf.float32), training=False).numpy()


def operators(flatbuffer):
    return [operator.name for operator in read_model(flatbuffer).subgraphs[0].operators]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("activations", marks=pytest.mark.slow),
        pytest.param("layers", marks=pytest.mark.slow),
        "pool first",
    ],
)
def exported(request, tmp_path_factory):
    """A model, its twin as it is read from its file, and the int8 files of both."""
    kinds = {"activations": ACTIVATIONS, "layers": LAYERS, "pool first": FIRST_IS_A_POOL}
    model = trained(*kinds[request.param])
    folder = tmp_path_factory.mktemp("twin")
    quantized_twin(model, PICTURES).save(folder / "model-qat.keras")
    twin = load_keras(folder / "model-qat.keras")
    return twin, convert(twin, INT8, PICTURES), convert(model, INT8, PICTURES)


def test_twin_becomes_the_same_operators_as_the_model_itself(exported):
    _, flatbuffer, plain = exported

    assert operators(flatbuffer) == operators(plain)


def test_file_answers_what_the_twin_does(exported):
    twin, flatbuffer, _ = exported
    graph = read_model(flatbuffer).subgraphs[0]
    scale = graph.tensors[graph.outputs[0]].scales[0]

    ran = execute(flatbuffer, OTHERS, label="", kernels=Kernels.REFERENCE)

    assert np.abs(np.rint((answers(twin) - ran.logits) / scale)).max() <= CODES


def test_scales_in_the_file_are_those_of_the_twin(exported):
    twin, flatbuffer, _ = exported
    tensors = read_model(flatbuffer).subgraphs[0].tensors
    found = np.array([tensor.scales[0] for tensor in tensors if len(tensor.scales) == 1])

    for layer in twin.layers:
        if isinstance(layer, FakeQuantization):
            scale = (layer.high - layer.low) / 255
            assert np.abs(found / scale - 1).min() < SCALE, layer.name


def test_folding_changes_nothing_but_by_rounding(monkeypatch):
    model = trained(conv(), conv(separable=True, strides=2), residual(conv(filters=6)))
    monkeypatch.setattr(layers, "_round_kernel", lambda kernel, _: kernel.value)
    monkeypatch.setattr(FakeQuantization, "call", lambda _, inputs: inputs)

    twin = quantized_twin(model, PICTURES)

    assert not any(isinstance(each, BatchNormalization) for each in twin.layers)
    assert answers(twin) == pytest.approx(answers(model), abs=FLOAT32)


def test_kernel_has_255_values_in_each_channel():
    layer = layers.RoundedDense(2)
    layer.build((None, 1000))
    kernel = np.random.default_rng(0).normal(size=(1000, 2)) * [1, 100]
    layer.kernel.assign(kernel)

    rounded = layer(np.eye(1000)).numpy()

    codes = rounded / np.abs(kernel).max(axis=0) * 127
    assert codes == pytest.approx(np.rint(codes), abs=CODE)
    assert np.rint(codes) == pytest.approx(kernel / np.abs(kernel).max(axis=0) * 127, abs=0.5)
    assert np.abs(codes).max(axis=0) == pytest.approx([127, 127])


def test_gradient_passes_through_the_rounding_and_ends_outside_the_range():
    layer = FakeQuantization(0.0, 255.0)
    inputs = tf.constant([-3.0, 0.2, 7.6, 254.9, 300.0])
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs)

    assert outputs.numpy().tolist() == [0, 0, 8, 255, 255]
    assert tape.gradient(outputs, inputs).numpy().tolist() == [0, 1, 1, 1, 0]


def test_dead_layer_does_not_crash_the_runtime():
    """Where all of a layer is 0, its range is nothing; ADD divides by its scale, and aborts."""
    model = trained(conv(), residual(conv(), activation=Activation.ELU))
    for layer in model.layers:
        if "residual" in layer.name and layer.name.endswith("normalization"):
            layer.set_weights([np.zeros(4), np.zeros(4), *layer.get_weights()[2:]])
    twin = quantized_twin(model, PICTURES)

    ran = execute(convert(twin, INT8, PICTURES), OTHERS[:5], label="")

    assert ran.outputs.shape == (5, CLASSES)


def test_layer_without_a_rounded_form_is_named():
    pixels = keras.Input(SHAPE)
    model = keras.Model(pixels, keras.layers.Softmax(name="softmax")(pixels))

    with pytest.raises(TypeError, match="softmax: a Softmax has no rounded form"):
        quantized_twin(model, PICTURES)


class Killed(BaseException):
    """What no code of ours catches."""


@pytest.fixture(scope="module")
def tiny_training(tmp_path_factory, tiny_recipe, tiny_data_dir):
    """Train the tiny recipe, with three epochs of fine-tuning, into the folder that is given."""
    text = tiny_recipe.read_text().replace("epochs = 3", "epochs = 2")
    text += "\n[training.qat]\nepochs = 3\nlearning_rate = 0.002\n"
    settings = Settings(
        seed=0, threads=1, device=Device.CPU, precision=Precision.FLOAT32, data_dir=tiny_data_dir
    )

    def train(path, existing=stage.Existing.REFUSE):
        return stage.train(path, parse_recipe(text, "tiny"), settings, existing)

    return train


@pytest.fixture(scope="module")
def fine_tuned(tmp_path_factory, tiny_training):
    return tiny_training(tmp_path_factory.mktemp("fine-tuned") / "run")


def history(run):
    """The rows of history.csv, without the last column: seconds differ."""
    return [line.rpartition(",")[0] for line in run.history.read_text().splitlines()]


@pytest.mark.slow
def test_fine_tuning_that_was_killed_ends_in_the_same_weights(
    tmp_path, monkeypatch, tiny_training, fine_tuned
):
    """Killed twice: between the two phases, and within the second."""
    path = shutil.copytree(fine_tuned.path, tmp_path / "run")
    shutil.rmtree(path / "checkpoints" / "qat")
    (path / "model-qat.keras").unlink()
    log_epoch = loop.log_epoch

    def kill(log, epoch):
        if epoch.epoch == 4:
            raise Killed
        log_epoch(log, epoch)

    with pytest.raises(RunError, match="holds an unfinished training"):
        tiny_training(path)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(loop, "log_epoch", kill)
        tiny_training(path, stage.Existing.RESUME)

    run = tiny_training(path, stage.Existing.RESUME)

    assert history(run) == history(fine_tuned)
    assert [row.partition(",")[0] for row in history(run)[1:]] == list("12345")
    for one, other in zip(run.trained_models, fine_tuned.trained_models, strict=True):
        pairs = zip(load_keras(one).get_weights(), load_keras(other).get_weights(), strict=True)
        assert all(np.array_equal(*pair) for pair in pairs)


@pytest.mark.slow
def test_int8_of_a_fine_tuned_model_is_the_same_whatever_it_is_calibrated_with(fine_tuned):
    pictures = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1), np.uint8)
    others = pictures.copy()
    others[:, :, :14] = 0  # spanning 0 to 255, and as other as they can be
    model = load_keras(fine_tuned.qat_model)

    assert convert(model, INT8_QAT, others) == convert(model, INT8_QAT, pictures)


@pytest.mark.slow
def test_recipe_with_fine_tuning_exports_its_weights(fine_tuned):
    (made,) = export(fine_tuned, [fine_tuned.int8], Choices())

    assert fine_tuned.int8 == INT8_QAT
    assert (made.variant, made.kind) == ("int8-qat", "int8")
    assert fine_tuned.tflite_model(INT8_QAT).name == "model-int8-qat.tflite"


@pytest.mark.slow
def test_float32_is_exported_from_the_model_before_fine_tuning(fine_tuned):
    assert fine_tuned.trained_model(Weights.FLOAT) == fine_tuned.keras_model
    assert fine_tuned.trained_model(Weights.QAT) == fine_tuned.qat_model
