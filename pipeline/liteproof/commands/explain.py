"""`explain`: a page that shows what a network sees, and what quantization does to it."""

from pathlib import Path

import click

OUT = Path("explain.html")


@click.command()
@click.argument("path", metavar="RUN|BUNDLE", type=click.Path(path_type=Path))
@click.argument("picture", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=OUT, show_default=True)
def explain(path: Path, picture: Path, *, out: Path) -> None:
    """Open a network on a picture, layer by layer, as one page.

    The page shows each layer's kernels and maps, one convolution worked out value by value, why
    the answer is what it is, and what int8 changes.
    """
    from liteproof.explanation.page import write_page  # noqa: PLC0415
    from liteproof.explanation.story import tell  # noqa: PLC0415
    from liteproof.explanation.subject import open_subject  # noqa: PLC0415

    write_page(tell(open_subject(path), picture), out)
    click.echo(out)
