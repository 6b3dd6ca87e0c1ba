"""hosts.toml: what boards there are, and which belong together.

[hosts]
kitchen = "pi@kitchen.local"      # as ssh takes it; all else is ssh's own config
garage = "pi@garage.local"

[groups]
downstairs = ["kitchen", "garage"]
"""

from collections.abc import Sequence
from pathlib import Path

import tomllib

from liteproof.deployment.connection import HOST
from liteproof.errors import RecipeError

Table = dict[str, object]


def resolve(names: Sequence[str], inventory: Path | None) -> list[str]:
    """Return the hosts that names stand for: each once, in order.

    Args:
        names: hosts as ssh takes them; with an inventory, its hosts and groups, or none for all.
        inventory: hosts.toml.

    Raises:
        RecipeError: it is no inventory, or a name is none of it.
    """
    if inventory is None:
        return list(dict.fromkeys(names))
    hosts, groups = _read(inventory)
    found: list[str] = []
    for name in names or hosts:
        if name not in groups and name not in hosts:  # a slip must not be found out half-way
            raise RecipeError(f"{inventory}: {name!r} is none of its hosts or groups")
        found += [hosts[member] for member in groups.get(name, [name])]
    return list(dict.fromkeys(found))


def _read(path: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return name → host, and group → names of hosts."""
    try:
        table: Table = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}, expected an inventory") from None
    except ValueError as error:
        raise RecipeError(f"{path}: no inventory: {error}") from None
    hosts, groups = table.pop("hosts", {}), table.pop("groups", {})
    if table or not isinstance(hosts, dict) or not isinstance(groups, dict):
        raise RecipeError(f"{path}: expected the tables hosts and groups, and nothing else")
    _check(path, hosts, groups)
    return hosts, groups


def _check(path: Path, hosts: Table, groups: Table) -> None:
    for name, host in hosts.items():
        if not isinstance(host, str) or not HOST.fullmatch(host):
            raise RecipeError(f"{path}: hosts.{name}: {host!r}, expected a host as ssh takes it")
    for name, members in groups.items():
        if not isinstance(members, list) or not all(isinstance(one, str) for one in members):
            raise RecipeError(f"{path}: groups.{name}: {members!r}, expected a list of hosts")
        if name in hosts:
            raise RecipeError(f"{path}: groups.{name}: that is the name of a host too")
        for member in members:
            if member not in hosts:
                raise RecipeError(f"{path}: groups.{name}: {member!r} is none of its hosts")
