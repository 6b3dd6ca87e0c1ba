"""Which wheels a board needs, by its processor, Python and C library."""

import hashlib
import json
import subprocess

import pytest

from liteproof.deployment import wheelhouse
from liteproof.deployment.wheelhouse import PLATFORMS, Platform, Wheelhouses
from liteproof.errors import DeploymentError


@pytest.fixture
def asked(monkeypatch):
    """What pip was asked; it fetches one wheel of each name."""
    found = []

    def run(command, cwd, **_):
        arguments = command[len(wheelhouse.PIP) :]
        found.append(arguments)
        (cwd / f"{arguments[0]}-{len(found)}.whl").write_bytes(b"wheel")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(wheelhouse.subprocess, "run", run)
    return found


def fetched(asked):
    """Return the requirements of each download."""
    return [
        [word for word in words if not word.startswith("-")][1:]
        for words in asked
        if words[0] == "download"
    ]


@pytest.mark.parametrize(
    ("name", "requirements"),
    [
        ("bookworm-arm64", ["numpy<2,>=1.24", "pillow>=9.4", "tflite-runtime>=2.14"]),
        ("bookworm-armhf", ["tflite-runtime>=2.14"]),
        ("trixie-arm64", ["ai-edge-litert>=2.1", "numpy>=1.24", "pillow>=9.4"]),
    ],
)
def test_board_gets_its_own_runtime(tmp_path, asked, name, requirements):
    Wheelhouses(tmp_path, lambda _: None).get(PLATFORMS[name])
    assert fetched(asked) == [requirements]


def test_32_bit_board_takes_numpy_and_pillow_from_debian(tmp_path, asked):
    found = Wheelhouses(tmp_path, lambda _: None).get(PLATFORMS["bookworm-armhf"])
    assert found.debians_own == ("numpy", "pillow")
    assert "--no-deps" in asked[-1]


def test_every_manylinux_level_up_to_its_glibc_is_named():
    tags = Platform("aarch64", "3.11", "2.19").tags
    assert tags == (
        "manylinux_2_19_aarch64",
        "manylinux_2_18_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
    )


def test_wheels_are_fetched_once(tmp_path, asked):
    houses = Wheelhouses(tmp_path, lambda _: None)
    first = houses.get(PLATFORMS["trixie-arm64"])
    times = len(asked)
    assert houses.get(PLATFORMS["trixie-arm64"]) == first
    assert len(asked) == times
    assert set(first.wheels.values()) == {hashlib.sha256(b"wheel").hexdigest()}


@pytest.mark.parametrize("damage", ["other bytes", None])
def test_wheel_that_is_damaged_or_gone_is_fetched_anew(tmp_path, asked, damage):
    houses = Wheelhouses(tmp_path, lambda _: None)
    first = houses.get(PLATFORMS["trixie-arm64"])
    path = first.folder / next(iter(first.wheels))
    path.unlink()
    if damage:
        path.write_text(damage)
    times = len(asked)
    houses.get(PLATFORMS["trixie-arm64"])
    assert len(asked) > times


def test_environment_is_named_by_all_that_it_is_made_of(tmp_path, asked):
    houses = Wheelhouses(tmp_path, lambda _: None)
    names = {houses.get(platform).environment for platform in PLATFORMS.values()}
    assert len(names) == len(PLATFORMS)


@pytest.mark.parametrize(
    ("warning", "why"),
    [
        ("x", "pip wheel: No matching distribution found for numpy$"),
        ("Retrying after connection broken by 'x'", "for numpy; the package index could not be"),
    ],
)
def test_package_without_a_wheel_is_named_and_nothing_stays(tmp_path, monkeypatch, warning, why):
    said = f"WARNING: {warning}\nERROR: No matching distribution found for numpy\n"
    monkeypatch.setattr(
        wheelhouse.subprocess,
        "run",
        lambda command, **_: subprocess.CompletedProcess(command, 1, "", said),
    )
    with pytest.raises(DeploymentError, match=why):
        Wheelhouses(tmp_path, lambda _: None).get(PLATFORMS["trixie-arm64"])
    assert not list(tmp_path.iterdir())


def test_hashes_are_written_beside_the_wheels(tmp_path, asked):
    found = Wheelhouses(tmp_path, lambda _: None).get(PLATFORMS["trixie-arm64"])
    assert json.loads((found.folder / "hashes.json").read_text()) == found.wheels
