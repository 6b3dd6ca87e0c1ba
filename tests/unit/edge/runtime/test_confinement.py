import gc
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from liteproof_edge.errors import ModelError
from liteproof_edge.runtime import confinement as module
from liteproof_edge.runtime.confinement import ConfinedInterpreter, Kernels, Limits, confine
from liteproof_edge.runtime.loading import Runtime, installed, load_runtime
from liteproof_edge.runtime.session import Session

# The picture of the heavy model takes 96 MiB, its file 1 kB.
HEAVY_SIDE = 2896
LITTLE_MEMORY = 32 << 20
# 3e10 multiplications: half a minute of tflite-runtime's reference kernels.
SLOW_SIDE, SLOW_KERNEL = 1024, 69
# What eight million float32 may add to their mean: 6e-8 was seen.
ROUNDING = 1e-5
# How long a process may take to be gone once it has been ended.
GONE_SECONDS = 20.0
# What children of other making begin with: they speak, but not as ours does.
IMPOSTOR = """
import json, os, socket, struct, sys, time
channel = socket.socket(fileno=int(sys.argv[-2]))
model_bytes = json.loads(sys.argv[-1])["model_bytes"]

def answer(payload, *, sound=True, size=None):
    channel.sendall(struct.pack("<?Q", sound, len(payload) if size is None else size) + payload)

def state(*tensors):
    answer(json.dumps(tensors).encode().ljust(4096))

INPUT, OUTPUT = ["uint8", [1, 2, 2, 1], 1.0, 0], ["int8", [1, 4], 0.5, -3]
"""
READY = IMPOSTOR + "answer(b'')\nchannel.recv(model_bytes, socket.MSG_WAITALL)\n"
LOADED = READY + "state(INPUT, OUTPUT)\nchannel.recv(4, socket.MSG_WAITALL)\n"
STALL = "\ntime.sleep(60)"
# Runs a slow model, and is itself ended while it does.
PARENT = """
import sys
from pathlib import Path
import numpy as np
from liteproof_edge.runtime import confinement
from liteproof_edge.runtime.loading import load_runtime
from liteproof_edge.runtime.session import Session
confinement.SPARE_SECONDS = 0.0
runtime = confinement.confine(load_runtime(), seconds=2.0)
session = Session(Path(sys.argv[1]).read_bytes(), runtime, reference_kernels=True)
print(session._interpreter._process.pid, flush=True)
session.run_many(np.ones((1, *session.input_shape), np.uint8))
"""
# Python reads it as it starts: wherever tflite-runtime is installed, it does not start.
BROKEN_RUNTIME = """
import sys

class Finder:
    def find_spec(name, path=None, target=None):
        if name == "tflite_runtime.interpreter":
            raise ImportError("no such library")

sys.meta_path.insert(0, Finder)
"""


def network(side, kernel=0):
    """Return a float32 model: a convolution with ones, if there is a kernel, and then the mean.

    Its input is (1, side, side, 3), its output (1, 3).
    """
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT()]
    graph.tensors, graph.operators, model.operatorCodes = [], [], []

    def add_tensor(*shape, kind=schema.TensorType.FLOAT32, data=None):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = "", shape, kind, 0
        if data is not None:
            tensor.buffer = len(model.buffers)
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = np.frombuffer(data.tobytes(), np.uint8)
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    def add_operator(number, inputs, options, output):
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = number
        operator.opcodeIndex, operator.inputs, operator.outputs = (
            len(graph.operators),
            inputs,
            [output],
        )
        operator.builtinOptions = options
        kind = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        model.operatorCodes.append(code)
        graph.operators.append(operator)
        return output

    picture = add_tensor(1, side, side, 3)
    graph.inputs = [picture]
    if kernel:
        weights = np.ones((3, kernel, kernel, 3), np.float32)
        constants = [add_tensor(*data.shape, data=data) for data in (weights, weights[:, 0, 0, 0])]
        options = schema.Conv2DOptionsT()
        options.strideH = options.strideW = 1
        convolved = add_tensor(1, side, side, 3)
        add_operator(schema.BuiltinOperator.CONV_2D, [picture, *constants], options, convolved)
        picture = convolved
    axes = np.array([1, 2], np.int32)
    inputs = [picture, add_tensor(2, kind=schema.TensorType.INT32, data=axes)]
    mean = schema.BuiltinOperator.MEAN
    graph.outputs = [add_operator(mean, inputs, schema.ReducerOptionsT(), add_tensor(1, 3))]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def start(model, runtime=None, *, seconds=10.0, memory_bytes=1 << 30):
    return ConfinedInterpreter(
        runtime or installed()[0],
        Limits(seconds, memory_bytes),
        model_content=model,
        num_threads=1,
        experimental_op_resolver_type=Kernels.SHIPPING,
    )


