"""Record a deploy to three loopback boards for docs/deploying.md: `python scripts/make_cast.py`.

What is shown is what the commands print in a terminal, when they print it. The recording is an
asciicast (version 2), docs/deploy.cast; docs/deploy.svg is drawn from it, with its pauses cut to
MAX_PAUSE_SECONDS. `--draw` draws again without recording.
"""

import argparse
import getpass
import json
import os
import pty
import re
import select
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cast_svg
from loopback import Boards, missing

ROOT = Path(__file__).parents[1]
CAST, SVG = ROOT / "docs" / "deploy.cast", ROOT / "docs" / "deploy.svg"
COLUMNS, ROWS = 126, 22
BOARDS = ("kitchen", "garage", "attic")
ALL = " ".join(BOARDS)
COMMANDS = (
    f"liteproof deploy models/mnist {ALL}",
    f"liteproof deploy models/mnist-micro {ALL} --canary 1 --soak 3",
    f"liteproof status {ALL} --bundle models/mnist-micro",
    f"liteproof rollback {ALL}",
)
PROMPT = "$ "
KEY_SECONDS = 0.04
READING_SECONDS = 1.5
Event = tuple[float, str]


def main() -> None:
    """Record, and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--draw", action="store_true", help="draw again what was recorded")
    if not parser.parse_args().draw:
        if what := missing():
            sys.exit(f"make_cast: needs {what}")
        CAST.write_text(as_cast(recorded()), "utf-8")
    SVG.write_text(cast_svg.draw(CAST.read_text("utf-8")), "utf-8")
    print(f"{SVG.relative_to(ROOT)}: {SVG.stat().st_size / 1000:.1f} kB")


def recorded() -> list[Event]:
    """Return what a terminal showed, and when, in seconds."""
    boards = Boards()
    try:
        for name in BOARDS:
            boards.add(name)
        with tempfile.TemporaryDirectory() as folder:
            # ssh reads its config from the home of the account, whatever HOME says.
            ssh = Path(folder, "ssh")
            ssh.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {boards.config} "$@"\n', "ascii")
            ssh.chmod(0o755)
            events = list(_events(folder))
        hidden = {str(boards.folder), folder, str(ROOT), str(Path.home()), socket.gethostname()}
        _check("".join(text for _, text in events), {*hidden, boards.user, getpass.getuser()})
        return events
    finally:
        boards.close()


def as_cast(events: Sequence[Event]) -> str:
    """Return events as an asciicast."""
    header = {"version": 2, "width": COLUMNS, "height": ROWS, "title": "liteproof deploy"}
    lines = [json.dumps(header), *(json.dumps([round(at, 3), "o", text]) for at, text in events)]
    return "\n".join(lines) + "\n"


def _events(folder: str) -> Iterator[Event]:
    """Run the commands one after the other, as if somebody typed them."""
    programs = (folder, str(Path(sys.executable).parent), os.environ["PATH"])
    begin, typing = time.monotonic(), 0.0
    for command in COMMANDS:
        for key in (PROMPT, *command, "\r\n"):
            typing += KEY_SECONDS
            yield time.monotonic() - begin + typing, key
        for text in _run(command.split(), os.pathsep.join(programs)):
            yield time.monotonic() - begin + typing, text
        typing += READING_SECONDS
    yield time.monotonic() - begin + typing, PROMPT


def _run(command: list[str], path: str) -> Iterator[str]:
    """Run a command in a terminal of its own; yield what it prints."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(ROOT)
        size = {"COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
        os.execvpe(command[0], command, os.environ | size | {"PATH": path})  # noqa: S606
    said = b""
    while True:
        select.select([terminal], [], [])
        try:
            heard = os.read(terminal, 1 << 16)
        except OSError:  # Linux' way to say that nobody has the other end any more
            break
        whole, line_end, said = (said + heard).rpartition(b"\n")
        if line_end:
            yield (whole + line_end).decode()
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    if status:
        sys.exit(f"make_cast: {' '.join(command)}: failed: {said.decode()}")


def _check(text: str, hidden: set[str]) -> None:
    """Refuse a recording that names this machine, its users or its folders."""
    for word in hidden:
        if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text):
            sys.exit(f"make_cast: {word!r} of this machine would be seen in the recording")


if __name__ == "__main__":
    main()
