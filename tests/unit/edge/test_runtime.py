import sys
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pytest

from liteproof_edge import runtime as module
from liteproof_edge.errors import RuntimeMissingError
from liteproof_edge.runtime import Runtime, installed, load_runtime


@pytest.fixture
def uninstall(monkeypatch):
    """Make runtimes look as if they were not installed."""

    def hide(*runtimes):
        def version_of_the_others(name):
            if Runtime(name) in runtimes:
                raise PackageNotFoundError(name)
            return version(name)

        monkeypatch.setattr(module, "version", version_of_the_others)

    return hide


def test_load_runtime_imports_the_one_asked_for(each_runtime):
    loaded = load_runtime(each_runtime)
    assert loaded.runtime is each_runtime
    assert str(loaded) == f"{each_runtime.value} {version(each_runtime.value)}"


def test_load_runtime_tells_shipping_from_reference_kernels(each_runtime):
    loaded = load_runtime(each_runtime)
    assert loaded.shipping_kernels != loaded.reference_kernels


def test_load_runtime_prefers_tflite_runtime_where_both_are_installed():
    assert load_runtime().runtime is Runtime.TFLITE_RUNTIME


def test_load_runtime_takes_the_other_where_the_preferred_is_missing(uninstall):
    uninstall(Runtime.TFLITE_RUNTIME)
    assert load_runtime().runtime is Runtime.LITERT


def test_installed_lists_the_preferred_runtime_first():
    assert installed() == (Runtime.TFLITE_RUNTIME, Runtime.LITERT)


def test_installed_lists_nothing_where_nothing_is_installed(uninstall):
    uninstall(*Runtime)
    assert installed() == ()


def test_load_runtime_says_what_to_install_where_nothing_is(uninstall):
    uninstall(*Runtime)
    remedy = "pip install tflite-runtime or ai-edge-litert"
    with pytest.raises(RuntimeMissingError, match=remedy) as missing:
        load_runtime()
    assert missing.value.exit_code == 7


def test_load_runtime_says_what_to_install_for_the_one_asked_for(uninstall, each_runtime):
    uninstall(each_runtime)
    with pytest.raises(RuntimeMissingError, match=f"pip install {each_runtime.value}$"):
        load_runtime(each_runtime)


@pytest.mark.parametrize("numpy_version", ["2.0.0", "2.3.1", "10.0.0rc1"])
def test_load_runtime_refuses_tflite_runtime_beside_numpy_2(monkeypatch, numpy_version):
    monkeypatch.setattr(np, "__version__", numpy_version)
    with pytest.raises(RuntimeMissingError, match=r"pip install 'numpy<2'") as refused:
        load_runtime(Runtime.TFLITE_RUNTIME)
    assert refused.value.exit_code == 7
    assert numpy_version in str(refused.value)


def test_load_runtime_takes_litert_beside_numpy_2(monkeypatch):
    monkeypatch.setattr(np, "__version__", "2.0.0")
    assert load_runtime(Runtime.LITERT).runtime is Runtime.LITERT


def test_load_runtime_refuses_a_runtime_that_does_not_import(monkeypatch, each_runtime):
    monkeypatch.setitem(sys.modules, each_runtime.value.replace("-", "_"), None)
    with pytest.raises(RuntimeMissingError, match=f"{each_runtime.value} .* cannot start"):
        load_runtime(each_runtime)
