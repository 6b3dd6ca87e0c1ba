import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from liteproof_edge.classifier import Classifier
from liteproof_edge.errors import ModelError
from liteproof_edge.model.affine import Normalisation, Quantization, quantize
from liteproof_edge.runtime import session as module
from liteproof_edge.runtime.loading import LoadedRuntime, Runtime, load_runtime
from liteproof_edge.runtime.session import Session

THREADS = 8
# To load a model and answer takes milliseconds; a thread that waits for ever is stuck.
SECONDS_TO_WAIT = 30.0
PIXELS = np.array([[[0], [1]], [[128], [255]]], np.uint8)


def details(dtype, shape, quantization=(0.0, 0)):
    return {
        "index": 0,
        "dtype": dtype,
        "shape": np.array(shape, np.int32),
        "quantization": quantization,
    }


class Echo:
    """An interpreter of a model that gives its input back: 2x2 pixels, or of another shape."""

    def __init__(self, dtype, quantization, shape=(2, 2, 1)):
        self.input = details(dtype, [1, *shape], quantization)
        self.output = details(dtype, [1, np.prod(shape)], quantization)
        self.value = None

    def allocate_tensors(self):
        pass

    def get_input_details(self):
        return [self.input]

    def get_output_details(self):
        return [self.output]

    def set_tensor(self, _index, value):
        self.value = value

    def invoke(self):
        assert self.value.dtype == self.input["dtype"]

    def get_tensor(self, _index):
        return self.value.reshape(1, -1)


class Failing(Echo):
    """An interpreter that fails on every second picture."""

    def __init__(self, error):
        super().__init__(np.uint8, (1.0, 0))
        self.error, self.runs = error, 0

    def invoke(self):
        self.runs += 1
        if self.runs % 2:
            raise self.error


class Slow(Echo):
    """An interpreter that notices when it is called while it runs."""

    def __init__(self):
        super().__init__(np.uint8, (1.0, 0))
        self.running = threading.Event()

    def set_tensor(self, index, value):
        assert not self.running.is_set()
        super().set_tensor(index, value)

    def invoke(self):
        self.running.set()
        time.sleep(0.001)  # gives way to other threads
        self.running.clear()


def open_session(interpreter, normalisation=None):
    runtime = LoadedRuntime(Runtime.LITERT, "0", lambda **_: interpreter, "shipping", "reference")
    return Session(b"", runtime, normalisation=normalisation)


def output_of(session, pixels):
    return session.run(pixels)[0].tolist()


def in_threads(work):
    """Return what `work` gives for each thread's number, from threads that start together."""
    together = threading.Barrier(THREADS)

    def started(number):
        together.wait(SECONDS_TO_WAIT)
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(started, range(THREADS), timeout=SECONDS_TO_WAIT))


def every_pixel_value(channels):
    """256x1 pixels, each value in each channel."""
    return np.repeat(np.arange(256, dtype=np.uint8), channels).reshape(256, 1, channels)


@pytest.fixture
def session(bundle, each_runtime):
    with Session(bundle.model, load_runtime(each_runtime)) as loaded:
        yield loaded


def test_reference_kernels_reproduce_the_golden_outputs_byte_for_byte(bundle, golden, each_runtime):
    with Session(bundle.model, load_runtime(each_runtime), reference_kernels=True) as session:
        outputs, _ = session.run_many(golden.inputs)
    assert outputs.dtype == np.int8
    np.testing.assert_array_equal(outputs, golden.outputs)


def test_shipping_kernels_give_the_golden_labels(session, golden):
    outputs, _ = session.run_many(golden.inputs)
    np.testing.assert_array_equal(outputs.argmax(axis=1), golden.classes)


def test_session_knows_the_models_input_and_output(session):
    assert session.input_shape == (28, 28, 1)
    assert session.input_quantization == Quantization(1.0, 0)
    assert session.output_quantization.zero_point == -19


