"""Progress for a person who watches, and occasional lines for a log."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import click


class Bar(Protocol):
    """What a long task reports to."""

    def update(self, n_steps: int, current_item: str | None = None) -> None:
        """Say that `n_steps` more are done, and what to show next to the bar."""


class _Silent:
    def update(self, n_steps: int, current_item: str | None = None) -> None:
        del n_steps, current_item


@contextmanager
def bar(label: str, length: int) -> Iterator[Bar]:
    """Show a bar with the time that is left where standard error is a terminal; else nothing."""
    if not sys.stderr.isatty():
        yield _Silent()
        return
    with click.progressbar(
        length=length,
        label=label,
        file=sys.stderr,
        item_show_func=lambda item: item,
    ) as shown:
        yield shown


def say(message: str) -> None:
    """Print one line to standard error, where everything but results goes."""
    click.echo(message, err=True)
