import subprocess
import sys

import keras
import numpy as np
import pytest

from liteproof.conversion.quantization import convert
from liteproof.conversion.variants import named
from liteproof.execution import worker
from liteproof.execution.tflite_model import Kernels, execute
from liteproof_edge.errors import ModelError, RuntimeMissingError
from liteproof_edge.runtime.loading import installed

PICTURES = np.random.default_rng(0).integers(0, 256, (10, 28, 28, 1), np.uint8)


@pytest.fixture(scope="module")
def model(tiny_run):
    return (tiny_run / "model-int8.tflite").read_bytes()


def run(model, pictures=PICTURES, **options):
    return execute(model, pictures, label="test", **options)


def test_worker_imports_no_tensorflow():
    code = "import sys, liteproof.execution.worker; assert 'tensorflow' not in sys.modules"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("runtime", installed())
def test_outputs_logits_and_times_come_back(model, runtime):
    done = run(model, runtime=runtime)

    assert (done.outputs.dtype, done.outputs.shape) == (np.uint8, (10, 3))
    assert (done.logits.dtype, done.logits.shape) == (np.float32, (10, 3))
    assert (done.times_us > 0).all()
    assert done.runtime.startswith(runtime.value)


def test_reference_kernels_agree_across_runtimes_on_labels(model):
    answers = [run(model, runtime=runtime, kernels=Kernels.REFERENCE) for runtime in installed()]

    assert len(answers) == 2
    assert (answers[0].outputs.argmax(axis=1) == answers[1].outputs.argmax(axis=1)).all()


def test_damaged_model_is_refused_before_it_reaches_a_runtime(model):
    with pytest.raises(ModelError, match="not a sound TFLite model"):
        run(model[: len(model) // 2])


def test_pictures_of_another_shape_are_refused(model):
    with pytest.raises(ModelError, match=r"expected uint8 \(28, 28, 1\)"):
        run(model, PICTURES[:, :20])


def test_runtime_that_is_missing_is_exit_code_7(model, monkeypatch, tmp_path):
    missing = tmp_path / "python"
    missing.write_text("#!/bin/sh\necho no runtime is installed >&2\nexit 7\n")
    missing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(missing))

    with pytest.raises(RuntimeMissingError, match="no runtime is installed"):
        run(model)


def test_runtime_that_crashes_takes_down_the_worker_alone(model, monkeypatch, tmp_path):
    crash = tmp_path / "python"
    crash.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crash.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crash))

    with pytest.raises(ModelError, match=r"the runtime crashed on it \(signal 11\)"):
        run(model)


def test_worker_reports_an_error_in_one_line(tmp_path, model, monkeypatch, capsys):
    (tmp_path / "model.tflite").write_bytes(b"no model")
    np.save(tmp_path / "pictures.npy", PICTURES)
    monkeypatch.setattr(sys, "argv", ["worker", str(tmp_path), "", "shipping", "null"])

    assert worker.main() == 4
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("runtime", installed())
def test_softmax_of_values_next_to_nought_is_named_where_it_crashes(runtime):
    small = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten()])
    small.add(keras.layers.Dense(3, activation="softmax", kernel_initializer="zeros"))
    made = convert(small, named("int8"), PICTURES)

    with pytest.raises(ModelError, match=r"\(signal 6\); the softmax after '.*' takes codes of a"):
        run(made, runtime=runtime, kernels=Kernels.REFERENCE)
