"""Every command of `liteproof-edge` with its options, from argparse."""

import argparse
from contextlib import suppress
from unittest.mock import patch

from liteproof_edge.commands.arguments import EXIT_CODES, SECTIONS, parse

INTRODUCTION = f"""# `liteproof-edge`

Every command and option, made from the program itself by `make docs`;
`liteproof-edge COMMAND --help` shows the same. [Commands](../commands.md) says what each is for.

{EXIT_CODES}
"""


def argparse_page() -> str:
    """Return the page, in Markdown."""
    parts = [INTRODUCTION]
    for title, texts in SECTIONS.items():
        parts.append(f"## {title.capitalize()}\n")
        parts += [_command(name) for name in texts]
    return "\n".join(parts)


def parser_of(command: str) -> argparse.ArgumentParser:
    """Return the parser of one command, as `parse` makes it."""
    found: list[argparse.ArgumentParser] = []

    def keep(parser: argparse.ArgumentParser, *_: object) -> None:
        found.append(parser)
        parser.exit()

    with suppress(SystemExit), patch.object(argparse.ArgumentParser, "print_help", keep):
        parse([command, "--help"])
    return found[0]


def actions_of(command: str) -> list[argparse.Action]:
    """Return each argument of one command."""
    return parser_of(command)._actions  # noqa: SLF001 - argparse has no other way to list them


def _command(name: str) -> str:
    parser = parser_of(name)
    parser.formatter_class = _Wide
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
    formatter = _Wide(parser.prog)
    rows = [
        f"| `{_cell(formatter.invocation(action))}` | {_cell(action.help or '')} |"
        for action in actions_of(name)
        if action.dest != "help"
    ]
    table = "\n".join(["| argument | |", "|---|---|", *rows])
    return f"### `{name}`\n\n```text\n{usage}\n```\n\n{parser.description}\n\n{table}\n"


class _Wide(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=10_000)

    def invocation(self, action: argparse.Action) -> str:
        return self._format_action_invocation(action)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("%%", "%")
