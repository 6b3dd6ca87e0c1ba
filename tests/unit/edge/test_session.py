from types import SimpleNamespace

import numpy as np
import pytest

from liteproof_edge import session as module
from liteproof_edge.affine import Quantization
from liteproof_edge.errors import ModelError
from liteproof_edge.runtime import LoadedRuntime, Runtime, load_runtime
from liteproof_edge.session import Session

PIXELS = np.array([[[0], [1]], [[128], [255]]], np.uint8)


def details(dtype, shape, quantization=(0.0, 0)):
    return {
        "index": 0,
        "dtype": dtype,
        "shape": np.array(shape, np.int32),
        "quantization": quantization,
    }


class Echo:
    """An interpreter of a model that gives its four inputs back."""

    def __init__(self, dtype, quantization):
        self.input = details(dtype, [1, 2, 2, 1], quantization)
        self.output = details(dtype, [1, 4], quantization)
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
        return self.value.reshape(1, 4)


def open_session(interpreter):
    runtime = LoadedRuntime(Runtime.LITERT, "0", lambda **_: interpreter, "shipping", "reference")
    return Session(b"", runtime)


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
    np.testing.assert_array_equal(session.run(golden.inputs[0]), outputs[0])


def test_run_gives_an_output_of_its_own(session, golden):
    first = session.run(golden.inputs[0])
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
    assert session.run(PIXELS).tolist() == [0, 1, 128, 255]


def test_run_quantizes_pixels_for_an_int8_model():
    session = open_session(Echo(np.int8, (1.0, -128)))
    assert session.run(PIXELS).tolist() == [-128, -127, 0, 127]


def test_run_saturates_pixels_for_an_int8_model_without_a_zero_point():
    session = open_session(Echo(np.int8, (1.0, 0)))
    assert session.run(PIXELS).tolist() == [0, 1, 127, 127]


def test_run_quantizes_pixels_for_a_uint8_model_with_another_scale():
    session = open_session(Echo(np.uint8, (2.0, 10)))
    assert session.run(PIXELS).tolist() == [10, 10, 74, 138]


def test_run_gives_float_pixels_to_a_float_model():
    session = open_session(Echo(np.float32, (0.0, 0)))
    assert session.run(PIXELS).tolist() == [0.0, 1.0, 128.0, 255.0]


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
