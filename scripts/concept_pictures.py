"""Draw the pictures of docs/cnn-concepts.md: `python scripts/concept_pictures.py RUN PICTURE`.

They are parts of the pages that `liteproof explain` writes, of the lecture and of RUN on PICTURE,
photographed by Chromium.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

PICTURES = Path(__file__).parents[1] / "docs" / "concepts"
LECTURE = (
    "convolution",
    "padding",
    "stride",
    "channels-topic",
    "filters",
    "pooling",
    "activations",
    "dense",
)
EXPLAINED = {"layer-2": "maps", "why": "why"}  # parts of a run's page, and their pictures' names
WIDTH, TALLEST = 800, 2000  # CSS pixels
MARGIN = 8
COLOURS = 128  # enough for flat colours and smooth letters, in a third of the bytes
# What is neither the part itself, nor around it, nor inside it.
ALONE = "body :not(#{0}):not(:has(#{0})):not(#{0} *) {{ display: none !important }}"


def photograph(page: str, part: str, folder: Path) -> Image.Image:
    """Return a part of a page, alone and without what is empty around it.

    Args:
        page: HTML.
        part: the id of an element.
        folder: for files in between.
    """
    file, png = folder / "part.html", folder / "part.png"
    # The page allows its own styles alone.
    open_page = page.replace("Content-Security-Policy", "")
    file.write_text(open_page + f"<style>{ALONE.format(part)}</style>")
    subprocess.run(
        [
            shutil.which("chromium") or "chromium-browser",
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            f"--window-size={WIDTH},{TALLEST}",
            f"--screenshot={png}",
            file.as_uri(),
        ],
        check=True,
        capture_output=True,
    )
    with Image.open(png) as found:
        picture = found.convert("RGB")
    return _trimmed(picture)


def _trimmed(picture: Image.Image) -> Image.Image:
    """Cut the page's background away, then the part's own, but for a margin."""
    for row in (0, 2 * MARGIN):  # a pixel of the page, then one of the part, inside its border
        paper = Image.new("RGB", picture.size, picture.getpixel((picture.width // 2, row)))
        box = ImageChops.difference(picture, paper).getbbox()
        if box is None:
            raise SystemExit("the page has no such part")
        picture = picture.crop(box)
    return picture


def main() -> None:
    """Write every picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("picture")
    options = parser.parse_args()
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        names = {part: part.removesuffix("-topic") for part in LECTURE}
        for arguments, parts in (
            (["--lecture"], names),
            ([options.run, options.picture], EXPLAINED),
        ):
            program = Path(sys.executable).with_name("liteproof")
            subprocess.run([program, "explain", *arguments, "--out", page], check=True)
            for part, name in parts.items():
                picture = photograph(page.read_text(), part, Path(folder))
                picture.quantize(COLOURS).save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