def assert_gone(pid):
    """The process ends, even if nobody waits for it."""
    deadline = time.monotonic() + GONE_SECONDS
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except FileNotFoundError:
            return
        if state[0] == "Z":
            return
        time.sleep(0.02)
    pytest.fail(f"process {pid} is still there")


def descriptors():
    return sorted(os.listdir("/proc/self/fd"))


def limit_of(process, name):
    (line,) = (
        line
        for line in Path(f"/proc/{process.pid}/limits").read_text(encoding="ascii").splitlines()
        if line.startswith(name)
    )
    return int(line.removeprefix(name).split()[0])


@pytest.fixture
def children(monkeypatch):
    """The processes that the test starts. When it is over, all have ended and been waited for."""
    started = []

    class Recorded(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    before = descriptors()
    yield started
    gc.collect()
    assert None not in [process.returncode for process in started]
    assert descriptors() == before


@pytest.fixture
def impostor(monkeypatch, children):
    """Start another program in the child's place."""

    def replace(script):
        start_process = subprocess.Popen

        def start_impostor(command, **options):
            return start_process([sys.executable, "-c", script, *command[-2:]], **options)

        monkeypatch.setattr(subprocess, "Popen", start_impostor)

    return replace


@pytest.mark.parametrize("reference", [False, True], ids=["shipping", "reference"])
def test_outputs_are_those_of_an_ordinary_session_bit_for_bit(
    bundle, golden, each_runtime, children, reference
):
    noise = np.random.default_rng(1).integers(0, 256, golden.inputs.shape).astype(np.uint8)
    pictures = np.concatenate([golden.inputs, noise])
    runtime = load_runtime(each_runtime)
    with Session(bundle.model, runtime, reference_kernels=reference) as session:
        expected, _ = session.run_many(pictures)
    with Session(bundle.model, confine(runtime), reference_kernels=reference) as session:
        outputs, _ = session.run_many(pictures)
    assert outputs.dtype == expected.dtype
    np.testing.assert_array_equal(outputs, expected)


def test_outputs_of_a_float_model_are_those_of_an_ordinary_session(each_runtime, children):
    model, runtime = network(8, kernel=3), load_runtime(each_runtime)
    pictures = np.random.default_rng(1).integers(0, 256, (5, 8, 8, 3)).astype(np.uint8)
    with Session(model, runtime) as ordinary, Session(model, confine(runtime)) as confined:
        expected, outputs = ordinary.run_many(pictures)[0], confined.run_many(pictures)[0]
    assert outputs.dtype == np.float32
    np.testing.assert_array_equal(outputs, expected)


def test_session_knows_the_models_input_and_output(bundle, each_runtime, children):
    runtime = load_runtime(each_runtime)
    with Session(bundle.model, runtime) as expected, Session(bundle.model, confine(runtime)) as one:
        assert one.input_shape == expected.input_shape == (28, 28, 1)
        assert one.input_quantization == expected.input_quantization
        assert one.output_quantization == expected.output_quantization


def test_confine_keeps_the_name_of_the_runtime(each_runtime):
    runtime = load_runtime(each_runtime)
    assert str(confine(runtime)) == str(runtime)
    assert confine(runtime).runtime is each_runtime


def test_session_asks_for_the_kernels_and_threads(bundle, children):
    runtime = confine(load_runtime(Runtime.LITERT))
    Session(bundle.model, runtime, reference_kernels=True, threads=3).close()
    asked = json.loads(children[0].args[-1])
    assert (asked["kernels"], asked["threads"]) == ("reference_kernels", 3)


def test_output_is_kept_when_the_next_picture_is_run(bundle, each_runtime, children, golden):
    interpreter = start(bundle.model, each_runtime)
    interpreter.set_tensor(0, golden.inputs[:1])
    interpreter.invoke()
    first = interpreter.get_tensor(1)
    kept = first.copy()
    interpreter.set_tensor(0, golden.inputs[2:3])
    interpreter.invoke()
    np.testing.assert_array_equal(first, kept)
    assert not np.array_equal(first, interpreter.get_tensor(1))


def test_set_tensor_refuses_another_shape(bundle, each_runtime, children):
    interpreter = start(bundle.model, each_runtime)
    with pytest.raises(ValueError, match="broadcast"):
        interpreter.set_tensor(0, np.zeros((1, 28, 27, 1), np.uint8))


def test_set_tensor_refuses_another_dtype(bundle, each_runtime, children):
    interpreter = start(bundle.model, each_runtime)
    with pytest.raises(TypeError, match="int8"):
        interpreter.set_tensor(0, np.zeros((1, 28, 28, 1), np.int8))


def test_two_sessions_have_a_process_each(bundle, golden, children):
    runtime = confine(load_runtime())
    with Session(bundle.model, runtime) as one, Session(bundle.model, runtime) as other:
        assert len({process.pid for process in children}) == 2
        children[0].kill()
        with pytest.raises(ModelError):
            one.run(golden.inputs[0])
        other.run(golden.inputs[0])


def test_process_ends_when_the_session_is_closed(bundle, each_runtime, children):
    session = Session(bundle.model, confine(load_runtime(each_runtime)))
    assert children[0].poll() is None
    session.close()
    assert children[0].returncode == -signal.SIGKILL


def test_process_ends_when_the_interpreter_is_dropped(bundle, each_runtime, children):
    interpreter = start(bundle.model, each_runtime)
    interpreter.invoke()
    del interpreter
    assert children[0].returncode == -signal.SIGKILL


def test_process_ends_with_its_parent(bundle, tmp_path):
    script = PARENT.partition("session.run_many")[0] + "sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, bundle.path / "model.tflite"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    assert_gone(pid)


def test_process_that_is_busy_ends_though_its_parent_is_no_more(tmp_path):
    path = tmp_path / "slow.tflite"
    path.write_bytes(network(SLOW_SIDE, SLOW_KERNEL))
    with subprocess.Popen([sys.executable, "-c", PARENT, path], stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        time.sleep(0.5)
        parent.kill()
    assert_gone(pid)


def test_process_hears_no_interrupt_from_the_terminal(bundle, each_runtime, children):
    interpreter = start(bundle.model, each_runtime)
    assert os.getpgid(children[0].pid) != os.getpgid(0)
    interpreter.invoke()


def test_process_writes_no_core_file(bundle, each_runtime, children):
    interpreter = start(bundle.model, each_runtime)
    assert limit_of(children[0], "Max core file size") == 0
    interpreter.invoke()


def test_address_space_grows_by_no_more_than_is_allowed(bundle, each_runtime, children):
    interpreter = start(bundle.model, each_runtime, memory_bytes=1 << 32)
    size = int(Path(f"/proc/{children[0].pid}/statm").read_text(encoding="ascii").split()[0])
    room = limit_of(children[0], "Max address space") - size * os.sysconf("SC_PAGE_SIZE")
    assert (1 << 31) < room <= (1 << 32)
    interpreter.invoke()


@pytest.mark.parametrize("reference", [False, True], ids=["shipping", "reference"])
def test_model_that_wants_too_much_memory_is_refused(each_runtime, children, reference):
    runtime = confine(load_runtime(each_runtime), memory_bytes=LITTLE_MEMORY)
    with pytest.raises(ModelError, match="cannot run it|expected a picture"):
        Session(network(HEAVY_SIDE), runtime, reference_kernels=reference)


def test_model_that_wants_much_memory_runs_where_it_may(each_runtime, children):
    with Session(network(HEAVY_SIDE), confine(load_runtime(each_runtime))) as session:
        outputs, _ = session.run_many(np.ones((1, HEAVY_SIDE, HEAVY_SIDE, 3), np.uint8))
    np.testing.assert_allclose(outputs, [[1.0, 1.0, 1.0]], rtol=ROUNDING)


def test_model_that_the_runtime_refuses_is_refused_with_its_reason(each_runtime, children):
    reason = "identifier 'a mo', should be 'TFL3'|not a valid Flatbuffer"
    with pytest.raises(RuntimeError, match=reason) as refused:
        start(b"not a model", each_runtime)
    assert "\n" not in str(refused.value)


def test_model_that_crashes_the_runtime_is_refused(tflite_runtime, children):
    """Its first table lies 2 GiB behind its end: LiteRT looks first, tflite-runtime does not."""
    runtime = confine(load_runtime(tflite_runtime))
    with pytest.raises(ModelError, match=r"it crashed the runtime \(SIGSEGV\)$") as refused:
        Session(struct.pack("<I4s64x", 0x7FFFFF00, b"TFL3"), runtime)
    assert refused.value.exit_code == 4


@pytest.mark.parametrize("number", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGKILL"])
def test_crash_is_told_by_its_signal(bundle, each_runtime, children, number):
    interpreter = start(bundle.model, each_runtime)
    children[0].send_signal(signal.Signals[number])
    with pytest.raises(RuntimeError, match=rf"^it crashed the runtime \({number}\)$"):
        interpreter.invoke()


def test_crash_while_it_is_waited_for_is_told_at_once(bundle, children):
    interpreter = start(bundle.model, seconds=GONE_SECONDS)
    children[0].send_signal(signal.SIGSTOP)
    timer = threading.Timer(0.2, children[0].send_signal, [signal.SIGKILL])
    timer.start()
    begin = time.monotonic()
    with pytest.raises(RuntimeError, match=r"^it crashed the runtime \(SIGKILL\)$"):
        interpreter.invoke()
    timer.join()
    assert time.monotonic() - begin < GONE_SECONDS / 2


def test_inference_that_takes_too_long_is_ended(bundle, children):
    interpreter = start(bundle.model, seconds=1.0)
    children[0].send_signal(signal.SIGSTOP)
    with pytest.raises(RuntimeError, match=r"^it took longer than 1 s$"):
        interpreter.invoke()
    assert children[0].returncode == -signal.SIGKILL


def test_slow_model_is_ended(each_runtime, children):
    runtime = confine(load_runtime(each_runtime), seconds=0.5)
    with pytest.raises(ModelError, match=r"it took longer than 0\.5 s$"):
        session = Session(network(SLOW_SIDE, SLOW_KERNEL), runtime, reference_kernels=True)
        session.run(np.zeros((SLOW_SIDE, SLOW_SIDE, 3), np.uint8))


def test_nothing_runs_after_a_failure(bundle, each_runtime, children):
    interpreter = start(bundle.model, each_runtime)
    children[0].kill()
    with pytest.raises(RuntimeError):
        interpreter.invoke()
    with pytest.raises(RuntimeError, match="^its process has ended$"):
        interpreter.invoke()


def test_interrupt_ends_the_process(bundle, each_runtime, children, monkeypatch):
    interpreter = start(bundle.model, each_runtime)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        interpreter.invoke()
    assert children[0].returncode == -signal.SIGKILL


def test_nothing_that_a_runtime_prints_is_seen(bundle, each_runtime, children, capfd):
    start(bundle.model, each_runtime).invoke()
    with pytest.raises(RuntimeError):
        start(b"not a model", each_runtime)
    assert capfd.readouterr() == ("", "")


def test_runtime_that_does_not_start_there_is_told(
    bundle, tmp_path, monkeypatch, tflite_runtime, children
):
    (tmp_path / "sitecustomize.py").write_text(BROKEN_RUNTIME)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="^tflite-runtime.* cannot start: no such library$"):
        start(bundle.model, tflite_runtime)


def test_modules_of_the_users_folder_are_not_imported(bundle, tmp_path, monkeypatch, children):
    (tmp_path / "numpy.py").write_text("raise ImportError('the wrong one')")
    monkeypatch.chdir(tmp_path)
    start(bundle.model).invoke()


def test_process_imports_this_very_package(bundle, tmp_path, monkeypatch, children):
    package = tmp_path / "liteproof_edge"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('the wrong one')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    start(bundle.model).invoke()


def test_session_says_that_no_process_can_be_started(bundle, monkeypatch, children):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ModelError, match="no process can be started for it: .*No such file"):
        Session(bundle.model, confine(load_runtime()))


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (IMPOSTOR + "sys.exit(3)", r"it crashed the runtime \(exit code 3\)"),
        (IMPOSTOR + "channel.close()" + STALL, "it closed its connection"),
        (IMPOSTOR + "answer(b'ready')", "it answered with 5 bytes, expected 0"),
        (READY + STALL, "it took longer than 0.5 s"),
        (READY + "channel.sendall(bytes(5))" + STALL, "it took longer than 0.5 s"),
        (READY + "answer(b'[')", "it answered with 1 bytes, expected 4096"),
        (READY + "answer(b'', size=4096)" + STALL, "it took longer than 0.5 s"),
        (READY + "answer(b'[', size=4096)", r"it crashed the runtime \(exit code 0\)"),
        (
            READY + "answer(b'', size=2**64 - 1)" + STALL,
            "it answered with 18446744073709551615 bytes",
        ),
        (READY + "answer(b'no', sound=False)", "it answered with 2 bytes, expected 4096"),
        (READY + r"answer(b'\xff\nno'.ljust(4096), sound=False)", r"�\\nno"),
    ],
)
def test_child_that_does_not_speak_as_ours_is_ended(impostor, children, script, message):
    impostor(script)
    with pytest.raises(RuntimeError, match=f"^{message}"):
        start(b"model", seconds=0.5 if "longer" in message else GONE_SECONDS)
    assert children[0].returncode is not None


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("answer(bytes(3))", "it answered with 3 bytes, expected 4"),
        ("answer(bytes(5))", "it answered with 5 bytes, expected 4"),
        ("answer(bytes(3), size=4)" + STALL, "it took longer than 0.5 s"),
        ("answer(b'no such index'.ljust(4096), sound=False)", "no such index$"),
        ("os.abort()", r"it crashed the runtime \(SIGABRT\)"),
    ],
)
def test_child_that_answers_with_something_else_is_ended(impostor, children, script, message):
    impostor(LOADED + script)
    interpreter = start(b"model", seconds=0.5 if "longer" in message else GONE_SECONDS)
    with pytest.raises(RuntimeError, match=f"^{message}"):
        interpreter.invoke()
    assert children[0].returncode is not None


