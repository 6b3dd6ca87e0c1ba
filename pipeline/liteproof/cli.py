"""`liteproof`: its commands in sections, and the one place where errors become exit codes."""

import io
import sys
from collections.abc import Mapping
from typing import Any

import click

from liteproof.commands.adopt import adopt
from liteproof.commands.bundle import bundle
from liteproof.commands.compare import compare
from liteproof.commands.data import data
from liteproof.commands.deploy import deploy
from liteproof.commands.describe import describe
from liteproof.commands.explain import explain
from liteproof.commands.export import export
from liteproof.commands.forecast import forecast
from liteproof.commands.inspect import inspect
from liteproof.commands.new import new
from liteproof.commands.rollback import rollback
from liteproof.commands.run import run
from liteproof.commands.status import status
from liteproof.commands.train import train
from liteproof.commands.wheelhouse import wheelhouse
from liteproof.tensorflow_setup import Device, available_cores, prepare
from liteproof_edge.errors import LiteproofError

INTERRUPTED = "interrupted; `run` resumes by itself, `train` with --resume"
# Every command, in the order in which a person needs them.
SECTIONS: Mapping[str, tuple[click.Command, ...]] = {
    "All at once": (run, adopt),
    "Get data and design": (new, data, describe),
    "Train, export and compare": (train, export, compare),
    "Ship": (bundle, deploy, status, rollback, wheelhouse),
    "Look into a model": (explain, inspect, forecast),
}


class CommandGroup(click.Group):
    """Shows its commands in sections, and turns an expected error into a line and an exit code."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write one list of commands for each section; click itself knows a single list."""
        names = [str(command.name) for commands in SECTIONS.values() for command in commands]
        widest = max(map(len, names))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                room = formatter.width - formatter.current_indent - widest - 4
                formatter.write_dl(
                    [
                        (f"{command.name:{widest}}", command.get_short_help_str(room))
                        for command in commands
                    ]
                )

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own
        """Run a command."""
        try:
            return super().invoke(ctx)
        except LiteproofError as error:
            click.echo(f"liteproof: {error}", err=True)
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, SystemError) as error:
            # An interrupt inside TensorFlow's own code comes out as the cause of a SystemError.
            if not isinstance(error.__cause__ or error, KeyboardInterrupt):
                raise
            click.echo(f"\nliteproof: {INTERRUPTED}", err=True)
            ctx.exit(1)


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="liteproof")
def main() -> None:
    """Train an image classifier, quantize it to int8, and prove that the device answers as it did.

    Exit codes: 0 done and every gate held; 1 a bug of ours, or interrupted; 2 usage or recipe;
    3 data or run; 4 bundle or model; 5 training or conversion failed; 6 a gate failed; 7 no runtime
    or device; 8 something cannot be written.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal's encoding may lack a character
            stream.reconfigure(errors="backslashreplace")
    prepare(Device.AUTO, available_cores())


for section in SECTIONS.values():
    for command in section:
        main.add_command(command)
