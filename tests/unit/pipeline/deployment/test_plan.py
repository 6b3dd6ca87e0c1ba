"""Whether a board and a bundle go together is known before anything is copied."""

from pathlib import Path

import pytest

from liteproof.deployment.plan import Look, Serve, check_space, contents, forecast
from liteproof.deployment.wheelhouse import Wheelhouse
from liteproof.errors import CompatibilityError, DeploymentError, DeviceError
from liteproof_edge.bundle.reader import Bundle

BUNDLE = Bundle.load(Path(__file__).parents[3] / "bundle")
SAID = {
    "user": "pi",
    "is_root": False,
    "system": "Linux",
    "release": "Debian GNU/Linux 12 (bookworm)",
    "architecture": "aarch64",
    "bits": 64,
    "python": "3.11.2",
    "glibc": "2.36",
    "can_make_environments": True,
    "packages": {"numpy": None, "pillow": None},
    "free_bytes": 10**9,
    "clock": 1000.0,
    "warnings": ["throttled now"],
    "status": {"service": None},
}


def look(**changes):
    return Look.of(SAID | changes)


def test_board_that_can_is_not_refused():
    forecast(BUNDLE, look())


@pytest.mark.parametrize(
    ("changes", "error", "why"),
    [
        ({"is_root": True}, DeploymentError, "logs in as root"),
        ({"system": "Darwin"}, CompatibilityError, "expected Linux"),
        ({"glibc": ""}, CompatibilityError, "with glibc"),
        ({"can_make_environments": False}, DeploymentError, "python3-venv"),
        ({"architecture": "armv6l", "bits": 32}, CompatibilityError, "no runtime has a wheel"),
        ({"bits": 32, "python": "3.13.1"}, CompatibilityError, "3.13 on armv7l"),
    ],
)
def test_board_that_cannot_is_told_why(changes, error, why):
    with pytest.raises(error, match=why):
        forecast(BUNDLE, look(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"python": "three"},
        {"bits": None, "clock": "noon"},
        {"status": 3},
        {"status": {"service": None, "about": {"wheels": 3}}},
        {"glibc": None},
    ],
)
def test_board_that_talks_nonsense_is_told_in_a_line(changes):
    with pytest.raises(DeviceError, match="makes no sense"):
        look(**changes)
    with pytest.raises(DeviceError, match="makes no sense"):
        Look.of({})


READY = {"status": "ready", "host": "127.0.0.1", "port": 8000, "memory_mib": 256}


@pytest.mark.parametrize(
    ("service", "wanted", "as_asked"),
    [
        (None, None, True),
        (READY, None, True),
        (READY, Serve(), True),
        (None, Serve(), False),
        (READY, Serve(port=8001), False),
        (READY | {"status": "no answer"}, None, False),
        ({"status": "ready", "host": "127.0.0.1", "port": 8000}, Serve(), False),
    ],
)
def test_service_is_as_asked_or_not(service, wanted, as_asked):
    assert look(status={"service": service}).serves_as(wanted) is as_asked


def test_32_bit_python_on_a_64_bit_kernel_is_a_32_bit_board():
    assert look(bits=32).platform.architecture == "armv7l"


@pytest.fixture
def house(tmp_path):
    (tmp_path / "a.whl").write_bytes(b"0" * 1000)
    return Wheelhouse(tmp_path, {"a.whl": "0"}, ("numpy",))


def test_disk_that_is_too_small_is_told(house):
    with pytest.raises(DeploymentError, match="free on its disk"):
        check_space(BUNDLE, house, look(free_bytes=1000))


def test_disk_has_to_hold_the_packages_only_where_they_are_not_installed(house):
    free = 2 * sum(map(len, BUNDLE.files.values())) + 1000
    has = {"free_bytes": free, "packages": {"numpy": "1.24.2"}}
    with pytest.raises(DeploymentError, match="free on its disk"):
        check_space(BUNDLE, house, look(**has))
    installed = {"service": None, "about": {"wheels": {"a.whl": "0"}}}
    check_space(BUNDLE, house, look(**has, status=installed))


def test_package_of_debian_that_is_missing_is_told(house):
    with pytest.raises(DeploymentError, match="sudo apt install python3-numpy python3-pil"):
        check_space(BUNDLE, house, look())
    check_space(BUNDLE, house, look(packages={"numpy": "1.24.2"}))


@pytest.mark.parametrize(("now", "said"), [(1e8, "days behind"), (-1e8, "days ahead")])
def test_clock_that_is_off_is_warned_of(now, said):
    first, second = look().warnings(now)
    assert first == "throttled now"
    assert said in second
    assert look().warnings(1100.0) == ["throttled now"]


def test_manifest_goes_along():
    assert set(contents(BUNDLE)) == {*BUNDLE.files, "manifest.json"}
