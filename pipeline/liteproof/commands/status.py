"""`status`: what boards run."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from liteproof.commands.board_options import HOSTS, INVENTORY, SSH_CONFIG, hosts_of
from liteproof.commands.options import JSON
from liteproof_edge.errors import LiteproofError, one_line

NOT_AS_IT_SHOULD = 6


@click.command()
@HOSTS
@INVENTORY
@SSH_CONFIG
@click.option("--bundle", type=click.Path(path_type=Path), help="What the boards should run.")
@JSON
def status(
    hosts: tuple[str, ...],
    *,
    inventory: Path | None,
    ssh_config: Path | None,
    bundle: Path | None,
    as_json: bool,
) -> None:
    """Show what boards run, since when, and what was measured.

    Exit code 6: a board runs nothing, or another bundle than --bundle, or its service is not ready.
    """
    from liteproof.deployment import fleet  # noqa: PLC0415
    from liteproof.deployment.rollout import read_bundle  # noqa: PLC0415
    from liteproof_edge.bundle.manifest import SEAL  # noqa: PLC0415

    wanted = read_bundle(bundle).manifest[SEAL] if bundle else None
    found = fleet.each(hosts_of(hosts, inventory), lambda host: fleet.status(host, ssh_config))
    exit_code = 0
    for host, said in found.items():
        if isinstance(said, LiteproofError):
            click.echo(f"liteproof: {said}", err=True)
            exit_code = max(exit_code, said.exit_code)
            continue
        try:
            problem, shown = _problem(said["status"], wanted), _shown(said)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problem, shown = f"what it says of itself makes no sense: {error!r}", "unknown"
        if as_json:
            click.echo(json.dumps({"host": host, "problem": problem, **said}))
        else:
            click.echo(one_line(f"{host}: {shown}"))
        if problem:
            click.echo(one_line(f"liteproof: {host}: {problem}"), err=True)
            exit_code = max(exit_code, NOT_AS_IT_SHOULD)
    if exit_code:
        raise click.exceptions.Exit(exit_code)


def _problem(said: dict[str, Any], wanted: str | None) -> str | None:
    service = said["service"]
    if said["current"] is None:
        return "runs nothing"
    if wanted is not None and said["about"].get("manifest_sha256") != wanted:
        return f"runs another bundle: {said['about'].get('bundle')} {said['current'][:12]}"
    if service is not None and service["status"] != "ready":
        return f"its service is not ready: {service['status']}"
    return None


def _shown(said: dict[str, Any]) -> str:
    status_, about = said["status"], said["status"]["about"]
    if status_["current"] is None:
        return f"nothing deployed; Python {said['python']} on {said['architecture']}"
    since = _minute(datetime.fromtimestamp(status_["since"], UTC))
    verified = about.get("verified", {})
    parts = [f"{about.get('bundle')} {status_['current'][:12]} since {since}"]
    if verified:
        at = _minute(datetime.fromisoformat(verified["at"]))
        parts.append(f"verified {at} on {verified['runtime']}")
    if about.get("p50_us") is not None:
        parts.append(f"p50 {about['p50_us']:.0f} µs")
    if about.get("top1_accuracy") is not None:
        parts.append(f"{about['top1_accuracy']:.2%} of {about['n']} pictures")
    if status_["service"]:
        parts.append(f"service {status_['service']['status']}")
    return ", ".join(parts)


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