def test_run_gives_what_run_many_gives_for_one(session, golden):
    outputs, _ = session.run_many(golden.inputs[:1])
    output, _ = session.run(golden.inputs[0])
    np.testing.assert_array_equal(output, outputs[0])


def test_run_gives_the_time_in_microseconds(session, golden, monkeypatch):
    clock = SimpleNamespace(perf_counter_ns=iter([1_000, 59_500]).__next__)
    monkeypatch.setattr(module, "time", clock)
    _, latency_us = session.run(golden.inputs[0])
    assert latency_us == 58.5


def test_run_gives_an_output_of_its_own(session, golden):
    first, _ = session.run(golden.inputs[0])
    kept = first.copy()
    session.run(golden.inputs[2])
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("shape", [(), (28, 28), (1, 28, 28, 1), (28, 27, 1), (28, 28, 3)])
def test_run_refuses_another_shape(session, shape):
    with pytest.raises(ModelError, match=r"expected uint8 \(28, 28, 1\)") as refused:
        session.run(np.zeros(shape, np.uint8))
    assert refused.value.exit_code == 4


@pytest.mark.parametrize("dtype", [np.int8, np.float32, np.int64, bool])
def test_run_refuses_another_dtype(session, dtype):
    with pytest.raises(ModelError, match=np.dtype(dtype).name):
        session.run(np.zeros((28, 28, 1), dtype))


def test_run_refuses_once_the_session_is_closed(bundle, golden, each_runtime):
    with Session(bundle.model, load_runtime(each_runtime)) as session:
        session.run(golden.inputs[0])
    with pytest.raises(ModelError, match="session is closed"):
        session.run(golden.inputs[0])


def test_run_many_times_every_picture(session, golden):
    _, times_us = session.run_many(golden.inputs)
    assert times_us.shape == (20,)
    assert (times_us > 0).all()


def test_run_many_gives_times_in_microseconds(session, golden, monkeypatch):
    clock = SimpleNamespace(perf_counter_ns=iter([0, 58_500, 100_000, 162_000]).__next__)
    monkeypatch.setattr(module, "time", clock)
    _, times_us = session.run_many(golden.inputs[:2])
    assert times_us.tolist() == [58.5, 62.0]


def test_run_many_gives_nothing_for_nothing(session, golden):
    outputs, times_us = session.run_many(golden.inputs[:0])
    assert (outputs.shape, times_us.shape) == ((0, 10), (0,))


def test_run_many_tells_how_far_it_is(session, golden):
    done = []
    session.run_many(np.repeat(golden.inputs[:1], 257, axis=0), done.append)
    assert done == [256, 257]


def test_real_gives_the_logits_that_the_codes_stand_for(session):
    assert session.real(np.array([-19, -18], np.int8)).tolist() == [
        0.0,
        np.float32(session.output_quantization.scale),
    ]


def test_real_does_not_overflow_the_codes(session):
    (logit,) = session.real(np.array([127], np.int8))
    assert logit == np.float32(146 * session.output_quantization.scale)


def test_run_gives_pixels_unchanged_to_a_uint8_model_with_scale_1():
    session = open_session(Echo(np.uint8, (1.0, 0)))
    assert output_of(session, PIXELS) == [0, 1, 128, 255]


def test_run_quantizes_pixels_for_an_int8_model():
    session = open_session(Echo(np.int8, (1.0, -128)))
    assert output_of(session, PIXELS) == [-128, -127, 0, 127]


def test_run_saturates_pixels_for_an_int8_model_without_a_zero_point():
    session = open_session(Echo(np.int8, (1.0, 0)))
    assert output_of(session, PIXELS) == [0, 1, 127, 127]


def test_run_quantizes_pixels_for_a_uint8_model_with_another_scale():
    session = open_session(Echo(np.uint8, (2.0, 10)))
    assert output_of(session, PIXELS) == [10, 10, 74, 138]


