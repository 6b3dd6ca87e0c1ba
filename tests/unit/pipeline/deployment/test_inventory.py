"""Names of hosts and groups become hosts, or are refused as what they are."""

import pytest

from liteproof.deployment.inventory import resolve
from liteproof.errors import RecipeError

TEXT = """
[hosts]
kitchen = "pi@kitchen.local"
garage = "pi@garage.local"
[groups]
all = ["kitchen", "garage"]
cold = ["garage"]
"""


@pytest.fixture
def inventory(tmp_path):
    path = tmp_path / "hosts.toml"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    ("names", "hosts"),
    [
        ([], ["pi@kitchen.local", "pi@garage.local"]),
        (["garage"], ["pi@garage.local"]),
        (["cold", "all"], ["pi@garage.local", "pi@kitchen.local"]),
        (["kitchen", "cold", "kitchen"], ["pi@kitchen.local", "pi@garage.local"]),
    ],
)
def test_names_are_hosts_or_groups(inventory, names, hosts):
    assert resolve(names, inventory) == hosts


def test_byte_order_mark_of_an_editor_is_no_error(tmp_path):
    path = tmp_path / "hosts.toml"
    path.write_text(TEXT, "utf-8-sig")
    assert resolve(["garage"], path) == ["pi@garage.local"]


def test_hosts_alone_need_no_inventory():
    assert resolve(["a", "b", "a"], None) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[hosts", "no inventory"),
        ('[hosts]\na = "b"\na = "c"\n', "no inventory"),
        ('[hosts]\na = "b"\n[vars]\n', "expected the tables"),
        ("[boards]\n", "expected the tables"),
        ("hosts = 3\n", "expected the tables"),
        ("[hosts]\na = 3\n", "hosts.a: 3"),
        ("[hosts]\na = ''\n", "hosts.a: '', expected a host"),
        ("[hosts]\na = '-oProxyCommand=x'\n", "hosts.a: '-oProxyCommand=x', expected a host"),
        ("[groups]\nall = 'a'\n", "groups.all: 'a', expected a list"),
        ("[groups]\nall = ['a']\n", "groups.all: 'a' is none of its hosts"),
        ("[hosts]\nall = 'a'\n[groups]\nall = ['all']\n", "groups.all: that is the name of a host"),
        ("[hosts]\na = 'b'\n[groups]\nal = ['a']\n", "'all' is none of its hosts or groups"),
    ],
)
def test_inventory_that_is_none_is_refused(tmp_path, text, why):
    path = tmp_path / "hosts.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=why):
        resolve(["all"], path)


def test_inventory_that_is_missing_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="nowhere: No such file or directory, expected an inv"):
        resolve([], tmp_path / "nowhere")
