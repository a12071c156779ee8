"""The command `relay`: one module for each family of commands.

Whatever is heavy is imported by the command that needs it, so that help is quick and `run` can listen to signals first.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Final

import click

from relay import __version__
from relay.cli.checking import check
from relay.cli.dead import dead
from relay.cli.hurrying import hurry
from relay.cli.linking import link
from relay.cli.running import demo, migrate, run
from relay.cli.setting_up import setup
from relay.cli.status import status

#: The commands as `relay --help` lists them: under a heading, the likeliest first.
HEADINGS: Final[Sequence[tuple[str, Sequence[click.Command]]]] = (
    ("Run", (run, demo, migrate)),
    ("Look and mend", (status, dead, hurry)),
    ("Win customers", (link,)),
    ("Set up", (setup, check)),
)

EXIT_CODES: Final = """\b
Exit status:
  0  done
  1  failed, or something is not well: the last line says what
  2  a setting or an argument is wrong: a line for each
  3  no relay runs that could be asked
"""


class _Headings(click.Group):
    """Lists commands under their headings; one that has none comes last."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click calls it
        """Write the lists."""
        for heading, commands in self._under_headings():
            with formatter.section(heading):
                limit = formatter.width - 6 - max(map(len, self.commands))
                formatter.write_dl([(command.name or "", command.get_short_help_str(limit)) for command in commands])

    def _under_headings(self) -> Iterator[tuple[str, list[click.Command]]]:
        placed = {command.name for _, commands in HEADINGS for command in commands}
        for heading, commands in HEADINGS:
            yield heading, list(commands)
        if others := [command for name, command in self.commands.items() if name not in placed]:
            yield "More", others


@click.group(cls=_Headings, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="relay")
@click.pass_context
def main(context: click.Context) -> None:
    """Relay between a company's Telegram bot and Voximplant Kit."""
    if os.environ.get("NO_COLOR"):  # https://no-color.org
        context.color = False


for _, _commands in HEADINGS:
    for _command in _commands:
        main.add_command(_command)
