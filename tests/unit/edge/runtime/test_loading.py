import platform
import sys
from importlib.metadata import version
from types import SimpleNamespace

import numpy as np
import pytest

from liteproof_edge.errors import RuntimeMissingError
from liteproof_edge.runtime import loading as module
from liteproof_edge.runtime.loading import PACKAGES, VARIABLE, Runtime, installed, load_runtime

BOTH = "tflite-runtime or ai-edge-litert"
TFLITE, LITERT = "tflite-runtime", "ai-edge-litert"


@pytest.fixture
def uninstall(monkeypatch):
    """Make runtimes look as if they were not installed."""

    def hide(*runtimes):
        hidden = {PACKAGES[runtime] for runtime in runtimes}
        find_spec = module.find_spec
        monkeypatch.setattr(
            module, "find_spec", lambda name: None if name in hidden else find_spec(name)
        )

    return hide


@pytest.fixture
def forget(monkeypatch):
    """Make this process forget that it has imported a runtime."""

    def forgotten(runtime):
        package = PACKAGES[runtime]
        for name in list(sys.modules):
            if name == package or name.startswith(f"{package}."):
                monkeypatch.delitem(sys.modules, name)

    return forgotten


@pytest.fixture
def here(monkeypatch, uninstall):
    """Pretend to be another machine, on which no runtime is installed."""
    uninstall(*Runtime)

    def pretend(system, machine, bits, python):
        monkeypatch.setattr(platform, "system", lambda: system)
        monkeypatch.setattr(platform, "machine", lambda: machine)
        calcsize = {"P": bits // 8}.__getitem__
        monkeypatch.setattr(module, "struct", SimpleNamespace(calcsize=calcsize))
        monkeypatch.setattr(module, "sys", SimpleNamespace(version_info=(*python, 0)))

    return pretend


def refused(runtime=None):
    """Return why no runtime can be loaded."""
    with pytest.raises(RuntimeMissingError) as missing:
        load_runtime(runtime)
    assert missing.value.exit_code == 7
    return str(missing.value)


def test_load_runtime_imports_the_one_asked_for(each_runtime):
    loaded = load_runtime(each_runtime)
    assert loaded.runtime is each_runtime
    assert str(loaded) == f"{each_runtime.value} {version(each_runtime.value)}"


def test_load_runtime_tells_shipping_from_reference_kernels(each_runtime):
    loaded = load_runtime(each_runtime)
    assert loaded.shipping_kernels != loaded.reference_kernels


def test_load_runtime_prefers_tflite_runtime_where_both_are_installed(tflite_runtime):
    assert load_runtime().runtime is Runtime.TFLITE_RUNTIME


def test_load_runtime_takes_the_other_where_the_preferred_is_missing(uninstall):
    uninstall(Runtime.TFLITE_RUNTIME)
    assert load_runtime().runtime is Runtime.LITERT


def test_load_runtime_imports_the_chosen_one_alone(forget, each_runtime):
    for runtime in Runtime:
        forget(runtime)
    load_runtime(each_runtime)
    assert set(PACKAGES.values()) & set(sys.modules) == {PACKAGES[each_runtime]}


def test_installed_lists_the_preferred_runtime_first(tflite_runtime):
    assert installed() == (Runtime.TFLITE_RUNTIME, Runtime.LITERT)


def test_installed_lists_nothing_where_nothing_is_installed(uninstall):
    uninstall(*Runtime)
    assert installed() == ()


def test_installed_imports_nothing(forget, tflite_runtime):
    for runtime in Runtime:
        forget(runtime)
    assert len(installed()) == 2
    assert not set(PACKAGES.values()) & set(sys.modules)


def test_load_runtime_says_what_to_install_where_nothing_is(here):
    here("Linux", "x86_64", 64, (3, 11))
    assert refused() == (
        "no runtime is installed (Python 3.11 on Linux x86_64): "
        "pip install tflite-runtime or ai-edge-litert"
    )


def test_load_runtime_says_what_to_install_on_this_very_machine(uninstall):
    uninstall(*Runtime)
    python = ".".join(map(str, sys.version_info[:2]))
    assert refused().startswith(f"no runtime is installed (Python {python} on Linux ")


def test_load_runtime_says_what_to_install_for_the_one_asked_for(uninstall, each_runtime):
    uninstall(each_runtime)
    message = refused(each_runtime)
    assert message.startswith(f"{each_runtime.value} is not installed (Python ")
    assert message.endswith(f": pip install {each_runtime.value}")


def test_load_runtime_advises_the_other_where_the_one_asked_for_has_no_wheel(here):
    here("Linux", "aarch64", 64, (3, 13))
    assert refused(Runtime.TFLITE_RUNTIME) == (
        "tflite-runtime is not installed (Python 3.13 on Linux aarch64): pip install ai-edge-litert"
    )


@pytest.mark.parametrize(
    ("system", "machine", "bits", "python", "advised"),
    [
        ("Linux", "x86_64", 64, (3, 10), BOTH),
        ("Linux", "x86_64", 64, (3, 11), BOTH),
        ("Linux", "x86_64", 64, (3, 12), LITERT),
        ("Linux", "aarch64", 64, (3, 11), BOTH),  # Raspberry Pi OS bookworm, 64-bit
        ("Linux", "aarch64", 64, (3, 13), LITERT),  # trixie, 64-bit
        ("Linux", "armv7l", 32, (3, 11), TFLITE),  # bookworm, 32-bit
        ("Linux", "aarch64", 32, (3, 11), TFLITE),  # the same with a 64-bit kernel
        ("Darwin", "arm64", 64, (3, 11), LITERT),
        ("Darwin", "arm64", 64, (3, 13), LITERT),
        ("Windows", "AMD64", 64, (3, 11), LITERT),
        ("Windows", "AMD64", 64, (3, 13), LITERT),
    ],
)
def test_load_runtime_advises_what_has_a_wheel(here, system, machine, bits, python, advised):
    here(system, machine, bits, python)
    assert refused().endswith(f": pip install {advised}")


@pytest.mark.parametrize(
    ("system", "machine", "bits", "python", "named"),
    [
        ("Linux", "armv6l", 32, (3, 11), "Linux armv6l"),  # Raspberry Pi Zero
        ("Linux", "armv6l", 32, (3, 13), "Linux armv6l"),
        ("Linux", "armv7l", 32, (3, 12), "Linux armv7l"),
        ("Linux", "armv7l", 32, (3, 13), "Linux armv7l"),  # trixie, 32-bit
        ("Linux", "aarch64", 32, (3, 13), "Linux armv7l"),  # the same with a 64-bit kernel
        ("Linux", "i686", 32, (3, 11), "Linux i686"),
        ("Linux", "x86_64", 32, (3, 11), "Linux i686"),
        ("Linux", "riscv64", 64, (3, 11), "Linux riscv64"),
        ("Darwin", "x86_64", 64, (3, 11), "Darwin x86_64"),
        ("Windows", "AMD64", 32, (3, 11), "Windows x86"),
        ("Windows", "ARM64", 64, (3, 13), "Windows ARM64"),
        ("FreeBSD", "amd64", 64, (3, 11), "FreeBSD amd64"),
        ("", "", 64, (3, 11), " "),
    ],
)
@pytest.mark.parametrize("asked_for", [None, *Runtime])
def test_load_runtime_says_where_nothing_has_a_wheel(
    here, system, machine, bits, python, named, asked_for
):
    here(system, machine, bits, python)
    missing = f"{asked_for.value} is not installed" if asked_for else "no runtime is installed"
    assert refused(asked_for) == (
        f"{missing}, and none has a wheel for Python 3.{python[1]} on {named}: take 64-bit Linux, "
        "or 32-bit Raspberry Pi OS bookworm (Python 3.11, not ARMv6)"
    )


@pytest.mark.parametrize("numpy_version", ["2.0.0", "2.3.1", "10.0.0rc1"])
def test_load_runtime_refuses_tflite_runtime_beside_numpy_2(
    monkeypatch, numpy_version, tflite_runtime
):
    monkeypatch.setattr(np, "__version__", numpy_version)
    assert refused(Runtime.TFLITE_RUNTIME) == (
        f"tflite-runtime breaks with numpy {numpy_version}: pip install 'numpy<2'"
    )


def test_load_runtime_does_not_touch_tflite_runtime_beside_numpy_2(monkeypatch, forget):
    forget(Runtime.TFLITE_RUNTIME)
    monkeypatch.setattr(np, "__version__", "2.0.0")
    refused(Runtime.TFLITE_RUNTIME)
    assert PACKAGES[Runtime.TFLITE_RUNTIME] not in sys.modules


def test_load_runtime_takes_litert_beside_numpy_2(monkeypatch):
    monkeypatch.setattr(np, "__version__", "2.0.0")
    assert load_runtime(Runtime.LITERT).runtime is Runtime.LITERT


def test_load_runtime_prefers_litert_where_both_are_installed_beside_numpy_2(monkeypatch):
    monkeypatch.setattr(np, "__version__", "2.0.0")
    assert load_runtime().runtime is Runtime.LITERT


def test_load_runtime_says_what_breaks_where_tflite_runtime_is_alone_beside_numpy_2(
    monkeypatch, uninstall, tflite_runtime
):
    uninstall(Runtime.LITERT)
    monkeypatch.setattr(np, "__version__", "2.0.0")
    assert refused() == "tflite-runtime breaks with numpy 2.0.0: pip install 'numpy<2'"


@pytest.mark.parametrize("numpy_version", ["1.24.2", "1.26.4"])
def test_load_runtime_takes_tflite_runtime_beside_numpy_1(
    monkeypatch, numpy_version, tflite_runtime
):
    monkeypatch.setattr(np, "__version__", numpy_version)
    assert load_runtime().runtime is Runtime.TFLITE_RUNTIME


def test_load_runtime_takes_what_the_environment_names(monkeypatch, each_runtime):
    monkeypatch.setenv(VARIABLE, each_runtime.value)
    assert load_runtime().runtime is each_runtime


def test_load_runtime_takes_the_one_asked_for_whatever_the_environment_names(
    monkeypatch, each_runtime
):
    monkeypatch.setenv(VARIABLE, "no-such-runtime")
    assert load_runtime(each_runtime).runtime is each_runtime


def test_load_runtime_takes_the_preferred_where_the_environment_names_nothing(monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    assert load_runtime().runtime is installed()[0]


@pytest.mark.parametrize("name", ["tflite", "tflite_runtime", "TFLITE-RUNTIME", " ", "a\nb"])
def test_load_runtime_refuses_an_unknown_name_of_the_environment(monkeypatch, name):
    monkeypatch.setenv(VARIABLE, name)
    assert refused() == f"{VARIABLE}: {name!r}, expected tflite-runtime or ai-edge-litert"


def test_load_runtime_takes_no_other_than_the_environment_names(
    monkeypatch, uninstall, each_runtime
):
    uninstall(each_runtime)
    monkeypatch.setenv(VARIABLE, each_runtime.value)
    assert refused().startswith(f"{each_runtime.value} is not installed ")


def test_load_runtime_refuses_tflite_runtime_of_the_environment_beside_numpy_2(
    monkeypatch, tflite_runtime
):
    monkeypatch.setattr(np, "__version__", "2.0.0")
    monkeypatch.setenv(VARIABLE, "tflite-runtime")
    assert refused().startswith("tflite-runtime breaks with numpy 2.0.0")


@pytest.mark.parametrize("error", ["ImportError", "OSError"])
@pytest.mark.parametrize("part", ["__init__", "interpreter"])
def test_load_runtime_refuses_a_runtime_that_does_not_import(
    monkeypatch, tmp_path, forget, each_runtime, part, error
):
    package = tmp_path / PACKAGES[each_runtime]
    package.mkdir()
    (package / "__init__.py").touch()
    (package / f"{part}.py").write_text(f"raise {error}('libm.so.6: wrong\\nversion')")
    forget(each_runtime)
    monkeypatch.syspath_prepend(tmp_path)
    assert refused(each_runtime) == (
        rf"{each_runtime.value} cannot start: libm.so.6: wrong\nversion"
    )
