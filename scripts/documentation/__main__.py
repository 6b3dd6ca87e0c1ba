"""`make docs`: write the reference pages, then build the site, to be read offline, into `site/`.

`PYTHONPATH=scripts python -m documentation`
"""

import subprocess
import sys

from documentation.pages import ROOT, write_pages


def main() -> int:
    """Build it; anything that is in doubt, such as a link that leads nowhere, is an error."""
    write_pages()
    built = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict"], cwd=ROOT, check=False
    )
    if not built.returncode:
        print(f"open {ROOT / 'site' / 'index.html'}")
    return built.returncode


if __name__ == "__main__":
    sys.exit(main())
