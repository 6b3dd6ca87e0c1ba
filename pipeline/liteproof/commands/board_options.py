"""Options of every command that speaks to boards."""

from collections.abc import Sequence
from pathlib import Path

import click

HOSTS = click.argument("hosts", metavar="[HOST]...", nargs=-1)
INVENTORY = click.option(
    "--inventory",
    type=click.Path(path_type=Path),
    help="hosts.toml: HOST is one of its hosts or groups; without one, all hosts.",
)
SSH_CONFIG = click.option(
    "--ssh-config", type=click.Path(path_type=Path), help="For ssh, instead of ~/.ssh/config."
)


def hosts_of(names: Sequence[str], inventory: Path | None) -> list[str]:
    """Return the hosts that were named, at least one."""
    from liteproof.deployment.inventory import resolve  # noqa: PLC0415

    if not names and inventory is None:
        raise click.UsageError("expected a HOST, or an --inventory")
    found = resolve(names, inventory)
    if not found:
        raise click.UsageError(f"{inventory}: no hosts{' in ' if names else ''}{', '.join(names)}")
    return found