def test_run_gives_float_pixels_to_a_float_model():
    session = open_session(Echo(np.float32, (0.0, 0)))
    assert output_of(session, PIXELS) == [0.0, 1.0, 128.0, 255.0]


@pytest.mark.parametrize(
    ("mean", "scale"),
    [((127.5,), (1 / 127.5,)), ((0.0,), (1 / 255,)), ((-3.0,), (2.0,)), ((128.0,), (-0.01,))],
)
@pytest.mark.parametrize(
    ("dtype", "quantization"),
    [(np.int8, (1 / 128, 0)), (np.int8, (0.02, -5)), (np.uint8, (1 / 127, 128))],
)
def test_run_quantizes_pixels_as_they_are_normalised(mean, scale, dtype, quantization):
    echo = Echo(dtype, quantization, (256, 1, 1))
    session = open_session(echo, Normalisation(mean, scale))
    pixels = every_pixel_value(1)
    real = ((pixels - np.array(mean)) * np.array(scale)).astype(np.float32)
    expected = quantize(real, Quantization(*quantization), np.dtype(dtype))
    assert output_of(session, pixels) == expected.ravel().tolist()


def test_run_normalises_each_channel_by_its_own_mean_and_scale():
    echo = Echo(np.float32, (0.0, 0), (256, 1, 3))
    session = open_session(echo, Normalisation((0.0, 100.0, 255.0), (1.0, 0.5, -2.0)))
    red, green, blue = np.reshape(output_of(session, every_pixel_value(3)), (256, 3)).T
    values = np.arange(256)
    assert red.tolist() == values.tolist()
    assert green.tolist() == ((values - 100) / 2).tolist()
    assert blue.tolist() == (-2 * (values - 255)).tolist()


def test_run_quantizes_each_channel_by_its_own_mean_and_scale():
    echo = Echo(np.int8, (0.5, 10), (256, 1, 3))
    session = open_session(echo, Normalisation((0.0, 100.0, 255.0), (0.1, 0.5, -0.2)))
    red, green, blue = np.reshape(output_of(session, every_pixel_value(3)), (256, 3)).T
    assert (red[0], red[10], red[255]) == (10, 12, 61)
    assert (green[0], green[100], green[200]) == (-90, 10, 110)
    assert (blue[0], blue[200], blue[255]) == (112, 32, 10)


def test_run_saturates_what_is_normalised_out_of_range():
    echo = Echo(np.int8, (0.01, 0), (256, 1, 1))
    session = open_session(echo, Normalisation((100.0,), (1.0,)))
    codes = output_of(session, every_pixel_value(1))
    assert (codes[98], codes[99], codes[100], codes[101], codes[102]) == (-128, -100, 0, 100, 127)


def test_run_undoes_nothing_where_normalised_pixels_are_the_codes():
    # (pixel - 128) / 128 in steps of 1 / 128, counted from 128.
    echo = Echo(np.uint8, (1 / 128, 128), (256, 1, 1))
    session = open_session(echo, Normalisation((128.0,), (1 / 128,)))
    assert output_of(session, every_pixel_value(1)) == list(range(256))


def test_real_gives_the_outputs_of_a_float_model_as_they_are():
    session = open_session(Echo(np.float32, (0.0, 0)))
    assert session.real(np.array([-1.5, 2.0], np.float32)).tolist() == [-1.5, 2.0]


@pytest.mark.parametrize("kind", [ValueError, RuntimeError, MemoryError, SystemError])
def test_session_refuses_a_model_that_the_runtime_refuses(kind):
    class Refusing(Echo):
        def allocate_tensors(self):
            raise kind("no such operator")

    with pytest.raises(ModelError, match="ai-edge-litert 0 cannot run it: no such operator"):
        open_session(Refusing(np.uint8, (1.0, 0)))


@pytest.mark.parametrize("method", ["get_input_details", "get_output_details"])
def test_session_refuses_a_model_with_two_inputs_or_outputs(monkeypatch, method):
    echo = Echo(np.uint8, (1.0, 0))
    monkeypatch.setattr(echo, method, lambda: [echo.input, echo.input])
    with pytest.raises(ModelError, match="cannot run it"):
        open_session(echo)


