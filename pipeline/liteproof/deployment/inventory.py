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

from liteproof.errors import RecipeError

Table = dict[str, object]


def resolve(names: Sequence[str], inventory: Path | None) -> list[str]:
    """Return the hosts that names stand for: each once, in order.

    Args:
        names: hosts, or hosts and groups of the inventory; none stands for all of those.
        inventory: hosts.toml.

    Raises:
        RecipeError: it is no inventory, or names a host that it does not have.
    """
    if inventory is None:
        return list(dict.fromkeys(names))
    hosts, groups = _read(inventory)
    found: list[str] = []
    for name in names or hosts:
        for member in groups.get(name, [name]):
            if member in hosts:
                found.append(hosts[member])
            elif name in groups:
                raise RecipeError(f"{inventory}: groups.{name}: {member!r} is none of its hosts")
            else:
                found.append(member)
    return list(dict.fromkeys(found))


def _read(path: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    try:
        table: Table = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path}: no inventory: {error}") from None
    hosts, groups = table.pop("hosts", {}), table.pop("groups", {})
    if table or not isinstance(hosts, dict) or not isinstance(groups, dict):
        raise RecipeError(f"{path}: expected the tables hosts and groups, and nothing else")
    for name, host in hosts.items():
        if not isinstance(host, str):
            raise RecipeError(f"{path}: hosts.{name}: {host!r}, expected a host as ssh takes it")
    for name, members in groups.items():
        if not isinstance(members, list) or not all(isinstance(one, str) for one in members):
            raise RecipeError(f"{path}: groups.{name}: {members!r}, expected a list of hosts")
    return hosts, groups