def test_child_that_answers_is_believed_in_its_output(impostor):
    impostor(LOADED + "answer(bytes([1, 2, 255, 128]))" + STALL)
    interpreter = start(b"model")
    interpreter.invoke()
    assert interpreter.get_tensor(1).tolist() == [[1, 2, -1, -128]]


@pytest.mark.parametrize(
    "stated",
    [
        "answer(b'['.ljust(4096))",
        "answer(b'[' * 4096)",
        "answer(b'1' * 4096)",
        "answer(b'\\xff' * 4096)",
        "answer(b'null'.ljust(4096))",
        "state()",
        "state(INPUT)",
        "state(INPUT, OUTPUT, OUTPUT)",
        "state(INPUT, OUTPUT[:3])",
        "state(INPUT, ['int64', [1, 4], 0.0, 0])",
        "state(INPUT, [None, [1, 4], 0.0, 0])",
        "state(INPUT, [['int8'], [1, 4], 0.0, 0])",
        "state(INPUT, ['int8', 4, 0.0, 0])",
        "state(INPUT, ['int8', [4], 0.0, 0])",
        "state(INPUT, ['int8', [2, 4], 0.0, 0])",
        "state(INPUT, ['int8', [1, 0], 0.0, 0])",
        "state(INPUT, ['int8', [1, -4], 0.0, 0])",
        "state(INPUT, ['int8', [1, 4.0], 0.0, 0])",
        "state(INPUT, ['int8', [1, '4'], 0.0, 0])",
        "state(INPUT, ['int8', [1, 1 << 40], 0.0, 0])",
        "state(INPUT, ['int8', [1, 1, 1, 4], 0.0, 0])",
        "state(['int8', [4], 0.0, 0], OUTPUT)",
        "state(INPUT, ['int8', [1, 4], float('nan'), 0])",
        "state(INPUT, ['int8', [1, 4], float('inf'), 0])",
        "state(INPUT, ['int8', [1, 4], -1.0, 0])",
        "state(INPUT, ['int8', [1, 4], 1e31, 0])",
        "state(INPUT, ['int8', [1, 4], '1', 0])",
        "state(INPUT, ['int8', [1, 4], 1.0, 128])",
        "state(INPUT, ['int8', [1, 4], 1.0, 1.0])",
        "state(INPUT, ['uint8', [1, 4], 1.0, -1])",
        "state(INPUT, ['float32', [1, 4], 1.0, 0])",
    ],
)
def test_child_that_states_impossible_tensors_is_ended(impostor, children, stated):
    impostor(READY + stated + STALL)
    with pytest.raises(RuntimeError, match="expected a picture and its classes") as refused:
        start(b"model")
    assert "\n" not in str(refused.value)
    assert children[0].returncode == -signal.SIGKILL


def test_start_that_takes_too_long_is_ended(impostor, monkeypatch):
    monkeypatch.setattr(module, "START_SECONDS", 0.5)
    impostor(IMPOSTOR + STALL)
    with pytest.raises(RuntimeError, match=r"^it took longer than 0\.5 s$"):
        start(b"model")


def test_start_does_not_count_as_the_models_time(impostor):
    impostor(IMPOSTOR + "time.sleep(1.2)\n" + READY.removeprefix(IMPOSTOR) + "state(INPUT, OUTPUT)")
    assert start(b"model", seconds=1.0).get_input_details()[0]["dtype"] is np.uint8