@pytest.mark.parametrize(("reference", "kernels"), [(False, "shipping"), (True, "reference")])
def test_session_asks_for_the_kernels_and_threads(reference, kernels):
    asked = {}

    def interpreter(**options):
        asked.update(options)
        return Echo(np.uint8, (1.0, 0))

    runtime = LoadedRuntime(Runtime.LITERT, "0", interpreter, "shipping", "reference")
    Session(b"model", runtime, reference_kernels=reference, threads=3)
    assert asked == {
        "model_content": b"model",
        "num_threads": 3,
        "experimental_op_resolver_type": kernels,
    }


@pytest.mark.parametrize("kind", [ValueError, RuntimeError, MemoryError, SystemError])
def test_failure_of_the_model_is_a_model_error(kind):
    session = open_session(Failing(kind("node 3 failed to invoke")))
    message = "model: ai-edge-litert 0 failed on it: node 3 failed to invoke"
    with pytest.raises(ModelError, match=message) as refused:
        session.run(PIXELS)
    assert refused.value.exit_code == 4


def test_session_runs_again_after_a_failure():
    session = open_session(Failing(RuntimeError("once")))
    with pytest.raises(ModelError):
        session.run(PIXELS)
    assert output_of(session, PIXELS) == [0, 1, 128, 255]


def test_failure_of_the_callers_own_is_not_the_models():
    def stop(_):
        raise RuntimeError("enough")

    session = open_session(Echo(np.uint8, (1.0, 0)))
    with pytest.raises(RuntimeError, match="enough"):
        session.run_many(PIXELS[np.newaxis], stop)


def test_interpreter_is_called_by_one_thread_at_a_time():
    session = open_session(Slow())
    pictures = np.random.default_rng(1).integers(0, 256, (THREADS, 20, 2, 2, 1)).astype(np.uint8)
    outputs = in_threads(lambda number: [output_of(session, each) for each in pictures[number]])
    assert outputs == pictures.reshape(THREADS, 20, 4).tolist()


def test_threads_that_share_a_session_get_the_answers_of_one_thread(session, golden):
    pictures = np.concatenate([golden.inputs] * 10)
    expected, _ = session.run_many(pictures)

    def work(number):
        order = np.random.default_rng(number).permutation(len(pictures))
        return order, np.array([session.run(pictures[index])[0] for index in order])

    for order, outputs in in_threads(work):
        np.testing.assert_array_equal(outputs, expected[order])


def test_threads_that_share_a_session_for_many_pictures_get_the_answers_of_one(session, golden):
    pictures = np.concatenate([golden.inputs] * 15)  # more than one block
    expected, _ = session.run_many(pictures)
    for outputs, times_us in in_threads(lambda _: session.run_many(pictures)):
        np.testing.assert_array_equal(outputs, expected)
        assert (times_us > 0).all()


def test_threads_that_share_a_classifier_get_the_answers_of_one_thread(
    bundle, golden, each_runtime
):
    with Classifier(bundle, runtime=each_runtime) as classifier:

        def work(number):
            order = np.random.default_rng(number).permutation(200) % len(golden.pictures)
            found = [classifier.classify(golden.pictures[index]) for index in order]
            return order, [(one.label, one.probability, one.preprocessing) for one in found]

        _, alone = work(0)
        expected = dict(zip(work(0)[0].tolist(), alone, strict=True))
        for order, found in in_threads(work):
            assert found == [expected[index] for index in order.tolist()]


def test_closing_waits_for_the_picture_that_is_being_run():
    session = open_session(Slow())

    def work(number):
        if number == 0:
            session.close()
            return True
        try:
            return output_of(session, PIXELS) == [0, 1, 128, 255]
        except ModelError as error:
            return str(error) == "model: its session is closed"

    assert in_threads(work) == [True] * THREADS
