"""`wheelhouse`: what boards without internet install."""

import click

PLATFORMS = ("bookworm-arm64", "bookworm-armhf", "trixie-arm64")


@click.command()
@click.option("--target", type=click.Choice(PLATFORMS), required=True, help="The kind of board.")
@click.option("--service", is_flag=True, help="Include what `liteproof-edge serve` needs.")
def wheelhouse(target: str, *, service: bool) -> None:
    """Fetch the packages that boards without internet install.

    `deploy` does this by itself.
    """
    from liteproof.deployment import wheelhouse as houses  # noqa: PLC0415
    from liteproof.progress import say  # noqa: PLC0415

    found = houses.Wheelhouses(houses.default_cache(), say).get(
        houses.PLATFORMS[target], serves=service
    )
    click.echo(found.folder)
    for name, sha256 in found.wheels.items():
        click.echo(f"{name} --hash=sha256:{sha256}")
    for name in found.debians_own:
        say(f"{name}: no wheel for {target}; the board takes Debian's own")
