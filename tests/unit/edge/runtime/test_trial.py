"""A bundle that nobody answers for is tried apart once, and what that showed is remembered."""

import logging
import os
from dataclasses import replace

import pytest

from liteproof_edge.classifier import Classifier
from liteproof_edge.errors import ModelError
from liteproof_edge.runtime import confinement, trial
from liteproof_edge.runtime.loading import Runtime, load_runtime
from liteproof_edge.runtime.opening import open_session


@pytest.fixture(autouse=True)
def tried(tmp_path, monkeypatch):
    """The folder of what was tried on a device that is new."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "liteproof" / trial.TRIED


@pytest.fixture
def started(monkeypatch):
    """What was asked of each process that was started."""
    found, start = [], confinement._start  # noqa: SLF001 - there every one of them begins

    def record(options):
        found.append(options)
        return start(options)

    monkeypatch.setattr(confinement, "_start", record)
    return found


@pytest.fixture
def crashing(monkeypatch):
    """Have the process end as if its model had crashed it."""

    def refuse(options):
        process, channel = original(options)
        os.kill(process.pid, 11)
        process.wait()
        return process, channel

    original = confinement._start  # noqa: SLF001 - the same
    monkeypatch.setattr(confinement, "_start", refuse)


def test_first_load_is_tried_apart(bundle, each_runtime, started, tried):
    Classifier(bundle, runtime=each_runtime)

    assert [options["runtime"] for options in started] == [each_runtime.value]
    assert len(list(tried.iterdir())) == 1


def test_second_load_is_not_tried_again(bundle, started):
    Classifier(bundle)
    Classifier(bundle)

    assert len(started) == 1


@pytest.mark.parametrize("change", ["kernels", "runtime", "golden"])
def test_other_kernels_runtime_or_bytes_are_tried_anew(bundle, golden, started, change):
    first, other = Runtime
    Classifier(bundle, runtime=first)
    if change == "golden":
        fewer = replace(
            golden,
            pictures=golden.pictures[:2],
            inputs=golden.inputs[:2],
            outputs=golden.outputs[:2],
            classes=golden.classes[:2],
        )
        bundle = replace(bundle, files={**bundle.files, "golden.npz": fewer.to_bytes()})
    Classifier(
        bundle,
        runtime=other if change == "runtime" else first,
        reference_kernels=change == "kernels",
    )

    assert len(started) == 2


def test_bundle_that_somebody_answers_for_is_not_tried(bundle, started):
    Classifier(replace(bundle, signer="maker@example.org"))

    assert not started


def test_model_that_crashes_is_refused_and_never_loaded_here(bundle, crashing, monkeypatch, tried):
    runtime = load_runtime()._replace(interpreter=lambda **_: pytest.fail("loaded here"))

    with pytest.raises(ModelError, match=r"model\.tflite: tried apart: .*crashed the runtime"):
        open_session(bundle, runtime)
    assert not tried.exists()


def test_model_that_crashes_ends_verify_with_4_in_one_line(run, released, crashing):
    exit_code, out, (line,) = run("verify", released)

    assert (exit_code, out) == (4, [])
    assert line.endswith("it crashed the runtime (SIGSEGV)")


def test_golden_inputs_of_another_shape_are_refused(bundle, golden):
    wrong = replace(golden, inputs=golden.inputs[:, :-1])
    bundle = replace(bundle, files={**bundle.files, "golden.npz": wrong.to_bytes()})

    with pytest.raises(ModelError, match="expected uint8"):
        Classifier(bundle)


def test_device_that_cannot_remember_says_so_and_answers(bundle, tmp_path, caplog, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))

    with caplog.at_level(logging.WARNING), Classifier(bundle) as classifier:
        assert classifier.session.classes == 10
    assert "cannot be written: Not a directory; the model is tried apart" in caplog.text


def test_user_without_a_home_is_answered(bundle, started, monkeypatch):
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    Classifier(bundle)
    Classifier(bundle)

    assert len(started) == 2


def test_verify_leaves_nothing_to_be_tried(run, released, started):
    run("verify", released)
    before = len(started)
    exit_code, _, _ = run("info", released, "--json")

    assert exit_code == 0
    assert [options["runtime"] for options in started[before:]] == [Runtime.LITERT.value]
