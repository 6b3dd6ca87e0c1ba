"""`python -m liteproof` is `liteproof`."""

from liteproof.cli import main

main(prog_name="liteproof")
