"""Every command of `liteproof` with its options, from Click."""

import inspect

import click

from liteproof.cli import SECTIONS, main

INTRODUCTION = """# `liteproof`

Every command and option, made from the program itself by `make docs`; `liteproof COMMAND
--help` shows the same. [Commands](../commands.md) says what each is for.
"""


def click_page() -> str:
    """Return the page, in Markdown."""
    parts = [INTRODUCTION]
    context = click.Context(main, info_name="liteproof")
    for title, commands in SECTIONS.items():
        parts.append(f"## {title}\n")
        parts += [_command(command, context) for command in commands]
    return "\n".join(parts)


def _command(command: click.Command, parent: click.Context) -> str:
    context = click.Context(command, info_name=command.name, parent=parent, max_content_width=90)
    usage = " ".join(command.collect_usage_pieces(context))
    help_text = inspect.cleandoc(click.unstyle(command.help or "").replace("\b\n", ""))
    rows = [
        f"| `{_cell(declared)}` | {_text(text)} |"
        for declared, text in filter(None, (o.get_help_record(context) for o in command.params))
        if text or declared.startswith("-")
    ]
    table = "\n".join(["| option | |", "|---|---|", *rows]) + "\n" if rows else ""
    return (
        f"### `{command.name}`\n\n```text\nliteproof {command.name} {usage}\n```\n\n"
        f"{help_text}\n\n{table}"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _text(text: str) -> str:
    """Return a help text as Markdown shows it: angle brackets are no HTML."""
    return _cell(text).replace("<", "&lt;").replace("*", "\\*")
