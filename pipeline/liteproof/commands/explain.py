"""`explain`: a page that shows what a network sees, and what quantization does to it."""

from pathlib import Path

import click

OUT = Path("explain.html")


@click.command()
@click.argument("path", metavar="[RUN|BUNDLE]", required=False, type=click.Path(path_type=Path))
@click.argument("picture", metavar="[PICTURE]", required=False, type=click.Path(path_type=Path))
@click.option("--lecture", is_flag=True, help="The topics of a course, with numbers; needs no run.")
@click.option(
    "--why-cnn",
    is_flag=True,
    help="Compare RUN_CNN and RUN_MLP on shifted, rotated and larger pictures.",
)
@click.option("--out", type=click.Path(path_type=Path), default=OUT, show_default=True)
def explain(
    path: Path | None, picture: Path | None, *, lecture: bool, why_cnn: bool, out: Path
) -> None:
    """Open a network on a picture, layer by layer, as one page.

    The page shows each layer's kernels and maps, one convolution worked out value by value, why
    the answer is what it is, and what int8 changes.
    """
    if lecture:
        if path or why_cnn:
            raise click.UsageError("--lecture takes neither runs nor pictures")
        from liteproof.explanation.lecture import write_lecture  # noqa: PLC0415

        write_lecture(out)
    elif path is None or picture is None:
        wanted = "two runs" if why_cnn else "a RUN or a BUNDLE, and a PICTURE; or --lecture"
        raise click.UsageError(f"expected {wanted}")
    elif why_cnn:
        from liteproof.explanation.why_measured import measure  # noqa: PLC0415
        from liteproof.explanation.why_page import table, write_why  # noqa: PLC0415

        why = measure(path, picture)
        write_why(why, out)
        click.echo(table(why))
    else:
        from liteproof.explanation.page import write_page  # noqa: PLC0415
        from liteproof.explanation.story import tell  # noqa: PLC0415
        from liteproof.explanation.subject import open_subject  # noqa: PLC0415

        write_page(tell(open_subject(path), picture), out)
    click.echo(out)
