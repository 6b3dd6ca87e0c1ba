"""`rollback`: what boards ran before."""

from pathlib import Path

import click

from liteproof.commands.board_options import HOSTS, INVENTORY, SSH_CONFIG, hosts_of
from liteproof_edge.errors import LiteproofError, one_line


@click.command()
@HOSTS
@INVENTORY
@SSH_CONFIG
def rollback(hosts: tuple[str, ...], *, inventory: Path | None, ssh_config: Path | None) -> None:
    """Have boards run the release that they ran before.

    A second rollback returns to the one that was rolled back.
    """
    from liteproof.deployment import fleet  # noqa: PLC0415

    named = hosts_of(hosts, inventory)
    exit_code = 0
    for host, said in fleet.each(named, lambda host: fleet.roll_back(host, ssh_config)).items():
        if isinstance(said, LiteproofError):
            click.echo(f"liteproof: {said}", err=True)
            exit_code = max(exit_code, said.exit_code)
        else:
            shown = f"{host}: runs {said['about'].get('bundle')} {said['current'][:12]} again"
            click.echo(one_line(shown))
    if exit_code:
        raise click.exceptions.Exit(exit_code)
