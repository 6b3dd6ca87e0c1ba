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
COLOURS = 128  # enough for flat colours and smooth letters, in a third of the bytes
# What is neither the part itself, nor around it, nor inside it.
ALONE = "body :not(#{0}):not(:has(#{0})):not(#{0} *) {{ display: none !important }}"


def photograph(page: str, part: str, folder: Path) -> Image.Image:
    """Return a part of a page, alone.

    Args:
        page: HTML.
        part: the id of an element.
        folder: for files in between.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("chromium: not found, expected Debian's package chromium")
    file, png = folder / "part.html", folder / "part.png"
    # The page allows its own styles alone.
    open_page = page.replace("Content-Security-Policy", "")
    file.write_text(open_page + f"<style>{ALONE.format(part)}</style>")
    subprocess.run(
        [
            chromium,
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
    paper = Image.new("RGB", picture.size, picture.getpixel((0, 0)))
    box = ImageChops.difference(picture, paper).getbbox()
    if box is None:
        raise SystemExit(f"{part}: nothing to see, expected a part of the page with that id")
    return picture.crop(box)


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
