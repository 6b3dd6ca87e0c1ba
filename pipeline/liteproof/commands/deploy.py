"""`deploy`: a bundle on boards, proven there."""

import ipaddress
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from liteproof.commands.board_options import HOSTS, INVENTORY, SSH_CONFIG, hosts_of
from liteproof.commands.options import JSON
from liteproof.progress import say
from liteproof_edge.errors import one_line

if TYPE_CHECKING:
    from liteproof.deployment.rollout import Deployed

MAX_PORT = 65535


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@HOSTS
@INVENTORY
@SSH_CONFIG
@click.option("--dry-run", is_flag=True, help="Look at the boards and say what would be done.")
@click.option(
    "--canary",
    type=click.IntRange(1),
    help="Deploy to this many hosts first, and to the rest if all is well.",
)
@click.option(
    "--soak",
    type=click.IntRange(0),
    help="Seconds for which those must stay healthy before the rest.",
)
@click.option(
    "--trust",
    type=click.Path(path_type=Path),
    help="Install this allowed_signers file on the boards.",
)
@click.option(
    "--allow-downgrade", is_flag=True, help="Accept a signed bundle with an older serial number."
)
@click.option(
    "--check", help="A program to run here, given the host; if it fails, so does the release."
)
@click.option("--keep", type=click.IntRange(2), default=3, help="Releases to keep on a board.")
@click.option("--service", is_flag=True, help="Serve it by systemd, as a user unit.")
@click.option("--listen", default="127.0.0.1", help="With --service: the IP address to listen on.")
@click.option(
    "--port", type=click.IntRange(1, MAX_PORT), default=8000, help="With --service: the port."
)
@click.option(
    "--memory",
    type=click.IntRange(32),
    default=256,
    help="With --service: the most memory, in MiB.",
)
@JSON
def deploy(
    bundle: Path,
    hosts: tuple[str, ...],
    *,
    inventory: Path | None,
    ssh_config: Path | None,
    dry_run: bool,
    canary: int | None,
    soak: int | None,
    trust: Path | None,
    allow_downgrade: bool,
    check: str | None,
    keep: int,
    service: bool,
    listen: str,
    port: int,
    memory: int,
    as_json: bool,
) -> None:
    """Put a bundle on boards over ssh, prove it there, switch to it.

    If any step fails, the board goes on running what it ran before.

    HOST is whatever ssh accepts; with --inventory, one of its hosts or groups.
    """
    from liteproof.deployment.fleet import Outcome, each, roll_out  # noqa: PLC0415
    from liteproof.deployment.plan import Options, Serve  # noqa: PLC0415
    from liteproof.deployment.rollout import Rollout, read_bundle  # noqa: PLC0415
    from liteproof.deployment.wheelhouse import Wheelhouses, default_cache  # noqa: PLC0415

    named = hosts_of(hosts, inventory)
    _check(listen, canary, soak, check, named)
    options = Options(
        config=ssh_config,
        signers=trust,
        allow_downgrade=allow_downgrade,
        serve=Serve(listen, port, memory) if service else None,
        check=check,
        keep=keep,
    )
    wheelhouses = Wheelhouses(default_cache(), say)
    rollout = Rollout(
        read_bundle(bundle), options, wheelhouses, lambda host, text: say(f"{host}: {text}")
    )
    if dry_run:
        found = each(named, lambda host: rollout.deploy(host, dry_run=True))
        outcome = Outcome.of(found)
    else:
        outcome = roll_out(rollout, named, canary or len(named), soak or 0)
    for error in outcome.failed.values():
        click.echo(f"liteproof: {error}", err=True)
    for host in outcome.untouched:
        click.echo(f"liteproof: {host}: untouched", err=True)
    for one in outcome.done:
        click.echo(json.dumps(one.to_json()) if as_json else one_line(_line(one, dry_run=dry_run)))
    for warning in dict.fromkeys(text for one in outcome.done for text in one.warnings):
        warned = ", ".join(one.host for one in outcome.done if warning in one.warnings)
        say(one_line(f"{warned}: warning: {warning}"))
    if outcome.exit_code:
        raise click.exceptions.Exit(outcome.exit_code)


def _check(
    listen: str, canary: int | None, soak: int | None, check: str | None, hosts: Sequence[str]
) -> None:
    try:
        valid = "%" not in listen and bool(ipaddress.ip_address(listen))
    except ValueError:
        valid = False
    if not valid:
        raise click.UsageError(f"--listen {listen!r}: expected an IP address, such as 0.0.0.0")
    if soak is not None and canary is None:
        raise click.UsageError(
            "--soak is how long canaries must stay healthy; expected --canary N too"
        )
    if canary is not None and canary > len(hosts):
        raise click.UsageError(
            f"--canary {canary}: expected at most {len(hosts)}, the number of hosts"
        )
    if check is not None and shutil.which(check) is None:
        raise click.UsageError(f"--check {check}: expected a program on this machine")


def _line(one: "Deployed", *, dry_run: bool) -> str:
    new = one.release[:12]
    if dry_run:
        return f"{one.host}: would run {one.bundle} {new} on {one.runtime}"
    latency = f"p50 {one.p50_us:.0f} µs" if one.p50_us is not None else "not measured"
    return (
        f"{one.host}: runs {one.bundle} {new} on {one.runtime}, verified there, {latency}; "
        f"{one.copied_bytes / 1e6:.1f} MB copied, {one.seconds:.0f} s"
    )
